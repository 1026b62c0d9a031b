//! Statements: their facts, and what the policy says of them. A repeated statement costs one look-up.
//!
//! Nothing here forwards, records or answers. Every decision is `exeat_policy::evaluate`'s; the cache
//! holds only decisions that depend on nothing but the cache's key.

mod cache;
mod scope;
mod template;
mod verdict;

use std::sync::Arc;
use std::time::Instant;

use exeat_policy::{
    Caller, Decision, Effect, Facts, LimitKind, Name, Principal, Request, StatementRequest,
    Subject, UnixMillis, UnreadableKind, Verb, evaluate,
};
use exeat_service::{Core, clock};

use crate::catalog::{Catalogs, Snapshot};
use crate::metrics;
use crate::relaxed::relaxed;
pub(crate) use scope::Scope;
pub(crate) use verdict::{Judged, Prepared, Verdict};

/// PostgreSQL's `FirstNormalObjectId`: lower OIDs are its own.
const FIRST_NORMAL_OID: u32 = 16384;

/// Judges the statements of one session.
#[derive(Debug)]
pub(crate) struct Guard {
    core: Arc<Core>,
    principal: Arc<Principal>,
    database: Arc<str>,
    search_path: Arc<[Arc<str>]>,
    catalogs: Arc<Catalogs>,
    own: Option<Own>,
    scope: Scope,
}

/// What this session sees after definitions of its own, where that may differ from what all see.
#[derive(Debug)]
struct Own {
    snapshot: Arc<Snapshot>,
    /// When that was, outside of a transaction; `None` within one.
    over: Option<Instant>,
}

/// A statement with its answer, and the question.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) request: Request,
    pub(crate) decision: Arc<Decision>,
    pub(crate) text: Arc<str>,
    pub(crate) verb: Verb,
}

impl Answer {
    pub(crate) fn is_allowed(&self) -> bool {
        self.decision.effect == Effect::Allow
    }
}

impl Guard {
    pub(crate) fn new(
        core: Arc<Core>,
        principal: Arc<Principal>,
        database: Arc<str>,
        search_path: Arc<[Arc<str>]>,
        catalogs: Arc<Catalogs>,
    ) -> Self {
        let scope = Scope::new(
            core.policy.snapshot(),
            catalogs.current(),
            &principal,
            &database,
            &search_path,
        );
        Self {
            core,
            principal,
            database,
            search_path,
            catalogs,
            own: None,
            scope,
        }
    }

    pub(crate) fn catalogs(&self) -> &Arc<Catalogs> {
        &self.catalogs
    }

    /// The session has looked at the catalog over its own connection, in an open transaction or not.
    pub(crate) fn see_own_catalog(&mut self, snapshot: Snapshot, open: bool) {
        self.own = Some(Own {
            snapshot: Arc::new(snapshot),
            over: (!open).then(Instant::now),
        });
    }

    /// Whether others have changed something since a session with temporary tables looked.
    pub(crate) fn own_catalog_is_stale(&self) -> bool {
        self.own.as_ref().is_some_and(|own| {
            own.snapshot.temporary
                && own
                    .over
                    .is_some_and(|over| self.catalogs.is_newer_than(over))
        })
    }

    /// Everything that a cached verdict depends on, as it is now.
    pub(crate) fn scope(&mut self) -> &Scope {
        let policy = self.core.policy.current();
        let caught_up = |own: &Own| {
            own.over
                .is_some_and(|over| self.catalogs.is_newer_than(over))
        };
        if self
            .own
            .as_ref()
            .is_some_and(|own| !own.snapshot.temporary && caught_up(own))
        {
            self.own = None;
        }
        let version = match &self.own {
            Some(own) => own.snapshot.version,
            None => self.catalogs.version(),
        };
        if !self.scope.is(&policy, version) {
            self.scope = Scope::new(
                Arc::clone(&policy),
                match &self.own {
                    Some(own) => Some(Arc::clone(&own.snapshot)),
                    None => self.catalogs.current(),
                },
                &self.principal,
                &self.database,
                &self.search_path,
            );
        }
        &self.scope
    }

    /// The verdict on a text, from the cache where it is there.
    pub(crate) fn verdict(&mut self, sql: &[u8]) -> Arc<Verdict> {
        let scope = self.scope().id;
        let template = template::template(sql);
        if let Some(known) = Self::known(scope, template.as_deref(), sql) {
            metrics::verdict_found();
            return known;
        }
        metrics::verdict_missed();
        let verdict = Arc::new(self.judge(sql, &[]));
        let key = match template {
            Some(template) if template::serves_all(&verdict) => template.into(),
            _ => Arc::clone(&verdict.sql),
        };
        cache::keep(key, &verdict);
        verdict
    }

    fn known(scope: u64, template: Option<&[u8]>, sql: &[u8]) -> Option<Arc<Verdict>> {
        match template.and_then(|template| cache::find(scope, template)) {
            Some(known) if *known.sql == *sql => Some(known),
            Some(known) => known.for_text(sql).map(Arc::new),
            None => cache::find(scope, sql),
        }
    }

    /// The verdict on a text whose parameters have types of somebody's own. Never cached: rare.
    pub(crate) fn verdict_with_types(&mut self, sql: &[u8], types: &[Name]) -> Arc<Verdict> {
        self.scope();
        Arc::new(self.judge(sql, types))
    }

    /// The verdict on a message that is no statement, or not one that is looked into.
    pub(crate) fn refused(&mut self, kind: UnreadableKind, detail: &str) -> Judged {
        self.scope();
        let subject = verdict::unreadable(kind, detail);
        let request = self.request(subject.clone(), None, clock::now());
        Judged {
            scope: self.scope.id,
            subject,
            text: "".into(),
            name: None,
            decision: Arc::new(evaluate(&self.scope.policy, &request)),
        }
    }

    /// Whether what the wire itself refuses passes, by the policy that holds now.
    pub(crate) fn is_relaxed(&mut self) -> bool {
        self.scope();
        let role = self.scope.policy.role(&self.principal.role);
        let grant = role.and_then(|role| role.database(&self.database));
        grant.is_some_and(relaxed)
    }

    /// How many rows a statement may give.
    pub(crate) fn row_limit(&self) -> Option<u64> {
        self.scope.rows
    }

    /// The types among these OIDs (four bytes each) that are not PostgreSQL's own: binding a value of
    /// one runs what its owner wrote.
    pub(crate) fn types(&mut self, oids: &[u8]) -> Vec<Name> {
        let mut names = Vec::new();
        for oid in oids.as_chunks::<4>().0 {
            let oid = u32::from_be_bytes(*oid);
            if oid < FIRST_NORMAL_OID {
                continue;
            }
            let known = self.scope().snapshot.as_ref();
            let known = known.and_then(|snapshot| snapshot.types.get(&oid).cloned());
            names.push(known.unwrap_or_else(|| Name {
                schema: None,
                name: format!("type {oid}").into(),
            }));
        }
        names
    }

    /// The same prepared statement under what holds now.
    pub(crate) fn current(&mut self, prepared: &Arc<Prepared>) -> Arc<Prepared> {
        let scope = self.scope().id;
        if prepared.verdict.scope == scope {
            return Arc::clone(prepared);
        }
        let sql = Arc::clone(&prepared.verdict.sql);
        let verdict = if prepared.types.is_empty() {
            self.verdict(&sql)
        } else {
            self.verdict_with_types(&sql, &prepared.types)
        };
        Arc::new(Prepared {
            verdict,
            index: prepared.index,
            types: prepared.types.clone(),
        })
    }

    fn judge(&self, sql: &[u8], types: &[Name]) -> Verdict {
        let scope = &self.scope;
        let snapshot = scope.snapshot.as_deref();
        let context = exeat_sql::Context {
            catalog: snapshot.map(|snapshot| &snapshot.catalog),
            search_path: &self.search_path,
            asks: false,
        };
        Verdict::read(scope.id, sql, &context, types, |subject| {
            let request = self.request(subject, None, clock::now());
            Arc::new(evaluate(&scope.policy, &request))
        })
    }

    /// Asks whether a judged statement may run now. It counts as one of the role's statements.
    pub(crate) fn ask(&mut self, judged: &Judged) -> Answer {
        let exhausted = self
            .core
            .limits
            .statement(&self.principal.role, &self.database);
        let scope = self.scope().id;
        let at = clock::now();
        let request = self.request(judged.subject.clone(), exhausted, at);
        // A cached decision knows neither of exhausted limits nor of the proof's end.
        let usual = exhausted.is_none() && self.principal.expires_at.is_none_or(|end| at < end);
        let decision = if usual && judged.scope == scope {
            Arc::clone(&judged.decision)
        } else {
            Arc::new(evaluate(&self.scope.policy, &request))
        };
        Answer {
            request,
            decision,
            text: Arc::clone(&judged.text),
            verb: judged.verb(),
        }
    }

    fn request(&self, subject: Subject, exhausted: Option<LimitKind>, at: UnixMillis) -> Request {
        Request::Statement(StatementRequest {
            caller: Caller::Known(Arc::clone(&self.principal)),
            database: Arc::clone(&self.database),
            subject,
            catalog: self.scope.version,
            exhausted,
            at,
        })
    }

    /// A statement that names another one: what it touches is what the other one touches, and its own.
    pub(crate) fn combined(&self, outer: &Judged, inner: &Judged) -> Judged {
        let subject = match (&outer.subject, &inner.subject) {
            (Subject::Readable(outer), Subject::Readable(inner)) => {
                Subject::Readable(Arc::new(merge(outer, inner)))
            }
            (Subject::Unreadable(_), _) => outer.subject.clone(),
            (_, unreadable) => unreadable.clone(),
        };
        Judged {
            // No scope has this number: the decision is made when it is asked for.
            scope: 0,
            subject,
            ..outer.clone()
        }
    }
}

fn merge(outer: &Facts, inner: &Facts) -> Facts {
    fn union<T: Clone + Ord>(left: &[T], right: &[T]) -> Vec<T> {
        let mut all: Vec<T> = left.iter().chain(right).cloned().collect();
        all.sort();
        all.dedup();
        all
    }
    Facts {
        relations: union(&outer.relations, &inner.relations),
        functions: union(&outer.functions, &inner.functions),
        operators: union(&outer.operators, &inner.operators),
        types: union(&outer.types, &inner.types),
        settings: union(&outer.settings, &inner.settings),
        confirmation: inner.confirmation,
        behind: union(&outer.behind, &inner.behind),
        behind_functions: union(&outer.behind_functions, &inner.behind_functions),
        ..outer.clone()
    }
}
