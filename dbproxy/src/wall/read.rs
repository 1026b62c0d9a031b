//! Asks a database for its privileges, over a connection of its own that ends with the answer, and applies
//! what makes them those of the policy.

use std::sync::Arc;
use std::time::Duration;

use exeat_policy::PolicySet;
use exeat_service::config;
use exeat_service::keepalive::Keepalive;

use super::judged::database_roles;
use super::listing::{Listing, NotUnderstood, question};
use super::{Comparison, comparison};
use crate::catalog::row;
use crate::server::SetupError;
use crate::upstream::{Channel, Connection, Upstream, UpstreamError, Wanted};
use crate::wire::{Violation, write};

/// How long an answer may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long the dial may take, for commands.
const DIAL: Duration = Duration::from_secs(10);
/// How many bytes an answer may have: about a million relations.
const LARGEST: usize = 512 << 20;

/// Why the privileges can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// No connection, or the server refuses.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// An answer that is none.
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood),
    /// Too much of it.
    #[error("the catalog is larger than {LARGEST} bytes")]
    TooLarge,
}

impl From<Violation> for ReadError {
    fn from(violation: Violation) -> Self {
        Self::Upstream(violation.into())
    }
}

/// Reads what a policy is compared with, as this database role.
pub(super) async fn listing(
    upstream: &Arc<Upstream>,
    user: &Arc<str>,
    policy: &PolicySet,
    name: &str,
) -> Result<Listing, ReadError> {
    let mut channel = open(upstream, user).await?;
    read(&mut channel, policy, name).await
}

async fn open(upstream: &Arc<Upstream>, user: &Arc<str>) -> Result<Channel, ReadError> {
    let settings = [(
        "application_name".to_owned(),
        "exeat second wall".to_owned(),
    )];
    let Connection {
        stream, received, ..
    } = upstream
        .connect(Wanted {
            statement_timeout: Some(DEADLINE),
            ..Wanted::own(user, &settings)
        })
        .await?;
    Ok(Channel::open(stream, received))
}

async fn read(channel: &mut Channel, policy: &PolicySet, name: &str) -> Result<Listing, ReadError> {
    let roles = database_roles(policy, name);
    let question = question(roles.keys());
    let rows = tokio::time::timeout(DEADLINE, run(channel, &question))
        .await
        .map_err(|_| UpstreamError::TimedOut)??;
    let mut listing = Listing::default();
    for row in rows {
        listing.add(&row)?;
    }
    Ok(listing)
}

/// The first field of each row.
async fn run(channel: &mut Channel, sql: &str) -> Result<Vec<String>, ReadError> {
    let mut question = Vec::new();
    write::query(&mut question, sql);
    channel.send(&question).await.map_err(UpstreamError::Io)?;
    let (mut rows, mut size) = (Vec::new(), 0);
    loop {
        match channel.message().await? {
            (b'D', body) => {
                size += body.len();
                if size > LARGEST {
                    return Err(ReadError::TooLarge);
                }
                rows.extend(row(&body)?.into_iter().next());
            }
            (b'Z', _) => return Ok(rows),
            (b'T' | b'C' | b'N' | b'S' | b'A' | b'I', _) => {}
            _ => return Err(Violation::UnexpectedType.into()),
        }
    }
}

/// Compares a policy with a database, as this database role.
///
/// # Errors
/// The database can't be reached or used.
pub async fn compare(
    database: &config::Database,
    user: &Arc<str>,
    policy: &PolicySet,
    name: &str,
) -> Result<Comparison, SetupError> {
    let failed = |error: ReadError| SetupError::Database {
        name: name.into(),
        why: error.to_string(),
    };
    let upstream = upstream(database).map_err(|error| failed(error.into()))?;
    let listing = listing(&upstream, user, policy, name)
        .await
        .map_err(failed)?;
    Ok(comparison(policy, name, &listing, &database.search_path))
}

/// What came of applying.
#[derive(Debug)]
pub struct Applied {
    /// The comparison afterwards.
    pub now: Comparison,
    /// Whether what only a superuser may do was left out, because the user is none.
    pub partly: bool,
}

/// Compares again, makes the privileges those of the policy in one transaction, and compares once more. The
/// SQL that is run is that of the comparison that was shown; where it no longer is, nothing is done.
///
/// # Errors
/// The database can't be reached, refuses, or has changed since.
pub async fn apply(
    database: &config::Database,
    user: &Arc<str>,
    policy: &PolicySet,
    name: &str,
    shown: &Comparison,
) -> Result<Applied, SetupError> {
    let fail = |why: String| SetupError::Database {
        name: name.into(),
        why,
    };
    let failed = |error: ReadError| fail(error.to_string());
    let upstream = upstream(database).map_err(|error| failed(error.into()))?;
    let mut channel = open(&upstream, user).await.map_err(failed)?;
    let listing = read(&mut channel, policy, name).await.map_err(failed)?;
    let now = comparison(policy, name, &listing, &database.search_path);
    if now.sql() != shown.sql() {
        return Err(fail(
            "its privileges changed while you looked; nothing was done".to_owned(),
        ));
    }
    let partly = !listing.server.superuser && now.steps.iter().any(|step| step.superuser);
    let script = now.script(listing.server.superuser);
    run(&mut channel, &script).await.map_err(failed)?;
    let listing = read(&mut channel, policy, name).await.map_err(failed)?;
    let now = comparison(policy, name, &listing, &database.search_path);
    Ok(Applied { now, partly })
}

fn upstream(database: &config::Database) -> Result<Arc<Upstream>, UpstreamError> {
    let search_path: Vec<Arc<str>> = database.search_path.clone();
    Ok(Arc::new(Upstream::new(
        database,
        &search_path,
        DIAL,
        Keepalive::default(),
    )?))
}
