//! From a text to the facts that are judged: what of it PostgreSQL has to be asked, and all that is known of
//! each statement when the answers are there.
//!
//! Pure. What runs without being named is added by `unnamed`. It must never have PostgreSQL asked what could
//! not be taken back.

use std::collections::BTreeSet;
use std::sync::Arc;

use exeat_policy::{
    Access, Confirmation, Facts, Name, Origin, RelationAccess, Subject, UnreadableKind, Verb,
};
use exeat_sql::{Limits, Statement};

use super::reading::{Bound, Reading, Understood};
use super::standpoint::Standpoint;
use super::{template, verdict};
use crate::analysis::{self, Outcome, Question};
use crate::catalog::FIRST_NORMAL_OID;
use crate::disclosure::Foreign;

impl Standpoint<'_> {
    /// A text as our own reader sees it, without what is not to be asked about.
    pub(super) fn read<'t>(&self, text: &'t str, limits: &Limits) -> Reading<'t> {
        let mut reading = Reading::of(text, &self.context(), limits);
        if !self.transparent() {
            let runs_code = |subject: &Subject| self.runs_code(subject);
            self.leave_out_open_copies(&mut reading);
            reading.refuse_after_changes(self.own, self.search_path.len(), runs_code);
            self.refuse_constants(&mut reading);
            self.refuse_modifiers(&mut reading);
        }
        reading
    }

    /// COPY of a table without row level security reads just that: PostgreSQL has nothing to add. What is not
    /// known may have it.
    fn leave_out_open_copies(&self, reading: &mut Reading<'_>) {
        let Some(snapshot) = self.snapshot else {
            return;
        };
        let objects = &snapshot.objects;
        let is_open = |access: &RelationAccess| {
            let oid = objects.oid_of(&access.relation);
            let known = oid.and_then(|oid| objects.relation(oid));
            match known {
                Some(known) => !known.is_guarded(),
                None => access.relation.origin() == Origin::PostgreSql,
            }
        };
        for statement in &mut reading.statements {
            if let Subject::Readable(facts) = &statement.subject
                && facts.verb == Verb::CopyOut
                && facts.relations.iter().all(is_open)
            {
                statement.equal.clear();
            }
        }
    }

    /// What PostgreSQL has to be asked about each statement, whose parameters have these types (four bytes
    /// each); nothing where it can't be.
    pub(super) fn questions(&self, reading: &Reading<'_>, types: &[u8]) -> Vec<Vec<Question>> {
        if !self.asks {
            return vec![Vec::new(); reading.statements.len()];
        }
        let (version, transparent) = (self.version(), self.transparent());
        let oids: Arc<[u32]> = template::oids(types).as_slice().into();
        let of = |statement| {
            let mut questions = reading.questions(statement, version, &oids);
            if !transparent {
                questions.extend(reading.reach(statement, self.search_path));
                questions.extend(self.refresh(statement));
                questions.extend(reading.syntax(statement));
            }
            questions
        };
        reading.statements.iter().map(of).collect()
    }

    /// A statement with all that is known of it, by what came of its questions.
    pub(super) fn understood(
        &self,
        reading: &Reading<'_>,
        statement: &Statement,
        outcomes: &[Outcome],
        bound: &Bound,
    ) -> Understood {
        let mut one = if self.transparent() {
            reading.known(statement, outcomes, true)
        } else if self.asks_about_refresh(statement) {
            self.known_with_refresh(reading, statement, outcomes)
        } else {
            reading.known_with_reach(statement, outcomes, self.search_path)
        };
        let unnamed = self.with_unnamed(one.subject, statement.said.makes_values);
        let reached = self.with_wide(self.with_tables(self.with_kin(unnamed)), statement);
        let piece = reading.text().get(statement.range.clone());
        let piece = piece.unwrap_or(reading.text());
        one.subject = bound.with(self.with_moved(reached, piece));
        if !statement.declared.is_empty() {
            one.subject = self.declared(&one.subject).with(one.subject);
        }
        if self.transparent() {
            // Whatever its names mean by the time it runs passes.
            one.judgeable = None;
        }
        let any = self.may_say_any(statement, reading.text());
        if let Some(subject) = self.with_modifiers(&one.subject, piece, any) {
            one.subject = subject;
            one.reads_modifiers = true;
        }
        one.foreign = self.foreign(&one.subject);
        if let Some(subject) = self.with_plans(&one.subject) {
            one.subject = subject;
            one.foreign = one.foreign.max(Foreign::InPlans);
        }
        one
    }

    /// What binding values of these types (four bytes each) names and calls, where they are not
    /// PostgreSQL's own: it runs what their owners wrote.
    pub(super) fn bound(&self, types: &[u8]) -> Bound {
        let all = template::oids(types);
        let own: Vec<u32> = all
            .iter()
            .copied()
            .filter(|oid| *oid >= FIRST_NORMAL_OID)
            .collect();
        let name = |oid: &u32| {
            let known = self
                .snapshot
                .and_then(|snapshot| snapshot.objects.user_type(*oid));
            known
                .map(|known| known.name.clone())
                .unwrap_or_else(|| Name {
                    schema: None,
                    name: format!("type {oid}").into(),
                })
        };
        let types = own.iter().map(name).collect();
        let mut functions = self.checks(own);
        functions.extend(self.modifiers_of_bound(&all));
        Bound { types, functions }
    }

    /// What making values of the types that PREPARE declares calls.
    fn declared(&self, subject: &Subject) -> Bound {
        let (Subject::Readable(facts), Some(snapshot)) = (subject, self.snapshot) else {
            return Bound::default();
        };
        let objects = &snapshot.objects;
        let types = facts
            .types
            .iter()
            .flat_map(|name| objects.types_named(name));
        Bound {
            types: facts.types.clone(),
            functions: self.checks(types),
        }
    }

    /// The functions of others that making values of these types calls.
    pub(super) fn checks(&self, types: impl IntoIterator<Item = u32>) -> Vec<Name> {
        let Some(snapshot) = self.snapshot else {
            return Vec::new();
        };
        self.names_of(&snapshot.objects.checks(types))
    }

    /// The functions of others among these.
    pub(super) fn names_of(&self, functions: &BTreeSet<u32>) -> Vec<Name> {
        let Some(snapshot) = self.snapshot else {
            return Vec::new();
        };
        // One that is not known is somebody's, and nobody can have been given it.
        let name = |oid: &u32| match snapshot.objects.function(*oid) {
            Some(name) if name.origin() == Origin::PostgreSql => None,
            Some(name) => Some(name.clone()),
            None if *oid < FIRST_NORMAL_OID => None,
            None => Some(Name {
                schema: Some("".into()),
                name: format!("function {oid}").into(),
            }),
        };
        functions.iter().filter_map(name).collect()
    }

    /// The facts together with the parents and parts of tables that only our own reader has seen.
    fn with_kin(&self, subject: Subject) -> Subject {
        let (Subject::Readable(facts), Some(snapshot)) = (&subject, self.snapshot) else {
            return subject;
        };
        let moves =
            |access: &&RelationAccess| !matches!(access.access, Access::Define | Access::Maintain);
        let seen: Vec<_> = facts.relations.iter().filter(moves).cloned().collect();
        if facts.confirmation == Confirmation::Analysed || seen.is_empty() {
            return subject;
        }
        match analysis::kin(&seen, &snapshot.objects) {
            Ok(kin) if kin.is_empty() => subject,
            Ok(kin) => {
                let mut facts = Facts::clone(facts);
                facts.add_behind(kin);
                Subject::Readable(Arc::new(facts))
            }
            Err(why) => verdict::unreadable(UnreadableKind::Unanswered, &why.to_string()),
        }
    }
}
