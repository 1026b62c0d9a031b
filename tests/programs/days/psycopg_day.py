"""psycopg 3: sync, async, pools, pipelines, COPY both ways, server cursors, prepared statements, batches with errors."""

import asyncio
import threading
import uuid
from decimal import Decimal

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo
from psycopg.types.json import Jsonb
from psycopg.types.range import RangeInfo
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from step import DSN, after_hang, astep, notices, step


def connect(**options):
    connection = psycopg.connect(DSN, autocommit=True, **options)
    connection.add_notice_handler(lambda diag: notices.append(f"{diag.severity} {diag.sqlstate} {diag.message_primary}"))
    return connection


def described(cursor):
    return [(c.name, c.type_code, c.internal_size, c.precision, c.scale) for c in cursor.description], cursor.fetchall(), cursor.statusmessage


def again():
    global con
    con.close()
    con = connect()


con = connect()
after_hang["do"] = again
step("server", lambda: (con.info.server_version, con.info.encoding, con.info.timezone, con.info.parameter_status("DateStyle"),
                        con.info.parameter_status("standard_conforming_strings"), con.info.parameter_status("session_authorization")))
step("select constants", lambda: described(con.execute("SELECT 1 AS a, 'x' AS b, 1.5 AS c, NULL AS d, now() > 'epoch' AS e")))
for binary in (False, True):
    way = "binary" if binary else "text"
    step(f"columns {way}", lambda: described(con.execute("SELECT id, customer_id, total, placed, note FROM orders ORDER BY id", binary=binary)))
    step(f"payments {way}", lambda: described(con.execute(
        "INSERT INTO payments (id, order_id, amount, raw, paid, ok, source) VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING *",
        (uuid.UUID(int=5 + binary), 1, 1.25, b"\x00\xff", "2020-01-01 10:00", True, "10.0.0.1"), binary=binary)))
    step(f"many types {way}", lambda: described(con.execute(
        "SELECT %s::int8, %s::numeric, %s::text[], %s::jsonb, %s::bytea, %s::timestamptz, %s::interval",
        (2**40, Decimal("1.10"), ["a", "b"], Jsonb({"a": [1]}), b"\x01", "2020-01-01 00:00+01", "1 day"), binary=binary)))
for number in range(8):
    step(f"prepared {number}", lambda: con.execute("SELECT total FROM orders WHERE id = %s", (number,)).fetchall())
step("prepare=True", lambda: con.execute("SELECT note FROM orders WHERE id = %s", (1,), prepare=True).fetchall())
step("IN list", lambda: con.execute("SELECT id FROM orders WHERE id = ANY(%s) ORDER BY 1", ([1, 2, 3],)).fetchall())
step("composed names", lambda: con.execute(sql.SQL("SELECT {} FROM {} ORDER BY 1").format(sql.Identifier("name"), sql.Identifier("public", "customers"))).fetchall())
step("dict rows", lambda: con.cursor(row_factory=dict_row).execute("SELECT * FROM keyed ORDER BY k").fetchall())
step("enum", lambda: EnumInfo.fetch(con, "order_status").labels)
step("composite", lambda: (info := CompositeInfo.fetch(con, "address")) and (register_composite(info, con), info.field_names)[1])
step("composite value", lambda: con.execute("SELECT home FROM customers WHERE id = 1").fetchone())
step("range", lambda: RangeInfo.fetch(con, "span").name)
step("range value", lambda: con.execute("SELECT weeks FROM orders ORDER BY id").fetchall())
step("enum array", lambda: con.execute("SELECT array_agg(status ORDER BY id) FROM orders").fetchone())
step("function", lambda: con.execute("SELECT order_total(%s)", (1,)).fetchone())
step("procedure", lambda: con.execute("CALL add_payment(%s, %s)", (5.0, None)).fetchone())
step("view", lambda: con.execute("SELECT * FROM open_orders ORDER BY id").fetchall())
step("matview", lambda: con.execute("SELECT * FROM turnover ORDER BY 1").fetchall())
step("whole row", lambda: con.execute("SELECT k FROM keyed k ORDER BY 1").fetchall())
step("upsert", lambda: con.execute("INSERT INTO keyed VALUES (1, 'uno') ON CONFLICT (k) DO UPDATE SET v = excluded.v RETURNING *").fetchall())
step("merge", lambda: con.execute("MERGE INTO keyed t USING (VALUES (2, 'dos'), (3, 'tres')) s(k, v) ON t.k = s.k WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.k, s.v)").statusmessage)
step("cte", lambda: con.execute("WITH gone AS (DELETE FROM keyed WHERE k = 3 RETURNING *) SELECT * FROM gone").fetchall())
step("window", lambda: con.execute("SELECT id, rank() OVER (PARTITION BY customer_id ORDER BY total DESC) FROM orders ORDER BY id").fetchall())
step("lateral", lambda: con.execute("SELECT c.name, o.total FROM customers c CROSS JOIN LATERAL (SELECT total FROM orders WHERE customer_id = c.id ORDER BY total DESC LIMIT 1) o ORDER BY 1").fetchall())
step("trigger", lambda: con.execute("UPDATE orders SET total = total + 1 WHERE id = 1 RETURNING note, total").fetchall())
step("for update", lambda: con.execute("SELECT id FROM orders WHERE id = 1 FOR UPDATE SKIP LOCKED").fetchall())

# Errors of the database's own.
for name, text in [
    ("unknown table", "SELECT * FROM nosuch"), ("unknown column", "SELECT nosuch FROM orders"), ("unknown function", "SELECT nosuch(1)"),
    ("unknown type", "SELECT 1::nosuch"), ("syntax", "SELEC 1"), ("syntax at end", "SELECT * FROM"), ("division", "SELECT 1/0"),
    ("duplicate", "INSERT INTO keyed VALUES (1, 'x')"), ("foreign key", "INSERT INTO orders (customer_id, total) VALUES (99, 1)"),
    ("not null", "INSERT INTO customers (name) VALUES (NULL)"), ("check", "UPDATE orders SET total = -1"),
    ("bad enum", "UPDATE orders SET status = 'lost'"), ("bad int", "SELECT 'x'::int"), ("domain", "UPDATE customers SET mail = 'nobody'"),
    ("too long", "UPDATE orders SET note = repeat('x', 50)"), ("two in one", "SELECT 1; SELECT 2"), ("empty", ""), ("comment", "-- nothing"),
]:
    step(f"error: {name}", lambda: con.execute(text).statusmessage)
    step(f"after {name}", lambda: con.execute("SELECT 1").fetchone())


def transaction_with_savepoint():
    with con.transaction():
        con.execute("INSERT INTO keyed VALUES (10, 'ten')")
        try:
            with con.transaction():
                con.execute("INSERT INTO keyed VALUES (10, 'again')")
        except psycopg.errors.UniqueViolation:
            pass
        con.execute("INSERT INTO keyed VALUES (11, 'eleven')")
    return con.execute("SELECT k FROM keyed ORDER BY k").fetchall()


step("savepoint", transaction_with_savepoint)
step("in failed transaction", lambda: (con.execute("BEGIN"), step("fails", lambda: con.execute("SELECT 1/0")), con.execute("SELECT 1")))
step("status", lambda: con.info.transaction_status.name)
step("rollback", lambda: con.execute("ROLLBACK").statusmessage)
step("commit outside", lambda: con.execute("COMMIT").statusmessage)
step("begin twice", lambda: (con.execute("BEGIN"), con.execute("BEGIN").statusmessage, con.execute("ROLLBACK").statusmessage))
step("isolation", lambda: (con.execute("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE"), con.execute("SHOW transaction_isolation").fetchone(), con.execute("COMMIT"))[1])
step("read only write", lambda: (con.execute("BEGIN READ ONLY"), con.execute("DELETE FROM keyed")))
step("rollback again", lambda: con.execute("ROLLBACK").statusmessage)

# Batches.
step("executemany", lambda: con.cursor().executemany("INSERT INTO keyed VALUES (%s, %s)", [(n, str(n)) for n in range(20, 40)]))
step("executemany duplicate in the middle", lambda: con.cursor().executemany("INSERT INTO keyed VALUES (%s, %s)", [(41, "a"), (1, "b"), (42, "c")]))
step("what is left", lambda: con.execute("SELECT count(*), max(k) FROM keyed").fetchone())


def returning():
    cursor = con.cursor()
    cursor.executemany("INSERT INTO keyed VALUES (%s, %s) RETURNING k", [(50, "a"), (51, "b")], returning=True)
    out = []
    while True:
        out += cursor.fetchall()
        if not cursor.nextset():
            return out


step("executemany returning", returning)


def pipeline():
    with con.pipeline():
        cursors = [con.execute("SELECT %s::int", (n,)) for n in range(30)]
        return [cursor.fetchone()[0] for cursor in cursors]


def pipeline_error():
    with con.pipeline() as line:
        con.execute("INSERT INTO keyed VALUES (60, 'x')")
        con.execute("INSERT INTO keyed VALUES (1, 'duplicate')")
        con.execute("INSERT INTO keyed VALUES (61, 'x')")
        line.sync()


def pipeline_syncs():
    seen = []
    with con.pipeline() as line:
        for key in (70, 1, 71):
            try:
                con.execute("INSERT INTO keyed VALUES (%s, 'p')", (key,))
                line.sync()
            except psycopg.Error as error:
                seen.append(error.sqlstate)
    return seen


step("pipeline", pipeline)
step("pipeline with an error", pipeline_error)
step("pipeline, synced", pipeline_syncs)
step("after pipelines", lambda: con.execute("SELECT k FROM keyed WHERE k >= 50 ORDER BY k").fetchall())


# COPY.
def copy_in(rows, statement="COPY keyed (k, v) FROM STDIN"):
    with con.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
        return cursor.statusmessage


def copy_out(statement):
    with con.cursor().copy(statement) as copy:
        return b"".join(bytes(block) for block in copy)


step("copy in", lambda: copy_in([(n, f"row {n}\t") for n in range(100, 1100)]))
step("copy in, duplicate", lambda: copy_in([(2000, "a"), (1, "b")]))
step("copy in, python stops", lambda: copy_in([(2001, "a"), (2002, object())]))
step("copy in binary", lambda: copy_in([], "COPY keyed (k, v) FROM STDIN (FORMAT csv)"))
step("copy out", lambda: copy_out("COPY (SELECT * FROM keyed WHERE k < 105 ORDER BY k) TO STDOUT"))
step("copy out csv", lambda: copy_out("COPY orders TO STDOUT WITH (FORMAT csv, HEADER, NULL 'none', FORCE_QUOTE (note))"))
step("copy out csv all quoted", lambda: copy_out("COPY keyed TO STDOUT (FORMAT csv, FORCE_QUOTE *)")[:100])
step("copy out binary", lambda: copy_out("COPY (SELECT k FROM keyed WHERE k < 3 ORDER BY k) TO STDOUT (FORMAT binary)"))
step("copy out error", lambda: copy_out("COPY (SELECT 1 / (k - 2) FROM keyed ORDER BY k) TO STDOUT"))
step("copy to a file", lambda: copy_out("COPY keyed TO '/tmp/nowhere'"))


# Cursors.
def server_cursor(**options):
    with con.transaction(), con.cursor(name="c", **options) as cursor:
        cursor.itersize = 7
        cursor.execute("SELECT k FROM keyed ORDER BY k LIMIT 20")
        first = cursor.fetchone()
        if options.get("scrollable"):
            cursor.scroll(5, "absolute")
        return first, cursor.fetchmany(2), [row for row in cursor]


step("server cursor", server_cursor)
step("server cursor scrollable", lambda: server_cursor(scrollable=True))
step("server cursor with hold", lambda: (c := con.cursor(name="h", withhold=True), c.execute("SELECT k FROM keyed ORDER BY k LIMIT 3"), c.fetchall(), c.close())[2])
step("stream", lambda: list(con.cursor().stream("SELECT k FROM keyed ORDER BY k LIMIT 3")))
step("fetch in sql", lambda: (con.execute("BEGIN"), con.execute("DECLARE d CURSOR FOR SELECT k FROM keyed ORDER BY k"), con.execute("FETCH 2 FROM d").fetchall(), con.execute("MOVE 3 FROM d").statusmessage, con.execute("CLOSE d"), con.execute("COMMIT"))[2:4])

# Session.
step("settings", lambda: con.execute("SELECT set_config('TimeZone', 'Asia/Tokyo', false), current_setting('TimeZone')").fetchone())
step("show", lambda: con.execute("SHOW server_version").fetchone())
step("time zone of values", lambda: con.execute("SELECT joined FROM customers WHERE id = 1").fetchone())
step("statement_timeout", lambda: (con.execute("SET statement_timeout = '5s'"), con.execute("SHOW statement_timeout").fetchone())[1])
step("set local", lambda: (con.execute("BEGIN"), con.execute("SET LOCAL lock_timeout = 10"), con.execute("SHOW lock_timeout").fetchone(), con.execute("COMMIT"), con.execute("SHOW lock_timeout").fetchone())[2::2])
step("reset", lambda: con.execute("RESET ALL").statusmessage)
step("discard", lambda: con.execute("DISCARD ALL").statusmessage)
step("notice", lambda: con.execute("DROP TABLE IF EXISTS nosuch").statusmessage)
step("advisory", lambda: con.execute("SELECT pg_advisory_lock(1), pg_advisory_unlock(1), pg_try_advisory_lock(2)").fetchone())
step("sequence", lambda: con.execute("SELECT nextval('orders_id_seq'), currval('orders_id_seq')").fetchone())
step("truncate", lambda: con.execute("TRUNCATE keyed").statusmessage)
step("explain", lambda: con.execute("EXPLAIN (COSTS OFF) SELECT * FROM keyed WHERE k = 1").fetchall())
step("two phase", lambda: (con.execute("BEGIN"), con.execute("INSERT INTO keyed VALUES (1, 'x')"), con.execute("PREPARE TRANSACTION 'day'"), con.execute("COMMIT PREPARED 'day'").statusmessage)[3])
step("ended", con.rollback)


def temporary():
    con.execute("CREATE TEMP TABLE scratch (id int PRIMARY KEY, what text)")
    con.execute("INSERT INTO scratch VALUES (1, 'a')")
    seen = con.execute("SELECT * FROM scratch").fetchall()
    con.execute("DROP TABLE scratch")
    return seen


step("temporary table", temporary)


def notify():
    with connect() as other:
        con.execute("LISTEN jobs")
        other.execute("NOTIFY jobs, 'hello'")
        other.execute("SELECT pg_notify('jobs', 'again')")
    seen = []
    for note in con.notifies(timeout=10, stop_after=2):
        seen.append((note.channel, note.payload))
    con.execute("UNLISTEN *")
    return seen


step("listen", notify)


def cancelled():
    timer = threading.Timer(0.3, con.cancel)
    timer.start()
    try:
        con.execute("SELECT count(*) FROM generate_series(1, 100000000000)")
    finally:
        timer.join()


step("cancel", cancelled)
step("after cancel", lambda: con.execute("SELECT 1").fetchone())
con.close()
after_hang.clear()


def pooled():
    with ConnectionPool(DSN, min_size=2, max_size=3, check=ConnectionPool.check_connection) as pool:
        out = []
        for number in range(6):
            with pool.connection() as one:
                out.append(one.execute("SELECT %s::int", (number,)).fetchone()[0])
        return out


step("pool", pooled)


async def asynchronous():
    one = await psycopg.AsyncConnection.connect(DSN, autocommit=True)
    async with one:
        async def many():
            async with one.pipeline():
                cursors = [await one.execute("SELECT %s::text", (str(n),)) for n in range(10)]
                return [await c.fetchone() for c in cursors]
        await astep("async pipeline", many())

        async def copied():
            async with one.cursor() as cursor:
                async with cursor.copy("COPY (SELECT generate_series(1, 5)) TO STDOUT") as copy:
                    return [row async for row in copy.rows()]
        await astep("async copy", copied())
        await astep("async cancel", asyncio.wait_for(one.execute("SELECT count(*) FROM generate_series(1, 100000000000)"), 0.3))

    async def pool():
        async with AsyncConnectionPool(DSN, min_size=1, max_size=4, open=False) as many:
            async def work(n):
                async with many.connection() as c:
                    return (await (await c.execute("SELECT %s::int * 2", (n,))).fetchone())[0]
            return await asyncio.gather(*(work(n) for n in range(20)))
    await astep("async pool", pool())


asyncio.run(asynchronous())
