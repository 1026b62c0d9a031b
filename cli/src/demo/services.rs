//! `exeat run` on the stage: its configuration, its start, and where it listens.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::leash::Leash;
use super::shop::ROLES;

/// How long `exeat run` may take to be ready.
const START: Duration = Duration::from_secs(30);

/// The configuration for a stage in `root` with the database on this port.
pub(crate) fn configuration(root: &Path, database: u16) -> String {
    let root = root.display();
    let users: String = ROLES
        .iter()
        .map(|role| format!("        {role}: {{ password: {{ file: {root}/{role}.password }} }}\n"))
        .collect();
    format!(
        "\
version: 1
policy: {root}/policy.yaml
identity:
  store: {root}/identity
audit:
  directory: {root}/audit
admin:
  address: 127.0.0.1:0
gateway:
  listeners:
    - address: 127.0.0.1:0
    - address: 127.0.0.1:0
      tls: {{ certificate: {root}/identity/issued/exeat.pem, key: {root}/identity/issued/exeat.key, client_certificates: true }}
  dns:
    static:
      api.payments.example: [127.0.0.1]
      reports.partners.example: [127.0.0.2]
      legacy.partners.example: [127.0.0.2]
      intranet.partners.example: [10.0.0.7]
dbproxy:
  listeners:
    - address: 127.0.0.1:0
      tls: {{ certificate: {root}/identity/issued/exeat.pem, key: {root}/identity/issued/exeat.key, client_certificates: true }}
  databases:
    shop:
      address: localhost:{database}
      tls: {{ mode: verify_full, roots: [{root}/identity/ca.pem] }}
      catalog_user: exeat_catalog
      second_wall: require
      users:
{users}  audit:
    parameters: plain
"
    )
}

/// Where the services listen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// The gateway, without TLS.
    pub(crate) plain: SocketAddr,
    /// The gateway, with TLS.
    pub(crate) tls: SocketAddr,
    /// The database proxy.
    pub(crate) dbproxy: SocketAddr,
    /// The admin listener.
    pub(crate) admin: SocketAddr,
}

/// Starts them and waits until every listener is served.
pub(crate) fn start(root: &Path) -> Result<(Leash, Ready)> {
    let (ready, log) = (root.join("ready.json"), root.join("exeat.log"));
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["run", "--config"])
        .arg(root.join("exeat.yaml"))
        .arg("--ready-file")
        .arg(&ready);
    let mut services = Leash::start(&command, None, "TERM", &log)?;
    let started = Instant::now();
    while started.elapsed() < START {
        if let Some(addresses) = read_ready(&ready) {
            return Ok((services, addresses));
        }
        if let Some(status) = services.ended()? {
            bail!(
                "exeat run: {status}: {}",
                fs::read_to_string(&log).unwrap_or_default().trim()
            );
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    bail!(
        "exeat run: not ready after {} s: {}",
        START.as_secs(),
        fs::read_to_string(&log).unwrap_or_default().trim()
    );
}

fn read_ready(path: &Path) -> Option<Ready> {
    let value: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    let address = |pointer: &str| value.pointer(pointer)?.as_str()?.parse().ok();
    Some(Ready {
        plain: address("/gateway/0")?,
        tls: address("/gateway/1")?,
        dbproxy: address("/dbproxy/0")?,
        admin: address("/admin")?,
    })
}
