//! The names that statements are made of: what a role may use, and what nobody may, by type.

/// The type of an expression, as far as the generator has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Int,
    Text,
    Bool,
}

use Type::{Int, Text};

/// A relation with the columns that matter.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Type)],
}

const fn table(name: &'static str, columns: &'static [(&'static str, Type)]) -> Table {
    Table { name, columns }
}

const LINES: Table = table(
    "lines",
    &[("id", Int), ("order_id", Int), ("qty", Int), ("sku", Text)],
);
const ORDERS: Table = table(
    "orders",
    &[
        ("id", Int),
        ("total", Int),
        ("status", Text),
        ("customer", Int),
    ],
);

/// The relations of which a role may read these columns.
pub fn tables(role: &str) -> Vec<Table> {
    match role {
        "columns" => vec![LINES, ORDERS, table("public.orders", ORDERS.columns)],
        "broad" => vec![
            LINES,
            ORDERS,
            table("public.customers", &[("id", Int), ("name", Text)]),
            table("carts", &[("id", Int), ("note", Text)]),
            table("cust_safe", &[("id", Int), ("name", Text)]),
            table("kin_base", &[("id", Int), ("label", Text)]),
            table("orders_v", &[("id", Int), ("status", Text)]),
            table("derived", &[("id", Int)]),
        ],
        "definer" => vec![
            LINES,
            ORDERS,
            table("staging.t", &[("id", Int), ("note", Text)]),
        ],
        "writer" => vec![
            LINES,
            table("orders", &[("id", Int)]),
            table("carts", &[("id", Int)]),
        ],
        "masked" => vec![LINES, table("customers", &[("id", Int), ("name", Text)])],
        "views" => vec![
            LINES,
            table("reports.orders", &[("id", Int), ("total", Int)]),
            table("public.cust_safe", &[("id", Int), ("name", Text)]),
        ],
        _ => vec![
            LINES,
            table("tenanted", &[("id", Int), ("tenant", Int), ("body", Text)]),
        ],
    }
}

/// Relations with canaries or whose rows nobody may see.
pub const FORBIDDEN_TABLES: &[Table] = &[
    table("secrets", &[("id", Int), ("body", Text), ("num", Int)]),
    table("hidden.vault", &[("id", Int), ("body", Text)]),
    table(
        "hidden.orders",
        &[("id", Int), ("total", Int), ("status", Text)],
    ),
    table("parted", &[("id", Int), ("val", Text)]),
    table("parted_a", &[("id", Int), ("val", Text)]),
    table(
        "kin_child",
        &[("id", Int), ("label", Text), ("extra", Text)],
    ),
    table("cust_v", &[("id", Int), ("email", Text)]),
    table("cust_vv", &[("id", Int), ("mail", Text)]),
    table("cust_m", &[("id", Int), ("email", Text)]),
    table("cust_where", &[("id", Int), ("name", Text)]),
    table("cust_count", &[("n", Int), ("t", Int)]),
    table("secret_v", &[("id", Int), ("body", Text)]),
    table("reveal_v", &[("id", Int), ("r", Text)]),
    table("join_v", &[("id", Int), ("name", Text)]),
    table("reports.people", &[("id", Int), ("email", Text)]),
    table("reports.kin", &[("id", Int), ("extra", Text)]),
    table("\"ORDERS\"", &[("id", Text), ("total", Text)]),
    table("twice", &[("id", Int), ("ssn", Text)]),
    table("derived", &[("id", Int), ("tail", Text)]),
    table("pg_stats", &[("attname", Text), ("most_common_vals", Text)]),
    table("pg_authid", &[("rolname", Text), ("rolpassword", Text)]),
    table("pg_largeobject", &[("loid", Int), ("data", Text)]),
];

/// Columns that hold canaries, whole rows and system columns: named wherever a column may be.
pub const FORBIDDEN_COLUMNS: &[&str] = &[
    "ssn",
    "card",
    "email",
    "tax",
    "body",
    "num",
    "val",
    "extra",
    "tail",
    "ctid",
    "xmin",
    "tableoid",
    "*",
    // By functional notation.
    "reveal",
    "recfn",
    "rowfn",
    "linefn",
    "reveal_any",
    "to_jsonb",
    "row_to_json",
    "text",
    "to_json",
    "hstore",
    "fold",
    "lower",
    "nextval",
    "pg_sleep",
    "query_to_xml",
    "md5",
    "quote_literal",
    "length",
    "reveal_rows",
    "leak_agg",
    "touch",
    "array_agg",
    "line_text",
    "definer_read",
    "jsonb_agg",
    "count",
    "max",
    "pg_typeof",
    "lo_get",
    "ts_stat",
    "citext",
    "name",
];

/// Functions that a role may call: name, arguments, result. Not those that have a forbidden overload in `public`: the
/// table of tries has them.
pub const FUNCTIONS: &[(&str, &[Type], Type)] = &[
    ("upper", &[Text], Text),
    ("coalesce", &[Text, Text], Text),
    ("left", &[Text, Int], Text),
    ("abs", &[Int], Int),
    ("coalesce", &[Int, Int], Int),
    ("nullif", &[Int, Int], Int),
    ("pg_catalog.upper", &[Text], Text),
    ("round", &[Int], Int),
];

/// Aggregates that a role may call.
pub const AGGREGATES: &[(&str, &[Type], Type)] = &[
    ("count", &[Int], Int),
    ("max", &[Text], Text),
    ("min", &[Int], Int),
    ("sum", &[Int], Int),
];

/// Calls that nobody may make: each leaks or leaves a trace.
pub const FORBIDDEN_CALLS: &[(&str, Type)] = &[
    ("reveal(1)", Text),
    ("public.reveal('x'::text)", Text),
    ("reveal(id)", Text),
    ("hidden.reveal(1)", Text),
    ("hidden.lower('x')", Text),
    ("lower(1)", Text),
    ("definer_read(1)", Text),
    ("fold(1)", Text),
    ("reveal_any(1)", Text),
    ("reveal_any(id)", Text),
    ("recfn(ROW(1,2))", Text),
    ("reveal_many(1,2)", Text),
    ("reveal_many(VARIADIC ARRAY[1])", Text),
    ("(SELECT r FROM reveal_rows() r LIMIT 1)", Text),
    ("leak_agg('x')", Text),
    ("nextval('counter')::int", Int),
    ("nextval('hidden.counter')::int", Int),
    ("setval('counter', 99)::int", Int),
    ("(SELECT last_value FROM hidden.counter)::int", Int),
    ("pg_read_file('canary_file.txt')", Text),
    ("convert_from(lo_get(424242), 'UTF8')", Text),
    ("encode(lo_get(424242), 'escape')", Text),
    ("lo_create(0)::int", Int),
    ("lo_from_bytea(0, 'x')::int", Int),
    ("current_setting('app.secret')", Text),
    ("set_config('app.tenant', '2', false)", Text),
    ("set_config('search_path', 'hidden', false)", Text),
    (
        "query_to_xml('SELECT body FROM public.secrets', true, true, '')::text",
        Text,
    ),
    ("table_to_xml('public.secrets', true, true, '')::text", Text),
    ("schema_to_xml('public', true, true, '')::text", Text),
    (
        "(SELECT word FROM ts_stat('SELECT to_tsvector(body) FROM public.secrets') LIMIT 1)",
        Text,
    ),
    (
        "ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, plainto_tsquery(body) FROM public.secrets')::text",
        Text,
    ),
    (
        "(SELECT x FROM hidden.dblink('dbname=postgres', 'SELECT 1') AS d(x text))",
        Text,
    ),
    ("pg_advisory_lock(7)::text", Text),
    ("pg_try_advisory_lock(8)::text", Text),
    ("pg_notify('canary', 'x')::text", Text),
    ("pg_logical_emit_message(false, 'a', 'b')::text", Text),
    (
        "pg_get_functiondef('public.reveal(int)'::regprocedure)",
        Text,
    ),
    ("'public.secrets'::regclass::text", Text),
    ("pg_column_size((SELECT body FROM secrets LIMIT 1))", Int),
    ("(SELECT ssn FROM orders WHERE id = 1)", Text),
    ("(SELECT count(*) FROM secrets)::int", Int),
    ("(SELECT card FROM orders WHERE id = 1)::int", Int),
    ("(SELECT length(ssn) FROM orders WHERE id = 5)", Int),
    ("(SELECT o.rowfn FROM orders o LIMIT 1)", Text),
    ("(SELECT o.to_jsonb FROM orders o LIMIT 1)::text", Text),
    ("(TABLE secrets LIMIT 1)::text", Text),
    ("('x' OPERATOR(public.===) 'y')::text", Text),
    ("('x'::text === 'y'::text)::text", Text),
    ("('x'::text + 1)::text", Text),
    ("(!! 1)", Text),
    ("('x'::text OPERATOR(hidden.=) 'y'::text)::text", Text),
    ("1::checked::int", Int),
    ("CAST(5 AS public.checked)::int", Int),
    ("ROW(1,2)::pair::text", Text),
    ("(SELECT l::text FROM lines l LIMIT 1)", Text),
    ("(SELECT upper(l) FROM lines l LIMIT 1)", Text),
    ("(SELECT length(l) FROM lines l LIMIT 1)", Text),
    ("'ok'::mood::int", Int),
    ("pg_stat_get_numscans('secrets'::regclass)::int", Int),
    ("txid_current()::int", Int),
    ("has_table_privilege('secrets', 'SELECT')::text", Text),
    ("obj_description('secrets'::regclass)", Text),
    ("xpath('/x', '<x/>')::text", Text),
    ("cursor_of()::text", Text),
    ("pg_ls_dir('.')", Text),
];

/// What a statement changes where the role may: and where nobody may.
pub const CHANGES: &[(&str, &str)] = &[
    (
        "writer",
        "UPDATE orders SET status = {text} WHERE id = {int}",
    ),
    ("writer", "UPDATE orders SET status = {text}"),
    (
        "writer",
        "UPDATE orders SET status = upper({text}) WHERE id = {int} RETURNING id",
    ),
    (
        "writer",
        "UPDATE orders SET status = {text} WHERE id IN ({query}) RETURNING id",
    ),
    (
        "writer",
        "UPDATE orders o SET status = {text} FROM lines l WHERE l.order_id = o.id RETURNING o.id, l.sku",
    ),
    (
        "writer",
        "INSERT INTO orders (id, total, status) VALUES ({int} + 100, {int}, {text})",
    ),
    (
        "writer",
        "INSERT INTO orders (id, total, status) SELECT id + 200, qty, sku FROM lines RETURNING id",
    ),
    (
        "writer",
        "INSERT INTO orders (id, total, status) VALUES ({int}, 1, 'x') ON CONFLICT (id) DO NOTHING RETURNING id",
    ),
    (
        "writer",
        "INSERT INTO orders (id, total, status) VALUES (1, 1, 'x') ON CONFLICT (id) DO UPDATE SET status = {text}",
    ),
    (
        "writer",
        "INSERT INTO orders (id, total, status) VALUES (1, 1, {text})",
    ),
    (
        "writer",
        "INSERT INTO events (kind) VALUES ({text}) RETURNING id, kind",
    ),
    (
        "writer",
        "INSERT INTO events (kind, at) SELECT sku, qty FROM lines",
    ),
    (
        "writer",
        "INSERT INTO coded (id, code) VALUES ({int} + 50, {text})",
    ),
    ("writer", "DELETE FROM carts WHERE id = {int} RETURNING id"),
    ("writer", "DELETE FROM carts"),
    (
        "writer",
        "DELETE FROM carts USING lines WHERE carts.id = lines.id",
    ),
    (
        "writer",
        "WITH d AS (DELETE FROM carts RETURNING id) SELECT id FROM d",
    ),
    (
        "writer",
        "WITH u AS (UPDATE orders SET status = {text} RETURNING id) SELECT count(*) FROM u",
    ),
    ("writer", "INSERT INTO ruled VALUES (1)"),
    ("writer", "INSERT INTO defaults (id) VALUES (1)"),
    (
        "writer",
        "MERGE INTO orders o USING lines l ON o.id = l.id WHEN MATCHED THEN UPDATE SET status = {text}",
    ),
    (
        "definer",
        "INSERT INTO staging.t VALUES ({int} + 100, {text}) RETURNING *",
    ),
    (
        "definer",
        "INSERT INTO staging.t SELECT id + 100, status FROM orders RETURNING note",
    ),
    ("definer", "UPDATE staging.t SET note = {text} RETURNING id"),
    ("definer", "DELETE FROM staging.t WHERE id = {int}"),
    ("definer", "CREATE TABLE staging.n AS {query}"),
    ("definer", "CREATE VIEW staging.v AS {query}"),
    (
        "definer",
        "CREATE TABLE staging.n (id int DEFAULT {int}, note text CHECK (note <> {text}))",
    ),
    (
        "definer",
        "ALTER TABLE staging.t ADD COLUMN extra text DEFAULT {text}",
    ),
    ("definer", "CREATE INDEX ON staging.t (lower(note))"),
    ("definer", "DROP TABLE staging.t"),
    (
        "tenant",
        "UPDATE tenanted SET body = {text} WHERE id = {int}",
    ),
    ("", "UPDATE orders SET total = {int} RETURNING *"),
    ("", "UPDATE secrets SET body = {text} RETURNING body"),
    ("", "UPDATE orders SET status = {text} WHERE ssn > 'd'"),
    ("", "UPDATE orders SET status = ssn"),
    ("", "UPDATE orders SET status = {text} RETURNING ssn"),
    ("", "DELETE FROM secrets RETURNING *"),
    ("", "INSERT INTO secrets VALUES ({int} + 500, {text}, 1)"),
    ("", "INSERT INTO carts VALUES ({int} + 500, {text})"),
    ("", "TRUNCATE carts"),
    (
        "",
        "WITH d AS (DELETE FROM lines RETURNING *) SELECT * FROM d",
    ),
    ("", "SELECT * INTO TEMP leaked FROM orders"),
    ("", "CREATE TABLE public.made AS SELECT 1 AS a"),
    (
        "",
        "MERGE INTO lines l USING secrets s ON l.id = s.id WHEN MATCHED THEN DELETE",
    ),
];
