//! Tables with row level security: what their policies read and call counts wherever their rows are read, by COPY
//! too.

use exeat_tests::database::Database;
use exeat_tests::lab::Lab;
use exeat_tests::wire::sqlstate;

use super::{has_canary, session};
use crate::database::lab_with;

const SCHEMA: &str = "\
CREATE ROLE app LOGIN PASSWORD 'app-password';
CREATE TABLE trace (what text);
CREATE TABLE orders (id int, status text);
INSERT INTO orders VALUES (1, 'open');
CREATE TABLE secrets (v text);
INSERT INTO secrets VALUES ('CANARY');
CREATE FUNCTION hides(int) RETURNS bool LANGUAGE plpgsql STABLE AS
  $$ BEGIN PERFORM hide(); RETURN true; END $$;
CREATE FUNCTION hide() RETURNS void LANGUAGE plpgsql AS
  $$ BEGIN CREATE OR REPLACE TEMP VIEW orders AS SELECT 1 AS id, v AS status FROM public.secrets; END $$;
CREATE FUNCTION traced(int) RETURNS bool LANGUAGE plpgsql AS
  $$ BEGIN INSERT INTO public.trace VALUES ('x'); RETURN true; END $$;
CREATE TABLE hiding (id int, \"Note\" text);
CREATE POLICY p ON hiding USING (hides(id));
CREATE TABLE tracing (id int, \"Note\" text);
CREATE POLICY p ON tracing USING (traced(id));
CREATE TABLE looking (id int, \"Note\" text);
CREATE POLICY p ON looking USING (EXISTS (SELECT FROM secrets WHERE v LIKE 'CAN%'));
CREATE TABLE casting (id int, \"Note\" text);
CREATE POLICY p ON casting USING (EXISTS (SELECT FROM secrets WHERE v::int = 1));
CREATE TABLE owned (id int, \"Note\" text);
CREATE POLICY p ON owned USING (\"Note\" = current_user);
INSERT INTO owned VALUES (1, 'app'), (2, 'CANARY');
DO $$ DECLARE t text; BEGIN
  FOREACH t IN ARRAY ARRAY['hiding', 'tracing', 'looking', 'casting', 'owned'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('INSERT INTO %I VALUES (1, ''app'')', t);
  END LOOP; END $$;
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
";

const POLICY: &str = "\
version: 1
roles:
  narrow:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.orders
          - select: public.hiding
          - select: public.tracing
          - select: public.looking
          - select: public.casting
          - select: public.owned
          - call: [lower, public.hides]
        deny:
          - select: public.secrets
          - call: [public.traced]
";

fn lab() -> (Lab, Database) {
    lab_with(SCHEMA, POLICY)
}

/// The ways to copy a table, where `{t}` is its name.
const WAYS: &[&str] = &[
    "COPY {t} TO STDOUT",
    "COPY public.{t} (id, \"Note\") TO STDOUT (FORMAT csv)",
    "COPY {t} (id) TO STDOUT (FORMAT binary)",
];

#[test]
fn copy_is_refused_where_a_policy_calls_or_reads_what_the_role_may_not() {
    let (lab, database) = lab();
    let exeat = lab.start();
    for table in ["tracing", "looking", "casting"] {
        for way in WAYS {
            let sql = way.replace("{t}", table);
            let answer = session(&exeat).query(&sql);
            assert!(!has_canary(&answer), "{sql}");
            assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{sql}");
        }
    }
    let traced = database.admin("SELECT count(*) FROM trace");
    assert_eq!(traced.stdout.trim(), "0");
}

#[test]
fn what_a_policy_hides_while_a_table_is_copied_is_known() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    for way in WAYS {
        let sql = way.replace("{t}", "hiding");
        for behind in [
            "COPY (SELECT status FROM orders) TO STDOUT",
            "SELECT lower(status) FROM orders",
        ] {
            let mut session = session(&exeat);
            let answer = session.query(&sql);
            assert_eq!(sqlstate(&answer), None, "{sql}");
            let answer = session.query(behind);
            assert!(!has_canary(&answer), "{sql}; {behind}");
            assert_eq!(sqlstate(&answer).as_deref(), Some("42501"), "{sql}");
            let mut session = self::session(&exeat);
            let answer = session.query(&format!("{sql}; {behind}"));
            assert!(!has_canary(&answer), "{sql}; {behind}");
        }
    }
}

#[test]
fn a_table_is_copied_as_its_policies_show_it() {
    let (lab, _database) = lab();
    let exeat = lab.start();
    let mut session = session(&exeat);
    for (sql, rows) in [("COPY owned TO STDOUT", 2), ("COPY orders TO STDOUT", 1)] {
        let answer = session.query(sql);
        assert_eq!(sqlstate(&answer), None, "{sql}");
        assert!(!has_canary(&answer), "{sql}");
        let copied = answer.iter().filter(|message| message.kind == 'd').count();
        assert_eq!(copied, rows, "{sql}");
    }
}
