"""What applications do with a driver: parameters, server-side cursors, COPY, pipelines, transactions, errors."""

import sys

import psycopg

conninfo = sys.argv[1]


def denied(connection, sql, *arguments):
    try:
        connection.execute(sql, *arguments)
    except psycopg.errors.InsufficientPrivilege as error:
        assert error.diag.message_detail and error.diag.message_hint, error.diag.message_primary
        return
    raise AssertionError(f"not denied: {sql}")


with psycopg.connect(conninfo, autocommit=True) as connection:
    # Parameters, text and binary; the same statement often enough to be prepared by name.
    for number in range(8):
        row = connection.execute("SELECT id, total FROM orders WHERE id = %s", (1,), binary=number % 2 == 0).fetchone()
        assert row == (1, 10), row
    rows = connection.execute("SELECT id FROM orders WHERE id = ANY(%s) ORDER BY id", ([1, 2],)).fetchall()
    assert rows == [(1,), (2,)], rows

    connection.execute("INSERT INTO payments (amount, note) VALUES (%s, %s)", (5, "from python"))
    assert connection.execute("SELECT note FROM payments WHERE amount = %s", (5,)).fetchone() == ("from python",)

    # A denial leaves the connection usable.
    denied(connection, "SELECT ssn FROM orders WHERE id = %s", (1,))
    denied(connection, "SELECT ssn FROM orders")
    assert connection.execute("SELECT 1").fetchone() == (1,)

    # A transaction that meets a denial is rolled back as a whole.
    try:
        with connection.transaction():
            connection.execute("INSERT INTO payments (amount) VALUES (6)")
            connection.execute("SELECT ssn FROM orders")
    except psycopg.errors.InsufficientPrivilege:
        pass
    assert connection.execute("SELECT count(*) FROM payments WHERE amount = 6").fetchone() == (0,)

    # A savepoint undoes only what is inside.
    with connection.transaction():
        connection.execute("INSERT INTO payments (amount) VALUES (7)")
        try:
            with connection.transaction():
                connection.execute("SELECT ssn FROM orders")
        except psycopg.errors.InsufficientPrivilege:
            pass
    assert connection.execute("SELECT count(*) FROM payments WHERE amount = 7").fetchone() == (1,)

    # Server-side cursors.
    with connection.transaction(), connection.cursor(name="c") as cursor:
        cursor.execute("SELECT id FROM orders ORDER BY id")
        assert cursor.fetchone() == (1,)
        assert cursor.fetchall() == [(2,)]

    # COPY both ways.
    with connection.cursor() as cursor:
        with cursor.copy("COPY payments (amount, note) FROM STDIN") as copy:
            for number in range(100, 200):
                copy.write_row((number, "copied"))
        with cursor.copy("COPY (SELECT amount FROM payments WHERE note = 'copied') TO STDOUT") as copy:
            assert sum(1 for _ in copy.rows()) == 100

    # Pipelines, one with a denial in the middle.
    with connection.pipeline():
        cursors = [connection.execute("SELECT %s::int", (number,)) for number in range(20)]
        assert [cursor.fetchone()[0] for cursor in cursors] == list(range(20))
    try:
        with connection.pipeline():
            connection.execute("INSERT INTO payments (amount) VALUES (300)")
            connection.execute("SELECT ssn FROM orders WHERE id = %s", (1,))
            connection.execute("INSERT INTO payments (amount) VALUES (301)")
        raise AssertionError("the pipeline was not denied")
    except psycopg.errors.InsufficientPrivilege:
        pass
    assert connection.execute("SELECT count(*) FROM payments WHERE amount = 301").fetchone() == (0,)

    # An error of the database's own arrives as such.
    try:
        connection.execute("SELECT 1 / %s", (0,))
        raise AssertionError("no error")
    except psycopg.errors.DivisionByZero:
        pass

print("all as expected")
