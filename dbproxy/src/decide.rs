//! Step 3, decide: may this caller open a session on this database? The one place where a permit is
//! made.

mod settings;

use std::sync::Arc;
use std::time::{Duration, Instant};

use exeat_audit::{Labels, Plane};
use exeat_policy::{Caller, Effect, PolicySet, Principal, Request, SessionRequest, evaluate};
use exeat_service::{Core, Lease, clock};

use crate::accept::Client;
use crate::database::{Database, Databases};
use crate::denial;
use crate::identify::Identified;
use crate::record::{Record, Recorder};
use crate::relaxed::relaxed;
use crate::stop::Stop;
use crate::wire::write::Error;
use settings::Standing;

/// The right to one session: who, on which database, as which database role. It can't be made elsewhere,
/// and `connect` looks nothing up again.
pub(crate) struct Permit(Granted);

/// What is in a permit.
pub(crate) struct Granted {
    pub(crate) principal: Arc<Principal>,
    pub(crate) database: Arc<Database>,
    pub(crate) as_role: Arc<str>,
    pub(crate) statement_timeout: Option<Duration>,
    /// What the start-up packet sets, judged.
    pub(crate) settings: Vec<(String, String)>,
    /// Nothing is pinned for this role.
    pub(crate) relaxed: bool,
    pub(crate) lease: Lease,
    pub(crate) recorder: Recorder,
    pub(crate) minor: u16,
}

impl Permit {
    /// Uses the permit up.
    pub(crate) fn redeem(self) -> Granted {
        self.0
    }
}

/// Judges the session and what its start-up packet sets.
pub(crate) async fn decide(
    identified: Identified,
    core: &Core,
    databases: &Databases,
    record: &Record,
) -> Result<(Client, Permit), (Client, Stop)> {
    let client = identified.accepted.client;
    let asked = Asked {
        name: identified.accepted.startup.database.as_str().into(),
        minor: identified.accepted.startup.minor,
        settings: identified.accepted.settings,
        caller: identified.caller,
    };
    if let Caller::Known(principal) = &asked.caller {
        record.live().identified(principal, identified.evidence);
    }
    match permit(asked, core, databases, record).await {
        Ok(permit) => Ok((client, permit)),
        Err(stop) => Err((client, stop)),
    }
}

struct Asked {
    caller: Caller,
    name: Arc<str>,
    minor: u16,
    settings: Vec<(String, String)>,
}

async fn permit(
    mut asked: Asked,
    core: &Core,
    databases: &Databases,
    record: &Record,
) -> Result<Permit, Stop> {
    let begun = Instant::now();
    let lease = match &asked.caller {
        Caller::Known(principal) => Some(core.limits.session(&principal.role, &asked.name)),
        Caller::Unknown(_) => None,
    };
    let request = Request::Session(SessionRequest {
        caller: asked.caller.clone(),
        database: Arc::clone(&asked.name),
        exhausted: lease
            .as_ref()
            .and_then(|lease| lease.as_ref().err().copied()),
        at: clock::now(),
    });
    record.live().hold(request.clone());
    let policy = core.policy.snapshot();
    let decision = evaluate(&policy, &request);
    exeat_service::metrics::decided(Plane::Dbproxy, &decision, begun.elapsed());
    let recorder = match &asked.caller {
        Caller::Known(principal) => record.recorder().with_labels(labels(&policy, principal)),
        Caller::Unknown(_) => record.recorder().clone(),
    };
    let (id, receipt) = recorder.decision(&request, &decision, None)?;
    let (Caller::Known(principal), Some(Ok(lease)), Effect::Allow) =
        (asked.caller.clone(), lease, decision.effect)
    else {
        return Err(Stop::denied(denial::session(&request, &decision, id)));
    };
    receipt.wait(decision.obligations.audit).await?;
    let grant = policy
        .role(&principal.role)
        .and_then(|role| role.database(&asked.name));
    let (Some(grant), Some(database)) = (grant, databases.get(&asked.name)) else {
        return Err(Stop::failed(
            "unknown_database",
            Error::fatal(
                "3D000",
                format!("database \"{}\" does not exist", asked.name),
            )
            .detail("The policy names it, the configuration of the proxy does not."),
        ));
    };
    let standing = Standing {
        search_path: &database.search_path,
        as_role: &grant.as_role,
        relaxed: relaxed(grant),
    };
    let settings = settings::judge(&mut asked, &standing, &policy, &recorder)?;
    database.wall.admit(&policy, grant).await?;
    Ok(Permit(Granted {
        principal,
        database: Arc::clone(database),
        as_role: Arc::clone(&grant.as_role),
        statement_timeout: grant.limits.statement_timeout,
        settings,
        relaxed: standing.relaxed,
        lease,
        recorder,
        minor: asked.minor,
    }))
}

fn labels(policy: &PolicySet, principal: &Principal) -> Labels {
    policy
        .role(&principal.role)
        .map(|role| role.labels().clone())
        .unwrap_or_default()
}
