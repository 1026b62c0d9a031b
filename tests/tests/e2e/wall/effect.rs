//! What is applied holds by effect: as that role everything that the policy allows works, and what it does
//! not allow is 42501.

use super::Wall;

/// Allowed: no error, or one that is not about privileges.
const OK: &str = "00000";
const DENIED: &str = "42501";

const SCHEMA: &str = r#"
CREATE TABLE orders (id int PRIMARY KEY, total int, ssn text);
CREATE TABLE payments (id serial PRIMARY KEY, amount int, note text DEFAULT lower('X'));
CREATE TABLE customers (id int, name text, email text);
CREATE VIEW emails AS SELECT id, email FROM customers;
CREATE VIEW names AS SELECT id, name FROM customers;
CREATE FUNCTION double(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT upper($1)';
CREATE VIEW doubled AS SELECT id, double(total) AS total FROM orders;
CREATE OPERATOR ### (FUNCTION = shout, RIGHTARG = text);
CREATE SCHEMA hidden;
CREATE TABLE hidden.secrets (id int, value text);
CREATE SCHEMA "Odd ""; DROP";
CREATE TABLE "Odd ""; DROP"."T""able" ("Col""umn" int, "select" int, "hidden; --" text);
CREATE SCHEMA staging;
CREATE TABLE staging.events (id int, at timestamptz DEFAULT now()) PARTITION BY RANGE (id);
CREATE TABLE staging.events_1 PARTITION OF staging.events FOR VALUES FROM (0) TO (100);
CREATE VIEW staging.first AS SELECT id FROM staging.events_1;
CREATE MATERIALIZED VIEW staging.kept AS SELECT id FROM staging.events_1;
CREATE SEQUENCE staging.numbers;
CREATE FUNCTION fits(text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT length($1) < 9';
CREATE FUNCTION nameless() RETURNS text LANGUAGE sql AS $$SELECT 'none'$$;
CREATE FUNCTION heavy(int) RETURNS bool LANGUAGE sql AS 'SELECT $1 > 100';
CREATE FUNCTION weighed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE DOMAIN short AS text DEFAULT nameless() CHECK (fits(VALUE));
CREATE TYPE part AS (name short, count int);
CREATE TABLE parcels (id int, name short, parts part[]);
CREATE TABLE weights (id int);
CREATE TRIGGER weighed BEFORE INSERT ON weights FOR EACH ROW WHEN (heavy(NEW.id)) EXECUTE FUNCTION weighed();
"#;

/// For each policy role: its rules, what works, what does not.
type Case = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const CASES: &[Case] = &[
    (
        "reader",
        "allow: [{ select: 'public.orders(id, total)' }, { call: [count, lower] }]",
        &[
            "SELECT id, total FROM orders WHERE total > 0 ORDER BY id",
            "SELECT count(*) FROM orders",
            "SELECT lower('A') || 'b'",
            "SELECT 1 + 1, now()::date, '1'::int, ARRAY[1] @> ARRAY[1], 'a' LIKE 'b', '{}'::jsonb -> 'a'",
            "SHOW search_path",
            "SELECT relname FROM pg_class",
            "SELECT * FROM pg_settings",
            "SELECT column_name FROM information_schema.columns",
            "SELECT set_config('application_name', 'x', false)",
        ],
        &[
            "SELECT ssn FROM orders",
            "SELECT * FROM orders",
            "SELECT o FROM orders o",
            "SELECT ctid FROM orders",
            "INSERT INTO orders (id) VALUES (9)",
            "UPDATE orders SET total = 0",
            "DELETE FROM orders",
            "TRUNCATE orders",
            "SELECT id FROM orders FOR UPDATE",
            "LOCK TABLE orders IN EXCLUSIVE MODE",
            "SELECT id FROM payments",
            "SELECT * FROM hidden.secrets",
            "SELECT * FROM doubled",
            "SELECT nextval('payments_id_seq')",
            "SELECT double(1)",
            "SELECT shout('a')",
            "SELECT ### 'a'",
            "SELECT pg_sleep(0)",
            "SELECT query_to_xml('SELECT 1', true, true, '')",
            "SELECT lo_create(0)",
            "SELECT pg_notify('a', 'b')",
            "SELECT pg_advisory_lock(1)",
            "SELECT pg_read_file('PG_VERSION')",
            "SELECT * FROM pg_authid",
            "CREATE TABLE mine (id int)",
            "CREATE TEMP TABLE mine (id int)",
            "CREATE SCHEMA mine",
            "CREATE VIEW mine AS SELECT 1",
            "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "ALTER TABLE orders ADD COLUMN mine int",
            "DROP TABLE orders",
            "SET ROLE admin",
            "COPY orders TO PROGRAM 'true'",
            "GRANT SELECT (id) ON orders TO PUBLIC; SELECT ssn FROM orders",
            "CREATE EXTENSION pg_trgm",
        ],
    ),
    (
        "writer",
        "allow: [{ select: public.payments }, { insert: 'public.payments(amount)' }, { update: 'public.payments(note)' }, { delete: public.payments }]",
        &[
            "INSERT INTO payments (amount) VALUES (1)",
            "INSERT INTO payments (amount) SELECT amount FROM payments RETURNING *",
            "UPDATE payments SET note = 'x' WHERE id = 1",
            "SELECT * FROM payments FOR UPDATE",
            "DELETE FROM payments WHERE id = 1",
        ],
        &[
            "INSERT INTO payments (note) VALUES ('x')",
            "INSERT INTO payments (id) VALUES (1)",
            "UPDATE payments SET amount = 0",
            "UPDATE payments SET id = 1",
            "TRUNCATE payments",
            "SELECT setval('payments_id_seq', 1)",
            "SELECT last_value FROM payments_id_seq",
            "MERGE INTO payments p USING (SELECT 1 AS id) s ON p.id = s.id WHEN MATCHED THEN UPDATE SET amount = 0",
        ],
    ),
    (
        "schema wide",
        "allow: [{ select: public.* }, { insert: staging.* }, { select: staging.* }, { truncate: staging.events }]\n        deny: [{ select: 'public.orders(ssn)' }, { select: public.payments }]\n        mask: { public.customers.email: email }",
        &[
            "SELECT id, total FROM orders",
            "SELECT id, name FROM customers",
            "SELECT * FROM names",
            "SELECT total FROM doubled",
            "INSERT INTO staging.events (id) VALUES (1)",
            "SELECT * FROM staging.events",
            "SELECT * FROM staging.events_1",
            "TRUNCATE staging.events",
            "SELECT * FROM staging.numbers",
        ],
        &[
            "SELECT ssn FROM orders",
            "SELECT * FROM payments",
            "SELECT email FROM customers",
            "SELECT * FROM emails",
            "SELECT id FROM emails",
            "SELECT * FROM hidden.secrets",
            "UPDATE staging.events SET id = 1",
            "TRUNCATE staging.events_1",
        ],
    ),
    (
        "beside",
        "allow: [{ select: staging.* }]\n        deny: [{ select: staging.events }]",
        &["SELECT * FROM staging.numbers"],
        &[
            "SELECT * FROM staging.events",
            "SELECT * FROM staging.events_1",
            "SELECT * FROM staging.first",
            "SELECT * FROM staging.kept",
        ],
    ),
    (
        "caller",
        "allow: [{ call: [public.double, pg_sleep, pg_notify] }, { operator: ['public.###'] }, { select: public.doubled }]",
        &[
            "SELECT double(1)",
            "SELECT pg_sleep(0)",
            "SELECT ### 'a'",
            "SELECT total FROM doubled",
            "SELECT pg_notify('a', 'b')",
        ],
        &["SELECT total FROM orders", "SELECT pg_advisory_lock(1)"],
    ),
    (
        "Odd \"role; --",
        "allow: [{ select: '\"Odd \"\"; DROP\".\"T\"\"able\"(\"Col\"\"umn\", \"select\")' }, { update: '\"Odd \"\"; DROP\".\"T\"\"able\"(\"select\")' }]",
        &[
            "SELECT \"Col\"\"umn\", \"select\" FROM \"Odd \"\"; DROP\".\"T\"\"able\"",
            "UPDATE \"Odd \"\"; DROP\".\"T\"\"able\" SET \"select\" = 1",
        ],
        &[
            "SELECT \"hidden; --\" FROM \"Odd \"\"; DROP\".\"T\"\"able\"",
            "UPDATE \"Odd \"\"; DROP\".\"T\"\"able\" SET \"Col\"\"umn\" = 1",
        ],
    ),
    (
        "filler",
        "allow: [{ insert: public.parcels }, { insert: public.weights }, { type: [public.*] }]",
        &[
            "INSERT INTO parcels (id) VALUES (1)",
            "INSERT INTO parcels (name) VALUES ('x')",
            "INSERT INTO parcels (parts) VALUES (ARRAY[('x', 1)]::part[])",
            "INSERT INTO weights VALUES (1)",
            "INSERT INTO weights VALUES (101)",
        ],
        &["SELECT id FROM parcels", "SELECT shout('a')"],
    ),
    (
        "looker",
        "allow: [{ select: public.parcels }, { select: public.weights }]",
        &["SELECT * FROM parcels, weights"],
        &[
            "SELECT fits('a')",
            "SELECT nameless()",
            "SELECT heavy(1)",
            "INSERT INTO weights VALUES (1)",
        ],
    ),
    (
        "definer",
        "allow: [{ define: staging.* }, { define: pg_temp.* }, { statement: ['create schema'] }]",
        &[
            "CREATE TABLE staging.mine (id int)",
            "CREATE TEMP TABLE mine (id int)",
            "CREATE SCHEMA mine",
        ],
        &[
            "CREATE TABLE public.mine (id int)",
            "SELECT * FROM staging.events",
            "DROP TABLE staging.events",
        ],
    ),
    (
        "nothing",
        "allow: []",
        &["SELECT 1"],
        &["SELECT id FROM public.orders", "SELECT pg_sleep(0)"],
    ),
];

fn policy() -> String {
    let mut text = "version: 1\nroles:\n".to_owned();
    for (at, (role, rules, ..)) in CASES.iter().enumerate() {
        let role = serde_json::to_string(role).unwrap();
        text.push_str(&format!(
            "  role-{at}:\n    identities: [{{ token: role-{at} }}]\n    databases:\n      shop:\n        as: {role}\n        {rules}\n"
        ));
    }
    text
}

#[test]
fn roles_can_do_what_their_policy_allows_and_nothing_else() {
    let wall = Wall::new(SCHEMA, &policy());
    wall.apply();
    let mut wrong = Vec::new();
    for (role, _, works, fails) in CASES {
        for (statements, wanted) in [(works, OK), (fails, DENIED)] {
            let known = statements.iter().filter(|it| wall.knows(it));
            let owned: Vec<String> = known.map(|it| (*it).to_owned()).collect();
            let states = wall.as_role(role, &owned);
            let off = owned
                .iter()
                .zip(states)
                .filter(|(_, state)| state != wanted);
            wrong.extend(off.map(|(sql, state)| format!("{role}: {sql}: {state}, not {wanted}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_was_applied_leaves_nothing_to_do_and_no_drift() {
    let wall = Wall::new(SCHEMA, &policy());
    let printed = wall.command(&["grants"]);
    printed.exits(0).says("BEGIN;").says("COMMIT;");
    wall.command(&["grants", "--apply"])
        .exits(1)
        .says("nothing was applied");
    assert_eq!(
        wall.command(&["grants"]).stdout,
        printed.stdout,
        "it was applied"
    );
    // What is printed is what a person can give to psql.
    wall.database.admin(&printed.stdout).exits(0);
    wall.command(&["grants"]).exits(0).says("Nothing to do");
    wall.command(&["grants", "--apply", "--yes"])
        .exits(0)
        .says("Nothing to do");
    let left = wall.drift();
    assert!(
        left.iter().all(|[direction, ..]| direction == "told"),
        "{left:#?}"
    );
    // What views and functions of their owners do is told.
    let told = |kind: &str| left.iter().any(|[_, of, ..]| of == kind);
    let all = ["view", "security_definer", "trigger"];
    assert!(all.iter().all(|kind| told(kind)), "{left:#?}");
}

#[test]
fn what_comes_later_in_a_whole_schema_is_open_and_elsewhere_it_is_not() {
    let wall = Wall::new(SCHEMA, &policy());
    wall.apply();
    wall.database
        .admin(
            "CREATE TABLE staging.later (id serial, x int); CREATE TABLE hidden.later (id int);
             CREATE FUNCTION later() RETURNS int LANGUAGE sql AS 'SELECT 1';",
        )
        .exits(0);
    let statements = [
        "SELECT * FROM staging.later",
        "INSERT INTO staging.later (x) VALUES (1)",
        "UPDATE staging.later SET x = 1",
        "SELECT * FROM hidden.later",
        "SELECT later()",
    ]
    .map(str::to_owned);
    assert_eq!(
        wall.as_role("schema wide", &statements),
        [OK, OK, DENIED, DENIED, DENIED]
    );
    let drift = wall.drift();
    assert!(
        drift.iter().all(|[direction, ..]| direction == "told"),
        "{drift:#?}"
    );
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

const TABLES: [(&str, [&str; 3]); 3] = [
    ("orders", ["id", "total", "ssn"]),
    ("payments", ["id", "amount", "note"]),
    ("customers", ["id", "name", "email"]),
];
const VERBS: [&str; 5] = ["select", "insert", "update", "delete", "truncate"];

/// A rule of a made-up policy: verb, table (none: the whole schema), columns (none: all).
type Rule = (
    &'static str,
    Option<&'static str>,
    Option<Vec<&'static str>>,
);

fn rule(numbers: &mut Numbers) -> Rule {
    let verb = numbers.one(&VERBS);
    if numbers.below(6) == 0 {
        return (verb, None, None);
    }
    let (table, columns) = numbers.one(&TABLES);
    let by_column = matches!(verb, "select" | "insert" | "update") && numbers.below(2) == 0;
    let columns = by_column.then(|| {
        let mut some: Vec<&str> = columns
            .into_iter()
            .filter(|_| numbers.below(2) == 0)
            .collect();
        if some.is_empty() {
            some.push(columns[0]);
        }
        some
    });
    (verb, Some(table), columns)
}

fn spelled((verb, table, columns): &Rule) -> String {
    let columns = columns
        .as_ref()
        .map(|columns| format!("({})", columns.join(", ")))
        .unwrap_or_default();
    format!("{{ {verb}: 'public.{}{columns}' }}", table.unwrap_or("*"))
}

fn matches((of, in_table, columns): &Rule, verb: &str, table: &str, column: Option<&str>) -> bool {
    *of == verb
        && in_table.is_none_or(|it| it == table)
        && match (columns, column) {
            (Some(columns), Some(column)) => columns.contains(&column),
            _ => true,
        }
}

/// Whether a deny rule leaves nothing of an allow rule.
fn takes_all(deny: &Rule, (verb, table, columns): &Rule) -> bool {
    deny.0 == *verb
        && (deny.1.is_none() || deny.1 == *table)
        && match (&deny.2, columns) {
            (None, _) => true,
            (Some(denied), Some(allowed)) => allowed.iter().all(|column| denied.contains(column)),
            (Some(_), None) => false,
        }
}

#[test]
fn made_up_policies_hold_by_effect() {
    let mut numbers = Numbers(7);
    let mut text = "version: 1\nroles:\n".to_owned();
    let mut made = Vec::new();
    for role in 0..16 {
        let mut allow: Vec<Rule> = Vec::new();
        let mut deny: Vec<Rule> = Vec::new();
        // A rule that says what another has said is an error of the policy.
        for (rules, count) in [(&mut allow, 5), (&mut deny, 2)] {
            for _ in 0..count {
                let new = rule(&mut numbers);
                if !rules.iter().any(|(verb, table, _)| {
                    *verb == new.0 && (*table == new.1 || table.is_none() || new.1.is_none())
                }) {
                    rules.push(new);
                }
            }
        }
        // Nor may a deny rule take all of an allow rule away.
        allow.retain(|rule| !deny.iter().any(|deny| takes_all(deny, rule)));
        let list = |rules: &[Rule]| rules.iter().map(spelled).collect::<Vec<_>>().join(", ");
        text.push_str(&format!(
            "  r{role}:\n    identities: [{{ token: r{role} }}]\n    databases:\n      shop:\n        as: r{role}\n        allow: [{}]\n        deny: [{}]\n",
            list(&allow),
            list(&deny)
        ));
        made.push((format!("r{role}"), allow, deny));
    }
    let wall = Wall::new(SCHEMA, &text);
    wall.apply();
    let mut wrong = Vec::new();
    for (role, allow, deny) in &made {
        let (mut statements, mut wanted) = (Vec::new(), Vec::new());
        for (table, columns) in TABLES {
            let mut ask = |verb: &str, column: Option<&str>, sql: String| {
                let lets = allow.iter().any(|rule| matches(rule, verb, table, column))
                    && !deny.iter().any(|rule| matches(rule, verb, table, column));
                statements.push(sql);
                wanted.push(if lets { OK } else { DENIED });
            };
            for column in columns {
                ask(
                    "select",
                    Some(column),
                    format!("SELECT {column} FROM {table} WHERE false"),
                );
                ask(
                    "insert",
                    Some(column),
                    format!("INSERT INTO {table} ({column}) SELECT NULL WHERE false"),
                );
                ask(
                    "update",
                    Some(column),
                    format!("UPDATE {table} SET {column} = NULL WHERE false"),
                );
            }
            ask("delete", None, format!("DELETE FROM {table} WHERE false"));
            ask("truncate", None, format!("TRUNCATE {table}"));
        }
        let states = wall.as_role(role, &statements);
        for ((sql, state), wanted) in statements.iter().zip(states).zip(wanted) {
            if state != wanted {
                wrong.push(format!("{role}: {sql}: {state}, not {wanted}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}\n{text}");
    let drift = wall.drift();
    assert!(
        drift.iter().all(|[direction, ..]| direction == "told"),
        "{drift:#?}"
    );
}
