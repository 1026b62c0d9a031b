//! Parse, Bind and Execute: a statement is judged when it is parsed, and again, where something has
//! changed, when it is bound and executed.
//!
//! Each goes on with its names replaced by the server's (see [`super::names`]).

use std::sync::Arc;

use exeat_policy::{UnreadableKind, Verb};

use super::deny::Refusal;
use super::expected::Expected;
use super::names::{Called, Id, Known, Portal, Statement};
use super::{Copy, Relay};
use crate::analysis::Judgeable;
use crate::guard::{Again, Code, Judged, Prepared, copies_in};
use crate::parameters;
use crate::wire::frontend::Target;
use crate::wire::{Frame, frame, frontend, write};

/// The names of a large Bind must be within its first bytes.
const BIND_NAMES: usize = 1024;

impl Relay {
    pub(super) fn parse(&mut self, frame: Frame) -> Result<(), Refusal> {
        let body = frame::body(self.inbound.unscanned(), frame).unwrap_or_default();
        let concerned = self.is_concerned(frontend::parse(body)?.sql);
        self.know_own_definitions(concerned)?;
        let body = frame::body(self.inbound.unscanned(), frame).unwrap_or_default();
        let parse = frontend::parse(body)?;
        let types: Box<[u8]> = parse.types.into();
        let (name, sql_at) = (parse.name.to_vec(), parse.sql_at);
        let verdict = match self.guard.verdict(parse.sql, &types) {
            Ok(verdict) => verdict,
            Err(asked) => return Err(self.find_out(asked)),
        };
        self.await_catalog(&verdict)?;
        if verdict.statements.len() > 1 && verdict.may_go_by_steps() {
            // The server does not look at any of several.
            return Err(Refusal::several_statements());
        }
        if let Some(judged) = verdict
            .statements
            .iter()
            .find(|judged| !judged.is_allowed())
        {
            let answer = self.guard.ask(judged);
            if !answer.is_allowed() {
                return Err(self.denial(&answer, &[]));
            }
        }
        let index = match verdict.statements.len() {
            // The server makes values of the parameters all the same, and runs their types' code for it.
            0 if types.iter().any(|byte| *byte != 0) => {
                let answer = self.unread(
                    UnreadableKind::Unsupported,
                    "an empty statement whose parameters have types",
                );
                if !answer.is_allowed() {
                    return Err(self.denial(&answer, &[]));
                }
                None
            }
            0 => None,
            1 => Some(0),
            _ => return Err(Refusal::several_statements()),
        };
        if !self.names.has_room(frame.length) {
            return Err(Refusal::too_many_names());
        }
        let taken = match self.names.statement(&name) {
            Known::Unsettled if !name.is_empty() => return Err(Refusal::Wait),
            Known::Is(_) => !name.is_empty(),
            Known::Nothing | Known::Unsettled => false,
        };
        let edit = match verdict.statements.first() {
            Some(judged) => self.edit(judged)?,
            None => None,
        };
        if taken {
            // Last of all the server finds that the name is taken: something else may be wrong before.
            // It gets the text as its unnamed statement, which nobody uses.
            self.forward_parse(frame, sql_at, &verdict, (None, edit));
            self.expect_extended(Expected::Own(b'1'));
            self.fail_batch(Self::statement_exists(&name), None);
            return Ok(());
        }
        if let Some(judged) = verdict
            .statements
            .first()
            .filter(|it| it.code >= Code::Early)
        {
            self.transaction.shows_at_most(judged.sight);
        }
        self.clear_unreachable();
        let id = self.names.give();
        let written = Called::of(edit.as_ref().map(|(_, id)| *id));
        self.forward_parse(frame, sql_at, &verdict, (Some(id), edit));
        let prepared = Arc::new(Prepared {
            verdict,
            index,
            types,
        });
        let statement = Statement {
            prepared,
            written,
            by_sql: false,
        };
        let effect = self.names.prepare(&name, Called::Ours(id), statement);
        self.expect_extended(Expected::Parse(effect));
        Ok(())
    }

    /// Whether the text that a Bind names can mean anything of what the session has defined.
    fn is_concerned_to_bind(&self, frame: Frame) -> bool {
        if self.transaction.trust.knows_all() {
            return false;
        }
        let here = self.inbound.unscanned();
        let body = here.get(frame::HEADER..frame.length.min(here.len()));
        let Some(Ok(bind)) = body.map(frontend::bind) else {
            return true;
        };
        match self.names.statement(bind.statement) {
            Known::Is(statement) => self.is_concerned(&statement.value.prepared.verdict.sql),
            Known::Nothing | Known::Unsettled => true,
        }
    }

    pub(super) fn bind(&mut self, frame: Frame) -> Result<(), Refusal> {
        let concerned = self.is_concerned_to_bind(frame);
        self.know_own_definitions(concerned)?;
        let large = frame.length > frame::WHOLE;
        let needed = if large { BIND_NAMES } else { frame.length };
        if self.inbound.unscanned().len() < needed {
            self.inbound.need(needed);
            return Err(Refusal::Wait);
        }
        let here = self.inbound.unscanned();
        let body = here
            .get(frame::HEADER..frame.length.min(here.len()))
            .unwrap_or_default();
        let bind = frontend::bind(body)?;
        let (statement, called) = match self.names.statement(bind.statement) {
            Known::Is(statement) => (statement.value.clone(), statement.called),
            Known::Nothing => return Err(Self::unknown_statement(bind.statement)),
            Known::Unsettled => return Err(Refusal::Wait),
        };
        let taken = match self.names.portal(bind.portal) {
            _ if bind.portal.is_empty() => None,
            Known::Is(portal) => Some(portal.called),
            Known::Nothing => None,
            Known::Unsettled => return Err(Refusal::Wait),
        };
        let values = if large { None } else { Some(bind.values) };
        let parameters = parameters::recorded(self.parameters, values)?;
        // A setting of somebody's own has a dot in its name.
        let dotted = large || bind.values.contains(&b'.');
        let name = bind.portal.to_vec();
        let head = frame::HEADER + name.len() + bind.statement.len() + 2;
        // The name of one of ours is not needed: nothing is allocated for it.
        let of = match called {
            Called::Ours(_) => Vec::new(),
            Called::AsIs => bind.statement.to_vec(),
        };
        let prepared = match self.guard.current(&statement.prepared) {
            Ok(prepared) => prepared,
            Err(asked) => return Err(self.find_out(asked)),
        };
        if let Some(judged) = prepared.judged().filter(|judged| !judged.is_allowed()) {
            let answer = self.guard.ask(judged);
            if !answer.is_allowed() {
                return Err(self.denial(&answer, &parameters));
            }
        }
        if dotted && prepared.reads_bound_setting() {
            let answer = self.unread(
                UnreadableKind::Unsupported,
                "current_setting of a name with a dot that comes as a parameter: write it into the statement",
            );
            if !answer.is_allowed() {
                return Err(self.denial(&answer, &parameters));
            }
        }
        // The values of a large message are not kept.
        let kept = if large { 0 } else { frame.length };
        if !self.names.has_room(kept) {
            return Err(Refusal::too_many_names());
        }
        let judged = prepared.judged();
        if let Some(judged) = judged.filter(|judged| judged.runs_code()) {
            self.transaction.shows_at_most(judged.sight);
        }
        let ends = judged.is_some_and(Judged::ends_transaction);
        let portal = Portal {
            statement: Statement {
                prepared,
                ..statement
            },
            parameters,
            cursor: false,
            rows: 0,
        };
        if let Some(called) = taken {
            self.probe_portal(&name, called, ends);
        }
        let names = |id: Id, out: &mut Vec<u8>| {
            Called::Ours(id).write(b"", out);
            called.write(&of, out);
        };
        self.forward_bind((frame, head), (&name, portal), names);
        Ok(())
    }

    /// Whether a portal that this session opened is still there, and its name taken, only the server
    /// knows (a savepoint may have taken it along): it is asked to open it once more.
    ///
    /// In a failed block the server looks at the name only where the statement `ends` the block.
    fn probe_portal(&mut self, name: &[u8], called: Called, ends: bool) {
        let harmless = if ends { "ROLLBACK" } else { "" };
        self.inbound.inject(|out| {
            write::parse(out, "", harmless);
            write::frame(out, b'B', |out| {
                called.write(name, out);
                out.extend_from_slice(&[0; 7]);
            });
            write::target(out, b'C', Target::Portal, |out| called.write(name, out));
        });
        for answer in [b'1', b'2', b'3'] {
            self.expect_extended(Expected::Own(answer));
        }
    }

    /// The Bind, and a Close of the unnamed portal whose place it takes.
    fn forward_bind(
        &mut self,
        (frame, head): (Frame, usize),
        (name, portal): (&[u8], Portal),
        names: impl FnOnce(Id, &mut Vec<u8>),
    ) {
        let replaced = self.names.unnamed_portal().filter(|_| name.is_empty());
        // Behind the Bind, because one that fails leaves the old portal as it is; but nothing can be put
        // behind a message that is not here yet.
        let late = self.inbound.unscanned().len() >= frame.length;
        if let Some(called) = replaced.filter(|_| !late) {
            self.close_own_portal(called);
        }
        let id = self.names.give();
        self.forward_renamed(frame, head, |out| names(id, out));
        let effect = self.names.open(name, Called::Ours(id), portal);
        self.expect_extended(Expected::Bind(effect));
        if let Some(called) = replaced.filter(|_| late) {
            self.close_own_portal(called);
        }
    }

    pub(super) fn execute(&mut self, frame: Frame) -> Result<(), Refusal> {
        let body = frame::body(self.inbound.unscanned(), frame).unwrap_or_default();
        let (name, _) = frontend::execute(body)?;
        let name: Box<[u8]> = name.into();
        self.know_own_definitions_for(&name)?;
        self.portal_settled(&name)?;
        let (portal, called) = match self.names.portal(&name) {
            Known::Is(portal) => (portal.value.clone(), portal.called),
            Known::Nothing => return Err(Self::unknown_portal(&name)),
            Known::Unsettled => return Err(Refusal::Wait),
        };
        let statement = match self.guard.current(&portal.statement.prepared) {
            Ok(statement) => statement,
            Err(asked) => return Err(self.find_out(asked)),
        };
        let Some(judged) = statement.judged() else {
            self.forward_execute(frame, &name, called);
            self.expect_extended(Expected::Nothing);
            return Ok(());
        };
        if !portal.statement.by_sql {
            self.still_written(judged, portal.statement.written)?;
        }
        if judged.verb() == Some(Verb::CopyOut) {
            // Its query is parsed only now.
            self.changes_nothing_itself(judged)?;
        }
        let answer = self.ask(judged)?;
        if !answer.is_allowed() {
            return Err(self.denial(&answer, &portal.parameters));
        }
        let index = statement.index.unwrap_or_default();
        let effect = if portal.statement.by_sql {
            None
        } else {
            self.name_effect(&statement.verdict, index, judged)?
        };
        let mut running = self.admit(&answer, &portal.parameters)?;
        running.again = Again::prepared(&statement, &answer);
        running.bytes_in = frame.length as u64;
        self.count_with_cursor(&mut running, judged);
        if copies_in(running.verb) {
            self.copy = Copy::Waiting;
        }
        if let Some(judgeable) = answer.judgeable.as_ref().filter(|_| judged.said.gives_rows) {
            self.look_at(&name, called, judgeable);
        }
        self.forward_execute(frame, &name, called);
        running.portal.get_or_insert(name);
        let unread = running.verb.is_none();
        self.expect_extended(Expected::Execute(running, effect));
        if unread {
            // Nothing follows before it is known whether it asks for data; servers answer at a Flush.
            self.ask_for_answers();
        }
        Ok(())
    }

    /// Has the server describe what is run next, where the client does not ask for it in this batch: only
    /// so can the result be held against what was judged. Behind its Bind the portal stays what it is.
    fn look_at(&mut self, name: &[u8], called: Called, judgeable: &Arc<Judgeable>) {
        if self.names.is_described(called, judgeable) {
            return;
        }
        self.inbound.inject(|out| {
            write::target(out, b'D', Target::Portal, |out| called.write(name, out));
        });
        self.expect_extended(Expected::Look(Arc::clone(judgeable)));
        self.names.describe(called, judgeable);
    }

    fn forward_execute(&mut self, frame: Frame, name: &[u8], called: Called) {
        let head = frame::HEADER + name.len() + 1;
        self.forward_renamed(frame, head, |out| called.write(name, out));
    }
}
