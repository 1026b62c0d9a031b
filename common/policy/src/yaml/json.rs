//! The tree from JSON, for the canonical form of a policy. No places are known there.
//!
//! It must read what `serde_json` printed of a document into the tree that its YAML gave.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Node, Value};

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl NodeVisitor {
    fn scalar(text: String, plain: bool) -> Node {
        Node {
            place: Default::default(),
            value: Value::Scalar { text, plain },
        }
    }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Self::scalar(value.to_string(), true))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Self::scalar(value.to_string(), true))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Self::scalar(value.to_string(), true))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Self::scalar(value.to_owned(), false))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node {
            place: Default::default(),
            value: Value::Sequence(items),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut pairs = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, Node>()? {
            pairs.push((Self::scalar(key, false), value));
        }
        Ok(Node {
            place: Default::default(),
            value: Value::Mapping(pairs),
        })
    }
}
