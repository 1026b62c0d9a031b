//! What `grants` and `drift` share: which policy, which database, who asks it.

use std::path::PathBuf;
use std::sync::Arc;

use exeat_dbproxy::wall::{self, Comparison};
use exeat_policy::PolicySet;
use exeat_service::{config, tls};

use super::{files, url};
use crate::exit::{Failure, Status};
use crate::run::failure;

/// Which policy, and which database.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// The database, by its name in the policy
    #[arg(long, value_name = "NAME")]
    pub(super) database: String,
    /// Policy files or folders; those of the configuration unless given
    #[arg(long, value_name = "PATH", required_unless_present = "config")]
    policy: Vec<PathBuf>,
    /// The configuration file, which says how to reach the database
    #[arg(
        long,
        value_name = "FILE",
        env = "EXEAT_CONFIG",
        required_unless_present = "database_url"
    )]
    config: Option<PathBuf>,
    /// How to reach the database instead: postgresql://USER:PASSWORD@HOST:PORT/DATABASE
    ///
    /// The password may stand in PGPASSWORD. `sslmode` is verify-full, or disable for what is on this machine, unless given.
    #[arg(
        long,
        value_name = "URL",
        env = "EXEAT_DATABASE_URL",
        hide_env_values = true
    )]
    database_url: Option<String>,
    /// The database role to connect as, one of the configuration's `users`; its `catalog_user` unless given
    #[arg(long = "as", value_name = "ROLE", conflicts_with = "database_url")]
    as_role: Option<String>,
    /// The schemas that sessions find unqualified names in; those of the configuration, or public
    #[arg(long, value_name = "SCHEMA", value_delimiter = ',')]
    search_path: Vec<String>,
}

/// All that a comparison needs.
pub(super) struct Ready {
    pub(super) policy: PolicySet,
    pub(super) database: config::Database,
    pub(super) user: Arc<str>,
    pub(super) name: String,
    pub(super) runtime: tokio::runtime::Runtime,
}

impl Target {
    /// Reads the policy and finds the database.
    pub(super) fn ready(&self, command: &str) -> anyhow::Result<Ready> {
        let refused = |status, why: &str| Failure::new(status, format!("policy {command}: {why}"));
        let config = self.config.as_deref().map(config::load).transpose();
        let config = config.map_err(failure::config)?;
        let paths = match &config {
            Some(config) if self.policy.is_empty() => &config.policy,
            _ => &self.policy,
        };
        let policy = files::policy(paths)?;
        let configured = config
            .as_ref()
            .and_then(|config| config.dbproxy.as_ref()?.databases.get(&*self.database));
        let (mut database, user) = match (&self.database_url, configured) {
            (Some(text), configured) => {
                let (mut found, user) = url::parse(text)
                    .map_err(|why| refused(Status::Usage, &format!("--database-url: {why}")))?;
                if let Some(configured) = configured {
                    found.search_path.clone_from(&configured.search_path);
                }
                (found, user)
            }
            (None, Some(configured)) => {
                let user = self.as_role.as_deref().map(Arc::from);
                let user = user.or_else(|| configured.catalog_user.clone());
                let user = user.ok_or_else(|| {
                    refused(
                        Status::Usage,
                        "nobody is named to ask it; add `--as ROLE`, one of the database's `users`, or `--database-url`",
                    )
                })?;
                (configured.clone(), user)
            }
            (None, None) => {
                let name = &self.database;
                let why = format!(
                    "no database `{name}` is configured; see `dbproxy.databases`, or give `--database-url`"
                );
                return Err(refused(Status::Config, &why).into());
            }
        };
        if !self.search_path.is_empty() {
            let schemas = self.search_path.iter();
            database.search_path = schemas.map(|schema| Arc::from(schema.as_str())).collect();
        } else if database.search_path.is_empty() {
            database.search_path = vec![Arc::from("public")];
        }
        if !policy
            .roles()
            .any(|role| role.database(&self.database).is_some())
        {
            let why = format!(
                "no role of the policy has anything in a database `{}`; check the name",
                self.database
            );
            return Err(refused(Status::Usage, &why).into());
        }
        // TLS to the database asks rustls for the default provider.
        tls::provider().as_ref().clone().install_default().ok();
        Ok(Ready {
            policy,
            database,
            user,
            name: self.database.clone(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
        })
    }
}

impl Ready {
    /// Compares the policy with the database.
    pub(super) fn compare(&self, command: &str) -> Result<Comparison, Failure> {
        self.runtime
            .block_on(wall::compare(
                &self.database,
                &self.user,
                &self.policy,
                &self.name,
            ))
            .map_err(|error| unavailable(command, &error))
    }
}

/// The database does not answer, or not as it should.
pub(super) fn unavailable(command: &str, error: &exeat_dbproxy::SetupError) -> Failure {
    let why = format!("policy {command}: {error}; check the address and the role that connects");
    Failure::new(Status::Unavailable, why)
}
