//! Step 4, connect: a permit becomes a connection to the database, with everything pinned, and a
//! catalog to read statements by.

use std::sync::Arc;
use std::time::Instant;

use exeat_policy::Principal;
use exeat_service::Lease;

use crate::analysis::{Analyser, AnalyserLease};
use crate::catalog::{CatalogLease, Catalogs};
use crate::database::Database;
use crate::decide::Permit;
use crate::metrics;
use crate::record::Recorder;
use crate::stop::Stop;
use crate::upstream::{Connection, UpstreamError};
use crate::wire::write::Error;

/// A session with both its sides.
pub(crate) struct Connected {
    pub(crate) connection: Connection,
    pub(crate) principal: Arc<Principal>,
    pub(crate) database: Arc<Database>,
    pub(crate) catalogs: Arc<Catalogs>,
    pub(crate) analyser: Option<Arc<Analyser>>,
    pub(crate) recorder: Recorder,
    pub(crate) minor: u16,
    /// Its place in the limit of sessions.
    pub(crate) lease: Lease,
    pub(crate) catalog_lease: CatalogLease,
    pub(crate) analyser_lease: Option<AnalyserLease>,
}

/// Opens the connection that the permit is for.
pub(crate) async fn connect(permit: Permit) -> Result<Connected, Stop> {
    let granted = permit.redeem();
    let catalogs = granted.database.catalogs(&granted.as_role);
    let analyser = granted.database.analyser(&granted.as_role);
    let analyser_lease = analyser.as_ref().map(Analyser::lease);
    let begun = Instant::now();
    let connection = granted.database.upstream.connect(
        &granted.as_role,
        &granted.settings,
        granted.statement_timeout,
    );
    let (connection, catalog_lease) = tokio::join!(connection, catalogs.lease());
    let failed = |error: &UpstreamError| {
        let address = granted.database.upstream.address();
        tracing::warn!(database = %granted.database.name, address, %error, "no connection to a database");
        Stop::failed(
            error.kind(),
            Error::fatal(error.code(), error.public_message())
                .hint("The proxy's log says more; its administrator can read it."),
        )
    };
    let connection = connection.map_err(|error| failed(&error))?;
    let catalog_lease = catalog_lease.map_err(|error| failed(&error))?;
    metrics::connected(begun.elapsed());
    Ok(Connected {
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
