use exeat_sql::{Context, Limits};

use super::*;

const TEXT: &str = "SELECT 1; SELECT 2";
const INT: &[u8] = &[0, 0, 0, 23];

fn read(text: &str) -> Option<Unfinished> {
    let reading = Reading::of(text, &Context::default(), &Limits::default());
    Unfinished::of(7, INT, reading, vec![Vec::new(), Vec::new()])
}

#[test]
fn goes_on_with_the_very_same_text_only() {
    for (scope, text, types, same) in [
        (7, TEXT, INT, true),
        (8, TEXT, INT, false),
        (7, "SELECT 1; SELECT 3", INT, false),
        (7, TEXT, &[][..], false),
    ] {
        let again = read(TEXT).unwrap().go_on(scope, text, types);
        assert_eq!(again.is_some(), same, "{scope} {text} {types:?}");
        if let Some((reading, questions)) = again {
            assert_eq!(reading.text(), TEXT);
            assert_eq!((reading.statements.len(), questions.len()), (2, 2));
        }
    }
}

#[test]
fn a_long_text_is_read_again() {
    let of = |length: usize| format!("SELECT '{}'", "x".repeat(length));
    assert!(read(&of(LONG - 9)).is_some());
    assert!(read(&of(LONG)).is_none());
}
