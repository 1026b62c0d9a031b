//! Words of a fixed list: alone (`mode: report`), or with what they take (`select: public.orders`).

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, VariantAccess, Visitor};

use super::Reader;
use crate::yaml::Problem;

/// A word, alone or as the one key of a mapping.
pub(super) struct Variant<'a> {
    pub(super) key: Reader<'a>,
    pub(super) value: Option<Reader<'a>>,
}

impl<'a> EnumAccess<'a> for Variant<'a> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Problem> {
        let name = self.key.node.text().unwrap_or_default();
        let value = self
            .key
            .report(seed.deserialize(StrDeserializer::<Problem>::new(name)))?;
        Ok((value, self))
    }
}

impl<'a> Variant<'a> {
    fn content(&self) -> Result<Reader<'a>, Problem> {
        self.value.ok_or_else(|| {
            self.key
                .problem("expected a value after this word")
                .hint("write `word: value`")
        })
    }
}

impl<'a> VariantAccess<'a> for Variant<'a> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        match self.value {
            None => Ok(()),
            Some(value) => Err(value
                .problem("this word takes no value")
                .hint("write the word alone")),
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
