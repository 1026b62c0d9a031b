//! Lists, mappings and values with a place, as serde asks for them.

use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, SeqAccess};

use super::Reader;
use crate::yaml::{Node, Problem};

pub(super) struct Items<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) items: std::slice::Iter<'a, Node>,
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

pub(super) struct Pairs<'a, I> {
    pub(super) reader: Reader<'a>,
    pub(super) pairs: I,
    pub(super) value: Option<&'a Node>,
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
pub(super) struct Spanned<'a> {
    pub(super) reader: Reader<'a>,
    pub(super) part: u8,
}

impl<'a> SeqAccess<'a> for Spanned<'a> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
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
