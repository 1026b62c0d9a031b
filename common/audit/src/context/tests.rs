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
