use std::sync::Arc;

use exeat_policy::{Facts, Verb};

use super::*;
use crate::canonical_json;

#[test]
fn a_context_leaf_is_canonical_and_holds_the_hash_of_its_value() {
    let subject = Subject::Readable(Arc::new(Facts::nothing(Verb::Select, "select".into())));
    for sql in ["SELECT 1", "SELECT 'a\"b\\c\n\u{1}é'", &"x\"".repeat(1000)] {
        let value = ContextValue::Statement {
            sql: Some(sql.into()),
            subject: Cow::Borrowed(&subject),
        };
        let alone = canonical_json(&value).unwrap();
        let context = Context::new(value, &mut Encoder::default()).unwrap();
        let leaf = std::str::from_utf8(&context.leaf).unwrap();
        let read: serde_json::Value = serde_json::from_str(leaf).unwrap();
        assert_eq!(canonical_json(&read).unwrap(), leaf);
        assert_eq!(read["hash"], &*context.hash);
        assert_eq!(canonical_json(&read["context"]).unwrap(), alone);
        assert_eq!(*context.hash, *hash(alone.as_bytes()));
    }
}

fn subject() -> Subject {
    Subject::Readable(Arc::new(Facts::nothing(Verb::Select, "select".into())))
}

fn slot(subject: &Subject, length: usize) -> StatementSlot {
    StatementSlot {
        subject: subject.clone(),
        sql: None,
        context: Arc::new(Context {
            hash: "".into(),
            leaf: vec![0; length].into(),
            written_in: AtomicU64::new(0),
        }),
    }
}

#[test]
fn a_long_context_is_remembered_from_the_second_time_on() {
    let mut statements = Statements::new();
    let (one, other) = (subject(), subject());
    assert!(statements.wants(1, &one, LONG));
    assert!(!statements.wants(1, &one, LONG + 1));
    assert!(statements.wants(1, &one, LONG + 1));
    assert!(!statements.wants(1, &other, LONG + 1));
    assert!(!statements.wants(2, &one, LONGEST + 1));
    assert!(!statements.wants(2, &one, LONGEST + 1));
}

#[test]
fn what_is_remembered_weighs_no_more_than_it_may() {
    let mut statements = Statements::new();
    let subject = subject();
    for round in 0..3 {
        for at in 0..STATEMENTS {
            let length = [LONGEST, 1, LONG][(at + round) % 3];
            statements.remember(at, slot(&subject, length));
            let held = statements.slots.iter().flatten();
            let held: usize = held.map(|slot| slot.context.leaf.len()).sum();
            assert_eq!(held, statements.bytes);
            assert!(held <= REMEMBERED_BYTES);
            assert!(statements.slots[at].is_some());
        }
    }
}

#[test]
fn the_context_of_a_long_statement_is_the_same_one_the_third_time() {
    let subject = subject();
    let sql = "x".repeat(LONG);
    let of = || TABLES.with_borrow_mut(|tables| tables.statement(&subject, Some(&sql)).unwrap().0);
    let (first, second, third) = (of(), of(), of());
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(Arc::ptr_eq(&second, &third));
}
