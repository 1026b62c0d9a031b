//! Which header fields pass the gateway. Hop-by-hop fields end here (RFC 9110 §7.6.1), credentials for
//! the gateway too, and fields that other infrastructure takes as its own word are never relayed from a
//! client or an origin. Pure.

use exeat_policy::Authority;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;

/// Fields that concern one connection only, named by the protocol.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("http2-settings"),
];

/// Fields that a component behind us could take for the word of a trusted proxy.
const INTERNAL: [&str; 5] = [
    "x-forwarded-client-cert",
    "x-role",
    "x-upstream-https-proxy",
    "x-smokescreen-",
    "exeat-",
];

/// Turns the fields of a client's request into those that the origin gets.
pub(crate) fn for_origin(headers: &mut HeaderMap, authority: &Authority, via: &HeaderValue) {
    strip(headers);
    headers.remove(header::EXPECT);
    let host = if authority.port == 80 {
        let text = authority.to_string();
        HeaderValue::from_str(text.strip_suffix(":80").unwrap_or(&text))
    } else {
        HeaderValue::from_str(&authority.to_string())
    };
    if let Ok(host) = host {
        headers.insert(header::HOST, host);
    }
    headers.append(header::VIA, via.clone());
}

/// Turns the fields of an origin's answer into those that the client gets.
pub(crate) fn for_client(headers: &mut HeaderMap, via: &HeaderValue) {
    strip(headers);
    headers.append(header::VIA, via.clone());
}

/// Whether this message has passed the gateway of this pseudonym already.
pub(crate) fn passed(headers: &HeaderMap, pseudonym: &str) -> bool {
    headers
        .get_all(header::VIA)
        .iter()
        .any(|value| memmem::find(value.as_bytes(), pseudonym.as_bytes()).is_some())
}

fn strip(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    let private: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_private(name.as_str()))
        .cloned()
        .collect();
    for name in HOP_BY_HOP.iter().chain(&nominated).chain(&private) {
        headers.remove(name);
    }
}

fn is_private(name: &str) -> bool {
    name.starts_with("proxy-") || INTERNAL.iter().any(|internal| name.starts_with(internal))
}

#[cfg(test)]
mod tests;
