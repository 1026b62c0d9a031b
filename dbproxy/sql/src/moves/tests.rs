use super::*;

fn of(sql: &str) -> Vec<String> {
    let shown = |part: Option<String>| part.unwrap_or_else(|| "*".to_owned());
    let found = moves(sql, |name| name == "t");
    let found = found.into_iter();
    found
        .map(|it| format!("{}>{}", shown(it.from), shown(it.to)))
        .collect()
}

#[test]
fn what_is_found_elsewhere_afterwards_is_told() {
    for (sql, found) in [
        ("ALTER TABLE t RENAME TO u", &["*>*"][..]),
        ("ALTER TABLE t SET SCHEMA s", &["*>*"]),
        ("ALTER VIEW t RENAME TO u", &["*>*"]),
        ("ALTER TABLE t RENAME COLUMN a TO b", &["a>b"]),
        ("ALTER TABLE t RENAME a TO \"B\"", &["a>B"]),
        ("alter table only t rename A to b", &["a>b"]),
        ("ALTER TABLE t RENAME CONSTRAINT a TO b", &[]),
        ("ALTER TYPE t RENAME VALUE 'a' TO 'b'", &[]),
        ("ALTER TYPE t RENAME ATTRIBUTE a TO b", &["a>b"]),
        ("ALTER TABLE t ALTER a TYPE text USING b", &["b>a"]),
        (
            "ALTER TABLE t ALTER COLUMN a SET DATA TYPE text USING (b || \"C\"), ALTER d TYPE int",
            &["b>a", "C>a"],
        ),
        ("ALTER TABLE t ALTER a TYPE text USING t", &["*>a"]),
        (
            "ALTER TABLE t ALTER a TYPE text USING f((t).b, 'c, d')",
            &["f>a", "*>a", "b>a"],
        ),
        (
            "ALTER TABLE t ADD COLUMN IF NOT EXISTS g int GENERATED ALWAYS AS (b /* c */ + 1) STORED, ADD h int",
            &["b>g"],
        ),
        (
            "ALTER TABLE t ADD g int GENERATED ALWAYS AS ((f(b))) STORED, RENAME c TO d",
            &["f>g", "b>g", "c>d"],
        ),
        ("ALTER TABLE t ALTER g SET EXPRESSION AS (b)", &["b>g"]),
        ("ALTER TABLE t ADD CHECK (b > 1)", &[]),
        ("ALTER TABLE t ADD COLUMN a int DEFAULT 1", &[]),
        ("ALTER TABLE t DROP COLUMN a", &[]),
        ("CREATE TABLE u (g int GENERATED ALWAYS AS (b) STORED)", &[]),
        ("SELECT a AS b FROM t", &[]),
        ("", &[]),
    ] {
        assert_eq!(of(sql), found, "{sql}");
    }
}
