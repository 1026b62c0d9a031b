//! Step 3, decide: may this caller open a session on this database? The one place where a permit is
//! made.

use std::sync::Arc;
use std::time::{Duration, Instant};

use exeat_audit::{Labels, Plane};
use exeat_policy::{
    Caller, Confirmation, Decision, Effect, Facts, PolicySet, Principal, Request, SessionRequest,
    Setting, StatementRequest, Subject, Verb, evaluate,
};
use exeat_service::{Core, Lease, clock};

use crate::accept::Client;
use crate::database::{Database, Databases};
use crate::denial;
use crate::identify::Identified;
use crate::record::{Record, Recorder};
use crate::stop::Stop;
use crate::wire::write::Error;

/// The right to one session: who, on which database, as which database role. It can't be made elsewhere,
/// and `connect` looks nothing up again.
pub(crate) struct Permit {
    principal: Arc<Principal>,
    database: Arc<Database>,
    as_role: Arc<str>,
    statement_timeout: Option<Duration>,
    settings: Vec<(String, String)>,
    lease: Lease,
    recorder: Recorder,
    minor: u16,
}

/// What is in a permit.
pub(crate) struct Granted {
    pub(crate) principal: Arc<Principal>,
    pub(crate) database: Arc<Database>,
    pub(crate) as_role: Arc<str>,
    pub(crate) statement_timeout: Option<Duration>,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) lease: Lease,
    pub(crate) recorder: Recorder,
    pub(crate) minor: u16,
}

impl Permit {
    /// Uses the permit up.
    pub(crate) fn redeem(self) -> Granted {
        Granted {
            principal: self.principal,
            database: self.database,
            as_role: self.as_role,
            statement_timeout: self.statement_timeout,
            settings: self.settings,
            lease: self.lease,
            recorder: self.recorder,
            minor: self.minor,
        }
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
    asked: Asked,
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
        (&asked.caller, lease, decision.effect)
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
    judge_settings(&asked, &policy, &recorder)?;
    database.wall.admit(&policy, grant).await?;
    Ok(Permit {
        principal: Arc::clone(principal),
        database: Arc::clone(database),
        as_role: Arc::clone(&grant.as_role),
        statement_timeout: grant.limits.statement_timeout,
        settings: asked.settings,
        lease,
        recorder,
        minor: asked.minor,
    })
}

/// Every setting of the start-up packet is a SET, and judged as one.
fn judge_settings(asked: &Asked, policy: &PolicySet, recorder: &Recorder) -> Result<(), Stop> {
    for (name, value) in &asked.settings {
        let facts = Facts {
            verb: Verb::Set,
            label: "set".into(),
            relations: Vec::new(),
            functions: Vec::new(),
            operators: Vec::new(),
            types: Vec::new(),
            settings: vec![Setting {
                name: name.as_str().into(),
                value: Some(value.as_str().into()),
            }],
            confirmation: Confirmation::Confirmed,
            behind: Vec::new(),
            behind_functions: Vec::new(),
            sequences: Vec::new(),
        };
        let request = Request::Statement(StatementRequest {
            caller: asked.caller.clone(),
            database: Arc::clone(&asked.name),
            subject: Subject::Readable(Arc::new(facts)),
            catalog: 0,
            exhausted: None,
            at: clock::now(),
        });
        let decision: Decision = evaluate(policy, &request);
        if decision.effect == Effect::Deny {
            let (id, _) = recorder.decision(&request, &decision, None)?;
            return Err(Stop::denied(denial::startup_setting(
                &request, &decision, id, name,
            )));
        }
    }
    Ok(())
}

fn labels(policy: &PolicySet, principal: &Principal) -> Labels {
    policy
        .role(&principal.role)
        .map(|role| role.labels().clone())
        .unwrap_or_default()
}
