//! A strict reader of HTTP/1 request heads (RFC 9112), run before hyper sees a byte. Pure: bytes in, a
//! head, a refusal or "more" out.
//!
//! hyper is lenient where a proxy may not be: it takes bare line feeds, folds equal content lengths,
//! prefers chunked over a content length, and hides the raw request target. Whatever those would make
//! ambiguous is refused here, so that what hyper reads has one meaning. This file must never accept
//! what hyper refuses to frame the same way, and must never repair a head.

use http::StatusCode;
use memchr::memchr;

use crate::refusal::Refusal;

/// The longest request line, in bytes.
pub(crate) const MAX_REQUEST_LINE: usize = 8 * 1024;
/// The longest head, in bytes.
pub(crate) const MAX_HEAD: usize = 32 * 1024;
/// The most header fields in a head.
pub(crate) const MAX_FIELDS: usize = 100;

/// How the body of a request is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body.
    Empty,
    /// So many bytes.
    Length(u64),
    /// The chunked coding.
    Chunked,
}

/// What the strict reader learnt from a head that it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The length of the head, its empty line included.
    pub(crate) length: usize,
    /// The request target as it was sent.
    pub(crate) target: Box<str>,
    /// Whether the method is CONNECT.
    pub(crate) connect: bool,
    /// How the body is delimited; always [`Framing::Empty`] for CONNECT.
    pub(crate) framing: Framing,
}

/// The outcome of one look at the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The head is not complete.
    More,
    /// A head.
    Complete(Head),
    /// No head that may pass.
    Refused(Refusal),
}

/// Finds the end of a head in a growing buffer without looking at a byte twice.
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    /// The start of the line that is being read.
    line: usize,
    /// Up to where the buffer was searched.
    searched: usize,
    /// The complete lines so far, the request line included.
    lines: usize,
}

impl HeadReader {
    /// Looks at the whole buffer, which starts with the head and only ever grows.
    pub(crate) fn read(&mut self, buffer: &[u8]) -> Progress {
        if let Some(first) = buffer.first()
            && !first.is_ascii_alphabetic()
        {
            return Progress::Refused(not_http(*first));
        }
        loop {
            let rest = buffer.get(self.searched..).unwrap_or_default();
            let Some(found) = memchr(b'\n', rest) else {
                self.searched = buffer.len();
                return self.unfinished(buffer.len());
            };
            let feed = self.searched + found;
            self.searched = feed + 1;
            let line = buffer.get(self.line..feed).unwrap_or_default();
            let Some(line) = line.strip_suffix(b"\r") else {
                return Progress::Refused(BARE_LINE_FEED);
            };
            self.line = self.searched;
            if line.is_empty() {
                break;
            }
            self.lines += 1;
            if self.lines == 1 && line.len() > MAX_REQUEST_LINE {
                return Progress::Refused(TARGET_TOO_LONG);
            }
            if let Progress::Refused(refusal) = self.unfinished(self.searched) {
                return Progress::Refused(refusal);
            }
        }
        let head = buffer.get(..self.searched).unwrap_or_default();
        if head.len() > MAX_HEAD {
            return Progress::Refused(HEAD_TOO_LARGE);
        }
        match parse(head) {
            Ok(head) => Progress::Complete(head),
            Err(refusal) => Progress::Refused(refusal),
        }
    }

    fn unfinished(&self, length: usize) -> Progress {
        let refusal = if self.lines == 0 && length > MAX_REQUEST_LINE {
            TARGET_TOO_LONG
        } else if length > MAX_HEAD || self.lines > MAX_FIELDS + 1 {
            HEAD_TOO_LARGE
        } else {
            return Progress::More;
        };
        Progress::Refused(refusal)
    }
}

const BARE_LINE_FEED: Refusal = Refusal::bad("bad_line_end", "a line ends without CR LF");
const TARGET_TOO_LONG: Refusal = Refusal::new(
    StatusCode::URI_TOO_LONG,
    "request_line_too_long",
    "the request line is longer than 8 KiB",
);
const HEAD_TOO_LARGE: Refusal = Refusal::new(
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    "head_too_large",
    "the head is larger than 32 KiB or has more than 100 fields",
);

fn not_http(first: u8) -> Refusal {
    if first == 0x16 {
        Refusal::bad(
            "tls_on_plain_listener",
            "this listener speaks plain HTTP: use an http:// proxy address",
        )
    } else {
        Refusal::bad("bad_request_line", "this is not an HTTP/1 request")
    }
}

/// Parses a complete head, the empty line included.
fn parse(head: &[u8]) -> Result<Head, Refusal> {
    let text = head.strip_suffix(b"\r\n").unwrap_or(head);
    let mut lines = Lines(text);
    let request = RequestLine::parse(lines.next().unwrap_or_default())?;
    let mut fields = Fields::default();
    for line in lines {
        fields.take(line)?;
    }
    let framing = fields.framing(&request)?;
    Ok(Head {
        length: head.len(),
        target: request.target.into(),
        connect: request.connect,
        framing,
    })
}

/// The lines of a head, each known to end with CR LF.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = memchr(b'\n', self.0)?;
        let line = self.0.get(..end.saturating_sub(1)).unwrap_or_default();
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        Some(line)
    }
}

struct RequestLine<'a> {
    target: &'a str,
    connect: bool,
    old: bool,
}

impl<'a> RequestLine<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, Refusal> {
        const BAD: Refusal = Refusal::bad("bad_request_line", "the request line is malformed");
        let mut parts = line.split(|byte| *byte == b' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(BAD);
        };
        if !method.iter().all(|byte| is_token(*byte)) {
            return Err(BAD);
        }
        if method.iter().any(u8::is_ascii_lowercase) {
            return Err(Refusal::bad("bad_method", "methods are upper case"));
        }
        let old = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            other if other.starts_with(b"HTTP/") => {
                return Err(Refusal::new(
                    StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                    "version_not_supported",
                    "only HTTP/1.1 and HTTP/1.0 are spoken here",
                ));
            }
            _ => return Err(BAD),
        };
        if target.is_empty() || target.iter().any(|byte| !is_target(*byte)) {
            return Err(Refusal::bad(
                "bad_target",
                "the request target holds a character that it may not hold",
            ));
        }
        let target = std::str::from_utf8(target).map_err(|_| BAD)?;
        Ok(Self {
            target,
            connect: method == b"CONNECT",
            old,
        })
    }
}

/// The fields whose repetition or form decides where a message ends, or who sent it.
#[derive(Default)]
struct Fields<'a> {
    length: Option<&'a [u8]>,
    coding: Option<&'a [u8]>,
    host: bool,
    credentials: bool,
}

impl<'a> Fields<'a> {
    fn take(&mut self, line: &'a [u8]) -> Result<(), Refusal> {
        const BAD: Refusal = Refusal::bad("bad_field", "a header field is malformed");
        if line
            .first()
            .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
        {
            return Err(Refusal::bad("obsolete_fold", "a header field is folded"));
        }
        let colon = memchr(b':', line).ok_or(BAD)?;
        let (name, value) = line.split_at_checked(colon).ok_or(BAD)?;
        let value = value.get(1..).unwrap_or_default();
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(BAD);
        }
        if !value.iter().all(|byte| is_field_content(*byte)) {
            return Err(BAD);
        }
        let value = value.trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            once(
                self.length.replace(value).is_none(),
                "repeated_content_length",
            )?;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            once(
                self.coding.replace(value).is_none(),
                "repeated_transfer_encoding",
            )?;
        } else if name.eq_ignore_ascii_case(b"host") {
            once(!std::mem::replace(&mut self.host, true), "repeated_host")?;
        } else if name.eq_ignore_ascii_case(b"proxy-authorization") {
            once(
                !std::mem::replace(&mut self.credentials, true),
                "repeated_proxy_authorization",
            )?;
        }
        Ok(())
    }

    fn framing(&self, request: &RequestLine<'_>) -> Result<Framing, Refusal> {
        if !self.host && !request.old {
            return Err(Refusal::bad("host_missing", "the Host field is missing"));
        }
        let framing = match (self.length, self.coding) {
            (Some(_), Some(_)) => {
                return Err(Refusal::bad(
                    "ambiguous_length",
                    "Content-Length and Transfer-Encoding in one message",
                ));
            }
            (None, None) => Framing::Empty,
            (Some(length), None) => match content_length(length)? {
                0 => Framing::Empty,
                length => Framing::Length(length),
            },
            (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") && !request.old => {
                Framing::Chunked
            }
            (None, Some(_)) => {
                return Err(Refusal::bad(
                    "bad_transfer_encoding",
                    "the only transfer coding is chunked, in HTTP/1.1",
                ));
            }
        };
        if request.connect && framing != Framing::Empty {
            return Err(Refusal::bad("connect_with_body", "CONNECT has no body"));
        }
        Ok(framing)
    }
}

fn once(first: bool, code: &'static str) -> Result<(), Refusal> {
    if first {
        Ok(())
    } else {
        Err(Refusal::bad(
            code,
            "a header field that may occur once is repeated",
        ))
    }
}

/// RFC 9110 §8.6: one or more digits. At most 18 of them, which is far beyond any body.
fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    const BAD: Refusal = Refusal::bad("bad_content_length", "Content-Length is not a number");
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(BAD);
    }
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or(BAD)
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Visible ASCII without what a URL parser may read as an end, a start or a separator of another kind.
fn is_target(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'"' | b'<' | b'>' | b'^' | b'`')
}

/// RFC 9110 §5.5, with opaque bytes above ASCII.
fn is_field_content(byte: u8) -> bool {
    byte == b'\t' || (byte >= 0x20 && byte != 0x7f)
}

#[cfg(test)]
mod tests;
