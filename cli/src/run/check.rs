//! `--check`: everything that a start would read, without a socket and without the log. Also the
//! advice that a start logs: what is valid, but surely not meant.

use std::process::ExitCode;

use exeat_identity::Authenticators;
use exeat_policy::PolicySet;
use exeat_service::config::{Config, Tls};
use exeat_service::policy;
use exeat_service::tls::TlsStore;

use super::failure;

/// Reads everything, prints one line, and ends with 0; or fails as the start would.
pub(super) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let policy = policy::load(&config.policy).map_err(|error| failure::policy(&error))?;
    let identity = Authenticators::build(&config.identity)
        .map_err(|error| failure::identity(&error, config))?;
    let store = TlsStore::default();
    for (plane, tls) in listeners(config) {
        store
            .server(tls, &[], &identity)
            .map_err(|error| failure::service(plane, &error, config))?;
    }
    if let Some(dbproxy) = &config.dbproxy {
        exeat_dbproxy::check(dbproxy)
            .map_err(|error| failure::service("dbproxy", &error, config))?;
    }
    for advice in advice(config, &policy) {
        anstream::eprintln!("exeat: warning: {advice}");
    }
    anstream::println!(
        "{}: valid; policy {} with {} roles",
        config.file.display(),
        policy.hash(),
        policy.roles().count()
    );
    Ok(ExitCode::SUCCESS)
}

fn listeners(config: &Config) -> impl Iterator<Item = (&'static str, &Tls)> {
    let gateway = config.gateway.iter().flat_map(|gateway| &gateway.listeners);
    let dbproxy = config.dbproxy.iter().flat_map(|dbproxy| &dbproxy.listeners);
    let gateway = gateway.filter_map(|listener| Some(("gateway", listener.tls.as_ref()?)));
    gateway.chain(dbproxy.filter_map(|listener| Some(("dbproxy", listener.tls.as_ref()?))))
}

/// Where policy and configuration do not fit together. A policy may be meant for many nodes, so these
/// are no errors.
pub(super) fn advice(config: &Config, policy: &PolicySet) -> Vec<String> {
    let mut list = Vec::new();
    let Some(dbproxy) = &config.dbproxy else {
        return list;
    };
    for role in policy.roles() {
        for name in role.databases() {
            let Some(grant) = role.database(name) else {
                continue;
            };
            let role = role.name();
            match dbproxy.databases.get(name) {
                None => list.push(format!("role {role} may use database {name}, which is not configured here")),
                Some(database) if !database.users.contains_key(&grant.as_role) => list.push(format!(
                    "role {role} uses database {name} as {}, which is not among its configured users: its sessions will fail",
                    grant.as_role
                )),
                Some(_) => {}
            }
        }
    }
    list
}
