"""asyncpg: pools with their reset, introspection of types, binary everything, executemany, cursors, COPY, LISTEN."""

import asyncio
import datetime
import decimal

import asyncpg

from step import DATABASE, HOST, PASSWORD, PORT, USER, after_hang, astep, notices

WHERE = {"host": HOST, "port": PORT, "user": USER, "password": PASSWORD, "database": DATABASE, "ssl": False}


async def main():
    con = await asyncpg.connect(**WHERE)
    con.add_log_listener(lambda _, message: notices.append(f"{message.severity} {message.sqlstate} {message.message}"))

    async def again():
        nonlocal con
        con.terminate()
        con = await asyncpg.connect(**WHERE)

    after_hang["do"] = again
    await astep("version", con.fetchval("SELECT current_setting('server_version_num')"))
    await astep("rows", con.fetch("SELECT * FROM orders ORDER BY id"))
    await astep("customers with composite, domain, array", con.fetch("SELECT * FROM customers ORDER BY id"))
    await astep("enum array", con.fetchval("SELECT array_agg(status ORDER BY id) FROM orders"))
    await astep("composite array", con.fetchval("SELECT array_agg(home ORDER BY id) FROM customers"))
    await astep("record", con.fetchval("SELECT (1, 'x'::text, NULL::int)"))
    await astep("range", con.fetchval("SELECT int4range(1, 5)"))
    await astep("multirange", con.fetchval("SELECT int4multirange(int4range(1, 5), int4range(8, 9))"))
    await astep("custom range", con.fetch("SELECT weeks FROM orders ORDER BY id"))
    await astep("parameters", con.fetchrow("SELECT $1::int4 + 1, $2::text, $3::numeric, $4::date, $5::text[], $6::jsonb, $7::interval", 4, "x", decimal.Decimal("1.5"), datetime.date(2020, 1, 1), ["a"], '{"a": 1}', datetime.timedelta(days=1)))
    await astep("composite parameter", con.execute("UPDATE customers SET home = $1 WHERE id = 2", ("Street", 1, "Town")))
    await astep("enum parameter", con.fetch("SELECT id FROM orders WHERE status = $1", "paid"))
    await astep("wrong parameter", con.fetch("SELECT id FROM orders WHERE id = $1", "paid"))
    await astep("set codec", con.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=lambda text: ("decoded", text)))
    await astep("decoded", con.fetchval("SELECT profile FROM customers WHERE id = 1"))
    await astep("builtin codec", con.set_builtin_type_codec("email", schema="public", codec_name="pg_contrib.hstore"))
    await astep("introspect", con.reload_schema_state())

    async def prepared():
        statement = await con.prepare("SELECT id, total, status FROM orders WHERE customer_id = $1 ORDER BY id")
        return statement.get_parameters(), statement.get_attributes(), await statement.fetch(1), await statement.fetchval(2), statement.get_statusmsg()
    await astep("prepared", prepared())

    async def explained():
        return await (await con.prepare("SELECT k FROM keyed WHERE k = $1")).explain(1)
    await astep("explain", explained())
    await astep("executemany", con.executemany("INSERT INTO keyed VALUES ($1, $2)", [(n, str(n)) for n in range(100, 400)]))
    await astep("executemany duplicate", con.executemany("INSERT INTO keyed VALUES ($1, $2)", [(500, "a"), (1, "b"), (501, "c")]))
    await astep("left", con.fetch("SELECT count(*), max(k) FROM keyed"))
    await astep("execute script", con.execute("INSERT INTO keyed VALUES (600, 'a'); INSERT INTO keyed VALUES (601, 'b'); SELECT 1"))
    await astep("script with error", con.execute("INSERT INTO keyed VALUES (610, 'a'); INSERT INTO keyed VALUES (1, 'b')"))
    await astep("left", con.fetch("SELECT count(*), max(k) FROM keyed"))
    await astep("fetchmany", con.fetchmany("INSERT INTO keyed VALUES ($1, $2) RETURNING k", [(620, "a"), (621, "b")]) if hasattr(con, "fetchmany") else asyncio.sleep(0))

    async def nested():
        async with con.transaction(isolation="serializable"):
            await con.execute("INSERT INTO keyed VALUES (700, 'a')")
            try:
                async with con.transaction():
                    await con.execute("INSERT INTO keyed VALUES (700, 'b')")
            except asyncpg.UniqueViolationError as error:
                return error.constraint_name, error.table_name, error.detail
    await astep("nested", nested())

    async def cursor():
        async with con.transaction(readonly=True):
            rows = [row async for row in con.cursor("SELECT k FROM keyed ORDER BY k LIMIT 30", prefetch=7)]
            one = await con.cursor("SELECT k FROM keyed ORDER BY k")
            return rows, await one.fetch(3), await one.forward(4), await one.fetchrow()
    await astep("cursor", cursor())
    await astep("copy records", con.copy_records_to_table("keyed", records=[(n, f"r{n}") for n in range(1000, 1100)], columns=["k", "v"]))
    await astep("copy records duplicate", con.copy_records_to_table("keyed", records=[(2000, "x"), (1, "y")]))

    async def out(call):
        got = []

        async def sink(data):
            got.append(bytes(data))
        status = await call(sink)
        return status, b"".join(got)[:200]
    await astep("copy out", out(lambda sink: con.copy_from_table("keyed", columns=["k"], output=sink, format="csv", header=True)))
    await astep("copy query", out(lambda sink: con.copy_from_query("SELECT * FROM keyed WHERE k > $1 ORDER BY k", 1090, output=sink)))

    async def source():
        yield b"3000,x\n3001,y\n"
    await astep("copy in", con.copy_to_table("keyed", source=source(), format="csv"))

    async def listen():
        queue = asyncio.Queue()
        await con.add_listener("jobs", lambda *what: queue.put_nowait(what[2:]))
        await con.execute("NOTIFY jobs, 'a'")
        await con.execute("SELECT pg_notify('jobs', $1)", "b")
        got = [await asyncio.wait_for(queue.get(), 10) for _ in range(2)]
        await con.remove_listener("jobs", next(iter(con._listeners["jobs"])).cb)
        return got
    await astep("listen", listen())
    for name, text in [("table", "SELECT * FROM nosuch"), ("column", "SELECT nosuch FROM orders"), ("syntax", "SELEC"), ("division", "SELECT 1/0"), ("two", "SELECT 1; SELECT 2")]:
        await astep(f"error {name}", con.fetch(text))
    await astep("timeout", con.fetch("SELECT count(*) FROM generate_series(1, 100000000000)", timeout=0.3))
    await astep("after timeout", con.fetchval("SELECT 1"))
    await astep("reset", con.reset())
    await astep("settings", con.fetch("SELECT name, setting FROM pg_settings WHERE name IN ('DateStyle', 'jit', 'search_path')"))
    await astep("warning", con.execute("DROP TABLE IF EXISTS nosuch"))
    await astep("temp table", con.execute("CREATE TEMP TABLE scratch (id int, s order_status)"))
    await astep("temp copy", con.copy_records_to_table("scratch", records=[(1, "paid")]))
    await astep("temp rows", con.fetch("SELECT * FROM scratch"))
    await con.close()

    async def pool():
        async with asyncpg.create_pool(**WHERE, min_size=2, max_size=5, server_settings={"application_name": "day", "jit": "off"}) as many:
            async def work(n):
                async with many.acquire() as one:
                    async with one.transaction():
                        await one.execute("INSERT INTO keyed VALUES ($1, 'pool')", 5000 + n)
                        return await one.fetchval("SELECT count(*) FROM keyed WHERE k = $1", 5000 + n)
            return await asyncio.gather(*(work(n) for n in range(20)), return_exceptions=True)
    await astep("pool", pool())


asyncio.run(main())
