//! Judges a recorded request again, with the policy that its record names.
//!
//! A record holds every input of its decision, so the answer must be the recorded one; anything else is a
//! defect of the record, of the kept policy, or of the program that replays.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use exeat_policy::{Decision, PolicyHash, PolicySet, evaluate};
use uuid::Uuid;

use crate::error::AuditError;
use crate::event::{Body, Event};
use crate::files;

/// Why a replay did not give the recorded decision.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// The answer differs.
    #[error("{id}: recorded {} ({}), replayed {} ({})", show(.recorded), .recorded.reason.code(), show(.replayed), .replayed.reason.code())]
    Decision {
        /// The record.
        id: Uuid,
        /// What was answered then.
        recorded: Box<Decision>,
        /// What is answered now.
        replayed: Box<Decision>,
    },
    /// The policy is not to be had.
    #[error("{id}: the policy {hash} cannot be used: {why}")]
    Policy {
        /// The record.
        id: Uuid,
        /// The policy's hash.
        hash: PolicyHash,
        /// Why.
        why: String,
    },
}

fn show(decision: &Decision) -> &'static str {
    match decision.effect {
        exeat_policy::Effect::Allow => "allow",
        exeat_policy::Effect::Deny => "deny",
    }
}

/// Replays one event. `Ok(false)` where it is no decision.
///
/// # Errors
/// Where the decision comes out differently, or the policy is not to be had.
pub fn replay(
    event: &Event<'_>,
    policy: impl FnOnce(&PolicyHash) -> Result<Arc<PolicySet>, String>,
) -> Result<bool, Mismatch> {
    let Body::Decision(decided) = &event.body else {
        return Ok(false);
    };
    let id = event.id;
    let hash = &decided.decision.policy;
    let policy = policy(hash).map_err(|why| Mismatch::Policy {
        id,
        hash: hash.clone(),
        why,
    })?;
    let replayed = evaluate(&policy, &decided.request);
    if replayed == *decided.decision {
        return Ok(true);
    }
    let recorded = Box::new(decided.decision.clone().into_owned());
    Err(Mismatch::Decision {
        id,
        recorded,
        replayed: Box::new(replayed),
    })
}

/// The policies that a log keeps, read on demand.
#[derive(Debug)]
pub struct Policies {
    directory: PathBuf,
    known: HashMap<PolicyHash, Result<Arc<PolicySet>, String>>,
}

impl Policies {
    /// The policies of the log in a folder.
    pub fn of(directory: &Path) -> Self {
        Self {
            directory: directory.join(files::POLICIES),
            known: HashMap::new(),
        }
    }

    /// The policy with a hash.
    ///
    /// # Errors
    /// Why it is not to be had, in words.
    pub fn policy(&mut self, hash: &PolicyHash) -> Result<Arc<PolicySet>, String> {
        if let Some(known) = self.known.get(hash) {
            return known.clone();
        }
        let read = self.read(hash);
        self.known.insert(hash.clone(), read.clone());
        read
    }

    fn read(&self, hash: &PolicyHash) -> Result<Arc<PolicySet>, String> {
        if !hash.0.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("that is no hash".to_owned());
        }
        let path = self.directory.join(format!("{hash}.json"));
        let text = fs::read_to_string(&path)
            .map_err(AuditError::io("read", &path))
            .map_err(|error| error.to_string())?;
        let policy = PolicySet::from_canonical(&text).map_err(|error| error.to_string())?;
        match policy.hash() == hash {
            true => Ok(Arc::new(policy)),
            false => Err(format!("its content has the hash {}", policy.hash())),
        }
    }
}
