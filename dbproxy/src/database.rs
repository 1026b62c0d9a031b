//! The databases behind the proxy, by their name in the policy and in the start-up packet.

use std::collections::HashMap;
use std::sync::Arc;

use exeat_service::{Tasks, config};
use exeat_sql::Catalog;

use crate::analysis::Analyser;
use crate::background::Background;
use crate::catalog::Catalogs;
use crate::upstream::{Upstream, UpstreamError};
use crate::wall::Wall;

/// A database: how to reach it, and what its names mean.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) name: Arc<str>,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) search_path: Arc<[Arc<str>]>,
    /// What its privileges are compared by.
    pub(crate) wall: Arc<Wall>,
    catalog_user: Option<Arc<str>>,
    background: Arc<Background>,
    /// One per database role that catalogs are read as.
    catalogs: std::sync::Mutex<HashMap<Arc<str>, Arc<Catalogs>>>,
    /// One per database role that sessions run as; `None` where the server can't be asked.
    analysers: Option<std::sync::Mutex<HashMap<Arc<str>, Arc<Analyser>>>>,
}

/// All of them.
pub(crate) type Databases = HashMap<Arc<str>, Arc<Database>>;

/// Checks the configured databases.
pub(crate) fn databases(
    config: &config::Dbproxy,
    tasks: &Tasks,
) -> Result<Databases, (Arc<str>, UpstreamError)> {
    let background = Arc::new(Background::new("exeat-catalog", tasks));
    let open = |(name, database): (&Arc<str>, &config::Database)| {
        let search_path = exeat_sql::search_path(&database.search_path);
        let upstream = Upstream::new(
            database,
            &search_path,
            config.timeouts.connect,
            config.keepalive,
        )
        .map_err(|error| (Arc::clone(name), error))?;
        let upstream = Arc::new(upstream);
        let database = Database {
            name: Arc::clone(name),
            wall: Wall::new(name, database, &upstream),
            upstream,
            search_path,
            catalog_user: database.catalog_user.clone(),
            background: Arc::clone(&background),
            catalogs: std::sync::Mutex::default(),
            analysers: (database.analysis == config::Analysis::Required)
                .then(std::sync::Mutex::default),
        };
        Ok((Arc::clone(name), Arc::new(database)))
    };
    config.databases.iter().map(open).collect()
}

impl Database {
    /// The catalog for a session of this database role: read by the configured user, or by the role
    /// itself where there is none.
    pub(crate) fn catalogs(&self, as_role: &Arc<str>) -> Arc<Catalogs> {
        let user = self.catalog_user.as_ref().unwrap_or(as_role);
        let mut catalogs = self
            .catalogs
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = catalogs.entry(Arc::clone(user)).or_insert_with(|| {
            Arc::new(Catalogs::new(
                Arc::clone(&self.upstream),
                Arc::clone(user),
                Arc::clone(&self.background),
            ))
        });
        Arc::clone(known)
    }

    /// Who asks PostgreSQL about the statements of this database role.
    pub(crate) fn analyser(&self, as_role: &Arc<str>) -> Option<Arc<Analyser>> {
        let catalogs = self.catalogs(as_role);
        let mut analysers = self
            .analysers
            .as_ref()?
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = analysers.entry(Arc::clone(as_role)).or_insert_with(|| {
            Arc::new(Analyser::new(
                Arc::clone(&self.upstream),
                Arc::clone(as_role),
                catalogs,
                Arc::clone(&self.background),
            ))
        });
        Some(Arc::clone(known))
    }

    /// The catalog as a new session of this database role would have it, over a connection of its own.
    pub(crate) async fn catalog(&self, as_role: &Arc<str>) -> Result<Catalog, UpstreamError> {
        let snapshot = self.catalogs(as_role).load().await?;
        Ok(Catalog::clone(&snapshot.catalog))
    }
}
