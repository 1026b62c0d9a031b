//! What is made in bulk while an older transaction stays open.

use exeat_tests::wire::{Wire, kinds, sqlstate};

use super::super::{lab_with, session};

const SCHEMA: &str = "CREATE ROLE app LOGIN SUPERUSER PASSWORD 'app-password'";

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
";

#[test]
fn what_an_older_transaction_leaves_is_known_beside_what_was_read_before_it() {
    let (lab, database) = lab_with(SCHEMA, POLICY);
    let exeat = lab.start();
    let mut reader = session(&exeat);
    let mut reads = |table: &str| reader.query(&format!("SELECT * FROM {table}"));
    let mut older = Wire::past_the_proxy(&database, "postgres");
    older.query("BEGIN");
    older.query("CREATE TABLE before (i int)");
    let bulk = "DO $$ BEGIN FOR i IN 1..1200 LOOP EXECUTE format('CREATE TABLE bulk%s (i int)', i); END LOOP; END $$";
    database.admin(bulk).exits(0);
    // A part of the older transaction that is younger than the bulk.
    older.query("SAVEPOINT part");
    older.query("CREATE TABLE within (i int)");
    older.query("RELEASE part");
    for table in ["bulk1", "after", "later"] {
        if table != "bulk1" {
            let create = format!("CREATE TABLE {table} (i int)");
            database.admin(&create).exits(0);
        }
        assert_eq!(kinds(&reads(table)), "TCZ", "{table}");
    }
    for table in ["before", "within", "nothing"] {
        assert_eq!(sqlstate(&reads(table)).as_deref(), Some("42P01"), "{table}");
    }
    let left_out =
        |line: &str| line.contains("set_config('exeat.read', '{") && !line.contains("'{}'");
    assert!(database.log().lines().any(left_out), "all is read again");

    let changes = "ALTER TABLE bulk2 ADD COLUMN more int; DROP TABLE bulk3; ALTER TABLE bulk4 RENAME TO renamed";
    database.admin(changes).exits(0);
    for table in ["bulk2 WHERE more IS NULL", "renamed"] {
        assert_eq!(kinds(&reads(table)), "TCZ", "{table}");
    }
    for table in ["bulk3", "bulk4"] {
        assert_eq!(sqlstate(&reads(table)).as_deref(), Some("42P01"), "{table}");
    }
    older.query("COMMIT");
    for table in ["before", "within", "bulk5"] {
        assert_eq!(kinds(&reads(table)), "TCZ", "{table}");
    }
    lab.finish(exeat);
}
