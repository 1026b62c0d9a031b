//! How a denial reads in a client: SQLSTATE, message, DETAIL with rule, reason and decision, HINT with
//! the command that explains it. Never more than the caller's own request and rule.

use std::fmt::Write as _;

use exeat_policy::{Basis, Caller, Decision, Principal, Reason, Request, Subject, UnreadableKind};
use exeat_service::EndReason;
use uuid::Uuid;

use crate::analysis::ServerError;
use crate::disclosure::{is_of_json, withheld};
use crate::guard::Rejection;
use crate::wire::write::Error;

/// Longer statements are not repeated in a hint.
const SHOWN: usize = 200;

/// The SQLSTATE of a denied statement, where the error is not PostgreSQL's own: 42601 where it can't be read,
/// 42P01 or 42703 where it names what does not exist, 53400 where a limit is exhausted, 28000 where the identity
/// no longer holds, else 42501.
pub fn sqlstate(subject: &Subject, decision: &Decision) -> &'static str {
    match decision.reason {
        Reason::Unreadable => match subject {
            Subject::Unreadable(why) => match why.kind {
                UnreadableKind::UnresolvedRelation => "42P01",
                UnreadableKind::UnresolvedColumn => "42703",
                _ => "42601",
            },
            Subject::Readable(_) => "42601",
        },
        _ if decision.basis == Basis::Limit => "53400",
        _ if is_about_identity(decision.reason) => "28000",
        _ => "42501",
    }
}

fn is_about_identity(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::CredentialsMissing
            | Reason::CredentialsInvalid
            | Reason::CredentialsExpired
            | Reason::CredentialsRevoked
            | Reason::IdentityUnknown
            | Reason::IdentityConflict
            | Reason::AssuranceTooLow
    )
}

/// What PostgreSQL would answer, where a name that does not exist is all that is wrong.
fn unresolved(subject: &Subject, decision: &Decision) -> Option<Error> {
    let Subject::Unreadable(why) = subject else {
        return None;
    };
    if !why.kind.is_unresolved() || decision.reason != Reason::Unreadable {
        return None;
    }
    let code = sqlstate(subject, decision);
    Some(Error::plain(code, why.detail.to_string()))
}

/// The error of a denied statement. `asked`: PostgreSQL is asked about statements of this session.
pub(crate) fn statement(
    request: &Request,
    decision: &Decision,
    id: Uuid,
    sql: &str,
    asked: bool,
) -> Error {
    let Request::Statement(statement) = request else {
        return Error::plain("42501", "permission denied");
    };
    if let Some(error) = unresolved(&statement.subject, decision) {
        return error;
    }
    let message = match &statement.subject {
        Subject::Unreadable(why) => format!("statement refused: {}", why.detail),
        Subject::Readable(_) => match &decision.detail {
            Some(about) => format!("permission denied: {}: {about}", decision.reason.message()),
            None => format!("permission denied: {}", decision.reason.message()),
        },
    };
    let command = match &statement.caller {
        Caller::Known(principal) if decision.basis != Basis::Limit => {
            Some(explain(principal, &statement.database, id, sql, asked))
        }
        _ => None,
    };
    Error::plain(sqlstate(&statement.subject, decision), message)
        .detail(detail(request, decision, id))
        .hint(hint(decision, command))
}

/// PostgreSQL's own error about a statement, as if it had come in answer to it.
pub(crate) fn rejected(rejection: &Rejection) -> Error {
    told(&rejection.error, rejection.position())
}

/// PostgreSQL's own error about a question of ours.
pub(crate) fn by_the_server(error: &ServerError) -> Error {
    told(error, None)
}

fn told(error: &ServerError, position: Option<usize>) -> Error {
    if error
        .field(b'W')
        .is_some_and(|context| !is_of_json(context))
    {
        // Code ran while the statement was parsed: what it says is not for everybody.
        let message = withheld("an error", error.code());
        let mut told = Error::plain("XX000", message);
        told.code = error.code().to_owned().into();
        return told;
    }
    let field = |letter| error.field(letter).map(str::to_owned);
    let mut told = Error::plain("XX000", field(b'M').unwrap_or_default());
    told.code = error.code().to_owned().into();
    told.detail = field(b'D');
    told.hint = field(b'H');
    for (letter, text) in error.fields() {
        let text = match letter {
            b'S' | b'V' | b'C' | b'M' | b'D' | b'H' => continue,
            b'P' => match position {
                Some(position) => position.to_string(),
                None => continue,
            },
            _ => text.to_owned(),
        };
        told.further.push((letter, text));
    }
    told
}

/// The error of a session that is not opened. 28P01 where a password or a token is wrong, 28000 where
/// the identity is not accepted for another cause, 42501 where the role may not use the database, 53300
/// where it has too many sessions.
pub(crate) fn session(request: &Request, decision: &Decision, id: Uuid) -> Error {
    let code = match decision.reason {
        Reason::CredentialsMissing | Reason::CredentialsInvalid => "28P01",
        Reason::LimitSessions => "53300",
        reason if is_about_identity(reason) => "28000",
        _ => "42501",
    };
    let (caller, database) = match request {
        Request::Session(asked) => (&asked.caller, &asked.database),
        Request::Statement(asked) => (&asked.caller, &asked.database),
        Request::Connection(_) => return Error::fatal(code, decision.reason.message()),
    };
    let message = match caller {
        // One sentence for every cause that a guesser could use.
        Caller::Unknown(_) if code == "28P01" => "authentication failed".to_owned(),
        Caller::Unknown(_) => format!("authentication failed: {}", decision.reason.message()),
        Caller::Known(_) => format!(
            "connection to database \"{database}\" denied: {}",
            decision.reason.message()
        ),
    };
    Error::fatal(code, message)
        .detail(detail(request, decision, id))
        .hint(hint(decision, None))
}

/// The setting of a start-up packet that is not accepted.
pub(crate) fn startup_setting(
    request: &Request,
    decision: &Decision,
    id: Uuid,
    name: &str,
) -> Error {
    let mut error = statement(request, decision, id, "", false);
    error.severity = crate::wire::write::Severity::Fatal;
    error.message = format!(
        "the startup parameter \"{name}\" is not accepted: {}",
        decision.reason.message()
    );
    error
}

/// What a live session is told when it is ended.
pub(crate) fn ended(reason: &EndReason, id: Option<Uuid>) -> Error {
    match reason {
        EndReason::Denied(decision) => Error::fatal(
            "57P01",
            format!(
                "terminating connection: no longer allowed by the policy: {}",
                decision.reason.message()
            ),
        )
        .detail(match id {
            Some(id) => format!("{} Decision: {id}.", reason_of(decision)),
            None => reason_of(decision),
        }),
        EndReason::Expired => Error::fatal(
            "57P01",
            "terminating connection: the proof of your identity has expired",
        )
        .hint("Connect again with a fresh credential."),
        EndReason::Drained => Error::fatal(
            "57P01",
            "terminating connection: the proxy is shutting down",
        )
        .hint("Connect again."),
        EndReason::Killed => Error::fatal(
            "57P01",
            "terminating connection due to administrator command",
        ),
    }
}

fn reason_of(decision: &Decision) -> String {
    let mut text = format!("Reason: {}.", decision.reason.code());
    if let Some(rule) = &decision.rule {
        // Writing to a String can't fail.
        let _ = write!(text, " Rule: {}.", rule.path);
    }
    text
}

/// Where nothing matched there is no rule to name, but a place in the policy where one is missing.
fn detail(request: &Request, decision: &Decision, id: Uuid) -> String {
    let mut text = reason_of(decision);
    if let Some(place) = decision.no_rule_in(request) {
        let _ = write!(text, " Rule: none of {place}.");
    }
    let _ = write!(text, " Decision: {id}.");
    text
}

fn hint(decision: &Decision, command: Option<String>) -> String {
    let hint = sentence(decision.reason.hint());
    match command {
        Some(command) => format!("{hint}. To see why: {command}"),
        None => format!("{hint}."),
    }
}

/// The command that gives the same answer, which asks PostgreSQL too where the service does; the record's where
/// the statement does not fit into a line.
fn explain(principal: &Principal, database: &str, id: Uuid, sql: &str, asked: bool) -> String {
    if sql.is_empty() || sql.len() > SHOWN || sql.contains(['\n', '\r']) {
        return format!("exeat audit --log DIR show {id}");
    }
    let asking = if asked { " --database-url URL" } else { "" };
    format!(
        "exeat policy explain --policy POLICY --role {} --assurance {} --database {database}{asking} --sql '{}'",
        principal.role,
        principal.assurance(),
        sql.replace('\'', "'\\''")
    )
}

/// With a capital, as a HINT begins.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
