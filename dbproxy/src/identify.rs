//! Step 2, identify: what the client presents becomes a caller, known or not.
//!
//! A certificate of the TLS handshake is enough. Else a role with a stored verifier proves its password
//! by SCRAM; else a role that its source network proves needs nothing; else a token or a JWT is asked
//! for as a password. Nothing here denies: an unknown caller is an input of the decision.

use std::sync::Arc;

use exeat_audit::Outcome;
use exeat_identity::scram::{Mechanism, ScramError, ServerExchange};
use exeat_identity::{Authenticators, Evidence, Presented, ScramVerifier};
use exeat_policy::{
    Caller, Effect, Identity, IdentityFailure, PolicySet, Request, SessionRequest, evaluate,
};
use exeat_service::{Core, clock};

use crate::accept::{Accepted, Client};
use crate::record::Recorder;
use crate::stop::Stop;
use crate::wire::{Violation, frame, frontend, write};

/// The longest password message: JWTs are long, but not that long.
const PASSWORD: usize = 64 << 10;

/// A client of which it is known who it is, or that it could not prove it.
pub(crate) struct Identified {
    pub(crate) accepted: Accepted,
    pub(crate) caller: Caller,
    pub(crate) evidence: Option<Evidence>,
}

/// Asks for a proof where one is needed.
pub(crate) async fn identify(
    accepted: Accepted,
    core: &Core,
    recorder: &Recorder,
) -> Result<Identified, (Client, Stop)> {
    let mut accepted = accepted;
    match prove(&mut accepted, core, recorder).await {
        Ok((caller, evidence)) => Ok(Identified {
            accepted,
            caller,
            evidence,
        }),
        Err(stop) => Err((accepted.client, stop)),
    }
}

async fn prove(
    accepted: &mut Accepted,
    core: &Core,
    recorder: &Recorder,
) -> Result<(Caller, Option<Evidence>), Stop> {
    let (identity, policy) = (core.identity.load_full(), core.policy.snapshot());
    let user = accepted.startup.user.clone();
    let source = accepted.client.peer.ip();
    let presented = Presented {
        claimed_role: Some(&user),
        ..Presented::from_source(source)
    };
    let judge = |presented: &Presented<'_>| {
        identity.identify_with_evidence(presented, &policy, clock::now())
    };
    if let Some(chain) = accepted.client.certificate.clone() {
        return Ok(judge(&Presented {
            certificate: Some(&chain),
            ..presented
        }));
    }
    if let Some((name, verifier)) = verifier(&identity, &policy, &user) {
        if scram(&mut accepted.client, verifier, recorder).await? {
            return Ok(judge(&Presented {
                scram: Some(&name),
                ..presented
            }));
        }
        return Ok((Caller::Unknown(IdentityFailure::CredentialsInvalid), None));
    }
    let by_source = judge(&presented);
    if suffices(&by_source.0, &policy, &accepted.startup.database) {
        return Ok(by_source);
    }
    let password = ask_password(&mut accepted.client).await?;
    let secret = Some(password.as_str()).filter(|password| !password.is_empty());
    Ok(judge(&Presented {
        secret,
        ..presented
    }))
}

/// Whether a session would be allowed with this much proof.
fn suffices(caller: &Caller, policy: &PolicySet, database: &str) -> bool {
    let request = Request::Session(SessionRequest {
        caller: caller.clone(),
        database: database.into(),
        exhausted: None,
        at: clock::now(),
    });
    evaluate(policy, &request).effect == Effect::Allow
}

/// The verifier of the role that the client names, with the name that it is stored under; `None` where
/// the role proves itself otherwise. A name that is no role's gets a verifier that nothing fits, wherever
/// passwords are in use at all, and so does a role whose password was taken back: who guesses learns
/// neither which roles there are nor which have a password.
fn verifier(
    identity: &Authenticators,
    policy: &PolicySet,
    user: &str,
) -> Option<(Arc<str>, ScramVerifier)> {
    let Some(role) = policy.role(user) else {
        return identity
            .has_passwords()
            .then(|| (user.into(), identity.scram_verifier(user)));
    };
    let mut without = None;
    let mut otherwise = false;
    for claimed in role.identities() {
        match claimed {
            Identity::Scram(name) => {
                let found = (Arc::clone(name), identity.scram_verifier(name));
                if found.1.is_stored() {
                    return Some(found);
                }
                without.get_or_insert(found);
            }
            Identity::Token(_) | Identity::Jwt { .. } | Identity::Source(_) => otherwise = true,
            Identity::Spiffe(_) => {}
        }
    }
    without.filter(|_| !otherwise)
}

/// AuthenticationCleartextPassword: the token or JWT as it is. Only ever reached over TLS, or where the
/// listener does without.
async fn ask_password(client: &mut Client) -> Result<String, Stop> {
    let mut ask = Vec::new();
    write::authentication(&mut ask, 3, &[]);
    client.send(&ask).await.map_err(gone)?;
    let body = message(client).await?;
    Ok(frontend::password(&body)?.to_owned())
}

/// Whether the client knows the password, by SCRAM-SHA-256 or its PLUS form.
async fn scram(
    client: &mut Client,
    verifier: ScramVerifier,
    recorder: &Recorder,
) -> Result<bool, Stop> {
    let mut ask = Vec::new();
    let mut mechanisms = Vec::new();
    for name in client.binding.mechanisms() {
        write::string(&mut mechanisms, name);
    }
    mechanisms.push(0);
    write::authentication(&mut ask, 10, &mechanisms);
    client.send(&ask).await.map_err(gone)?;

    let body = message(client).await?;
    let (mechanism, first) = frontend::sasl_initial(&body)?;
    let mechanism = Mechanism::parse(mechanism).ok_or(Violation::Malformed)?;
    let begun = ServerExchange::begin(mechanism, client.binding.clone(), verifier);
    let (reply, exchange) = match begun.and_then(|exchange| exchange.client_first(first)) {
        Ok(next) => next,
        Err(error) => return failed(error, recorder),
    };
    let mut challenge = Vec::new();
    write::authentication(&mut challenge, 11, &reply);
    client.send(&challenge).await.map_err(gone)?;

    let body = message(client).await?;
    let proof = match exchange.client_final(&body) {
        Ok(proof) => proof,
        Err(error) => return failed(error, recorder),
    };
    let mut done = Vec::new();
    write::authentication(&mut done, 12, &proof);
    client.send(&done).await.map_err(gone)?;
    Ok(true)
}

/// The client is told the same for every cause. A wrong proof is a wrong password; what else fails is
/// no mistake that a person makes, and is on record beside the denial.
fn failed(error: ScramError, recorder: &Recorder) -> Result<bool, Stop> {
    if error != ScramError::Proof {
        recorder.refused(error.kind(), &error.to_string())?;
    }
    Ok(false)
}

/// The body of the client's next message, which must be a password message of some kind.
async fn message(client: &mut Client) -> Result<Vec<u8>, Stop> {
    loop {
        let here = client.inbound.unscanned();
        if let Some(found) = frame::header(here)? {
            if found.tag != b'p' {
                return Err(Violation::UnexpectedType.into());
            }
            if found.length > PASSWORD {
                return Err(Violation::LengthTooLarge.into());
            }
            if let Some(body) = frame::body(here, found) {
                let body = body.to_vec();
                client.inbound.discard(found.length);
                return Ok(body);
            }
            client.inbound.need(found.length);
        }
        let count = client
            .inbound
            .fill(&mut client.stream)
            .await
            .map_err(gone)?;
        if count == 0 {
            // psql asks its user for a password only now, on a new connection.
            return Err(Stop::silent(Outcome::Completed, "no_password"));
        }
    }
}

fn gone(_: std::io::Error) -> Stop {
    Stop::silent(Outcome::Failed, "client_io")
}
