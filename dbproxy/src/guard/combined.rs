//! A statement that names another one (EXECUTE, FETCH) is judged for what both touch.

use std::sync::Arc;

use exeat_policy::{Facts, Name, Origin, Subject, UnreadableKind, Verb};

use super::code;
use super::verdict::{Judged, Stands, unreadable};
use super::{Code, standpoint::Standpoint};

impl Standpoint<'_> {
    /// A statement that names another one: what it touches is what the other one touches, and its own.
    pub(super) fn combined(&self, outer: &Judged, inner: &Judged) -> Judged {
        Judged {
            stands: Stands::Once,
            subject: self.both(outer, inner),
            judgeable: inner.judgeable.clone(),
            sight: inner.sight,
            code: outer.code.max(inner.code),
            rejection: outer.rejection.clone().or_else(|| inner.rejection.clone()),
            ..outer.clone()
        }
    }

    fn both(&self, outer: &Judged, inner: &Judged) -> Subject {
        match (&outer.subject, &inner.subject) {
            // An argument becomes a parameter by a cast that nobody has asked about.
            (Subject::Readable(outer), Subject::Readable(_))
                if outer.verb == Verb::Execute
                    && (!outer.types.is_empty() || outer.functions.iter().any(is_foreign))
                    && !self.transparent() =>
            {
                unreadable(
                    UnreadableKind::Unsupported,
                    "an argument of EXECUTE of a type, or by a function, that is not PostgreSQL's own",
                )
            }
            // The checks of its parameters may change what it reads, and nothing looks in between.
            (Subject::Readable(outer), Subject::Readable(facts))
                if outer.verb == Verb::Execute
                    && inner.code >= Code::Early
                    && code::reads(facts) =>
            {
                unreadable(
                    UnreadableKind::Unsupported,
                    "EXECUTE of a statement whose parameters have checks of somebody's own: prepare it by the protocol",
                )
            }
            (Subject::Readable(outer), Subject::Readable(inner)) => {
                Subject::Readable(Arc::new(merge(outer, inner)))
            }
            (Subject::Unreadable(_), _) => outer.subject.clone(),
            (_, unreadable) => unreadable.clone(),
        }
    }
}

/// Whether a function is not PostgreSQL's own, as far as its name tells.
fn is_foreign(function: &Name) -> bool {
    matches!(function.origin(), Origin::Other | Origin::Standard)
}

fn merge(outer: &Facts, inner: &Facts) -> Facts {
    let mut both = outer.clone();
    both.join(inner);
    both.confirmation = inner.confirmation;
    both
}
