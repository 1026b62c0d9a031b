//! What `docs/policy.md` says, held against the code.

use super::*;

const REFERENCE: &str = include_str!("../../../../../docs/policy.md");

#[test]
fn every_example_of_the_reference_is_a_policy() {
    let blocks = REFERENCE.split("```yaml\n").skip(1);
    let blocks: Vec<&str> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 3, "{}", blocks.len());
    for block in blocks {
        if let Err(problems) = load(&[source("docs/policy.md", block)]) {
            panic!("{problems}");
        }
    }
}

#[test]
fn every_key_and_word_of_the_format_is_in_the_reference() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    let mut words = Vec::new();
    collect(&schema, &mut words);
    assert!(words.len() > 50, "{words:?}");
    words.retain(|word| !REFERENCE.contains(&format!("`{word}`")));
    assert!(words.is_empty(), "not in docs/policy.md: {words:?}");
}

#[test]
fn every_kind_of_statement_is_in_the_reference() {
    use crate::check::database::words::{DEFINITIONS, MAINTENANCE, OBJECTS, STARTS, VERBS};
    for words in [
        VERBS,
        MAINTENANCE,
        DEFINITIONS,
        OBJECTS,
        STARTS,
        crate::grants::STATEMENTS,
    ] {
        for word in words {
            assert!(REFERENCE.contains(&format!("`{word}`")), "{word}");
        }
    }
}

/// The names of all properties, and the words of all enumerations.
fn collect(schema: &serde_json::Value, words: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(map) => {
            if let Some(serde_json::Value::Object(properties)) = map.get("properties") {
                words.extend(properties.keys().cloned());
            }
            words.extend(
                map.get("const")
                    .and_then(|it| it.as_str())
                    .map(String::from),
            );
            let listed = map
                .get("enum")
                .and_then(|it| it.as_array())
                .into_iter()
                .flatten();
            words.extend(listed.filter_map(|it| it.as_str()).map(String::from));
            map.values().for_each(|value| collect(value, words));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        _ => {}
    }
}
