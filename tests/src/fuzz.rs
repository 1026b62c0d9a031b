//! The fuzz targets as plain functions: whatever the bytes are, they return, and what they promise of every input
//! holds. cargo-fuzz calls them from `tests/fuzz`, the tests over the corpus, `exeat-fuzz` in a loop of mutations.

use exeat_dbproxy::fuzzing;
use exeat_policy::Subject;
use exeat_sql::{
    Catalog, Context, QueryTreeError, Relation, RelationKind, blank_comments, query_tree, read,
    redact, template_into,
};

/// A target: its name, which is its corpus' too, and the function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 6] = [
    ("frontend", frontend),
    ("backend", backend),
    ("startup", startup),
    ("sql", sql),
    ("template", template),
    ("tree", tree),
];

/// A client's frames.
pub fn frontend(bytes: &[u8]) {
    let whole = fuzzing::frontend(bytes);
    assert!(whole <= bytes.len() / 5, "more frames than headers fit");
    let _ = fuzzing::violation(bytes);
}

/// A server's frames.
pub fn backend(bytes: &[u8]) {
    let whole = fuzzing::backend(bytes);
    assert!(whole <= bytes.len() / 5, "more frames than headers fit");
}

/// A client's first packet.
pub fn startup(bytes: &[u8]) {
    if let Some(taken) = fuzzing::startup(bytes) {
        assert!(taken <= bytes.len(), "more bytes taken than there are");
    }
}

/// A message's text: read without a catalog, with one, and with PostgreSQL to be asked.
pub fn sql(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let catalog = catalog();
    let path = Context::default().search_path;
    for (catalog, asks) in [
        (None, false),
        (Some(&catalog), false),
        (None, true),
        (Some(&catalog), true),
    ] {
        let context = Context {
            catalog,
            search_path: path,
            asks,
        };
        let statements = read(text, &context);
        assert!(!statements.is_empty(), "a message has a statement");
        for statement in &statements {
            assert!(
                text.get(statement.range.clone()).is_some(),
                "a range outside of the text"
            );
            for question in &statement.questions {
                assert!(
                    text.get(question.clone()).is_some(),
                    "a question outside of the text"
                );
                assert!(
                    matches!(statement.subject, Subject::Readable(_)),
                    "a question about what can't be read"
                );
            }
        }
    }
    let blanked = blank_comments(text);
    assert_eq!(blanked.len(), text.len(), "blanking comments moves nothing");
    assert!(
        redact(text).len() <= 16 * text.len() + 64,
        "a redacted text is no bomb"
    );
}

/// A text's template: whatever text could be mistaken for it has it as its template too. (Many a template
/// is no text that has one: `$` stands for a parameter in a list.)
pub fn template(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    if !template_into(text, &[], &mut once) {
        return;
    }
    let again = str::from_utf8(&once).expect("a template is text");
    if template_into(again, &[], &mut twice) {
        assert_eq!(once, twice, "a template is its own template");
    }
}

/// What PostgreSQL dumps of a statement: a byte for its major version, the tree, a NUL, the rewritten tree. What is
/// cut off is never read as if it were whole, no error repeats more of a tree than the name of a node, and there
/// are no more facts than text.
pub fn tree(bytes: &[u8]) {
    let Some((major, dumps)) = bytes.split_first() else {
        return;
    };
    let major = u16::from(*major);
    let mut dumps = dumps.splitn(2, |byte| *byte == 0);
    let parse = dumps.next().unwrap_or_default();
    let rewritten = dumps.next().unwrap_or_default();
    match query_tree(major, parse, rewritten) {
        Ok(facts) => {
            let found = facts.relations.len() + facts.behind.len() + facts.called.len();
            assert!(found <= bytes.len(), "more facts than text");
            let cut = |dump: &[u8]| {
                let (_, shorter) = dump.trim_ascii_end().split_last().unwrap_or((&0, &[]));
                shorter.to_vec()
            };
            let (first, second) = (cut(parse), cut(rewritten));
            assert!(query_tree(major, &first, rewritten).is_err(), "cut off");
            assert!(query_tree(major, parse, &second).is_err(), "cut off");
        }
        Err(QueryTreeError::Node { node, .. }) => {
            let named = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
            let told = node == "?" || (node.len() <= 40 && node.bytes().all(named));
            assert!(told, "an error that repeats {node:?}");
        }
        Err(_) => {}
    }
}

/// A small catalog, so that names resolve to something.
fn catalog() -> Catalog {
    let mut catalog = Catalog::new(1);
    for (name, columns) in [
        ("orders", &["id", "total", "ssn"][..]),
        ("secrets", &["id", "body"]),
    ] {
        catalog.add_relation(Relation {
            schema: "public".into(),
            name: name.into(),
            kind: RelationKind::Table,
            columns: columns.iter().map(|column| (*column).into()).collect(),
        });
    }
    catalog.add_function("public", "reveal");
    catalog
}

/// Changes bytes a few times, as a fuzzer without coverage does: flips, cuts, repeats, pieces of another input.
pub fn mutate(bytes: &[u8], other: &[u8], next: &mut impl FnMut() -> usize) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    for _ in 0..=next() % 4 {
        let at = next() % (changed.len() + 1);
        let to = (at + 1 + next() % 16).min(changed.len());
        match next() % 7 {
            0 if at < changed.len() => changed[at] ^= 1 << (next() % 8),
            1 => changed.insert(at, u8::try_from(next() % 256).unwrap_or(0)),
            2 if at < to => drop(changed.drain(at..to)),
            3 if at < to => {
                let piece = changed[at..to].to_vec();
                changed.splice(at..at, piece);
            }
            4 if !other.is_empty() => {
                let from = next() % other.len();
                let end = (from + 1 + next() % 32).min(other.len());
                changed.splice(at..at, other[from..end].iter().copied());
            }
            5 => changed.truncate(at),
            _ if at < changed.len() => {
                changed[at] = [0, 255, b'\'', b'"', b'(', b'/', b'*', b'-'][next() % 8]
            }
            _ => {}
        }
    }
    changed.truncate(1 << 14);
    changed
}
