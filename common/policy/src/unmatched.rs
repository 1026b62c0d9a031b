//! Where a decision looked for a rule and found none: for the person who was refused and knows no rule to
//! ask about.
//!
//! It must never name anything but the caller's own role.

use crate::evaluate::statement::floor;
use crate::{Basis, Caller, Decision, Reason, Request, Subject};

/// Whether a statement is one that no rule would allow.
pub(crate) fn no_rule_opens(request: &Request) -> bool {
    match request {
        Request::Connection(_) | Request::Session(_) => false,
        Request::Statement(request) => match &request.subject {
            Subject::Readable(facts) => floor(facts).is_some(),
            Subject::Unreadable(_) => true,
        },
    }
}

impl Decision {
    /// The path of what has no rule for the request (`roles.analyst.databases.shop`, or the role where it is
    /// about egress or a database that the role lacks). `None` where something else decided.
    pub fn no_rule_in(&self, request: &Request) -> Option<String> {
        // In observe mode what no rule opens is among what would be denied.
        let hopeless = self.basis == Basis::Observe && no_rule_opens(request);
        let unmatched = matches!(self.basis, Basis::Default | Basis::Report | Basis::Observe)
            && self.rule.is_none()
            && self.reason != Reason::ColumnMasked
            && !hopeless;
        let (caller, database) = match request {
            Request::Connection(it) => (&it.caller, None),
            Request::Session(it) => (&it.caller, Some(&it.database)),
            Request::Statement(it) => (&it.caller, Some(&it.database)),
        };
        let Caller::Known(principal) = caller else {
            return None;
        };
        let role = &principal.role;
        unmatched.then(|| match database {
            Some(database) if self.reason != Reason::DatabaseNotAllowed => {
                format!("roles.{role}.databases.{database}")
            }
            _ => format!("roles.{role}"),
        })
    }
}
