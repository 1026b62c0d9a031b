//! The body of a ClientHello (RFC 8446 §4.1.2): walks it to the last byte, finds the server name and
//! Encrypted Client Hello. Pure; must never accept a body that does not end where its lengths say.

use std::sync::Arc;

use exeat_policy::{Authority, Host, TlsFinding};
use smallvec::SmallVec;

const SERVER_NAME: u16 = 0;
/// RFC 9849: `encrypted_client_hello`.
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
/// RFC 9849: `ech_outer_extensions`, only legal inside.
const ECH_OUTER_EXTENSIONS: u16 = 0xfd00;
/// The draft that came before: `encrypted_server_name`.
const ENCRYPTED_SERVER_NAME: u16 = 0xffce;
/// More than any client sends.
const MAX_EXTENSIONS: usize = 128;

/// The finding; `None` where the body breaks the protocol.
pub(super) fn read(body: &[u8]) -> Option<TlsFinding> {
    let mut body = Bytes(body);
    let version = body.take(2)?;
    if version.first() != Some(&3) {
        return None;
    }
    body.take(32)?;
    let session = body.prefixed_by_one()?;
    let suites = body.prefixed_by_two()?;
    let compression = body.prefixed_by_one()?;
    if session.len() > 32 || suites.is_empty() || suites.len() % 2 != 0 || compression.is_empty() {
        return None;
    }
    if body.is_empty() {
        return Some(TlsFinding::NoServerName);
    }
    let extensions = body.prefixed_by_two()?;
    if !body.is_empty() {
        return None;
    }
    walk(Bytes(extensions))
}

fn walk(mut extensions: Bytes<'_>) -> Option<TlsFinding> {
    let mut seen: SmallVec<[u16; 32]> = SmallVec::new();
    let mut name = None;
    let mut encrypted = false;
    while !extensions.is_empty() {
        let kind = extensions.number()?;
        let data = extensions.prefixed_by_two()?;
        if seen.contains(&kind) || seen.len() == MAX_EXTENSIONS {
            return None;
        }
        seen.push(kind);
        match kind {
            SERVER_NAME => name = Some(server_name(data)?),
            ENCRYPTED_CLIENT_HELLO | ECH_OUTER_EXTENSIONS | ENCRYPTED_SERVER_NAME => {
                encrypted = true;
            }
            _ => {}
        }
    }
    Some(match name {
        _ if encrypted => TlsFinding::EncryptedClientHello,
        Some(name) => TlsFinding::ServerName(name),
        None => TlsFinding::NoServerName,
    })
}

/// RFC 6066 §3: exactly one entry, of type host_name, that is a DNS name and no address. A trailing
/// dot, which the RFC forbids, is kept, so that the name equals no authority.
fn server_name(data: &[u8]) -> Option<Arc<str>> {
    let mut data = Bytes(data);
    let mut list = Bytes(data.prefixed_by_two()?);
    let kind = list.take(1)?;
    let name = list.prefixed_by_two()?;
    if kind != [0] || !list.is_empty() || !data.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(name).ok()?;
    match Authority::new(text, 443).ok()?.host {
        Host::Name(name) if text.ends_with('.') => Some(format!("{name}.").into()),
        Host::Name(name) => Some(name),
        Host::Address(_) => None,
    }
}

/// A reader of length-prefixed vectors.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let (number, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*number))
    }

    fn prefixed_by_one(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first()?;
        self.0 = rest;
        self.take(usize::from(*length))
    }

    fn prefixed_by_two(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::from(length))
    }
}
