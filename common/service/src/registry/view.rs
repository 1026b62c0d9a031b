//! A live session as the admin API shows it. Never a credential, never the text of a statement.

use std::net::SocketAddr;

use exeat_audit::Plane;
use exeat_policy::{Request, UnixMillis};
use serde::Serialize;
use uuid::Uuid;

use super::live::Entry;

/// One line of `/sessions`.
#[derive(Clone, Debug, Serialize)]
pub struct SessionView {
    /// The id of the session in the records.
    pub id: Uuid,
    /// The service.
    pub plane: Plane,
    /// The client's address.
    pub peer: SocketAddr,
    /// The listener's address.
    pub listener: SocketAddr,
    /// When it was accepted, milliseconds since the Unix epoch.
    pub since: UnixMillis,
    /// The role, once it is known.
    pub role: Option<String>,
    /// The proven identity.
    pub identity: Option<String>,
    /// When the proof ends, milliseconds since the Unix epoch.
    pub expires_at: Option<UnixMillis>,
    /// Where to: an authority or a database.
    pub target: Option<String>,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
}

impl Entry {
    pub(super) fn view(&self) -> SessionView {
        let info = self.info();
        let (bytes_in, bytes_out) = self.bytes();
        let held = self.held();
        let principal = held.principal.as_ref();
        SessionView {
            id: self.id(),
            plane: info.plane,
            peer: info.peer,
            listener: info.listener,
            since: self.since(),
            role: principal.map(|principal| principal.role.to_string()),
            identity: principal.map(|principal| principal.identity.to_string()),
            expires_at: principal.and_then(|principal| principal.expires_at),
            target: held.request.as_ref().map(target),
            bytes_in,
            bytes_out,
        }
    }
}

fn target(request: &Request) -> String {
    match request {
        Request::Connection(request) => request.authority.to_string(),
        Request::Session(request) => request.database.to_string(),
        Request::Statement(request) => request.database.to_string(),
    }
}
