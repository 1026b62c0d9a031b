//! Objects and arrays of the canonical encoder: fields are written as they come, and put in order when
//! the object ends. Derived structs come in declaration order, so most need one copy of themselves.

use std::cmp::Ordering;

use serde::{Serialize, ser};

use super::{Canonical, CanonicalError, Encoder, Field, string};

/// An object or array that is being written. Every element is followed by a comma until the end.
pub(crate) struct Compound<'e> {
    to: Canonical<'e>,
    close: &'static [u8],
    /// Where the first element starts in the output.
    start: usize,
    /// Where its fields start among the fields of all open objects.
    fields: usize,
    /// Where its keys start.
    keys: usize,
    sorted: bool,
}

impl<'e> Compound<'e> {
    pub(super) fn new(to: Canonical<'e>, close: &'static [u8]) -> Self {
        let start = to.encoder.out.len();
        let (fields, keys) = (to.encoder.fields.len(), to.encoder.keys.len());
        Self {
            to,
            close,
            start,
            fields,
            keys,
            sorted: true,
        }
    }

    fn nested(&mut self) -> Canonical<'_> {
        Canonical {
            encoder: &mut *self.to.encoder,
            references: self.to.references,
        }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        value.serialize(self.nested())?;
        self.to.encoder.out.push(b',');
        Ok(())
    }

    fn key(&mut self, key: &str) -> usize {
        let encoder = &mut *self.to.encoder;
        let start = encoder.out.len();
        let key_start = encoder.keys.len();
        encoder.keys.extend_from_slice(key.as_bytes());
        if let Some(last) = encoder.fields.get(self.fields..).and_then(<[Field]>::last) {
            let previous = encoder
                .keys
                .get(last.key_start..last.key_end)
                .unwrap_or_default();
            self.sorted &= order(previous, key.as_bytes()) == Ordering::Less;
        }
        encoder.fields.push(Field {
            key_start,
            key_end: encoder.keys.len(),
            start,
            end: start,
        });
        string(&mut encoder.out, key);
        encoder.out.push(b':');
        start
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        let mine = self.to.encoder.fields.len();
        self.element(value)?;
        let end = self.to.encoder.out.len();
        if let Some(field) = mine
            .checked_sub(1)
            .and_then(|at| self.to.encoder.fields.get_mut(at))
        {
            field.end = end;
        }
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        let start = self.key(key);
        self.value(value)?;
        let encoder = &mut *self.to.encoder;
        if encoder.out.ends_with(b":null,") {
            encoder.out.truncate(start);
            if let Some(field) = encoder.fields.pop() {
                encoder.keys.truncate(field.key_start);
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), CanonicalError> {
        let encoder = self.to.encoder;
        if !self.sorted {
            encoder.sort(self.start, self.fields)?;
        }
        encoder.fields.truncate(self.fields);
        encoder.keys.truncate(self.keys);
        if encoder.out.len() > self.start {
            encoder.out.pop();
        }
        encoder.out.extend_from_slice(self.close);
        Ok(())
    }
}

/// RFC 8785 §3.2.3: by UTF-16 code units, which for ASCII is by bytes.
fn order(a: &[u8], b: &[u8]) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        return a.cmp(b);
    }
    match (str::from_utf8(a), str::from_utf8(b)) {
        (Ok(a), Ok(b)) => a.encode_utf16().cmp(b.encode_utf16()),
        _ => a.cmp(b),
    }
}

impl Encoder {
    /// Puts the fields of the object that starts at `start` in order.
    fn sort(&mut self, start: usize, fields: usize) -> Result<(), CanonicalError> {
        let keys = &self.keys;
        let key = |field: &Field| keys.get(field.key_start..field.key_end).unwrap_or_default();
        let fields = self.fields.get_mut(fields..).unwrap_or_default();
        // Stable and without an allocation for as few fields as objects have.
        fields.sort_by(|a, b| order(key(a), key(b)));
        if fields.array_windows().any(|[a, b]| key(a) == key(b)) {
            return Err(CanonicalError::DuplicateKey);
        }
        self.scratch.clear();
        for field in fields {
            let bytes = self.out.get(field.start..field.end).unwrap_or_default();
            self.scratch.extend_from_slice(bytes);
        }
        self.out.truncate(start);
        self.out.extend_from_slice(&self.scratch);
        Ok(())
    }
}

impl ser::SerializeSeq for Compound<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_element<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), CanonicalError> {
        self.element(value)
    }
    fn end(self) -> Result<(), CanonicalError> {
        self.finish()
    }
}

impl ser::SerializeTuple for Compound<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_element<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), CanonicalError> {
        self.element(value)
    }
    fn end(self) -> Result<(), CanonicalError> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Compound<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.element(value)
    }
    fn end(self) -> Result<(), CanonicalError> {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for Compound<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.element(value)
    }
    fn end(self) -> Result<(), CanonicalError> {
        self.finish()
    }
}

impl ser::SerializeStruct for Compound<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        self.field(key, value)
    }
    fn end(self) -> Result<(), CanonicalError> {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Compound<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        self.field(key, value)
    }
    fn end(self) -> Result<(), CanonicalError> {
        self.finish()
    }
}

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CanonicalError> {
        let text = serde_json::to_value(key).map_err(ser::Error::custom)?;
        let text = text.as_str().ok_or(CanonicalError::Key)?;
        self.key(text);
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.value(value)
    }
    fn end(self) -> Result<(), CanonicalError> {
        self.finish()
    }
}
