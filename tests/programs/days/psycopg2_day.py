"""psycopg2: the driver of most Python programs that are older than five years."""

import io

import psycopg2
import psycopg2.extras

from step import DSN, notices, step

con = psycopg2.connect(DSN)
cur = con.cursor()


def run(text, *arguments):
    cur.execute(text, *arguments)
    taken = [note.strip() for note in con.notices]
    notices.extend(taken)
    del con.notices[:]
    if cur.description is None:
        return cur.statusmessage
    return [(column.name, column.type_code) for column in cur.description], cur.fetchall()


step("first", run, "SELECT id, total, placed, status FROM orders ORDER BY id")
step("commit", con.commit)
step("parameters", run, "SELECT * FROM orders WHERE customer_id = %(c)s AND note IS NOT DISTINCT FROM %(n)s ORDER BY id", {"c": 1, "n": None})
step("in", run, "SELECT k FROM keyed WHERE k IN %s ORDER BY 1", ((1, 2, 3),))
step("array", run, "SELECT tags, tags @> %s FROM customers ORDER BY id", (["gold"],))
step("quote", run, "SELECT %s, %s", ("it's \\ a \"test\"", b"\x00'"))
step("json", run, "SELECT %s::jsonb -> 'a'", (psycopg2.extras.Json({"a": "b'c"}),))
step("dict cursor", lambda: (c := con.cursor(cursor_factory=psycopg2.extras.RealDictCursor), c.execute("SELECT * FROM keyed ORDER BY k"), c.fetchall())[2])
step("hstore oids", lambda: psycopg2.extras.HstoreAdapter.get_oids(con))
step("composite", lambda: psycopg2.extras.register_composite("address", con).attnames)
step("composite value", run, "SELECT home FROM customers ORDER BY id")
step("enum array", run, "SELECT array_agg(status ORDER BY id) FROM orders")
step("execute_values", lambda: psycopg2.extras.execute_values(cur, "INSERT INTO keyed VALUES %s RETURNING k", [(n, f"v{n}") for n in range(100, 180)], fetch=True, page_size=30))
step("execute_batch", lambda: psycopg2.extras.execute_batch(cur, "UPDATE keyed SET v = %s WHERE k = %s", [(str(n), n) for n in range(100, 120)]))
step("executemany", lambda: cur.executemany("INSERT INTO keyed VALUES (%s, %s)", [(300, "a"), (301, "b")]))
step("commit", con.commit)
step("duplicate", lambda: cur.executemany("INSERT INTO keyed VALUES (%s, %s)", [(400, "a"), (1, "b"), (401, "c")]))
step("failed", run, "SELECT 1")
step("rollback", con.rollback)
step("after", run, "SELECT count(*) FROM keyed WHERE k >= 300")
step("diagnostics", lambda: run("INSERT INTO orders (customer_id, total) VALUES (77, 1)"))
step("rollback", con.rollback)
step("copy in", lambda: (cur.copy_expert("COPY keyed FROM STDIN WITH CSV", io.StringIO("500,five\n501,\n")), cur.rowcount))
step("copy_from", lambda: (cur.copy_from(io.StringIO("510\tx\n511\t\\N\n"), "keyed", columns=("k", "v")), cur.rowcount))
step("copy out", lambda: (out := io.StringIO(), cur.copy_expert("COPY keyed TO STDOUT WITH CSV HEADER", out), out.getvalue()[:80])[2])
step("copy_to", lambda: (out := io.StringIO(), cur.copy_to(out, "keyed", sep="|"), len(out.getvalue()))[2])
step("named cursor", lambda: (c := con.cursor("named"), c.execute("SELECT k FROM keyed ORDER BY k"), c.fetchone(), c.fetchmany(3), len(c.fetchall()), c.close())[2:5])
step("scroll cursor", lambda: (c := con.cursor("scrolled", scrollable=True), c.execute("SELECT k FROM keyed ORDER BY k"), c.scroll(3), c.fetchone(), c.scroll(-2), c.fetchone(), c.close())[3:6:2])
step("callproc", lambda: (cur.callproc("order_total", (1,)), cur.fetchall())[1])
step("mogrify", lambda: cur.mogrify("SELECT %s", ("x'y",)))
step("commit", con.commit)
step("set_session", lambda: (con.set_session(isolation_level="SERIALIZABLE", readonly=True), run("SHOW transaction_isolation"), run("SHOW transaction_read_only"), con.rollback())[1:3])
step("set_session back", lambda: (con.set_session(isolation_level="DEFAULT", readonly=False, autocommit=True), run("SHOW default_transaction_read_only"))[1])
step("autocommit read only", lambda: (con.set_session(readonly=True), run("SHOW default_transaction_read_only"), con.set_session(readonly=False), run("SHOW default_transaction_read_only"))[1::2])
step("client_encoding", lambda: (con.set_client_encoding("UTF8"), con.encoding)[1])
step("reset", con.reset)
step("tpc", lambda: (con.set_session(autocommit=False), con.tpc_begin(con.xid(1, "gtrid", "bq")), run("INSERT INTO keyed VALUES (900, 'x')"), con.tpc_prepare(), con.tpc_commit())[2])
step("tpc recover", lambda: con.tpc_recover())
step("rollback", con.rollback)
step("large object", lambda: (lo := con.lobject(0, "wb"), lo.write(b"hello"), lo.close(), con.rollback())[1])
step("rollback", con.rollback)
step("notice", run, "DROP TABLE IF EXISTS nosuch")
step("rollback", con.rollback)
step("several", run, "SELECT 1; SELECT 2")
step("rollback", con.rollback)
con.close()
