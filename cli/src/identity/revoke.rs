//! `exeat identity revoke`

use std::io::Write as _;

use exeat_identity::credentials::{self, Revoked};
use exeat_identity::store::Store;
use jiff::Timestamp;

use super::failure;

/// The arguments of `exeat identity revoke`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The id of a token, the serial of a certificate, or a name
    #[arg(value_name = "ID|SERIAL|NAME")]
    what: String,
}

pub(super) fn run(store: &Store, arguments: &Arguments, now: Timestamp) -> anyhow::Result<()> {
    let revoked = credentials::revoke(store, &arguments.what, now)
        .map_err(|error| failure::of_credential(&error))?;
    let mut out = std::io::stdout().lock();
    for item in revoked {
        match item {
            Revoked::Token(id) => writeln!(out, "Revoked token {id}")?,
            Revoked::Password(name) => writeln!(out, "Revoked the password of {name}")?,
            Revoked::Certificate(serial) => writeln!(out, "Revoked certificate {serial}")?,
        }
    }
    Ok(())
}
