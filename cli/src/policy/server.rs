//! The database server that `explain` and `test` ask with `--database-url`, as the proxy would ask it.

use std::collections::HashMap;
use std::sync::Arc;

use exeat_dbproxy::{Examined, Examiner, Whose};
use exeat_policy::{Caller, PolicySet};
use exeat_service::{config, tls};

use super::url;
use super::wall::unavailable;
use crate::exit::{Failure, Status};

/// What a command says where no server was asked.
pub(super) const OFFLINE: &str =
    "offline: PostgreSQL was not asked; names count for what they might mean (--database-url asks)";

/// Where it is.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The database to ask, as the service does: postgresql://USER:PASSWORD@HOST:PORT/DATABASE
    ///
    /// USER is the policy's database role, or a member of it. Nothing is run. The password may stand in
    /// PGPASSWORD. `sslmode` is verify-full, or disable for what is on this machine, unless given.
    #[arg(
        long,
        value_name = "URL",
        env = "EXEAT_DATABASE_URL",
        hide_env_values = true
    )]
    database_url: Option<String>,
}

/// A server, and the connections to it by the database role that they ask for.
pub(super) struct Server {
    command: &'static str,
    database: config::Database,
    user: Arc<str>,
    runtime: tokio::runtime::Runtime,
    examiners: HashMap<Arc<str>, Examiner>,
}

impl Place {
    /// The server, where one is named. Nothing is dialled yet.
    pub(super) fn server(
        &self,
        command: &'static str,
        search_path: &[Arc<str>],
    ) -> anyhow::Result<Option<Server>> {
        let Some(text) = &self.database_url else {
            return Ok(None);
        };
        let (mut database, user) = url::parse(text).map_err(|why| {
            let why = format!("policy {command}: --database-url: {why}");
            Failure::new(Status::Usage, why)
        })?;
        database.search_path = search_path.to_vec();
        // TLS to the database asks rustls for the default provider.
        tls::provider().as_ref().clone().install_default().ok();
        Ok(Some(Server {
            command,
            database,
            user,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
            examiners: HashMap::new(),
        }))
    }
}

impl Server {
    /// The statements of a text as a session of the caller would be judged for them; `None` where the role
    /// has nothing in this database, so that there is no session to ask for.
    pub(super) fn examine(
        &mut self,
        policy: &PolicySet,
        caller: &Caller,
        database: &str,
        sql: &str,
    ) -> Result<Option<Vec<Examined>>, Failure> {
        let Caller::Known(principal) = caller else {
            return Ok(None);
        };
        let role = policy.role(&principal.role);
        let Some(grant) = role.and_then(|role| role.database(database)) else {
            return Ok(None);
        };
        let as_role = &grant.as_role;
        if !self.examiners.contains_key(as_role) {
            let opened = Examiner::open(&self.database, &self.user, as_role);
            let opened = self.runtime.block_on(opened);
            let opened = opened.map_err(|error| unavailable(self.command, &error))?;
            self.examiners.insert(Arc::clone(as_role), opened);
        }
        let Some(examiner) = self.examiners.get(as_role) else {
            return Ok(None);
        };
        let whose = Whose {
            policy,
            principal,
            database: &Arc::from(database),
        };
        let examined = examiner.examine(&whose, sql);
        Ok(Some(self.runtime.block_on(examined)))
    }
}
