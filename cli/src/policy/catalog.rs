//! `exeat policy catalog`: what the names of a database mean, as the proxy reads it, for questions asked
//! elsewhere.
//!
//! It only looks: the one connection is the one by which the proxy reads catalogs.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use exeat_service::{config, tls};

use crate::exit::{Failure, Status};
use crate::run::failure;

/// The arguments of `exeat policy catalog`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  exeat policy catalog --config config/exeat.yaml --database shop > shop.json
  exeat policy explain --policy config/policy.yaml --role analyst --database shop \\
    --catalog shop.json --sql 'SELECT * FROM orders'")]
pub(super) struct Arguments {
    /// The configuration file, which says how to reach the database
    #[arg(long, value_name = "FILE", env = "EXEAT_CONFIG")]
    config: PathBuf,
    /// The database, by its name in the configuration
    #[arg(long, value_name = "NAME")]
    database: String,
    /// The database role to read it as, where the configuration names no `catalog_user`
    #[arg(long = "as", value_name = "ROLE")]
    as_role: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = config::load(&arguments.config).map_err(failure::config)?;
    let name = arguments.database.as_str();
    let refused = |status, why: &str| Failure::new(status, format!("policy catalog: {why}"));
    let Some((dbproxy, database)) = config
        .dbproxy
        .as_ref()
        .and_then(|dbproxy| Some((dbproxy, dbproxy.databases.get(name)?)))
    else {
        let why = format!("no database `{name}` is configured; see `dbproxy.databases`");
        return Err(refused(Status::Config, &why).into());
    };
    let as_role = arguments.as_role.as_deref().map(Arc::from);
    let Some(as_role) = database.catalog_user.clone().or(as_role) else {
        let why = "nobody is named to read it as; add `--as ROLE`, one of the database's `users`";
        return Err(refused(Status::Usage, why).into());
    };
    // TLS to the database asks rustls for the default provider.
    tls::provider().as_ref().clone().install_default().ok();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let catalog = runtime
        .block_on(exeat_dbproxy::catalog(dbproxy, name, &as_role))
        .map_err(|error| {
            let why = format!("{error}; check the database and its `users` in the configuration");
            refused(Status::Unavailable, &why)
        })?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &catalog)?;
    writeln!(out)?;
    Ok(ExitCode::SUCCESS)
}
