//! Where the process listens, for people (log lines) and for programs (the ready file).

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use serde::Serialize;

/// The addresses, with their real ports.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    pub(super) gateway: Vec<SocketAddr>,
    pub(super) dbproxy: Vec<SocketAddr>,
    pub(super) admin: Option<SocketAddr>,
}

impl Ready {
    /// One log line per listener.
    pub(super) fn announce(&self) {
        let planes = [("gateway", &self.gateway), ("dbproxy", &self.dbproxy)];
        for (plane, addresses) in planes {
            for address in addresses {
                tracing::info!(plane, %address, "listening");
            }
        }
        if let Some(address) = self.admin {
            tracing::info!(plane = "admin", %address, "listening");
        }
    }

    /// Writes the ready file in one step: who sees it sees all of it.
    pub(super) fn write(&self, file: &Path) -> io::Result<()> {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let new = file.with_file_name(name);
        std::fs::write(&new, serde_json::to_string(self)? + "\n")?;
        std::fs::rename(&new, file)
    }
}
