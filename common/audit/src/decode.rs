//! Leaves as events again: puts pieces together and contexts back in place.
//!
//! One [`Joiner`] follows one segment. It trusts nothing of what it reads.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::event::Event;
use crate::segment::{PIECE_START, Piece, PieceLeaf};

/// Why a leaf is no event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is no JSON, or not of a shape that the log writes.
    #[error("it is no leaf that this log writes: {0}")]
    Shape(String),
    /// A piece without the pieces before it.
    #[error("a piece of a long leaf does not follow the piece before it")]
    Piece,
    /// It refers to a context that its segment does not hold before it.
    #[error("it refers to the context `{0}`, which its segment does not hold before it")]
    Context(String),
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        Self::Shape(error.to_string())
    }
}

/// What a leaf turned out to be.
#[derive(Debug)]
pub(crate) enum Joined {
    /// A whole event.
    Event(Box<Event<'static>>),
    /// A context; its hash and its value.
    Context(String, Value),
    /// A piece of a leaf that goes on.
    Piece,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    contexts: HashMap<String, Value>,
    long: Option<Long>,
}

#[derive(Debug)]
struct Long {
    count: u64,
    next: u64,
    text: String,
}

#[derive(Deserialize)]
struct RawContext {
    context: Value,
    hash: String,
}

impl Joiner {
    /// Reads the next leaf of the segment.
    pub(crate) fn accept(&mut self, leaf: &[u8]) -> Result<Joined, DecodeError> {
        if leaf.starts_with(PIECE_START) {
            let PieceLeaf { piece } = serde_json::from_slice(leaf)?;
            return match self.piece(piece)? {
                Some(whole) => self.whole(whole.as_bytes()),
                None => Ok(Joined::Piece),
            };
        }
        if self.long.take().is_some() {
            return Err(DecodeError::Piece);
        }
        self.whole(leaf)
    }

    fn piece(&mut self, piece: Piece) -> Result<Option<String>, DecodeError> {
        let mut long = match (self.long.take(), piece.index) {
            (None, 0) => Long {
                count: piece.count,
                next: 0,
                text: String::new(),
            },
            (Some(long), index) if index == long.next && piece.count == long.count => long,
            _ => return Err(DecodeError::Piece),
        };
        long.text.push_str(&piece.text);
        long.next += 1;
        if long.next == long.count {
            return Ok(Some(long.text));
        }
        self.long = Some(long);
        Ok(None)
    }

    fn whole(&mut self, leaf: &[u8]) -> Result<Joined, DecodeError> {
        if leaf.starts_with(b"{\"context\":") {
            let RawContext { context, hash } = serde_json::from_slice(leaf)?;
            self.contexts.insert(hash.clone(), context.clone());
            return Ok(Joined::Context(hash, context));
        }
        let mut value: Value = serde_json::from_slice(leaf)?;
        if let Some(Value::Object(decided)) = value.pointer_mut("/event/decision") {
            self.join(decided)?;
        }
        Ok(Joined::Event(Box::new(serde_json::from_value(value)?)))
    }

    /// Puts a decision's contexts back in place of the references.
    fn join(&self, decided: &mut Map<String, Value>) -> Result<(), DecodeError> {
        let parameters = decided.remove("parameters");
        let own_text = decided.remove("sql");
        let request = decided.get_mut("request").and_then(Value::as_object_mut);
        let request = request.and_then(|request| request.values_mut().next());
        let Some(Value::Object(request)) = request else {
            return Ok(());
        };
        let mut labels = None;
        if let Some(context) = self.referred(request.get("caller"), "caller")? {
            request.insert("caller".to_owned(), part(context, "caller"));
            labels = Some(part(context, "labels"));
        }
        let mut sql = None;
        if let Some(context) = self.referred(request.get("subject"), "statement")? {
            request.insert("subject".to_owned(), part(context, "subject"));
            sql = own_text.or_else(|| context.get("sql").cloned());
        }
        decided.extend(labels.map(|labels| ("labels".to_owned(), labels)));
        if let Some(sql) = sql {
            let mut statement = Map::new();
            statement.insert("sql".to_owned(), sql);
            let parameters = parameters.unwrap_or_else(|| Value::Array(Vec::new()));
            statement.insert("parameters".to_owned(), parameters);
            decided.insert("statement".to_owned(), Value::Object(statement));
        }
        Ok(())
    }

    /// The context that a value refers to, where it is a reference.
    fn referred(&self, value: Option<&Value>, kind: &str) -> Result<Option<&Value>, DecodeError> {
        let Some(hash) = value.and_then(|value| value.get("context")) else {
            return Ok(None);
        };
        let known = hash
            .as_str()
            .and_then(|hash| self.contexts.get(hash)?.get(kind));
        match known {
            Some(context) => Ok(Some(context)),
            None => Err(DecodeError::Context(
                hash.as_str().unwrap_or_default().to_owned(),
            )),
        }
    }
}

fn part(context: &Value, name: &str) -> Value {
    context.get(name).cloned().unwrap_or_default()
}
