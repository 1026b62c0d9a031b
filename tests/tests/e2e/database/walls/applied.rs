//! What decides whether policies of row security apply changes without a definition of what is read: what was judged
//! before is judged anew.

use exeat_tests::wait;
use exeat_tests::wire::{bind, execute, parse, sqlstate, sync};

use crate::database::{lab_with, session};

const SCHEMA: &str = "\
CREATE ROLE app LOGIN BYPASSRLS PASSWORD 'app-password';
CREATE ROLE readers;
CREATE TABLE secrets (id int); INSERT INTO secrets VALUES (1);
CREATE TABLE bypassed (id int); ALTER TABLE bypassed ENABLE ROW LEVEL SECURITY;
CREATE POLICY leads ON bypassed USING (EXISTS (SELECT FROM secrets));
GRANT SELECT ON ALL TABLES IN SCHEMA public TO app;
CREATE TABLE owned (id int); ALTER TABLE owned OWNER TO app; ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
CREATE POLICY leads ON owned USING (EXISTS (SELECT FROM secrets));
CREATE TABLE joined (id int); GRANT SELECT ON joined TO app; ALTER TABLE joined ENABLE ROW LEVEL SECURITY;
CREATE POLICY plain ON joined USING (true);
CREATE POLICY leads ON joined AS RESTRICTIVE TO readers USING (EXISTS (SELECT FROM secrets));
CREATE TABLE behind (id int); ALTER TABLE behind ENABLE ROW LEVEL SECURITY; GRANT SELECT ON behind TO app;
CREATE POLICY leads ON behind USING (EXISTS (SELECT FROM secrets));
CREATE VIEW invoked AS SELECT id FROM behind; GRANT SELECT ON invoked TO app;
";

const POLICY: &str = "\
version: 1
roles:
  app:
    identities: [{ source: 127.0.0.0/8 }]
    databases:
      shop:
        as: app
        allow:
          - select: public.*
        deny:
          - select: public.secrets
";

#[test]
fn a_statement_is_judged_by_the_policies_that_apply_by_now() {
    let (lab, database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    for (change, table) in [
        ("ALTER ROLE app NOBYPASSRLS", "bypassed"),
        ("GRANT readers TO app", "joined"),
        ("ALTER TABLE owned FORCE ROW LEVEL SECURITY", "owned"),
        (
            "ALTER VIEW invoked SET (security_invoker = true)",
            "invoked",
        ),
    ] {
        let version = database.admin("SHOW server_version_num");
        if table == "invoked" && version.ok() < "150000" {
            // Before it no view reads with the rights of who asks.
            continue;
        }
        let mut session = session(&exeat);
        let text = format!("TABLE {table}");
        session.send([parse("s", &text), sync()].concat());
        assert_eq!(sqlstate(&session.until_ready()), None, "{table}");
        assert_eq!(sqlstate(&session.query(&text)), None, "{table}");
        database.admin(change).exits(0);
        wait::until_true("the policy is found", || {
            sqlstate(&session.query(&text)).as_deref() == Some("42501")
        });
        session.send([bind("", "s"), execute(""), sync()].concat());
        let answer = session.until_ready();
        let told = sqlstate(&answer);
        assert_eq!(told.as_deref(), Some("42501"), "{table}: {answer:?}");
    }
    lab.finish(exeat);
}
