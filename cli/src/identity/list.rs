//! `exeat identity list`

use std::io::Write as _;

use comfy_table::{Table, presets};
use exeat_identity::store::{CertificateUse, Contents, Store};
use jiff::Timestamp;
use serde::Serialize;

use super::failure;

/// The arguments of `exeat identity list`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Token,
    Password,
    Certificate,
    ServerCertificate,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Active,
    Expired,
    Revoked,
}

#[derive(Serialize)]
struct Entry {
    kind: Kind,
    /// What `revoke` takes.
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    spiffe: Option<String>,
    created: Timestamp,
    expires: Option<Timestamp>,
    state: State,
}

pub(super) fn run(store: &Store, arguments: &Arguments, now: Timestamp) -> anyhow::Result<()> {
    let contents = store.read().map_err(|error| failure::of_store(&error))?;
    let entries = entries(contents, now);
    let mut out = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &entries).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else if entries.is_empty() {
        writeln!(out, "Nothing was given out yet.")?;
    } else {
        writeln!(out, "{}", table(&entries))?;
    }
    Ok(())
}

fn entries(contents: Contents, now: Timestamp) -> Vec<Entry> {
    let state = |expires: Option<Timestamp>, revoked: Option<Timestamp>| match (expires, revoked) {
        (_, Some(_)) => State::Revoked,
        (Some(expires), None) if expires <= now => State::Expired,
        (_, None) => State::Active,
    };
    let tokens = contents.tokens.into_iter().map(|token| Entry {
        kind: Kind::Token,
        id: token.id,
        name: token.name,
        spiffe: None,
        created: token.created,
        expires: token.expires,
        state: state(token.expires, token.revoked),
    });
    let passwords = contents.passwords.into_iter().map(|password| Entry {
        kind: Kind::Password,
        id: password.name.clone(),
        name: password.name,
        spiffe: None,
        created: password.created,
        expires: None,
        state: state(None, password.revoked),
    });
    let certificates = contents.certificates.into_iter().map(|certificate| Entry {
        kind: match certificate.usage {
            CertificateUse::Client => Kind::Certificate,
            CertificateUse::Server => Kind::ServerCertificate,
        },
        id: certificate.serial,
        name: certificate.name,
        spiffe: certificate.spiffe,
        created: certificate.created,
        expires: Some(certificate.expires),
        state: state(Some(certificate.expires), certificate.revoked),
    });
    tokens.chain(passwords).chain(certificates).collect()
}

fn table(entries: &[Entry]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["KIND", "NAME", "ID", "CREATED", "EXPIRES", "STATE"]);
    for entry in entries {
        let kind = match entry.kind {
            Kind::Token => "token",
            Kind::Password => "password",
            Kind::Certificate => "certificate",
            Kind::ServerCertificate => "server certificate",
        };
        let state = match entry.state {
            State::Active => "active",
            State::Expired => "expired",
            State::Revoked => "revoked",
        };
        let expires = entry
            .expires
            .map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"));
        let created = format!("{:.0}", entry.created);
        table.add_row([kind, &entry.name, &entry.id, &created, &expires, state]);
    }
    table
}
