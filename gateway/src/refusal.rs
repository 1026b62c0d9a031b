//! A refusal: a message that never became a request. One value for the client's answer, the audit
//! log's `refused` event and the metric label. It must never quote the bytes it refuses.

use http::StatusCode;

/// Why bytes on the client's side were refused before any question could be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The status that the client gets.
    pub(crate) status: StatusCode,
    /// Stable code: answer header, audit field and metric label.
    pub(crate) code: &'static str,
    /// What is wrong, for the client and the log.
    pub(crate) message: &'static str,
}

impl Refusal {
    /// A refusal with this status, code and message.
    pub(crate) const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code,
            message,
        }
    }

    /// 400: the request breaks the protocol.
    pub(crate) const fn bad(code: &'static str, message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }
}
