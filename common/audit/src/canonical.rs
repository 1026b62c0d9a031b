//! Canonical JSON (RFC 8785): sorted keys, no white space, one spelling per string. Numbers are integers
//! only; a fraction is an error, never rounded. A struct's field that is `None` is left out.
//!
//! The encoder is a serde serializer that sorts while it writes, so any value has exactly one form and a
//! field added elsewhere is recorded without a change here. It never allocates once its buffers have grown.

mod compound;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display};

use serde::{Serialize, Serializer, ser};

pub(crate) use compound::Compound;

/// What cannot be put in canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// A number with a fraction.
    #[error("a number that is no integer")]
    Fraction,
    /// A key of an object that is no string.
    #[error("an object's key that is no string")]
    Key,
    /// The same key twice in one object.
    #[error("a key twice in one object")]
    DuplicateKey,
    /// A value's own serializer failed.
    #[error("{0}")]
    Custom(String),
}

impl ser::Error for CanonicalError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }
}

/// References that stand in for values which the log stores once: see [`crate::context`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct References<'a> {
    /// In place of `Caller::Known`.
    pub(crate) caller: Option<&'a str>,
    /// In place of a `Subject`.
    pub(crate) subject: Option<&'a str>,
}

struct Field {
    key_start: usize,
    key_end: usize,
    start: usize,
    end: usize,
}

/// The encoder and its buffers; keep one per thread.
#[derive(Default)]
pub(crate) struct Encoder {
    out: Vec<u8>,
    keys: Vec<u8>,
    fields: Vec<Field>,
    scratch: Vec<u8>,
}

impl Encoder {
    /// The canonical form of a value; valid until the next call.
    pub(crate) fn encode<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
        references: References<'_>,
    ) -> Result<&[u8], CanonicalError> {
        self.out.clear();
        self.keys.clear();
        self.fields.clear();
        value.serialize(Canonical {
            encoder: self,
            references,
        })?;
        Ok(&self.out)
    }
}

/// The canonical form of a value, as text.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, CanonicalError> {
    let mut encoder = Encoder::default();
    encoder.encode(value, References::default())?;
    String::from_utf8(encoder.out).map_err(ser::Error::custom)
}

pub(crate) struct Canonical<'e> {
    encoder: &'e mut Encoder,
    references: References<'e>,
}

impl<'e> Canonical<'e> {
    fn raw(self, text: &str) -> Result<(), CanonicalError> {
        self.encoder.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn open(self, bracket: u8, close: &'static [u8]) -> Compound<'e> {
        self.encoder.out.push(bracket);
        Compound::new(self, close)
    }

    fn variant(&mut self, variant: &str) {
        self.encoder.out.push(b'{');
        string(&mut self.encoder.out, variant);
        self.encoder.out.push(b':');
    }
}

/// So many bytes of a string are looked at together.
const PART: usize = 64;

/// Appends a string literal: RFC 8785 §3.2.2.2.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.push(b'"');
    // Nearly all of a string is plain; without an early exit the check runs over many bytes at once.
    for part in bytes.chunks(PART) {
        if part
            .iter()
            .fold(true, |plain, byte| plain & is_plain(*byte))
        {
            out.extend_from_slice(part);
        } else {
            part.iter().for_each(|byte| escaped(out, *byte));
        }
    }
    out.push(b'"');
}

fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

fn escaped(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x09 => out.extend_from_slice(b"\\t"),
        0x0a => out.extend_from_slice(b"\\n"),
        0x0c => out.extend_from_slice(b"\\f"),
        0x0d => out.extend_from_slice(b"\\r"),
        0..0x20 => {
            const HEX: [u8; 16] = *b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.extend(HEX.get(usize::from(byte >> 4)));
            out.extend(HEX.get(usize::from(byte & 15)));
        }
        _ => out.push(byte),
    }
}

impl<'e> Serializer for Canonical<'e> {
    type Ok = ();
    type Error = CanonicalError;
    type SerializeSeq = Compound<'e>;
    type SerializeTuple = Compound<'e>;
    type SerializeTupleStruct = Compound<'e>;
    type SerializeTupleVariant = Compound<'e>;
    type SerializeMap = Compound<'e>;
    type SerializeStruct = Compound<'e>;
    type SerializeStructVariant = Compound<'e>;

    fn serialize_bool(self, value: bool) -> Result<(), CanonicalError> {
        self.raw(if value { "true" } else { "false" })
    }
    fn serialize_i8(self, value: i8) -> Result<(), CanonicalError> {
        self.serialize_i64(value.into())
    }
    fn serialize_i16(self, value: i16) -> Result<(), CanonicalError> {
        self.serialize_i64(value.into())
    }
    fn serialize_i32(self, value: i32) -> Result<(), CanonicalError> {
        self.serialize_i64(value.into())
    }
    fn serialize_i64(self, value: i64) -> Result<(), CanonicalError> {
        self.raw(itoa::Buffer::new().format(value))
    }
    fn serialize_u8(self, value: u8) -> Result<(), CanonicalError> {
        self.serialize_u64(value.into())
    }
    fn serialize_u16(self, value: u16) -> Result<(), CanonicalError> {
        self.serialize_u64(value.into())
    }
    fn serialize_u32(self, value: u32) -> Result<(), CanonicalError> {
        self.serialize_u64(value.into())
    }
    fn serialize_u64(self, value: u64) -> Result<(), CanonicalError> {
        self.raw(itoa::Buffer::new().format(value))
    }
    fn serialize_f32(self, _: f32) -> Result<(), CanonicalError> {
        Err(CanonicalError::Fraction)
    }
    fn serialize_f64(self, _: f64) -> Result<(), CanonicalError> {
        Err(CanonicalError::Fraction)
    }
    fn serialize_char(self, value: char) -> Result<(), CanonicalError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, value: &str) -> Result<(), CanonicalError> {
        string(&mut self.encoder.out, value);
        Ok(())
    }
    fn serialize_bytes(self, value: &[u8]) -> Result<(), CanonicalError> {
        self.collect_seq(value)
    }
    fn serialize_none(self) -> Result<(), CanonicalError> {
        self.raw("null")
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CanonicalError> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), CanonicalError> {
        self.raw("null")
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CanonicalError> {
        self.raw("null")
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), CanonicalError> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        let reference = match (name, variant) {
            ("Caller", "known") => self.references.caller,
            ("Subject", _) => self.references.subject,
            _ => None,
        };
        if let Some(reference) = reference {
            self.variant("context");
            string(&mut self.encoder.out, reference);
        } else {
            self.variant(variant);
            let encoder = &mut *self.encoder;
            value.serialize(Canonical {
                encoder,
                references: self.references,
            })?;
        }
        self.encoder.out.push(b'}');
        Ok(())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'e>, CanonicalError> {
        Ok(self.open(b'[', b"]"))
    }
    fn serialize_tuple(self, _: usize) -> Result<Compound<'e>, CanonicalError> {
        Ok(self.open(b'[', b"]"))
    }
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Compound<'e>, CanonicalError> {
        Ok(self.open(b'[', b"]"))
    }
    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'e>, CanonicalError> {
        self.variant(variant);
        Ok(self.open(b'[', b"]}"))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'e>, CanonicalError> {
        Ok(self.open(b'{', b"}"))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'e>, CanonicalError> {
        Ok(self.open(b'{', b"}"))
    }
    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'e>, CanonicalError> {
        self.variant(variant);
        Ok(self.open(b'{', b"}}"))
    }
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), CanonicalError> {
        // Addresses and ids: escaped like any string, by way of a buffer on the stack where they fit.
        let mut small = Small::default();
        match fmt::write(&mut small, format_args!("{value}")) {
            Ok(()) => self.serialize_str(small.as_str()),
            Err(fmt::Error) => self.serialize_str(&value.to_string()),
        }
    }
}

struct Small {
    bytes: [u8; 64],
    len: usize,
}

impl Default for Small {
    fn default() -> Self {
        Self {
            bytes: [0; 64],
            len: 0,
        }
    }
}

impl Small {
    fn as_str(&self) -> &str {
        self.bytes
            .get(..self.len)
            .and_then(|bytes| str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl fmt::Write for Small {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self
            .bytes
            .get_mut(self.len..self.len + text.len())
            .ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}
