//! Case files: what they say, and whether the policy agrees.

use std::net::IpAddr;
use std::path::Path;

use exeat_policy::{
    Assurance, Basis, Decision, Effect, PolicySet, Protocol, Reason, TlsFinding, evaluate,
    read_yaml,
};
use exeat_sql::Context;
use serde::Deserialize;

use super::super::server::Server;
use super::super::{files, question};
use crate::exit::Failure;

/// A case file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    /// The policy file or folder, relative to this file.
    #[serde(default)]
    policy: Option<String>,
    cases: Vec<Case>,
}

/// One request and what the policy must say to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    role: String,
    #[serde(default)]
    assurance: Option<Assurance>,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    addresses: Vec<IpAddr>,
    #[serde(default)]
    protocol: Option<Protocol>,
    /// The server name that the handshake asks for.
    #[serde(default)]
    tls: Option<String>,
    #[serde(default)]
    database: Option<String>,
    #[serde(default)]
    sql: Option<String>,
    expect: Expected,
    #[serde(default)]
    reason: Option<Reason>,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expected {
    Allow,
    Deny,
    /// Allowed because of report mode only.
    Report,
    /// Allowed because of observe mode only.
    Observe,
}

/// What came of one case.
pub(super) struct Outcome {
    pub(super) file: String,
    pub(super) name: String,
    pub(super) failure: Option<String>,
}

/// Who is asked about statements.
pub(super) struct Asked<'a> {
    pub(super) server: Option<Server>,
    /// The one database of the cases that the server has; `None` where it has all.
    pub(super) database: Option<&'a str>,
    /// Whether PostgreSQL was not asked about some statement.
    pub(super) offline: bool,
}

/// Runs the cases of a file.
pub(super) fn run(path: &Path, asked: &mut Asked<'_>) -> Result<Vec<Outcome>, Failure> {
    let source = files::source(path)?;
    let file: CaseFile =
        read_yaml(&source).map_err(|problems| files::invalid("policy test", &problems))?;
    let policy = super::policy_for(path, file.policy.as_deref())?;
    let mut outcome = |case: &Case| {
        Ok(Outcome {
            file: source.name.clone(),
            name: case.name.clone(),
            failure: case.run(&policy, asked)?.err(),
        })
    };
    file.cases.iter().map(&mut outcome).collect()
}

impl Case {
    /// Whether the policy agrees; the outer error is one of the server.
    fn run(
        &self,
        policy: &PolicySet,
        asked: &mut Asked<'_>,
    ) -> Result<Result<(), String>, Failure> {
        let decision = self.decision(policy, asked)?;
        Ok(decision.and_then(|decision| self.agrees(policy, &decision)))
    }

    fn agrees(&self, policy: &PolicySet, decision: &Decision) -> Result<(), String> {
        let got = match (decision.effect, decision.basis) {
            (Effect::Allow, Basis::Report) => Expected::Report,
            (Effect::Allow, Basis::Observe) => Expected::Observe,
            (Effect::Allow, _) => Expected::Allow,
            (Effect::Deny, _) => Expected::Deny,
        };
        let rule = decision.rule.as_ref().map(|rule| &*rule.path);
        let mut wrong = Vec::new();
        if got != self.expect {
            wrong.push(format!("expected {}, got {}", word(self.expect), word(got)));
        }
        if let Some(reason) = self.reason.filter(|reason| *reason != decision.reason) {
            wrong.push(format!("expected reason {reason}, got {}", decision.reason));
        }
        if let Some(expected) = self
            .rule
            .as_deref()
            .filter(|expected| Some(*expected) != rule)
        {
            wrong.push(format!(
                "expected rule {expected}, got {}",
                rule.unwrap_or("none")
            ));
        }
        let detail = decision.detail.as_deref();
        if let Some(expected) = self
            .detail
            .as_deref()
            .filter(|expected| Some(*expected) != detail)
        {
            wrong.push(format!(
                "expected detail `{expected}`, got `{}`",
                detail.unwrap_or("none")
            ));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        wrong.push(format!(
            "the decision: {}: {}",
            decision.reason,
            decision.reason.message()
        ));
        wrong.extend(detail.map(|detail| format!("about: {detail}")));
        wrong.extend(rule.map(|rule| match policy.location(rule) {
            Some(location) => format!("by: {rule} ({location})"),
            None => format!("by: {rule}"),
        }));
        Err(wrong.join("\n"))
    }

    fn decision(
        &self,
        policy: &PolicySet,
        asked: &mut Asked<'_>,
    ) -> Result<Result<Decision, String>, Failure> {
        let caller = question::caller(policy, &self.role, self.assurance);
        match (&self.to, &self.database, &self.sql) {
            (Some(to), None, None) => {
                let about = question::Connection {
                    http: self.protocol == Some(Protocol::Http),
                    addresses: self.addresses.clone(),
                    tls: self
                        .tls
                        .as_deref()
                        .map(|name| TlsFinding::ServerName(name.into())),
                };
                Ok(match question::connection(caller, to, &about) {
                    Ok(request) => Ok(evaluate(policy, &request)),
                    Err(error) => Ok(malformed(policy, &error.to_string())),
                })
            }
            (None, Some(database), Some(sql)) => {
                let has = asked.database.is_none_or(|only| only == database);
                let answered = match &mut asked.server {
                    Some(server) if has => question::asked(policy, &caller, database, sql, server)?,
                    _ => None,
                };
                asked.offline |= answered.is_none();
                let statements = answered.unwrap_or_else(|| {
                    question::statements(&caller, database, sql, &Context::default())
                });
                Ok(all_or_nothing(policy, &statements))
            }
            _ => Ok(Err("a case has `to`, or `database` and `sql`".to_owned())),
        }
    }
}

/// The decision on all statements of a text.
fn all_or_nothing(
    policy: &PolicySet,
    statements: &[question::Statement],
) -> Result<Decision, String> {
    let decided = statements
        .iter()
        .map(|statement| (statement.waits(), evaluate(policy, &statement.request)));
    let decisive = question::decisive(decided, |(waits, decision)| {
        (*waits, decision.effect == Effect::Deny)
    });
    let decisive = decisive.map(|(_, decision)| decision);
    decisive.ok_or_else(|| "the text holds no statement".to_owned())
}

fn malformed(policy: &PolicySet, why: &str) -> Decision {
    Decision {
        effect: Effect::Deny,
        reason: Reason::AuthorityMalformed,
        basis: Basis::Floor,
        rule: None,
        detail: Some(why.into()),
        obligations: exeat_policy::Obligations {
            audit: exeat_policy::AuditMode::Release,
            tls: false,
        },
        policy: policy.hash().clone(),
    }
}

fn word(expected: Expected) -> &'static str {
    match expected {
        Expected::Allow => "allow",
        Expected::Deny => "deny",
        Expected::Report => "report",
        Expected::Observe => "observe",
    }
}
