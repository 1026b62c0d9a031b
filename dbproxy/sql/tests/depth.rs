//! The deepest texts that the caps let through: they are read, on a thread of two megabytes, in time.

use exeat_policy::{Subject, UnreadableKind};
use exeat_sql::{Context, read};

fn nested(open: &str, middle: &str, close: &str, levels: usize) -> String {
    format!("{}{middle}{}", open.repeat(levels), close.repeat(levels))
}

fn shapes() -> Vec<String> {
    vec![
        format!("SELECT {}", nested("(", "1", ")", 198)),
        format!("SELECT {}", nested("(SELECT ", "1", ")", 198)),
        nested("SELECT * FROM (", "SELECT 1", ") x", 198),
        format!(
            "SELECT {}",
            nested("CASE WHEN true THEN ", "1", " END", 198)
        ),
        format!("SELECT {}", nested("f(", "1", ")", 198)),
        format!("SELECT {}", nested("ARRAY[", "1", "]", 198)),
        format!(
            "SELECT * FROM {}",
            nested("(", "a JOIN b ON true", ")", 190)
        ),
        format!(
            "SELECT {}",
            nested("EXISTS (SELECT 1 WHERE ", "true", ")", 190)
        ),
        format!("SELECT 1{}", " OR 1".repeat(4000)),
        format!("SELECT 1{}", " + 1".repeat(4000)),
        format!("SELECT 1{}", " || 'a'".repeat(4000)),
        format!("SELECT {}true", "NOT ".repeat(8000)),
        format!("SELECT {}1", "- ".repeat(8000)),
        format!("SELECT a{}", "::int".repeat(4000)),
        format!("SELECT a{}", "[1]".repeat(2000)),
        format!("SELECT a{}", " IS NULL".repeat(3000)),
        format!("SELECT a{}", " COLLATE \"C\"".repeat(3000)),
        format!("SELECT a{}", " AT TIME ZONE 'a'".repeat(1500)),
        format!("SELECT a FROM t{}", " JOIN t ON true".repeat(127)),
        format!("SELECT a FROM t{}", " NATURAL JOIN t".repeat(127)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(499)),
        format!("SELECT 1 WHERE 1 IN (1{})", ", 1".repeat(5_000)),
        format!("INSERT INTO t (a) VALUES (1){}", ", (1)".repeat(3_000)),
        format!("SELECT 1{}", ", a.b".repeat(1_600)),
        format!(
            "WITH {} SELECT 1",
            (0..500)
                .map(|n| format!("c{n} AS (SELECT 1)"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
        format!("SELECT {}", "(a).b || ".repeat(1000) + "1"),
        "SELECT 1;".repeat(1000),
    ]
}

#[test]
fn the_deepest_statements_are_read_on_a_small_stack() {
    for sql in shapes() {
        let head = sql.get(..40).unwrap_or(&sql).to_owned();
        let reader = std::thread::Builder::new().stack_size(2 << 20);
        let handle = reader.spawn(move || {
            let started = std::time::Instant::now();
            let statements = read(&sql, &Context::default());
            (statements, started.elapsed())
        });
        let (statements, elapsed) = handle.unwrap().join().unwrap();
        for statement in statements {
            if let Subject::Unreadable(unreadable) = statement.subject {
                assert_ne!(
                    unreadable.kind,
                    UnreadableKind::TooLarge,
                    "{head}: {unreadable:?}"
                );
                assert_ne!(
                    &*unreadable.detail, "the statement could not be read",
                    "{head}"
                );
            }
        }
        assert!(elapsed.as_secs() < 30, "{elapsed:?} for {head}");
    }
}
