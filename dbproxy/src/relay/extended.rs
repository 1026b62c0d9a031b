//! Parse, Bind and Execute: a statement is judged when it is parsed, and again, where something has
//! changed, when it is bound and executed.

use std::sync::Arc;

use exeat_policy::Verb;

use super::deny::Refusal;
use super::expected::Expected;
use super::names::{Known, Portal};
use super::{Copy, Relay};
use crate::guard::Prepared;
use crate::parameters;
use crate::wire::{Frame, frame, frontend};

/// The names of a large Bind must be within its first bytes.
const BIND_NAMES: usize = 1024;

impl Relay {
    pub(super) fn parse(&mut self, frame: Frame) -> Result<(), Refusal> {
        self.know_own_definitions()?;
        let body = frame::body(self.inbound.unscanned(), frame).unwrap_or_default();
        let parse = frontend::parse(body)?;
        let types: Box<[u8]> = parse.types.into();
        let (name, sql_at) = (parse.name.to_vec(), parse.sql_at);
        let verdict = match self.guard.verdict(parse.sql, &types) {
            Ok(verdict) => verdict,
            Err(asked) => return Err(self.find_out(asked)),
        };
        self.await_catalog(&verdict)?;
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
            0 => None,
            1 => Some(0),
            _ => return Err(Refusal::several_statements()),
        };
        if !self.names.has_room(frame.length) {
            return Err(Refusal::too_many_names());
        }
        let prepared = Arc::new(Prepared {
            verdict: Arc::clone(&verdict),
            index,
            types,
        });
        let undo = self.names.prepare(&name, prepared)?;
        self.forward_text(frame, sql_at, verdict.blanked.as_deref());
        self.expect_extended(Expected::Parse(undo));
        Ok(())
    }

    pub(super) fn bind(&mut self, frame: Frame) -> Result<(), Refusal> {
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
        let statement = match self.names.statement(bind.statement) {
            Known::Is(statement) => Arc::clone(statement),
            Known::Nothing => return Err(Self::unknown_statement(bind.statement)),
            Known::Unsettled => return Err(Refusal::Wait),
        };
        let values = if large { None } else { Some(bind.values) };
        let parameters = parameters::recorded(self.parameters, values)?;
        let name = bind.portal.to_vec();
        let statement = match self.guard.current(&statement) {
            Ok(statement) => statement,
            Err(asked) => return Err(self.find_out(asked)),
        };
        if let Some(judged) = statement.judged().filter(|judged| !judged.is_allowed()) {
            let answer = self.guard.ask(judged);
            if !answer.is_allowed() {
                return Err(self.denial(&answer, &parameters));
            }
        }
        // The values of a large message are not kept.
        let kept = if large { 0 } else { frame.length };
        if !self.names.has_room(kept) {
            return Err(Refusal::too_many_names());
        }
        let portal = Portal {
            statement,
            parameters,
            cursor: false,
            rows: 0,
        };
        let undo = self.names.open(&name, portal)?;
        self.inbound.pass(frame.length);
        self.expect_extended(Expected::Bind(undo));
        Ok(())
    }

    pub(super) fn execute(&mut self, frame: Frame) -> Result<(), Refusal> {
        let body = frame::body(self.inbound.unscanned(), frame).unwrap_or_default();
        let (name, _) = frontend::execute(body)?;
        let portal = match self.names.portal(name) {
            Known::Is(portal) => portal.clone(),
            Known::Nothing => return Err(Self::unknown_portal(name)),
            Known::Unsettled => return Err(Refusal::Wait),
        };
        let name: Box<[u8]> = name.into();
        let statement = match self.guard.current(&portal.statement) {
            Ok(statement) => statement,
            Err(asked) => return Err(self.find_out(asked)),
        };
        let Some(judged) = statement.judged() else {
            self.inbound.pass(frame.length);
            self.expect_extended(Expected::Nothing);
            return Ok(());
        };
        let answer = self.ask(judged)?;
        if !answer.is_allowed() {
            return Err(self.denial(&answer, &portal.parameters));
        }
        let index = statement.index.unwrap_or_default();
        let effect = self.name_effect(&statement.verdict, index, judged)?;
        let mut running = self.admit(&answer, &portal.parameters)?;
        running.bytes_in = frame.length as u64;
        running.before = portal.rows;
        running.portal = Some(name);
        self.count_with_cursor(&mut running, judged);
        if running.verb == Verb::CopyIn {
            self.copy = Copy::Waiting;
        }
        self.inbound.pass(frame.length);
        self.expect_extended(Expected::Execute(running, effect));
        Ok(())
    }
}
