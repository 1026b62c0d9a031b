//! An event as the bytes of its leaf. Encoded once, on the thread that appends; nothing here does IO.

use std::borrow::Cow;
use std::cell::RefCell;

use exeat_policy::{Decision, Request};
use serde::Serialize;
use uuid::Uuid;

use crate::canonical::{Encoder, References};
use crate::context::{self, Contexts};
use crate::error::AuditError;
use crate::event::{Body, Event, Parameter, Plane};
use crate::id::UnixMicros;

/// A decision's leaf: its contexts are referred to from within the request.
#[derive(Serialize)]
struct DecisionLeaf<'a> {
    at: UnixMicros,
    event: DecisionBody<'a>,
    id: Uuid,
    plane: Plane,
    session: Option<Uuid>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum DecisionBody<'a> {
    Decision {
        decision: &'a Decision,
        parameters: Option<&'a Cow<'a, [Parameter]>>,
        request: &'a Request,
        sql: Option<&'a str>,
    },
}

thread_local! {
    static ENCODER: RefCell<Encoder> = RefCell::new(Encoder::default());
}

/// Hands the leaf of an event, and the contexts that it refers to, to `then`.
pub(crate) fn encode<R>(
    event: &Event<'_>,
    then: impl FnOnce(&[u8], Contexts) -> R,
) -> Result<R, AuditError> {
    let failed = |error: crate::canonical::CanonicalError| AuditError::Encode(error.to_string());
    ENCODER.with_borrow_mut(|encoder| {
        let Body::Decision(decided) = &event.body else {
            let leaf = encoder
                .encode(event, References::default())
                .map_err(failed)?;
            return Ok(then(leaf, Contexts::default()));
        };
        let contexts = context::of(decided).map_err(failed)?;
        let references = References {
            caller: contexts.caller.as_ref().map(|context| &*context.hash),
            subject: contexts.subject.as_ref().map(|context| &*context.hash),
        };
        let statement = decided.statement.as_ref();
        let parameters = statement.map(|statement| &statement.parameters);
        let sql = statement.map(|statement| &*statement.sql);
        let body = DecisionBody::Decision {
            decision: &decided.decision,
            parameters: parameters.filter(|parameters| !parameters.is_empty()),
            request: &decided.request,
            sql: sql.filter(|_| contexts.own_text),
        };
        let Event {
            id,
            at,
            plane,
            session,
            body: _,
        } = *event;
        let leaf = DecisionLeaf {
            at,
            event: body,
            id,
            plane,
            session,
        };
        let leaf = encoder.encode(&leaf, references).map_err(failed)?;
        Ok(then(leaf, contexts))
    })
}
