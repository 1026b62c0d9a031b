//! A server with the schema of `schema.sql`, and a session of a role without any right that asks it
//! for query trees as DESIGN says: Parse alone, nothing is run.

use exeat_sql::{QueryTree, query_tree};
use exeat_tests::database::Database;
use exeat_tests::wire::{self, Message, Wire};

const SCHEMA: &str = include_str!("schema.sql");

/// What only later versions have.
const SINCE: [(u16, &str); 2] = [
    (
        15,
        "CREATE VIEW invoked WITH (security_invoker) AS SELECT id, name FROM customers;",
    ),
    (
        18,
        "CREATE TABLE virtual (id int, v int GENERATED ALWAYS AS (abs(id)) VIRTUAL);",
    ),
];

/// What a session asks with.
const SETTINGS: &str = "SET client_min_messages = log; SET debug_print_parse = on; \
    SET debug_print_rewritten = on; SET debug_pretty_print = off";

/// A server and a session that asks it.
pub struct Asking {
    pub major: u16,
    pub database: Database,
    wire: Wire,
}

impl Asking {
    /// Starts a server.
    pub fn start() -> Self {
        let database = Database::start(SCHEMA);
        let version = database.admin("SHOW server_version_num");
        let major = version.ok().trim().parse::<u32>().unwrap() / 10_000;
        let major = u16::try_from(major).unwrap();
        for (since, sql) in SINCE {
            if major >= since {
                database.admin(sql).exits(0);
            }
        }
        let mut wire = Wire::past_the_proxy(&database, "postgres");
        let answer = wire.query(&format!("SET SESSION AUTHORIZATION asker; {SETTINGS}"));
        assert_eq!(wire::sqlstate(&answer), None, "{answer:?}");
        Self {
            major,
            database,
            wire,
        }
    }

    /// The SQLSTATE with which the statement fails where the session's role has these rights and no
    /// others. Nothing stays of it.
    pub fn outcome(&mut self, sql: &str, grants: &str) -> Option<String> {
        let tried = self.wire.query(&format!(
            "RESET SESSION AUTHORIZATION; BEGIN; {grants}; \
             SET LOCAL SESSION AUTHORIZATION asker; {sql}; ROLLBACK"
        ));
        let restored = self.wire.query("ROLLBACK");
        assert_eq!(wire::sqlstate(&restored), None);
        let restored = self.wire.query("SET SESSION AUTHORIZATION asker");
        assert_eq!(wire::sqlstate(&restored), None);
        wire::sqlstate(&tried)
    }

    /// What PostgreSQL says that a statement touches, or what is wrong with it.
    pub fn ask(&mut self, sql: &str) -> Result<QueryTree, String> {
        self.wire.send(wire::parse("", sql)).send(wire::sync());
        let answer = self.wire.until_ready();
        let detail = |title: &str| {
            let notice = answer.iter().find(|message| {
                message.kind == 'N' && message.field('M').as_deref() == Some(title)
            });
            notice
                .and_then(|notice| bytes(notice, b'D'))
                .unwrap_or_default()
        };
        if let Some(error) = answer.iter().find(|message| message.kind == 'E') {
            return Err(error.field('M').unwrap_or_default());
        }
        query_tree(
            self.major,
            &detail("parse tree:"),
            &detail("rewritten parse tree:"),
        )
        .map_err(|error| error.to_string())
    }
}

/// A field of a notice as it came: a line of a tree may end within a character.
fn bytes(notice: &Message, kind: u8) -> Option<Vec<u8>> {
    let mut fields = notice.body.split(|byte| *byte == 0);
    let field = fields.find(|field| field.first() == Some(&kind))?;
    Some(field[1..].to_vec())
}
