//! A serde deserializer over the tree that goes on after a problem, so that one run shows many.
//!
//! Each problem goes into the sink where it arises, once.

mod collections;
mod variant;

use serde::de::{DeserializeOwned, Deserializer, Error, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::scalar::{Scalar, scalar};
use super::{Node, Problem, Sink, Value};
use crate::document::spanned::MARKER;
use collections::{Items, Pairs, Spanned};
use variant::Variant;

pub(super) fn read<T: DeserializeOwned>(node: &Node, sink: &Sink) -> Option<T> {
    T::deserialize(Reader { node, sink })
        .ok()
        .filter(|_| sink.is_empty())
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    sink: &'a Sink,
}

impl<'a> Reader<'a> {
    fn on(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::at(self.node.place.clone(), message)
    }

    /// Puts a new problem into the sink, with the place of this node unless it has one.
    fn report<T>(&self, result: Result<T, Problem>) -> Result<T, Problem> {
        result.map_err(|mut problem| {
            if !problem.reported {
                problem.place.get_or_insert_with(|| self.node.place.clone());
                self.sink.push(problem.clone());
                problem.reported = true;
            }
            problem
        })
    }

    fn unexpected(&self) -> Unexpected<'a> {
        match &self.node.value {
            Value::Sequence(_) => Unexpected::Seq,
            Value::Mapping(_) => Unexpected::Map,
            Value::Scalar { text, plain } => match scalar(text, *plain) {
                Scalar::Nothing => Unexpected::Unit,
                Scalar::Bool(value) => Unexpected::Bool(value),
                Scalar::Number(text) | Scalar::Text(text) => Unexpected::Str(text),
            },
        }
    }

    fn any<V: Visitor<'a>>(&self, visitor: V) -> Result<V::Value, Problem> {
        match &self.node.value {
            Value::Sequence(items) => visitor.visit_seq(Items {
                reader: *self,
                items: items.iter(),
            }),
            Value::Mapping(pairs) => visitor.visit_map(Pairs {
                reader: *self,
                pairs: pairs.iter(),
                value: None,
            }),
            Value::Scalar { text, plain } => match scalar(text, *plain) {
                Scalar::Nothing => visitor.visit_unit(),
                Scalar::Bool(value) => visitor.visit_bool(value),
                Scalar::Number(text) => self.number(text, visitor),
                Scalar::Text(text) => visitor.visit_borrowed_str(text),
            },
        }
    }

    fn number<V: Visitor<'a>>(&self, text: &str, visitor: V) -> Result<V::Value, Problem> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
        {
            return Err(self
                .problem(format!("the number `{text}` has a leading zero"))
                .hint(format!(
                    "write it without, or in quotes if it is a text: \"{text}\""
                )));
        }
        if let Ok(value) = text.parse::<u64>() {
            return visitor.visit_u64(value);
        }
        if let Ok(value) = text.parse::<i64>() {
            return visitor.visit_i64(value);
        }
        match text.parse::<f64>() {
            Ok(value) => visitor.visit_f64(value),
            Err(_) => Err(Problem::invalid_type(Unexpected::Str(text), &visitor)),
        }
    }

    fn text<V: Visitor<'a>>(&self, visitor: V) -> Result<V::Value, Problem> {
        let wrong = || Problem::invalid_type(self.unexpected(), &visitor);
        match &self.node.value {
            Value::Scalar { text, plain } => match scalar(text, *plain) {
                Scalar::Text(text) => visitor.visit_borrowed_str(text),
                Scalar::Bool(_) | Scalar::Number(_) => {
                    Err(wrong().hint(format!("put it in quotes: \"{text}\"")))
                }
                Scalar::Nothing => Err(wrong()),
            },
            Value::Sequence(_) | Value::Mapping(_) => Err(wrong()),
        }
    }

    fn structure<V: Visitor<'a>>(
        &self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let Value::Mapping(pairs) = &self.node.value else {
            return Err(self
                .problem("expected a mapping")
                .hint(format!("with the keys {}", fields.join(", "))));
        };
        let (known, unknown): (Vec<_>, Vec<_>) = pairs
            .iter()
            .partition(|(key, _)| key.text().is_some_and(|text| fields.contains(&text)));
        for (key, _) in unknown {
            let problem = Problem::unknown_field(key.text().unwrap_or_default(), fields);
            let _ = self.on(key).report::<()>(Err(problem));
        }
        visitor.visit_map(Pairs {
            reader: *self,
            pairs: known.into_iter(),
            value: None,
        })
    }

    fn variant<V: Visitor<'a>>(
        &self,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match &self.node.value {
            Value::Scalar { .. } => visitor.visit_enum(Variant {
                key: *self,
                value: None,
            }),
            Value::Mapping(pairs) => match pairs.as_slice() {
                [(key, value)] => visitor.visit_enum(Variant {
                    key: self.on(key),
                    value: Some(self.on(value)),
                }),
                _ => Err(self
                    .problem(format!("expected one key, found {}", pairs.len()))
                    .hint(format!(
                        "write one list item for each; one of {}",
                        variants.join(", ")
                    ))),
            },
            Value::Sequence(_) => Err(self
                .problem("expected one key, found a list")
                .hint(format!("one of {}", variants.join(", ")))),
        }
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.report(self.any(visitor))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.report(self.text(visitor))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.report(self.text(visitor))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        self.report(self.text(visitor))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        // A key without a value is a slip, not an absence: `allow:` alone must not silently mean "none".
        self.report(visitor.visit_some(self))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        if name == MARKER {
            return self.report(visitor.visit_seq(Spanned {
                reader: self,
                part: 0,
            }));
        }
        self.report(visitor.visit_newtype_struct(self))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.report(self.structure(fields, visitor))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.report(self.variant(variants, visitor))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf
        unit unit_struct seq tuple tuple_struct map ignored_any
    }
}
