//! The reader of query trees before a real PostgreSQL: what it says of each statement, by name, and
//! that PostgreSQL checks just that. The server is the installed one; `make test-postgres-versions`
//! runs the same on the major versions 14 to 18.

mod asking;
mod names;
mod rights;
mod told;

use exeat_sql::QueryTreeError;

use asking::Asking;

/// What each statement touches. `[15-]` before a statement or a fact: from this major version on.
const CASES: &str = include_str!("cases.txt");

/// A rule makes nothing of it, so that PostgreSQL has nothing to check.
const MADE_NOTHING: &str = "DELETE FROM watched";

/// A statement and the facts that stand beside it.
struct Case {
    sql: &'static str,
    facts: Vec<&'static str>,
}

/// The cases of this major version.
fn cases(major: u16) -> Vec<Case> {
    CASES
        .split("\n\n")
        .filter_map(|block| {
            let mut lines = block.trim().lines();
            let sql = versioned(lines.next()?, major)?;
            let facts = lines.filter_map(|line| versioned(line.trim(), major));
            let facts = facts.collect();
            Some(Case { sql, facts })
        })
        .collect()
}

/// The line without the versions that it is for, where this is one of them.
fn versioned(line: &'static str, major: u16) -> Option<&'static str> {
    let Some((versions, rest)) = line
        .strip_prefix('[')
        .and_then(|line| line.split_once("] "))
    else {
        return Some(line);
    };
    let (first, last) = versions.split_once('-').unwrap();
    let bound = |text: &str, open: u16| text.parse().unwrap_or(open);
    (bound(first, 0)..=bound(last, u16::MAX))
        .contains(&major)
        .then_some(rest)
}

#[test]
fn the_server_is_of_the_version_that_was_asked_for() {
    let asking = Asking::start();
    if let Ok(major) = std::env::var("EXEAT_POSTGRES_MAJOR") {
        assert_eq!(asking.major.to_string(), major);
    }
}

#[test]
fn each_statement_touches_what_is_written_beside_it() {
    let mut asking = Asking::start();
    let names = names::Names::read(&asking);
    let mut wrong = String::new();
    let cases = cases(asking.major);
    assert!(cases.len() > 120, "{} cases", cases.len());
    for case in cases {
        let told = match asking.ask(case.sql) {
            Ok(tree) => told::told(&tree, &names),
            Err(error) => vec![error],
        };
        if told != case.facts {
            wrong.push_str(&format!("{}\n", case.sql));
            told.iter()
                .for_each(|fact| wrong.push_str(&format!("  {fact}\n")));
            wrong.push('\n');
        }
    }
    assert!(wrong.is_empty(), "PostgreSQL {}:\n{wrong}", asking.major);
}

#[test]
fn a_role_may_with_just_these_rights_and_with_one_less_may_not() {
    let mut asking = Asking::start();
    let names = names::Names::read(&asking);
    let (mut statements, mut rights, mut wrong) = (0, 0, Vec::new());
    let cases = cases(asking.major);
    for case in cases.iter().filter(|case| case.sql != MADE_NOTHING) {
        match rights::try_without_each(&mut asking, &names, case.sql) {
            Some(Ok(tried)) => {
                statements += 1;
                rights += tried;
            }
            Some(Err(why)) => wrong.push(why),
            None => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{statements} statements, {rights} rights");
    assert!(
        statements > 100 && rights > 200,
        "{statements} statements, {rights} rights"
    );
}

#[test]
fn what_postgresql_does_not_look_into_is_an_error() {
    let mut asking = Asking::start();
    for sql in [
        "EXPLAIN SELECT id FROM orders",
        "CREATE TABLE copied AS SELECT id FROM orders",
        "CREATE VIEW v AS SELECT id FROM orders",
        "DECLARE c1 CURSOR FOR SELECT id FROM orders",
        "PREPARE p AS SELECT id FROM orders",
        "COPY (SELECT id FROM orders) TO STDOUT",
        "DO 'BEGIN END'",
        "SET work_mem = 1000",
        "DROP TABLE orders",
    ] {
        let error = asking.ask(sql).unwrap_err();
        assert_eq!(error, QueryTreeError::Utility.to_string(), "{sql}");
    }
}
