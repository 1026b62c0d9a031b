//! The big parts that many records share, stored once per segment: a caller with its labels, and a
//! statement's text with what it touches. A record carries the content's hash in their place.
//!
//! A context is found by comparing what it holds, never by trusting that an address means the same
//! content; the per-thread tables below only make that comparison quick. They are bounded.

use std::borrow::Cow;
use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exeat_policy::{Caller, Principal, Request, Subject};
use serde::{Deserialize, Serialize};

use crate::canonical::{CanonicalError, Encoder, References};
use crate::event::{Decided, Labels};
use crate::hash::sha256;

/// What a context leaf holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContextValue<'a> {
    /// A known caller and the labels of its role.
    Caller {
        /// The caller.
        caller: Cow<'a, Caller>,
        /// The labels.
        labels: Cow<'a, Labels>,
    },
    /// A statement.
    Statement {
        /// Its text, where it is recorded and all records that refer here share it.
        sql: Option<Cow<'a, str>>,
        /// What it is and touches.
        subject: Cow<'a, Subject>,
    },
}

/// A context, ready to be written.
#[derive(Debug)]
pub(crate) struct Context {
    /// The SHA-256 of the canonical value, URL-safe base64: what records refer to.
    pub(crate) hash: Box<str>,
    /// The canonical leaf.
    pub(crate) leaf: Box<[u8]>,
    /// The segment (by a number unique in this process) that holds it already.
    pub(crate) written_in: AtomicU64,
}

impl Context {
    fn new(value: ContextValue<'_>, encoder: &mut Encoder) -> Result<Arc<Self>, CanonicalError> {
        let value = encoder.encode(&value, References::default())?;
        let hash = hash(value);
        Ok(Arc::new(Self {
            leaf: leaf(value, &hash),
            hash: hash.into(),
            written_in: AtomicU64::new(0),
        }))
    }

    /// Says that segment `epoch` holds it, and whether it did already.
    pub(crate) fn mark(&self, epoch: u64) -> bool {
        self.written_in.swap(epoch, Ordering::Relaxed) == epoch
    }
}

/// A context leaf, `{"context":…,"hash":…}`, of a value in canonical form. It is canonical too, since its two
/// keys are in order; so a text of megabytes is not written twice.
fn leaf(value: &[u8], hash: &str) -> Box<[u8]> {
    let mut leaf = Vec::with_capacity(value.len() + hash.len() + 24);
    leaf.extend_from_slice(b"{\"context\":");
    leaf.extend_from_slice(value);
    leaf.extend_from_slice(b",\"hash\":\"");
    leaf.extend_from_slice(hash.as_bytes());
    leaf.extend_from_slice(b"\"}");
    leaf.into()
}

/// The reference to a context value, given its canonical form.
pub(crate) fn hash(canonical: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(sha256([canonical]))
}

/// The contexts of one record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contexts {
    pub(crate) caller: Option<Arc<Context>>,
    pub(crate) subject: Option<Arc<Context>>,
    /// Whether the record itself must hold the statement's text: many texts share this subject.
    pub(crate) own_text: bool,
}

const CALLERS: usize = 256;
const STATEMENTS: usize = 1024;
/// What the contexts of a thread's statements may weigh together.
const REMEMBERED_BYTES: usize = 16 << 20;
/// Longer ones are made anew each time.
const LONGEST: usize = 2 << 20;
/// Longer ones are remembered from the second time on: most long texts come once, and would take the place of many.
const LONG: usize = 16 << 10;

struct CallerSlot {
    principal: Arc<Principal>,
    labels: Labels,
    context: Arc<Context>,
}

struct StatementSlot {
    // Holding the subject keeps its address from being used again, so comparing addresses is exact.
    subject: Subject,
    sql: Option<Box<str>>,
    context: Arc<Context>,
}

struct Tables {
    hasher: RandomState,
    callers: Vec<Option<CallerSlot>>,
    statements: Statements,
    encoder: Encoder,
}

/// Statements by the address of what they touch.
struct Statements {
    slots: Vec<Option<StatementSlot>>,
    /// What the slots hold.
    bytes: usize,
    /// Long ones that came once. (An address may be another's by now, which is then remembered at once.)
    seen: Vec<usize>,
}

impl Statements {
    fn new() -> Self {
        Self {
            slots: (0..STATEMENTS).map(|_| None).collect(),
            bytes: 0,
            seen: vec![0; STATEMENTS],
        }
    }

    /// Whether a context of this length is worth a slot.
    fn wants(&mut self, at: usize, subject: &Subject, length: usize) -> bool {
        if length <= LONG {
            return true;
        }
        let (_, address) = address(subject);
        let seen = self.seen.get_mut(at);
        let seen = seen.is_some_and(|seen| std::mem::replace(seen, address) == address);
        seen && length <= LONGEST
    }

    /// Puts one into its slot, and takes others out until all fit.
    fn remember(&mut self, at: usize, new: StatementSlot) {
        self.bytes += new.context.leaf.len();
        self.take(at);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some(new);
        }
        let mut next = at;
        while self.bytes > REMEMBERED_BYTES {
            next = (next + 1) % STATEMENTS;
            self.take(next);
        }
    }

    fn take(&mut self, at: usize) {
        let old = self.slots.get_mut(at).and_then(Option::take);
        self.bytes -= old.map_or(0, |old| old.context.leaf.len());
    }
}

thread_local! {
    static TABLES: RefCell<Tables> = RefCell::new(Tables {
        hasher: RandomState::new(),
        callers: (0..CALLERS).map(|_| None).collect(),
        statements: Statements::new(),
        encoder: Encoder::default(),
    });
}

/// The contexts that a decision refers to.
pub(crate) fn of(decided: &Decided<'_>) -> Result<Contexts, CanonicalError> {
    TABLES.with_borrow_mut(|tables| {
        let request = &*decided.request;
        let caller = match request {
            Request::Connection(request) => &request.caller,
            Request::Session(request) => &request.caller,
            Request::Statement(request) => &request.caller,
        };
        let caller = match caller {
            Caller::Known(principal) => Some(tables.caller(caller, principal, &decided.labels)?),
            Caller::Unknown(_) => None,
        };
        let (subject, own_text) = match request {
            Request::Statement(request) => {
                let sql = decided.statement.as_ref().map(|statement| &*statement.sql);
                let (context, own_text) = tables.statement(&request.subject, sql)?;
                (Some(context), own_text)
            }
            Request::Connection(_) | Request::Session(_) => (None, false),
        };
        Ok(Contexts {
            caller,
            subject,
            own_text,
        })
    })
}

impl Tables {
    fn caller(
        &mut self,
        caller: &Caller,
        principal: &Arc<Principal>,
        labels: &Labels,
    ) -> Result<Arc<Context>, CanonicalError> {
        let at = index(self.hasher.hash_one(principal), CALLERS);
        let slot = self.callers.get_mut(at);
        if let Some(Some(known)) = &slot
            && (Arc::ptr_eq(&known.principal, principal) || known.principal == *principal)
            && known.labels == *labels
        {
            return Ok(Arc::clone(&known.context));
        }
        let value = ContextValue::Caller {
            caller: Cow::Borrowed(caller),
            labels: Cow::Borrowed(labels),
        };
        let context = Context::new(value, &mut self.encoder)?;
        if let Some(slot) = slot.filter(|_| context.leaf.len() <= LONG) {
            let (principal, labels) = (Arc::clone(principal), labels.clone());
            *slot = Some(CallerSlot {
                principal,
                labels,
                context: Arc::clone(&context),
            });
        }
        Ok(context)
    }

    /// The context of a statement, and whether the record must hold the text itself. A subject that
    /// comes with a second text is one that many texts share (they differ in literals only): from then
    /// on its context holds no text.
    fn statement(
        &mut self,
        subject: &Subject,
        sql: Option<&str>,
    ) -> Result<(Arc<Context>, bool), CanonicalError> {
        let at = index(self.hasher.hash_one(address(subject)), STATEMENTS);
        let mut shared = sql;
        if let Some(Some(known)) = self.statements.slots.get(at)
            && address(&known.subject) == address(subject)
        {
            if known.sql.as_deref() == sql {
                return Ok((Arc::clone(&known.context), false));
            }
            if known.sql.is_none() {
                return Ok((Arc::clone(&known.context), true));
            }
            shared = None;
        }
        let value = ContextValue::Statement {
            sql: shared.map(Cow::Borrowed),
            subject: Cow::Borrowed(subject),
        };
        let context = Context::new(value, &mut self.encoder)?;
        if self.statements.wants(at, subject, context.leaf.len()) {
            let slot = StatementSlot {
                subject: subject.clone(),
                sql: shared.map(Into::into),
                context: Arc::clone(&context),
            };
            self.statements.remember(at, slot);
        }
        Ok((context, shared != sql))
    }
}

fn address(subject: &Subject) -> (bool, usize) {
    match subject {
        Subject::Readable(facts) => (true, Arc::as_ptr(facts).addr()),
        Subject::Unreadable(why) => (false, Arc::as_ptr(why).addr()),
    }
}

fn index(hash: u64, slots: usize) -> usize {
    usize::try_from(hash).unwrap_or_default() % slots
}

#[cfg(test)]
mod tests;
