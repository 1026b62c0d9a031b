//! Decisions with what belongs to them for whoever asked: the rule's place, the words, the remedy.

use std::io::Write;

use exeat_dbproxy::{Reply, SqlError, sqlstate};
use exeat_policy::{
    Basis, Decision, Effect, Obligations, PolicySet, Reason, Remedy, Request, Subject, evaluate,
    remedy,
};
use serde::Serialize;

use super::super::question::{Statement, decisive};
use super::super::server::OFFLINE;

/// The answer to one question. All or nothing: with several statements one denial denies them all.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    /// The question.
    question: Question<'a>,
    /// `allow` or `deny` for all of it.
    decision: Effect,
    /// The reason of the first denial, or of the first statement.
    reason: Reason,
    /// The rule that decided, or what has none for this; and its file and line.
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_rule_in: Option<String>,
    location: Option<String>,
    /// The hash of the policy.
    policy: String,
    /// The HTTP status or the SQLSTATE that the caller would get.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqlstate: Option<String>,
    /// Where statements were judged without PostgreSQL: what that means.
    #[serde(skip_serializing_if = "Option::is_none")]
    offline: Option<&'static str>,
    /// One per statement; one for a connection.
    decisions: Vec<Judged>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Question<'a> {
    To(&'a str),
    Sql(&'a str),
}

/// One decision.
#[derive(Serialize)]
pub(super) struct Judged {
    pub(super) effect: Effect,
    pub(super) reason: Reason,
    pub(super) basis: Basis,
    pub(super) rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) no_rule_in: Option<String>,
    pub(super) location: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) message: &'static str,
    pub(super) hint: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) add: Option<String>,
    pub(super) obligations: Option<Obligations>,
    pub(super) policy: String,
    /// The bytes of the statement within the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) range: Option<[usize; 2]>,
    /// What each reader sees of the statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) facts: Option<Seen>,
    /// PostgreSQL's refusal: what the caller gets where the statement is denied for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<SqlError>,
    /// The service judges it when those before it have run; here it is judged by what names mean now.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) waits: bool,
    /// The SQLSTATE of a denied statement.
    #[serde(skip)]
    sqlstate: Option<String>,
}

/// A statement as the readers see it.
#[derive(Serialize)]
pub(super) struct Seen {
    own: Subject,
    /// One reply per part that PostgreSQL can be asked about; `None` where it was not asked.
    postgresql: Option<Vec<Reply>>,
    /// What was judged.
    judged: Subject,
}

impl Seen {
    fn of(statement: &Statement) -> Option<Self> {
        let Request::Statement(request) = &statement.request else {
            return None;
        };
        let judged = request.subject.clone();
        Some(match &statement.examined {
            Some(one) => Self {
                own: one.own.clone(),
                postgresql: Some(one.postgresql.clone()),
                judged,
            },
            None => Self {
                own: judged.clone(),
                postgresql: None,
                judged,
            },
        })
    }
}

impl<'a> Answer<'a> {
    pub(super) fn connection(policy: &PolicySet, text: &'a str, request: Request) -> Self {
        let judged = Judged::new(policy, &request);
        let status = (judged.effect == Effect::Deny).then_some(match judged.reason {
            Reason::CredentialsMissing | Reason::CredentialsInvalid => 407,
            _ => 403,
        });
        Self::of(policy, Question::To(text), vec![judged], status)
    }

    pub(super) fn statements(policy: &PolicySet, text: &'a str, statements: &[Statement]) -> Self {
        let decisions = statements
            .iter()
            .map(|statement| Judged::statement(policy, statement))
            .collect();
        let answer = Self::of(policy, Question::Sql(text), decisions, None);
        let asked = statements
            .iter()
            .any(|statement| statement.examined.is_some());
        Self {
            offline: (!asked && !statements.is_empty()).then_some(OFFLINE),
            ..answer
        }
    }

    /// What never became a request, because it is no legal authority.
    pub(super) fn malformed(policy: &PolicySet, text: &'a str, why: String) -> Self {
        let judged = Judged::refused(policy, Reason::AuthorityMalformed, why);
        Self::of(policy, Question::To(text), vec![judged], Some(400))
    }

    /// A line that is no text.
    pub(super) fn unreadable(policy: &PolicySet, text: &'a str, why: String) -> Self {
        let judged = Judged {
            sqlstate: Some("42601".to_owned()),
            ..Judged::refused(policy, Reason::Unreadable, why)
        };
        Self::of(policy, Question::Sql(text), vec![judged], None)
    }

    fn of(
        policy: &PolicySet,
        question: Question<'a>,
        decisions: Vec<Judged>,
        status: Option<u16>,
    ) -> Self {
        let first = decisive(&decisions, |judged| {
            (judged.waits, judged.effect == Effect::Deny)
        });
        // Without a decision nothing was allowed.
        let decision = first.map_or(Effect::Deny, |judged| judged.effect);
        let reason = first.map_or(Reason::Unreadable, |judged| judged.reason);
        Self {
            question,
            decision,
            reason,
            rule: first.and_then(|judged| judged.rule.clone()),
            no_rule_in: first.and_then(|judged| judged.no_rule_in.clone()),
            location: first.and_then(|judged| judged.location.clone()),
            policy: policy.hash().to_string(),
            status,
            sqlstate: first.and_then(|judged| judged.sqlstate.clone()),
            offline: None,
            decisions,
        }
    }

    pub(super) fn allowed(&self) -> bool {
        self.decision == Effect::Allow
    }

    /// What it means that PostgreSQL was not asked, where it was not.
    pub(super) fn offline(&self) -> Option<&'static str> {
        self.offline
    }

    pub(super) fn decisions(&self) -> &[Judged] {
        &self.decisions
    }

    /// The text that a decision is about.
    pub(super) fn text_of(&self, judged: &Judged) -> &'a str {
        match (&self.question, judged.range) {
            (Question::Sql(text), Some([start, end])) => text.get(start..end).unwrap_or(text),
            (Question::Sql(text) | Question::To(text), _) => text,
        }
    }

    pub(super) fn write_json(&self, out: &mut impl Write) -> anyhow::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        writeln!(out)?;
        Ok(())
    }
}

impl Judged {
    fn statement(policy: &PolicySet, statement: &Statement) -> Self {
        let judged = Self::new(policy, &statement.request);
        let examined = statement.examined.as_ref();
        // In a role that refuses nothing the server says it itself.
        let error = examined
            .and_then(|one| one.error.clone())
            .filter(|_| judged.effect == Effect::Deny && judged.reason == Reason::Unreadable);
        Self {
            range: Some([statement.range.start, statement.range.end]),
            facts: Seen::of(statement),
            sqlstate: match &error {
                Some(error) => Some(error.code.clone()),
                None => judged.sqlstate,
            },
            error,
            waits: statement.waits(),
            ..judged
        }
    }

    fn new(policy: &PolicySet, request: &Request) -> Self {
        let decision: Decision = evaluate(policy, request);
        let remedy = remedy(policy, request);
        let (advice, add) = match remedy {
            Some(Remedy { advice, snippet }) => (Some(advice), snippet),
            None => (None, None),
        };
        let no_rule_in = decision.no_rule_in(request);
        let sqlstate = match request {
            Request::Statement(asked) if decision.effect == Effect::Deny => {
                Some(sqlstate(&asked.subject, &decision).to_owned())
            }
            _ => None,
        };
        let rule = decision.rule.map(|rule| rule.path.to_string());
        Self {
            effect: decision.effect,
            reason: decision.reason,
            basis: decision.basis,
            location: rule
                .as_deref()
                .or(no_rule_in.as_deref())
                .and_then(|path| policy.location(path))
                .map(ToString::to_string),
            rule,
            no_rule_in,
            detail: decision.detail.map(|detail| detail.to_string()),
            message: decision.reason.message(),
            hint: decision.reason.hint(),
            advice,
            add,
            obligations: Some(decision.obligations),
            policy: decision.policy.to_string(),
            range: None,
            facts: None,
            error: None,
            waits: false,
            sqlstate,
        }
    }

    fn refused(policy: &PolicySet, reason: Reason, why: String) -> Self {
        Self {
            effect: Effect::Deny,
            reason,
            basis: Basis::Floor,
            rule: None,
            no_rule_in: None,
            location: None,
            detail: Some(why),
            message: reason.message(),
            hint: reason.hint(),
            advice: None,
            add: None,
            obligations: None,
            policy: policy.hash().to_string(),
            range: None,
            facts: None,
            error: None,
            waits: false,
            sqlstate: None,
        }
    }
}
