//! Step 4, connect: a permit becomes a connection to the database, with everything pinned, and a
//! catalog to read statements by.

use std::sync::Arc;
use std::time::{Duration, Instant};

use exeat_policy::Principal;
use exeat_service::Lease;

use crate::analysis::{Analyser, AnalyserLease};
use crate::catalog::{CatalogLease, Catalogs};
use crate::database::Database;
use crate::decide::Permit;
use crate::metrics;
use crate::record::Recorder;
use crate::stop::Stop;
use crate::upstream::{Connection, UpstreamError, Wanted};

/// A session with both its sides.
pub(crate) struct Connected {
    pub(crate) connection: Connection,
    pub(crate) principal: Arc<Principal>,
    pub(crate) database: Arc<Database>,
    pub(crate) catalogs: Arc<Catalogs>,
    pub(crate) analyser: Option<Arc<Analyser>>,
    pub(crate) recorder: Recorder,
    pub(crate) minor: u16,
    /// What the client wants set from the beginning.
    pub(crate) settings: Vec<(String, String)>,
    /// Its place in the limit of sessions.
    pub(crate) lease: Lease,
    pub(crate) catalog_lease: CatalogLease,
    pub(crate) analyser_lease: Option<AnalyserLease>,
}

/// Opens the connection that the permit is for. `patience` is how long the catalog may take to come.
pub(crate) async fn connect(permit: Permit, patience: Duration) -> Result<Connected, Stop> {
    let granted = permit.redeem();
    let catalogs = granted.database.catalogs(&granted.as_role);
    let analyser = granted.database.analyser(&granted.as_role);
    let analyser_lease = analyser.as_ref().map(Analyser::lease);
    let begun = Instant::now();
    let connection = granted.database.upstream.connect(Wanted {
        user: &granted.as_role,
        settings: &granted.settings,
        statement_timeout: granted.statement_timeout,
        relaxed: granted.relaxed,
    });
    // Who can't be connected is told at once, whatever the catalog does.
    let connection = async { connection.await.map_err(Arc::new) };
    let both = tokio::try_join!(connection, catalogs.lease(patience));
    let failed = |error: &UpstreamError| {
        let (database, address) = (&granted.database.name, granted.database.upstream.address());
        if error.is_clients(&granted.settings) {
            // It quotes what the client sent.
            tracing::debug!(%database, address, kind = error.kind(), "a start-up parameter is refused");
        } else {
            tracing::warn!(%database, address, %error, "no connection to a database");
        }
        Stop::failed(error.kind(), error.told(&granted.settings))
    };
    let (connection, catalog_lease) = both.map_err(|error| failed(&error))?;
    metrics::connected(begun.elapsed());
    Ok(Connected {
        settings: granted.settings,
        connection,
        principal: granted.principal,
        database: granted.database,
        catalogs,
        analyser,
        recorder: granted.recorder,
        minor: granted.minor,
        lease: granted.lease,
        catalog_lease,
        analyser_lease,
    })
}
