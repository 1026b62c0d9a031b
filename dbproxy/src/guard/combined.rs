//! A statement that names another one (EXECUTE, FETCH) is judged for what both touch.

use std::sync::Arc;

use exeat_policy::{Facts, Name, Origin, Subject, UnreadableKind, Verb};

use super::code;
use super::verdict::{Judged, Stands, unreadable};
use super::{Code, standpoint::Standpoint};
use crate::disclosure::{Foreign, Sight};

impl Standpoint<'_> {
    /// A statement that names another one: what it touches is what the other one touches, and its own.
    pub(super) fn combined(&self, outer: &Judged, inner: &Judged) -> Judged {
        let converting = self.converting(outer);
        let (code, sight) = match converting.is_empty() {
            true => (outer.code.max(inner.code), inner.sight),
            false => {
                let code = Foreign::Anywhere;
                (
                    Code::Early,
                    Sight {
                        code,
                        ..inner.sight
                    },
                )
            }
        };
        Judged {
            stands: Stands::Once,
            subject: self.both(outer, inner, converting),
            judgeable: inner.judgeable.clone(),
            sight,
            code,
            rejection: outer.rejection.clone().or_else(|| inner.rejection.clone()),
            ..outer.clone()
        }
    }

    /// The functions that may make the parameters' values of the arguments: which types the parameters have is not
    /// known here.
    fn converting(&self, outer: &Judged) -> Vec<Name> {
        let snapshot = self.snapshot.filter(|_| outer.said.gives_arguments);
        let own = match &outer.subject {
            Subject::Readable(facts) => {
                !facts.types.is_empty() || facts.functions.iter().any(is_foreign)
            }
            Subject::Unreadable(_) => true,
        };
        let converting = snapshot.map(|snapshot| snapshot.objects.converting(own));
        converting.into_iter().flatten().cloned().collect()
    }

    fn both(&self, outer: &Judged, inner: &Judged, converting: Vec<Name>) -> Subject {
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
                    && (inner.code >= Code::Early
                        || (!converting.is_empty() && !self.transparent()))
                    && code::reads(facts) =>
            {
                unreadable(
                    UnreadableKind::Unsupported,
                    "EXECUTE where checks or casts of somebody's own may run for its arguments: prepare it by the protocol",
                )
            }
            (Subject::Readable(outer), Subject::Readable(inner)) => {
                let mut both = merge(outer, inner);
                both.functions.extend(converting);
                Subject::Readable(Arc::new(both))
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
