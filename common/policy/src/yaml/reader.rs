//! A serde deserializer over the tree that goes on after a problem, so that one run shows many.
//!
//! Each problem goes into the sink where it arises. What failed is left out of the value ([`Tried`]),
//! so a value may only be used when the sink is empty.

use std::cell::RefCell;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess,
    Unexpected, VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::{Node, Problem, Value};
use crate::document::spanned::MARKER;

/// Where problems go.
#[derive(Debug, Default)]
pub(crate) struct Sink(RefCell<Vec<Problem>>);

impl Sink {
    pub(crate) fn push(&self, mut problem: Problem) {
        problem.reported = true;
        self.0.borrow_mut().push(problem);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// A value, or nothing where it failed and the sink knows why.
pub(crate) struct Tried<T>(pub(crate) Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Tried<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(T::deserialize(deserializer).ok()))
    }
}

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

/// What a plain scalar is by YAML's core schema.
enum Scalar<'a> {
    Nothing,
    Bool(bool),
    Number(&'a str),
    Text(&'a str),
}

fn scalar(text: &str, plain: bool) -> Scalar<'_> {
    if !plain {
        return Scalar::Text(text);
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Nothing,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        _ => {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let number =
                digits.starts_with(|c: char| c.is_ascii_digit()) && digits.parse::<f64>().is_ok();
            if number {
                Scalar::Number(text)
            } else {
                Scalar::Text(text)
            }
        }
    }
}

impl<'a> Reader<'a> {
    fn on(self, node: &'a Node) -> Self {
        Self { node, ..self }
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
            return Err(Problem::at(
                self.node.place.clone(),
                format!("the number `{text}` has a leading zero"),
            ));
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
        if let Value::Scalar { text, plain } = &self.node.value {
            return match scalar(text, *plain) {
                Scalar::Text(text) => visitor.visit_borrowed_str(text),
                Scalar::Bool(_) | Scalar::Number(_) => {
                    Err(Problem::invalid_type(self.unexpected(), &visitor)
                        .hint(format!("put it in quotes: \"{text}\"")))
                }
                Scalar::Nothing => Err(Problem::invalid_type(Unexpected::Unit, &visitor)),
            };
        }
        Err(Problem::invalid_type(self.unexpected(), &visitor))
    }

    fn structure<V: Visitor<'a>>(
        &self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let Value::Mapping(pairs) = &self.node.value else {
            return Err(Problem::at(self.node.place.clone(), "expected a mapping")
                .hint(format!("with the keys {}", fields.join(", "))));
        };
        let (known, unknown): (Vec<_>, Vec<_>) =
            pairs.iter().partition(|(key, _)| matches!(&key.value, Value::Scalar { text, .. } if fields.contains(&text.as_str())));
        for (key, _) in unknown {
            if let Value::Scalar { text, .. } = &key.value {
                let _ = self
                    .on(key)
                    .report::<()>(Err(Problem::unknown_field(text, fields)));
            }
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
                _ => Err(Problem::at(
                    self.node.place.clone(),
                    format!("expected one key, found {}", pairs.len()),
                )
                .hint(format!(
                    "write one list item for each; one of {}",
                    variants.join(", ")
                ))),
            },
            Value::Sequence(_) => Err(Problem::at(
                self.node.place.clone(),
                "expected one key, found a list",
            )
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

struct Items<'a> {
    reader: Reader<'a>,
    items: std::slice::Iter<'a, Node>,
}

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        self.items
            .next()
            .map(|item| seed.deserialize(self.reader.on(item)))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Pairs<'a, I> {
    reader: Reader<'a>,
    pairs: I,
    value: Option<&'a Node>,
}

impl<'a, I: Iterator<Item = &'a (Node, Node)>> MapAccess<'a> for Pairs<'a, I> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        let Some((key, value)) = self.pairs.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        seed.deserialize(self.reader.on(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let value = self
            .value
            .take()
            .ok_or_else(|| Problem::custom("a key has no value"))?;
        seed.deserialize(self.reader.on(value))
    }
}

/// The four parts of `crate::document::spanned::Spanned`.
struct Spanned<'a> {
    reader: Reader<'a>,
    part: u8,
}

impl<'a> SeqAccess<'a> for Spanned<'a> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        use serde::de::IntoDeserializer;
        let place = &self.reader.node.place;
        self.part += 1;
        match self.part {
            1 => seed.deserialize(place.source.into_deserializer()).map(Some),
            2 => seed
                .deserialize(place.range.start.into_deserializer())
                .map(Some),
            3 => seed
                .deserialize(place.range.end.into_deserializer())
                .map(Some),
            4 => seed.deserialize(self.reader).map(Some),
            _ => Ok(None),
        }
    }
}

struct Variant<'a> {
    key: Reader<'a>,
    value: Option<Reader<'a>>,
}

impl<'a> EnumAccess<'a> for Variant<'a> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Problem> {
        let name = match &self.key.node.value {
            Value::Scalar { text, .. } => text.as_str(),
            Value::Sequence(_) | Value::Mapping(_) => "",
        };
        let value = self
            .key
            .report(seed.deserialize(StrDeserializer::<Problem>::new(name)))?;
        Ok((value, self))
    }
}

impl<'a> Variant<'a> {
    fn content(&self) -> Result<Reader<'a>, Problem> {
        self.value.ok_or_else(|| {
            Problem::at(
                self.key.node.place.clone(),
                "expected a value after this word",
            )
        })
    }
}

impl<'a> VariantAccess<'a> for Variant<'a> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        match self.value {
            None => Ok(()),
            Some(value) => Err(Problem::at(
                value.node.place.clone(),
                "this word takes no value",
            )),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Problem> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Problem> {
        self.content()?.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        self.content()?.deserialize_struct("", fields, visitor)
    }
}

impl<'de> Deserialize<'de> for Node {
    /// From JSON, where no places are known.
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

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
