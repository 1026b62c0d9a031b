//! Messages that the proxy makes itself, appended to a buffer.

use std::borrow::Cow;

use super::backend::Status;
use super::frontend::Target;

/// Appends a frame: the tag, a length that is filled in afterwards, and what `body` writes.
pub(crate) fn frame(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    untagged(out, body);
}

fn untagged(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    counted(out, 0, body);
}

fn counted(out: &mut Vec<u8>, rest: usize, body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    // The proxy's own messages are far below 4 GB; a saturated length would be refused by the peer.
    let length = u32::try_from(out.len() - at + rest).unwrap_or(u32::MAX);
    if let Some(slot) = out.get_mut(at..at + 4) {
        slot.copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends what stands in front of a frame's last `rest` bytes: the tag, the length of the whole, and
/// what `body` writes.
pub(crate) fn head(out: &mut Vec<u8>, tag: u8, rest: usize, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    counted(out, rest, body);
}

/// Appends a string and its NUL. A NUL within is replaced: it would end the string for the peer.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().map(|byte| if byte == 0 { b' ' } else { byte }));
    out.push(0);
}

/// How bad an error is for the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The statement fails, the session goes on.
    Error,
    /// The session ends.
    Fatal,
}

/// An ErrorResponse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) severity: Severity,
    pub(crate) code: Cow<'static, str>,
    pub(crate) message: String,
    pub(crate) detail: Option<String>,
    pub(crate) hint: Option<String>,
    /// Further fields by their letter, as the server gave them.
    pub(crate) further: Vec<(u8, String)>,
}

impl Error {
    pub(crate) fn fatal(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Fatal,
            code: Cow::Borrowed(code),
            message: message.into(),
            detail: None,
            hint: None,
            further: Vec::new(),
        }
    }

    pub(crate) fn plain(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            ..Self::fatal(code, message)
        }
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Appends an ErrorResponse.
pub(crate) fn error(out: &mut Vec<u8>, error: &Error) {
    let severity = match error.severity {
        Severity::Error => "ERROR",
        Severity::Fatal => "FATAL",
    };
    frame(out, b'E', |out| {
        let mut field = |kind: u8, text: &str| {
            out.push(kind);
            string(out, text);
        };
        field(b'S', severity);
        field(b'V', severity);
        field(b'C', &error.code);
        field(b'M', &error.message);
        if let Some(detail) = &error.detail {
            field(b'D', detail);
        }
        if let Some(hint) = &error.hint {
            field(b'H', hint);
        }
        for (letter, text) in &error.further {
            field(*letter, text);
        }
        out.push(0);
    });
}

/// Appends a ReadyForQuery.
pub(crate) fn ready(out: &mut Vec<u8>, status: Status) {
    frame(out, b'Z', |out| out.push(status.byte()));
}

/// Appends an Authentication message with this code and body.
pub(crate) fn authentication(out: &mut Vec<u8>, code: u32, body: &[u8]) {
    frame(out, b'R', |out| {
        out.extend_from_slice(&code.to_be_bytes());
        out.extend_from_slice(body);
    });
}

/// Appends a NegotiateProtocolVersion.
pub(crate) fn negotiate(out: &mut Vec<u8>, version: u32, unknown: &[String]) {
    frame(out, b'v', |out| {
        out.extend_from_slice(&version.to_be_bytes());
        let count = u32::try_from(unknown.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for name in unknown {
            string(out, name);
        }
    });
}

/// Appends a ParameterStatus.
pub(crate) fn parameter_status(out: &mut Vec<u8>, name: &str, value: &str) {
    frame(out, b'S', |out| {
        string(out, name);
        string(out, value);
    });
}

/// Appends a BackendKeyData.
pub(crate) fn key_data(out: &mut Vec<u8>, process: u32, secret: &[u8]) {
    frame(out, b'K', |out| {
        out.extend_from_slice(&process.to_be_bytes());
        out.extend_from_slice(secret);
    });
}

/// Appends a Query.
pub(crate) fn query(out: &mut Vec<u8>, sql: &str) {
    frame(out, b'Q', |out| string(out, sql));
}

/// Appends a Parse without parameter types.
pub(crate) fn parse(out: &mut Vec<u8>, name: &str, sql: &str) {
    frame(out, b'P', |out| {
        string(out, name);
        string(out, sql);
        out.extend_from_slice(&[0, 0]);
    });
}

/// Appends what runs a statement by the extended protocol, under the unnamed statement and portal.
pub(crate) fn run(out: &mut Vec<u8>, sql: &str) {
    parse(out, "", sql);
    frame(out, b'B', |out| out.extend_from_slice(&[0; 8]));
    frame(out, b'E', |out| out.extend_from_slice(&[0; 5]));
}

/// Appends a Parse with parameter types.
pub(crate) fn parse_with(out: &mut Vec<u8>, name: &str, sql: &str, types: &[u32]) {
    frame(out, b'P', |out| {
        string(out, name);
        string(out, sql);
        // A message has at most this many: it came in one.
        let count = u16::try_from(types.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for oid in types.iter().take(usize::from(count)) {
            out.extend_from_slice(&oid.to_be_bytes());
        }
    });
}

/// Appends a Close or Describe; `name` writes the name and its NUL.
pub(crate) fn target(out: &mut Vec<u8>, tag: u8, target: Target, name: impl FnOnce(&mut Vec<u8>)) {
    frame(out, tag, |out| {
        out.push(target.byte());
        name(out);
    });
}

/// Appends a StartupMessage of protocol 3.0.
pub(crate) fn startup<'a>(
    out: &mut Vec<u8>,
    parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
) {
    untagged(out, |out| {
        out.extend_from_slice(&(3u32 << 16).to_be_bytes());
        for (name, value) in parameters {
            string(out, name);
            string(out, value);
        }
        out.push(0);
    });
}

/// Appends a CancelRequest.
pub(crate) fn cancel(out: &mut Vec<u8>, process: u32, secret: &[u8]) {
    untagged(out, |out| {
        out.extend_from_slice(&80_877_102u32.to_be_bytes());
        out.extend_from_slice(&process.to_be_bytes());
        out.extend_from_slice(secret);
    });
}

/// An SSLRequest.
pub(crate) const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

#[cfg(test)]
mod tests;
