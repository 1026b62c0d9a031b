//! Where statements are judged from: what names mean, and what the role may. A session's guard and who explains
//! verdicts judge from the same one, and so say the same.
//!
//! Pure but for the clock. It must never ask anybody, nor know anything of a session but what it is given.

use std::sync::Arc;

use exeat_policy::{
    Caller, DatabaseGrant, Decision, LimitKind, PolicySet, Principal, Request, StatementRequest,
    Subject, UnixMillis, evaluate,
};
use exeat_service::clock;

use super::reading::{Reading, Understood};
use super::verdict::Verdict;
use crate::catalog::Snapshot;

/// Where the statements of a role on a database are judged from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standpoint<'s> {
    pub(super) policy: &'s PolicySet,
    pub(super) principal: &'s Arc<Principal>,
    pub(super) database: &'s Arc<str>,
    pub(super) search_path: &'s [Arc<str>],
    pub(super) snapshot: Option<&'s Snapshot>,
    /// PostgreSQL can be asked.
    pub(super) asks: bool,
    /// It is that of a session which has definitions of its own.
    pub(super) own: bool,
}

impl<'s> Standpoint<'s> {
    /// The version of the catalog that names are resolved against; 0 without one.
    pub(super) fn version(&self) -> u64 {
        self.snapshot.map_or(0, |snapshot| snapshot.version)
    }

    /// What our own reader resolves names against.
    pub(super) fn context(&self) -> exeat_sql::Context<'s> {
        exeat_sql::Context {
            catalog: self.snapshot.map(|snapshot| &*snapshot.catalog),
            search_path: self.search_path,
            asks: self.asks,
        }
    }

    pub(super) fn grant(&self) -> Option<&'s DatabaseGrant> {
        self.policy
            .role(&self.principal.role)?
            .database(self.database)
    }

    /// Whether nothing has to be known of a statement to let it through.
    pub(super) fn transparent(&self) -> bool {
        self.grant().is_some_and(DatabaseGrant::is_transparent)
    }

    pub(super) fn request(
        &self,
        subject: Subject,
        exhausted: Option<LimitKind>,
        at: UnixMillis,
    ) -> Request {
        Request::Statement(StatementRequest {
            caller: Caller::Known(Arc::clone(self.principal)),
            database: Arc::clone(self.database),
            subject,
            catalog: self.version(),
            exhausted,
            at,
        })
    }

    pub(super) fn evaluate(&self, subject: Subject) -> Arc<Decision> {
        let request = self.request(subject, None, clock::now());
        Arc::new(evaluate(self.policy, &request))
    }

    /// The verdict on a text whose statements are understood.
    pub(super) fn verdict(
        &self,
        scope: u64,
        sql: &[u8],
        reading: &Reading<'_>,
        understood: Vec<Understood>,
    ) -> Verdict {
        Verdict::of(scope, sql, reading, understood, |one, parsed| {
            let code = self.code(one, parsed);
            let sight = self.sight(&one.subject, one.foreign);
            (self.evaluate(one.subject.clone()), sight, code)
        })
    }
}
