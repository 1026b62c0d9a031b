//! `exeat identity token`

use std::io::Write as _;
use std::time::Duration;

use exeat_identity::credentials;
use exeat_identity::store::Store;
use jiff::Timestamp;

use super::{failure, lifetime};

/// The arguments of `exeat identity token`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The name under which the policy knows it: `token: ROLE`
    #[arg(value_name = "ROLE")]
    name: String,
    /// How long it is valid: 30m, 1h, 7d; until revoked unless given
    #[arg(long, value_name = "TIME", value_parser = lifetime::parse)]
    ttl: Option<Duration>,
}

pub(super) fn run(store: &Store, arguments: &Arguments, now: Timestamp) -> anyhow::Result<()> {
    let (token, record) = credentials::create_token(store, &arguments.name, arguments.ttl, now)
        .map_err(|error| failure::of_credential(&error))?;
    let ends = match record.expires {
        Some(expires) => format!("valid until {expires:.0}"),
        None => "valid until revoked".to_owned(),
    };
    anstream::eprintln!(
        "Token {} for {}, {ends}; it is not shown again:",
        record.id,
        record.name
    );
    writeln!(std::io::stdout().lock(), "{}", token.expose())?;
    Ok(())
}
