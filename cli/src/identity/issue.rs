//! `exeat identity issue`

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use exeat_identity::ca::{self, Purpose, ServerName};
use exeat_identity::store::{self, Store};
use jiff::Timestamp;

use super::{failure, lifetime};
use crate::exit::{Failure, Status};

/// The arguments of `exeat identity issue`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The role, a SPIFFE ID of the CA's trust domain, or the name of a listener's files
    #[arg(value_name = "ROLE|SPIFFE-ID|NAME")]
    name: String,
    /// How long it is valid: 30m, 1h, 7d
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = lifetime::parse)]
    ttl: Duration,
    /// The folder for the two files
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// A certificate for a listener, not for a role
    #[arg(long, requires = "dns")]
    server: bool,
    /// A DNS name or an IP address of the listener; may be repeated
    #[arg(long, value_name = "NAME", requires = "server")]
    dns: Vec<ServerName>,
    /// Overwrite the files of an earlier certificate
    #[arg(long)]
    force: bool,
}

pub(super) fn run(store: &Store, arguments: &Arguments, now: Timestamp) -> anyhow::Result<()> {
    let purpose = if arguments.server {
        Purpose::Server(arguments.dns.clone())
    } else {
        Purpose::Client
    };
    let stem = arguments.name.rsplit('/').next().unwrap_or_default();
    let certificate = arguments.out.join(format!("{stem}.pem"));
    let key = arguments.out.join(format!("{stem}.key"));
    // Before the certificate is made and noted, not after.
    for path in [&certificate, &key] {
        if !arguments.force && path.symlink_metadata().is_ok() {
            return Err(exists(path).into());
        }
    }
    let issued = ca::issue(store, &arguments.name, &purpose, arguments.ttl, now)
        .map_err(|error| failure::of_ca(&error))?;
    let write = |path: &Path, bytes: &[u8]| {
        store::write_private(path, bytes, arguments.force)
            .map_err(|error| failure::of_store(&error))
    };
    write(&key, issued.key_pem.expose().as_bytes())?;
    write(&certificate, issued.certificate_pem.as_bytes())?;

    let record = &issued.record;
    let subject = record.spiffe.clone().unwrap_or_else(|| {
        arguments
            .dns
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    });
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "Issued a certificate for {subject}, valid until {:.0}",
        record.expires
    )?;
    writeln!(out, "  certificate  {}", certificate.display())?;
    writeln!(out, "  key          {}", key.display())?;
    writeln!(out, "  serial       {}", record.serial)?;
    Ok(())
}

fn exists(path: &Path) -> Failure {
    Failure::new(
        Status::CantCreate,
        format!(
            "identity: {} exists; use --force, or another --out",
            path.display()
        ),
    )
}
