//! The table of SQL cases: what the role `analyst` may run, and what it may not although a pattern,
//! a prefix or one reader of SQL would let it through. Rows that differ in one respect stand together.

/// What running a denied row past the proxy shows.
#[derive(Clone, Copy, Debug)]
pub enum Past {
    /// Its rows, or its error, hold this.
    Leaks(&'static str),
    /// It runs: it reads, writes, locks or sets what the role may not.
    Runs,
    /// It runs, but not inside a transaction block.
    RunsAlone,
    /// PostgreSQL does not run it either, and why it is in the table all the same.
    Refused(&'static str),
}

use Past::{Leaks, Refused, Runs, RunsAlone};

const ORDERS_SSN: Past = Leaks("123-45-6789");
const SECRET: Past = Leaks("987-65-4321");

/// Rows that are allowed: with the same answer as without the proxy.
pub const ALLOWED: &[(&str, &str)] = &[
    ("A01", "SELECT id, total FROM public.orders"),
    ("A01 folded", "select ID, Total from PUBLIC.Orders"),
    ("A04", r#"SELECT "id", "total" FROM "public"."orders""#),
    ("A05", "SELECT id FROM public . /*c*/ orders"),
    ("A06", "SELECT id FROM ONLY (public.orders)"),
    (
        "A09",
        "SELECT id, sum(total) OVER (ORDER BY id) FROM public.orders",
    ),
    ("A14", "SELECT count(*) FROM public.orders"),
    ("A15", "SELECT 1"),
    ("A15 empty", ""),
    ("A15 only a comment", "-- nothing"),
    ("A15 values", "VALUES (1), (2)"),
    (
        "A18",
        "SELECT '/*' , id FROM public.orders WHERE '--' <> '*/'",
    ),
    (
        "A19",
        "SELECT $q$ ; DROP TABLE x; $q$, id FROM public.orders",
    ),
    (
        "A20",
        "SELECT id FROM public.orders WHERE total >-5 AND total<>+1",
    ),
    (
        "A24",
        "SELECT coalesce(total,0), round(total,2) FROM public.orders",
    ),
    (
        "A24 nested",
        "SELECT upper(lower('x')), abs(min(total)), nullif(max(id), 0) FROM public.orders",
    ),
    (
        "A25",
        "WITH RECURSIVE secrets AS (SELECT 1 AS n UNION ALL SELECT n+1 FROM secrets WHERE n<3) SELECT n FROM secrets",
    ),
    (
        "A25 plain",
        "WITH w AS (SELECT id FROM public.orders) SELECT id FROM w",
    ),
    ("A26", "SELECT id, total FROM orders"),
    (
        "A26 alias",
        "SELECT o.id FROM orders AS o WHERE o.total > 0 ORDER BY o.id",
    ),
    (
        "A27 subquery",
        "SELECT id FROM (SELECT id, total FROM public.orders) x WHERE total > 0",
    ),
    (
        "A28 exists",
        "SELECT id FROM public.orders o WHERE EXISTS (SELECT 1 FROM public.orders p WHERE p.id = o.id)",
    ),
    (
        "A29 case",
        "SELECT CASE WHEN total > 0 THEN 'in' ELSE 'out' END FROM public.orders",
    ),
    (
        "A30 set operation",
        "SELECT id FROM public.orders UNION SELECT 9 ORDER BY 1",
    ),
    (
        "A31 like",
        "SELECT id FROM public.orders WHERE 'a' || 'b' LIKE 'a%' AND NOT total = 0",
    ),
    (
        "A32 limit",
        "SELECT id FROM public.orders ORDER BY id LIMIT 1 OFFSET 1",
    ),
    ("A33 explain is not select", "SHOW server_version_num"),
    ("A23 show", "SHOW search_path"),
    ("A23 isolation", "SHOW transaction_isolation"),
    ("A23 name", "SET application_name='x'"),
    ("A23 zone", "SET TIME ZONE 'UTC'"),
    ("A23 digits", "SET extra_float_digits=3"),
    (
        "F21 what Rails sends",
        "SET standard_conforming_strings = on",
    ),
    ("F21 warnings", "SET client_min_messages TO 'warning'"),
    ("F21 zone", "SET SESSION timezone TO 'UTC'"),
    ("F21 identifiers", "SHOW max_identifier_length"),
    ("F23 cursors", "CLOSE ALL"),
    ("F24 what psycopg sends", "DEALLOCATE ALL"),
    ("F25 nothing", ";"),
    ("F19 back to what the proxy has set", "RESET ALL"),
    ("F19 what pools send", "DISCARD ALL"),
    (
        "A31 like any",
        "SELECT id FROM public.orders WHERE 'a' LIKE ANY (ARRAY['a%', 'b']) AND NOT total ISNULL",
    ),
    ("L01 table", "TABLE public.lines"),
    (
        "L01 table only",
        "TABLE ONLY (lines) ORDER BY order_id LIMIT 1",
    ),
    (
        "L01 table in a union",
        "SELECT 9, 'z' UNION TABLE public.lines ORDER BY 1",
    ),
    (
        "L01 table in a with",
        "WITH l AS (TABLE lines) SELECT count(*) FROM l",
    ),
    ("L01 table explained", "EXPLAIN (COSTS off) TABLE lines"),
    ("L01 table copied", "COPY (TABLE lines) TO STDOUT"),
    (
        "L02 field",
        "SELECT (home).city, (p.home).street FROM public.places p WHERE (home).city <> ''",
    ),
    ("L02 fields", "SELECT (home).* FROM public.places"),
    (
        "F20 what Django sends",
        "SELECT set_config('TimeZone', 'UTC', false)",
    ),
    (
        "G26 end as a label",
        "SELECT id END, CASE WHEN id = 1 THEN 2 END end FROM public.orders ORDER BY id",
    ),
    (
        "G07",
        "SELECT id FROM public.orders /* /* */ UNION SELECT id FROM public.secrets -- */",
    ),
    (
        "G07 without a tail */",
        "SELECT id FROM public.orders -- UNION SELECT id FROM public.secrets",
    ),
];

/// Rows that are denied, and what they do past the proxy.
pub const DENIED: &[(&str, &str, Past)] = &[
    // --- columns
    ("B01", "SELECT * FROM public.orders", ORDERS_SSN),
    ("B02", "SELECT o.* FROM public.orders o", ORDERS_SSN),
    ("B03", "TABLE public.orders", ORDERS_SSN),
    (
        "B02 a field of the whole row",
        "SELECT (p).home FROM public.places p",
        Leaks("Low Lane"),
    ),
    (
        "B02 a function as a field",
        "SELECT (home).leak FROM public.places",
        SECRET,
    ),
    ("B03 only", "TABLE ONLY (public.orders)", ORDERS_SSN),
    (
        "B03 in a union",
        "SELECT 1, 2, '' UNION TABLE public.orders",
        ORDERS_SSN,
    ),
    (
        "B03 in a with",
        "WITH x AS (TABLE public.secrets) SELECT * FROM x",
        SECRET,
    ),
    (
        "B03 copied",
        "COPY (TABLE public.secrets) TO STDOUT",
        SECRET,
    ),
    (
        "B03 explained",
        "EXPLAIN ANALYZE TABLE public.secrets",
        Runs,
    ),
    ("B04", "SELECT ssn FROM public.orders", ORDERS_SSN),
    (
        "B04 qualified",
        "SELECT public.orders.ssn FROM public.orders",
        ORDERS_SSN,
    ),
    (
        "B04 where",
        "SELECT id FROM public.orders WHERE ssn LIKE '123%'",
        Runs,
    ),
    (
        "B08",
        "SELECT count(*) FROM public.orders GROUP BY ssn",
        Runs,
    ),
    (
        "B10",
        "SELECT id AS ssn FROM public.orders ORDER BY ssn || ''",
        Runs,
    ),
    (
        "B11",
        "SELECT id AS ssn, rank() OVER (ORDER BY ssn) FROM public.orders",
        Runs,
    ),
    (
        "B12",
        "SELECT count(*) FROM public.orders HAVING min(ssn) > '5'",
        Runs,
    ),
    (
        "B15",
        "SELECT sum(total ORDER BY ssn) FROM public.orders",
        Runs,
    ),
    (
        "B17",
        "SELECT id FROM public.orders WINDOW w AS (PARTITION BY ssn)",
        Runs,
    ),
    ("B18", "SELECT o FROM public.orders o", ORDERS_SSN),
    (
        "B18 unaliased",
        "SELECT orders FROM public.orders",
        ORDERS_SSN,
    ),
    ("B22", "SELECT (o).* FROM public.orders o", ORDERS_SSN),
    (
        "B22 field",
        "SELECT (o).ssn FROM public.orders o",
        ORDERS_SSN,
    ),
    (
        "B24",
        "SELECT row_to_json(o) FROM public.orders o",
        ORDERS_SSN,
    ),
    (
        "B26",
        "SELECT id FROM public.orders o WHERE o IS NOT NULL AND o::text LIKE '%123%'",
        Runs,
    ),
    (
        "B28",
        "SELECT id FROM public.orders o WHERE EXISTS (SELECT 1 WHERE ssn = '1')",
        Runs,
    ),
    (
        "B31",
        "SELECT id FROM public.orders sample(a, b, id)",
        ORDERS_SSN,
    ),
    (
        "B31 as",
        "SELECT c FROM public.orders AS x(a, b, c)",
        ORDERS_SSN,
    ),
    (
        "B33",
        "SELECT j.id FROM (public.orders CROSS JOIN (SELECT 1) z(q)) AS j(a, b, id)",
        ORDERS_SSN,
    ),
    (
        "B35",
        "SELECT 1 FROM public.orders NATURAL JOIN (VALUES ('123')) v(ssn)",
        Runs,
    ),
    (
        "B36",
        "SELECT 1 FROM public.orders JOIN (VALUES ('123')) v(ssn) USING (ssn) AS u",
        Runs,
    ),
    (
        "B36 plain",
        "SELECT 1 FROM public.orders JOIN (VALUES ('123')) v(ssn) USING (ssn)",
        Runs,
    ),
    (
        "B37",
        "SELECT ctid, xmin, tableoid FROM public.orders",
        Runs,
    ),
    (
        "B38",
        "SELECT id FROM public.orders GROUP BY GROUPING SETS ((id),(ssn,id))",
        Runs,
    ),
    (
        "B42",
        r#"SELECT U&"\0073sn" FROM public.orders"#,
        ORDERS_SSN,
    ),
    (
        "B43 subquery star",
        "SELECT x.id FROM (SELECT * FROM public.orders) x",
        Runs,
    ),
    (
        "B44 distinct on",
        "SELECT DISTINCT ON (ssn) id FROM public.orders",
        Runs,
    ),
    (
        "B45 filter",
        "SELECT count(*) FILTER (WHERE ssn IS NULL) FROM public.orders",
        Runs,
    ),
    (
        "B46 join condition",
        "SELECT a.id FROM public.orders a JOIN public.orders b ON a.ssn = b.ssn",
        Runs,
    ),
    (
        "B47 view over it",
        "SELECT id FROM public.orders_view",
        Runs,
    ),
    // --- other relations, wherever they hide
    ("C01", "SELECT ssn FROM public.secrets", SECRET),
    (
        "C02",
        "SELECT (SELECT ssn FROM public.secrets LIMIT 1)",
        SECRET,
    ),
    (
        "C03",
        "SELECT id FROM public.orders LIMIT (SELECT count(*) FROM public.secrets)",
        Runs,
    ),
    (
        "C04",
        "SELECT id FROM public.orders OFFSET (SELECT length(ssn) FROM public.secrets LIMIT 1)",
        Runs,
    ),
    (
        "C05",
        "SELECT id FROM public.orders FETCH FIRST (SELECT 1 FROM public.secrets LIMIT 1) ROWS ONLY",
        Runs,
    ),
    (
        "C06",
        "SELECT id FROM public.orders TABLESAMPLE SYSTEM ((SELECT length(ssn) FROM public.secrets LIMIT 1))",
        Runs,
    ),
    (
        "C09",
        "SELECT ARRAY(SELECT ssn FROM public.secrets)",
        SECRET,
    ),
    (
        "C11",
        "SELECT JSON_OBJECT('a': (SELECT ssn FROM public.secrets LIMIT 1))",
        Refused("PostgreSQL 16 and later run it"),
    ),
    (
        "C12",
        "SELECT XMLELEMENT(NAME a, (SELECT ssn FROM public.secrets LIMIT 1))",
        SECRET,
    ),
    (
        "C13",
        "SELECT t.x FROM XMLTABLE('/a' PASSING (SELECT xmlelement(name a, ssn) FROM public.secrets LIMIT 1) COLUMNS x text PATH '.') t",
        SECRET,
    ),
    (
        "C15",
        "SELECT (ARRAY[1,2])[(SELECT 1 FROM public.secrets LIMIT 1)]",
        Runs,
    ),
    (
        "C16",
        "SELECT now() AT TIME ZONE (SELECT ssn FROM public.secrets LIMIT 1)",
        SECRET,
    ),
    (
        "C17",
        "SELECT 'a' LIKE 'b' ESCAPE (SELECT left(ssn,1) FROM public.secrets LIMIT 1)",
        Runs,
    ),
    (
        "C18 extract",
        "SELECT EXTRACT(YEAR FROM (SELECT ssn::date FROM public.secrets LIMIT 1))",
        SECRET,
    ),
    (
        "C18 overlay",
        "SELECT OVERLAY('a' PLACING (SELECT ssn FROM public.secrets LIMIT 1) FROM 1)",
        SECRET,
    ),
    (
        "C18 trim",
        "SELECT TRIM(BOTH 'x' FROM (SELECT ssn FROM public.secrets LIMIT 1))",
        SECRET,
    ),
    (
        "C22",
        "SELECT sum(total) OVER (ROWS (SELECT 1 FROM public.secrets LIMIT 1)::int PRECEDING) FROM public.orders",
        Runs,
    ),
    (
        "C23",
        "WITH secrets AS (SELECT * FROM secrets) SELECT ssn FROM secrets",
        SECRET,
    ),
    (
        "C24",
        "WITH a AS (SELECT * FROM secrets), secrets AS (SELECT 1 AS ssn) SELECT * FROM a",
        SECRET,
    ),
    (
        "C26",
        "WITH secrets AS (SELECT 1 AS ssn) SELECT ssn FROM public.secrets",
        SECRET,
    ),
    (
        "C27",
        "WITH d AS (DELETE FROM public.orders RETURNING id) SELECT id FROM d",
        Runs,
    ),
    (
        "C28",
        "SELECT id FROM public.orders EXCEPT SELECT id FROM public.secrets",
        Runs,
    ),
    (
        "C28 intersect",
        "SELECT id FROM public.orders INTERSECT ALL SELECT id FROM public.secrets",
        Runs,
    ),
    ("C29", "SELECT id FROM evil.orders", Leaks("4712")),
    ("C32", r#"SELECT id FROM public."ORDERS""#, Leaks("4711")),
    (
        "C33 lateral",
        "SELECT o.id, x.ssn FROM public.orders o, LATERAL (SELECT ssn FROM public.secrets) x",
        SECRET,
    ),
    (
        "C34 in",
        "SELECT id FROM public.orders WHERE id IN (SELECT id FROM public.secrets)",
        Runs,
    ),
    (
        "C35",
        "SELECT id FROM otherdb.public.orders",
        Refused("only the current database has a name there"),
    ),
    (
        "C36",
        "SELECT id FROM public.\u{43e}rders",
        Refused("no such table: a homoglyph"),
    ),
    (
        "C37",
        "SELECT id FROM public.orders\u{a0}",
        Refused("no such table: the space is a part of the name"),
    ),
    (
        "C41",
        "SELECT rolpassword FROM pg_authid",
        Leaks("SCRAM-SHA-256"),
    ),
    (
        "C41 qualified",
        "SELECT rolpassword FROM pg_catalog.pg_authid",
        Leaks("SCRAM-SHA-256"),
    ),
    (
        "C42 shadow",
        "SELECT passwd FROM pg_shadow",
        Leaks("SCRAM-SHA-256"),
    ),
    (
        "C43",
        "SELECT most_common_vals FROM pg_stats WHERE tablename='orders'",
        Runs,
    ),
    (
        "C44",
        "SELECT * FROM information_schema.columns",
        Leaks("ssn"),
    ),
    // --- functions, operators, types, collations
    ("D01", "SELECT pg_read_file('/etc/passwd')", Leaks("root:")),
    (
        "D03",
        "SELECT * FROM ROWS FROM (pg_ls_dir('/'), generate_series(1,3)) r(a,b)",
        Leaks("etc"),
    ),
    (
        "D04",
        "SELECT id FROM public.orders o, LATERAL pg_stat_file('/etc/passwd') f",
        Runs,
    ),
    ("D05", "SELECT pg_sleep(0)", Runs),
    ("D06", "SELECT current_setting('data_directory')", Runs),
    (
        "D07",
        "SELECT table_to_xml('public.secrets',true,true,'')",
        SECRET,
    ),
    (
        "D07 query",
        "SELECT query_to_xml('select ssn from secrets',true,true,'')",
        SECRET,
    ),
    (
        "D08",
        "SELECT * FROM ts_stat('select to_tsvector(ssn) from secrets')",
        Runs,
    ),
    (
        "D09",
        "SELECT * FROM crosstab('select ssn,1,1 from secrets') AS t(a text,b int)",
        Refused("needs tablefunc"),
    ),
    (
        "D10",
        "SELECT * FROM dblink('dbname=x','select ssn from secrets') AS t(s text)",
        Refused("needs dblink"),
    ),
    ("D11", "SELECT lo_import('/etc/passwd')", Runs),
    ("D11 bytes", "SELECT lo_from_bytea(0, 'x')", Runs),
    (
        "D13 a constant",
        "SELECT pg_catalog.set_config('Role', 'postgres', true)",
        Runs,
    ),
    (
        "D13 search path",
        "SELECT 1 WHERE set_config('search_path', 'evil', false) = ''",
        Runs,
    ),
    (
        "D13 beside a harmless one",
        "SELECT set_config('timezone', 'UTC', true), set_config('row_security', 'off', true)",
        Runs,
    ),
    (
        "D13",
        "SELECT set_config('ro'||'le','postgres',false)",
        Runs,
    ),
    (
        "D15",
        "UPDATE pg_catalog.pg_settings SET setting='postgres' WHERE name='role'",
        Runs,
    ),
    (
        "D17",
        "SELECT pg_terminate_backend(1), pg_cancel_backend(1), pg_reload_conf(), pg_rotate_logfile()",
        Runs,
    ),
    ("D19", "SELECT nextval('s'), setval('s',1), lastval()", Runs),
    ("D20", "SELECT pg_advisory_lock(1)", Runs),
    ("D22", "SELECT pg_logical_emit_message(false,'a','b')", Runs),
    ("D24", "SELECT pg_stat_reset()", Runs),
    ("D24 switch", "SELECT pg_switch_wal()", Runs),
    ("D25", "SELECT public.get_all_secrets()", SECRET),
    ("D25 udf", "SELECT evil.f()", SECRET),
    ("D25 from", "SELECT * FROM public.get_all_secrets()", SECRET),
    (
        "D27",
        "SELECT id FROM public.orders WHERE total @@@ 0",
        Runs,
    ),
    (
        "D27 qualified",
        "SELECT id FROM public.orders WHERE total OPERATOR(evil.>) 0",
        Runs,
    ),
    ("D28 cast", "SELECT '1'::evil.mytype", Runs),
    ("D28 domain", "SELECT CAST(1 AS evil.dom)", Runs),
    ("D28 literal", "SELECT evil.mytype '1'", Runs),
    (
        "D31",
        r#"SELECT 'a' COLLATE evil.c FROM public.orders"#,
        Runs,
    ),
    ("D34", "SELECT xpath('/a', '<a/>')", Runs),
    ("D34 parse", "SELECT xmlparse(document '<a/>')", Runs),
    // --- statements that are no SELECT
    ("E01", "INSERT INTO public.orders VALUES (10)", Runs),
    (
        "E01 returning",
        "INSERT INTO public.orders (id) VALUES (10) RETURNING id",
        Runs,
    ),
    ("E02", "UPDATE public.orders SET total=0", Runs),
    ("E03", "DELETE FROM public.orders", Runs),
    (
        "E04",
        "MERGE INTO public.orders o USING (VALUES (1)) v(id) ON o.id = v.id WHEN MATCHED THEN DELETE",
        Runs,
    ),
    ("E05", "TRUNCATE public.orders", Runs),
    ("E06", "DO $$BEGIN PERFORM 1; END$$", Runs),
    ("E08", "CALL p()", Runs),
    (
        "E09",
        "CREATE TABLE t2 AS SELECT id FROM public.orders",
        Runs,
    ),
    ("E09 into", "SELECT id INTO t3 FROM public.orders", Runs),
    (
        "E09 view",
        "CREATE VIEW v AS SELECT id FROM public.orders",
        Runs,
    ),
    (
        "E09 materialized",
        "CREATE MATERIALIZED VIEW mv AS SELECT id FROM public.orders",
        Runs,
    ),
    (
        "E09 temporary",
        "CREATE TEMP TABLE orders (id bigint, total numeric)",
        Runs,
    ),
    (
        "E10",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
        Runs,
    ),
    (
        "E11 rule",
        "CREATE RULE r AS ON UPDATE TO t DO INSTEAD SELECT 1",
        Runs,
    ),
    ("E11 policy", "CREATE POLICY q ON t USING (true)", Runs),
    (
        "E11 extension",
        "CREATE EXTENSION plpgsql",
        Refused("it is there already"),
    ),
    ("E12", "COPY public.orders TO STDOUT", ORDERS_SSN),
    (
        "E12 column",
        "COPY public.orders (ssn) TO STDOUT",
        ORDERS_SSN,
    ),
    (
        "E14",
        "COPY (SELECT ssn FROM public.secrets) TO STDOUT",
        SECRET,
    ),
    (
        "E15",
        "COPY (DELETE FROM public.orders RETURNING id) TO STDOUT",
        Runs,
    ),
    (
        "E16",
        "COPY (SELECT id FROM public.orders) TO PROGRAM 'cat >/dev/null'",
        Runs,
    ),
    (
        "E16 file",
        "COPY (SELECT id FROM public.orders) TO '/dev/null'",
        Runs,
    ),
    ("E17 from program", "COPY t FROM PROGRAM 'true'", Runs),
    (
        "E21",
        "EXPLAIN (ANALYZE true, FORMAT json) SELECT ssn FROM public.orders",
        Runs,
    ),
    (
        "E22",
        "EXPLAIN (ANALYZE) EXECUTE p",
        Refused("no such prepared statement"),
    ),
    ("E23", "PREPARE p AS SELECT ssn FROM public.orders", Runs),
    (
        "E24 declare",
        "DECLARE c CURSOR FOR SELECT ssn FROM public.orders",
        Runs,
    ),
    ("E27", "LISTEN x", Runs),
    ("E27 notify", "NOTIFY x, 'data'", Runs),
    ("E27 unlisten", "UNLISTEN *", Runs),
    (
        "E28",
        "LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE",
        Runs,
    ),
    (
        "E28 for update",
        "SELECT id FROM public.orders FOR UPDATE",
        Runs,
    ),
    ("E29 analyze", "ANALYZE public.orders", Runs),
    ("E29 vacuum", "VACUUM public.orders", RunsAlone),
    ("E29 cluster", "CLUSTER", RunsAlone),
    ("E29 reindex", "REINDEX TABLE public.orders", Runs),
    ("E29 checkpoint", "CHECKPOINT", Runs),
    ("E29 refresh", "REFRESH MATERIALIZED VIEW m", Runs),
    ("E30 grant", "GRANT SELECT ON secrets TO PUBLIC", Runs),
    ("E30 revoke", "REVOKE SELECT ON secrets FROM PUBLIC", Runs),
    (
        "E30 alter",
        "ALTER TABLE public.orders RENAME ssn TO x",
        Runs,
    ),
    (
        "E30 drop",
        "DROP TABLE public.orders_view",
        Refused("it is a view, and the word is enough"),
    ),
    ("E30 drop table", "DROP TABLE public.t", Runs),
    ("E30 comment", "COMMENT ON TABLE t IS 'x'", Runs),
    ("E31 role", "CREATE ROLE eve SUPERUSER LOGIN", Runs),
    ("E32 system", "ALTER SYSTEM SET work_mem = '8MB'", RunsAlone),
    (
        "E34",
        "PREPARE TRANSACTION 'x'",
        Refused("switched off unless max_prepared_transactions is set"),
    ),
    (
        "E34 commit",
        "COMMIT PREPARED 'x'",
        Refused("no such transaction"),
    ),
    ("E35 load", "LOAD 'plpgsql'", Runs),
    // --- settings
    ("F01", "SET ROLE postgres", Runs),
    ("F02", "SET LOCAL ROLE postgres", Runs),
    ("F03", r#"SET SESSION "role" TO postgres"#, Runs),
    ("F05", "SET SESSION AUTHORIZATION postgres", Runs),
    ("F06 path", "SET search_path = evil", Runs),
    ("F08", "SET SCHEMA 'evil'", Runs),
    ("F09 encoding", "SET NAMES 'LATIN1'", Runs),
    ("F10", "SET backslash_quote = on", Runs),
    ("F10 warning", "SET escape_string_warning = off", Runs),
    ("F11 strings", "SET standard_conforming_strings = off", Runs),
    ("F12", "SET row_security = off", Runs),
    ("F14", "SET default_transaction_read_only = off", Runs),
    ("F15", "SET statement_timeout = 0", Runs),
    (
        "F15 idle",
        "SET idle_in_transaction_session_timeout = 0",
        Runs,
    ),
    ("F15 memory", "SET work_mem='1GB'", Runs),
    ("F16", "SET session_preload_libraries = 'x'", Runs),
    ("F18", "SET enable_seqscan = off", Runs),
    ("F20", "SET app.user_id = '42'", Runs),
    // --- two readers see two statements
    (
        "G01",
        "SELECT id FROM public.orders WHERE total>/*'*/0 UNION SELECT ssn::numeric FROM public.secrets--'",
        SECRET,
    ),
    (
        "G01 less",
        "SELECT id FROM public.orders WHERE total</*'*/0 UNION SELECT ssn::numeric FROM public.secrets--'",
        SECRET,
    ),
    (
        "G01 or",
        "SELECT id FROM public.orders WHERE total =-/*'*/0 UNION SELECT ssn::numeric FROM public.secrets--'",
        SECRET,
    ),
    (
        "G02",
        "SELECT id FROM public.orders WHERE total>--'\n0 UNION SELECT ssn::numeric FROM public.secrets--'",
        SECRET,
    ),
    (
        "G09",
        r"SELECT '\' , ssn FROM public.secrets --' , id FROM public.orders",
        SECRET,
    ),
    (
        "G10 escape string",
        r"SELECT E'\'' , ssn FROM public.secrets --'",
        SECRET,
    ),
    (
        "G13",
        "SELECT 1ssn FROM public.orders",
        Refused("trailing junk since PostgreSQL 15"),
    ),
    (
        "G14",
        "SELECT id FROM public.orders WHERE id = $1ssn",
        Refused("trailing junk"),
    ),
    (
        "G15",
        "SELECT id,total FROM public.orders; SELECT ssn FROM public.secrets",
        SECRET,
    ),
    (
        "G16",
        "SELECT id FROM public.orders;;; ; COMMIT; DROP TABLE public.gone",
        RunsAlone,
    ),
    ("G17", "-- x\nSELECT 1; DROP TABLE public.t", Runs),
    (
        "G20",
        "SELECT id FROM public.orders WHERE total = 0\u{3000}UNION\u{3000}SELECT 1",
        Refused("the space is a part of a name"),
    ),
    ("G26", "SELECT 1 END, ssn FROM public.secrets", SECRET),
    ("G26 drop", "SELECT 1 END; DROP TABLE public.t", Runs),
    (
        "G28",
        "SELECT id FROM public.orders UNION ALL SELECT 1 END FROM public.secrets WHERE ssn LIKE '9%'",
        Runs,
    ),
    (
        "G29",
        "SELECT 1 end /*x*/ , (SELECT ssn FROM public.secrets LIMIT 1)",
        SECRET,
    ),
    ("G30 only", "SELECT ssn FROM ONLY secrets", SECRET),
    (
        "G31 dollar quote",
        "SELECT $a$'$a$, ssn FROM public.secrets --'",
        SECRET,
    ),
    (
        "G32 psql's own",
        r"\copy public.orders to stdout",
        Refused("a command of psql's, not of the server's"),
    ),
    ("G33 unfinished", "SELECT 'x", Refused("not finished")),
    ("G34 nonsense", "SELEC 1", Refused("no statement")),
];
