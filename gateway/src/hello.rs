//! Reads a TLS ClientHello out of the first bytes of a tunnel and says what it proves. Pure: bytes in,
//! a finding or "more" out.
//!
//! The hello is reassembled over records (RFC 8446 §5.1), because a server does so too. Everything
//! that two readers could take differently is [`TlsFinding::Malformed`]. This file must never answer
//! with a server name before it has seen the whole hello, and never look past it.
//!
//! Encrypted Client Hello (RFC 9849) is found by its extension. Its GREASE form looks the same by
//! design, so a client that sends GREASE is treated as one that encrypts.

mod body;

use exeat_policy::TlsFinding;

/// The largest ClientHello, in bytes, handshake header included.
pub(crate) const MAX_HELLO: usize = 64 * 1024;
/// The most bytes that are looked at: a hello in records of one byte costs six for each.
const MAX_LOOKED_AT: usize = 6 * MAX_HELLO;
/// RFC 8446 §5.1: 2^14 bytes of plaintext in a record.
const MAX_RECORD: usize = 1 << 14;

const ALERT: u8 = 21;
const CHANGE_CIPHER_SPEC: u8 = 20;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const CLIENT_HELLO: u8 = 1;

/// The outcome of one look at the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Not decided.
    More,
    /// Decided; more bytes would not change it.
    Found(TlsFinding),
}

/// Reassembles a hello out of a growing buffer without looking at a byte twice.
#[derive(Debug, Default)]
pub(crate) struct HelloReader {
    /// Up to where the buffer was read.
    read: usize,
    /// What is left of the record that is being read.
    record: usize,
    /// The handshake message so far.
    message: Vec<u8>,
}

impl HelloReader {
    /// Looks at the whole buffer, which starts with the first byte of the tunnel and only ever grows.
    pub(crate) fn read(&mut self, buffer: &[u8]) -> Progress {
        loop {
            let rest = buffer.get(self.read..).unwrap_or_default();
            if self.record == 0 {
                match record_header(rest, self.read == 0) {
                    Ok(Some(length)) => {
                        self.record = length;
                        self.read += 5;
                    }
                    Ok(None) => return Progress::More,
                    Err(finding) => return Progress::Found(finding),
                }
                continue;
            }
            if rest.is_empty() {
                return Progress::More;
            }
            let taken = rest.get(..self.record.min(rest.len())).unwrap_or_default();
            self.message.extend_from_slice(taken);
            self.read += taken.len();
            self.record -= taken.len();
            if let Some(finding) = self.assembled() {
                return Progress::Found(finding);
            }
            if self.read > MAX_LOOKED_AT {
                return Progress::Found(TlsFinding::Malformed);
            }
        }
    }

    /// The finding, as soon as the message allows one.
    fn assembled(&self) -> Option<TlsFinding> {
        let (first, rest) = self.message.split_first()?;
        if *first != CLIENT_HELLO {
            return Some(TlsFinding::Malformed);
        }
        let (length, body) = rest.split_first_chunk::<3>()?;
        let [high, middle, low] = *length;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        if length + 4 > MAX_HELLO || body.len() > length {
            return Some(TlsFinding::Malformed);
        }
        if body.len() < length {
            return None;
        }
        if self.record > 0 {
            // Another handshake message in the record of the hello.
            return Some(TlsFinding::Malformed);
        }
        Some(body::read(body).unwrap_or(TlsFinding::Malformed))
    }
}

/// The payload length of the record that starts here; `None` where its header is not complete.
fn record_header(bytes: &[u8], first: bool) -> Result<Option<usize>, TlsFinding> {
    let Some(kind) = bytes.first() else {
        return Ok(None);
    };
    match *kind {
        HANDSHAKE => {}
        ALERT | CHANGE_CIPHER_SPEC | APPLICATION_DATA => return Err(TlsFinding::Malformed),
        kind if first => return not_a_record(kind, bytes),
        _ => return Err(TlsFinding::Malformed),
    }
    match bytes.get(1) {
        None => return Ok(None),
        Some(3) => {}
        Some(_) if first => return Err(TlsFinding::NotTls),
        Some(_) => return Err(TlsFinding::Malformed),
    }
    let Some(&[_, _, _, high, low]) = bytes.get(..5) else {
        return Ok(None);
    };
    let length = usize::from(high) << 8 | usize::from(low);
    if length == 0 || length > MAX_RECORD {
        return Err(TlsFinding::Malformed);
    }
    Ok(Some(length))
}

/// An SSL 2 hello has the high bit of its length set and message type 1; nothing else here is TLS.
fn not_a_record(kind: u8, bytes: &[u8]) -> Result<Option<usize>, TlsFinding> {
    if kind & 0x80 == 0 {
        return Err(TlsFinding::NotTls);
    }
    match bytes.get(2) {
        None => Ok(None),
        Some(1) => Err(TlsFinding::Malformed),
        Some(_) => Err(TlsFinding::NotTls),
    }
}

#[cfg(test)]
mod tests;
