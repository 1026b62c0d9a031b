use crate::{Context, Subject, read};

/// Kinds and schemas in short: `t` tables, `s` sequences, `r` routines, `p` that it publishes.
fn said(sql: &str) -> String {
    let statement = &read(sql, &Context::default())[0];
    assert!(
        matches!(statement.subject, Subject::Readable(_)),
        "{sql}: {:?}",
        statement.subject
    );
    let Some(wide) = &statement.wide else {
        return "nothing".to_owned();
    };
    let kinds = [
        (wide.tables, 't'),
        (wide.sequences, 's'),
        (wide.routines, 'r'),
        (wide.publishes, 'p'),
    ];
    let kinds: String = kinds
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, of)| *of)
        .collect();
    match &wide.schemas {
        Some(schemas) => format!("{kinds} in {}", schemas.join(" ")),
        None => format!("{kinds} everywhere"),
    }
}

#[test]
fn what_reaches_more_than_it_names_says_what() {
    for (sql, expected) in [
        ("GRANT SELECT ON ALL TABLES IN SCHEMA a TO x", "t in a"),
        (
            "REVOKE ALL ON ALL TABLES IN SCHEMA a FROM x CASCADE",
            "t in a",
        ),
        ("GRANT USAGE ON ALL SEQUENCES IN SCHEMA a TO x", "s in a"),
        ("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA a TO x", "r in a"),
        ("GRANT EXECUTE ON ALL PROCEDURES IN SCHEMA a TO x", "r in a"),
        (
            "REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA a FROM x",
            "r in a",
        ),
        (
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO x",
            "tsr everywhere",
        ),
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA a REVOKE ALL ON SEQUENCES FROM x",
            "tsr in a",
        ),
        ("CREATE PUBLICATION p FOR ALL TABLES", "tp everywhere"),
        ("CREATE PUBLICATION p FOR TABLES IN SCHEMA a", "tp in a"),
        ("ALTER PUBLICATION p ADD TABLES IN SCHEMA a", "tp in a"),
        (
            "CREATE PUBLICATION p FOR TABLES IN SCHEMA CURRENT_SCHEMA",
            "tp everywhere",
        ),
        ("DROP OWNED BY x", "tsr everywhere"),
        ("REASSIGN OWNED BY x TO y", "tsr everywhere"),
        ("ALTER SCHEMA a RENAME TO b", "tsr in a"),
        (
            "ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b",
            "t everywhere",
        ),
        (
            "ALTER INDEX ALL IN TABLESPACE a SET TABLESPACE b",
            "t everywhere",
        ),
        (
            "ALTER MATERIALIZED VIEW ALL IN TABLESPACE a SET TABLESPACE b",
            "t everywhere",
        ),
        ("REINDEX SCHEMA a", "t in a"),
        ("REINDEX DATABASE", "t everywhere"),
        ("REINDEX (VERBOSE) SYSTEM d", "t everywhere"),
        ("VACUUM", "t everywhere"),
        ("VACUUM (ANALYZE)", "t everywhere"),
        ("ANALYZE", "t everywhere"),
        ("CLUSTER", "t everywhere"),
        ("GRANT SELECT ON a.t TO x", "nothing"),
        ("GRANT USAGE ON SCHEMA a TO x", "nothing"),
        ("CREATE PUBLICATION p FOR TABLE a.t", "nothing"),
        ("CREATE PUBLICATION p", "nothing"),
        ("ALTER SCHEMA a OWNER TO b", "nothing"),
        ("REINDEX TABLE a.t", "nothing"),
        ("VACUUM a.t", "nothing"),
        ("ANALYZE a.t (b)", "nothing"),
        ("CLUSTER a.t", "nothing"),
        ("CREATE TABLE a.t (b int)", "nothing"),
        ("SELECT 1", "nothing"),
    ] {
        assert_eq!(said(sql), expected, "{sql}");
    }
}
