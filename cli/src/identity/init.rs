//! `exeat identity init`

use std::io::Write as _;

use exeat_identity::store::Store;
use exeat_identity::{TrustDomainName, ca};
use jiff::Timestamp;

use super::failure;

/// The arguments of `exeat identity init`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The trust domain of the certificates' SPIFFE IDs
    #[arg(long, value_name = "NAME", default_value = ca::DEFAULT_TRUST_DOMAIN, value_parser = TrustDomainName::parse)]
    trust_domain: TrustDomainName,
}

pub(super) fn run(store: &Store, arguments: &Arguments, now: Timestamp) -> anyhow::Result<()> {
    let domain = &arguments.trust_domain;
    ca::init(store, domain, now).map_err(|error| failure::of_ca(&error))?;
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "Made a CA for spiffe://{domain}/ in {}",
        store.directory().display()
    )?;
    writeln!(
        out,
        "  root certificate  {}",
        store.path(ca::CERTIFICATE_FILE).display()
    )?;
    writeln!(
        out,
        "  root key          {} (keep it safe)",
        store.path(ca::KEY_FILE).display()
    )?;
    Ok(())
}
