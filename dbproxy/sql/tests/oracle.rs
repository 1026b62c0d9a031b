//! A sample of PostgreSQL's regression suite against what PostgreSQL's own parser (libpg_query) sees
//! in it: no relation and no function may be missed.

use std::collections::BTreeSet;

use exeat_policy::{Confirmation, Facts, Subject};
use exeat_sql::{Context, read};

const SAMPLE: &str = include_str!("data/oracle.jsonl");

#[derive(serde::Deserialize)]
struct Row {
    sql: String,
    kind: String,
    rels: BTreeSet<String>,
    ctes: BTreeSet<String>,
    funcs: BTreeSet<String>,
}

impl Row {
    /// Kinds whose relations and functions the oracle lists as this crate does.
    fn is_compared(&self) -> bool {
        const KINDS: [&str; 12] = [
            "SelectStmt",
            "InsertStmt",
            "UpdateStmt",
            "DeleteStmt",
            "MergeStmt",
            "ExplainStmt",
            "PrepareStmt",
            "DeclareCursorStmt",
            "CopyStmt",
            "CreateTableAsStmt",
            "ViewStmt",
            "CallStmt",
        ];
        KINDS.contains(&&*self.kind)
    }

    /// What the facts lack.
    fn missing(&self, facts: &Facts) -> Vec<&str> {
        let relations: BTreeSet<String> = facts
            .relations
            .iter()
            .flat_map(|access| {
                [
                    access.relation.to_string(),
                    access.relation.name.to_string(),
                ]
            })
            .collect();
        let functions: BTreeSet<String> = facts
            .functions
            .iter()
            .flat_map(|name| [name.to_string(), name.name.to_string()])
            .collect();
        // The oracle counts the names in FOR UPDATE OF as relations; these are aliases of joins.
        let aliases = ["unnamed_join", "unnamed_subquery", "foo", "bar"];
        let locking = self.sql.contains("locking clause") || self.sql.contains("unnamed_join");
        let relation = |name: &&String| {
            let alias = locking && aliases.contains(&name.as_str());
            !self.ctes.contains(*name) && !relations.contains(*name) && !alias
        };
        let function = |name: &&String| {
            let plain = name.strip_prefix("pg_catalog.").unwrap_or(name);
            // TRIM is one name here and three there.
            let trim = matches!(plain, "btrim" | "ltrim" | "rtrim") && functions.contains("trim");
            !functions.contains(*name) && !functions.contains(plain) && !trim
        };
        let relations = self.rels.iter().filter(relation);
        relations
            .chain(self.funcs.iter().filter(function))
            .map(String::as_str)
            .collect()
    }
}

#[test]
fn nothing_that_postgresql_sees_is_missed() {
    let (mut total, mut readable, mut confirmed) = (0, 0, 0);
    let mut wrong = Vec::new();
    for line in SAMPLE.lines() {
        let row: Row = serde_json::from_str(line).expect("a row of the sample");
        let statements = read(&row.sql, &Context::default());
        let [statement] = statements.as_slice() else {
            wrong.push(format!("{} statements: {}", statements.len(), row.sql));
            continue;
        };
        if !row.is_compared() {
            continue;
        }
        total += 1;
        let Subject::Readable(facts) = &statement.subject else {
            continue;
        };
        readable += 1;
        confirmed += usize::from(facts.confirmation == Confirmation::Confirmed);
        let missing = row.missing(facts);
        if !missing.is_empty() {
            wrong.push(format!("{missing:?} in {}", row.sql));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        readable * 1000 >= total * 980,
        "only {readable} of {total} can be read"
    );
    assert!(
        confirmed * 1000 >= total * 950,
        "only {confirmed} of {total} are confirmed"
    );
}
