//! One side connection: a statement is parsed there and never run, and the server's notices hold its trees.
//!
//! `debug_print_parse` and `debug_print_rewritten` are any user's to set
//! (<https://www.postgresql.org/docs/current/runtime-config-logging.html>).

use std::sync::Arc;
use std::time::Duration;

use super::Question;
use crate::catalog::row;
use crate::disclosure::types_of;
use crate::upstream::{CancelTarget, Channel, Upstream, UpstreamError, Wanted};
use crate::wire::{Fields, Violation, write};

/// How long the server may take to parse a statement, and how long it may wait for a lock. Who waits for a
/// lock waits on its own connection.
const SETTINGS: [(&str, &str); 8] = [
    ("application_name", "exeat analysis"),
    ("client_min_messages", "log"),
    ("debug_print_parse", "on"),
    ("debug_print_rewritten", "on"),
    ("debug_pretty_print", "off"),
    ("lock_timeout", "100ms"),
    ("default_transaction_read_only", "on"),
    ("idle_in_transaction_session_timeout", "10s"),
];
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two questions.
const FORGET: &str = "DISCARD ALL";

/// The two notices' words.
const PARSED: &[u8] = b"parse tree:";
const REWRITTEN: &[u8] = b"rewritten parse tree:";

/// What the server said of a statement.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// Its trees.
    Trees(Trees),
    /// The rows of a question of the proxy's own.
    Rows(Vec<Vec<String>>),
    /// It refuses the statement.
    Error(ServerError),
}

/// What came over the session's own connection.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The trees of a statement.
    Trees(Trees),
    /// One of them has so many bytes, which are more than are read.
    TooLong(usize),
    /// The rows of a question of the proxy's own.
    Rows(Vec<Vec<String>>),
    /// The server refuses it.
    Error(ServerError),
}

/// The trees of a statement, as the server dumps them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trees {
    pub(crate) parse: Vec<u8>,
    pub(crate) rewritten: Vec<u8>,
}

/// An ErrorResponse of the server: its fields by their letter, in order.
///
/// `Debug` leaves the texts out: they may quote the statement.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerError(Vec<(u8, String)>);

impl ServerError {
    /// Reads the body of an ErrorResponse or NoticeResponse.
    pub(crate) fn read(body: &[u8]) -> Self {
        let fields = Fields::read(body);
        let owned = |(letter, value): (u8, &[u8])| (letter, String::from_utf8_lossy(value).into());
        Self(fields.iter().map(owned).collect())
    }

    /// Of these fields.
    pub(crate) fn of(fields: &[(u8, &str)]) -> Self {
        let own = |(letter, text): &(u8, &str)| (*letter, (*text).to_owned());
        Self(fields.iter().map(own).collect())
    }

    pub(crate) fn field(&self, letter: u8) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == letter);
        found.map(|(_, value)| value.as_str())
    }

    /// The SQLSTATE.
    pub(crate) fn code(&self) -> &str {
        self.field(b'C').unwrap_or("XX000")
    }

    /// `lock_not_available`, or the time for the whole question is over.
    pub(super) fn is_lock_timeout(&self) -> bool {
        matches!(self.code(), "55P03" | "57014")
    }

    /// `syntax_error`, `indeterminate_datatype` and what a function of any type says of a value of none:
    /// what a parameter may be refused for where a string is none.
    pub(super) fn may_be_about_a_parameter(&self) -> bool {
        matches!(self.code(), "42601" | "42P18" | "42804")
    }

    /// It comes from the lexer or the grammar: no name has been looked up, and no value made.
    pub(crate) fn is_of_grammar(&self) -> bool {
        self.code() == "42601" && matches!(self.field(b'F'), Some("scan.l" | "gram.y" | "parser.c"))
    }

    /// `in_failed_sql_transaction`: the server answers nothing until the block has ended.
    pub(crate) fn is_of_failed_block(&self) -> bool {
        self.code() == "25P02"
    }

    /// All fields, in the server's order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (u8, &str)> {
        self.0
            .iter()
            .map(|(letter, value)| (*letter, value.as_str()))
    }
}

impl std::fmt::Debug for ServerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ServerError").field(&self.code()).finish()
    }
}

/// A side connection.
pub(super) struct Asker {
    channel: Channel,
    cancel: CancelTarget,
    /// It has been asked and has not answered.
    busy: bool,
}

/// Who gives a question up has the server give it up too.
impl Drop for Asker {
    fn drop(&mut self) {
        if let Some(runtime) = tokio::runtime::Handle::try_current()
            .ok()
            .filter(|_| self.busy)
        {
            let cancel = self.cancel.clone();
            runtime.spawn(async move {
                drop(tokio::time::timeout(STATEMENT_TIMEOUT, cancel.cancel()).await);
            });
        }
    }
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asker")
    }
}

impl Asker {
    pub(super) async fn open(
        upstream: &Arc<Upstream>,
        user: &Arc<str>,
        role: Option<&Arc<str>>,
    ) -> Result<Self, UpstreamError> {
        let role = role.map(|role| ("role", &**role));
        let settings = SETTINGS.into_iter().chain(role);
        let settings: Vec<(String, String)> = settings
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let wanted = Wanted {
            statement_timeout: Some(STATEMENT_TIMEOUT),
            ..Wanted::own(user, &settings)
        };
        let connection = upstream.connect(wanted).await?;
        Ok(Self {
            channel: Channel::open(connection.stream, connection.received),
            cancel: connection.cancel,
            busy: false,
        })
    }

    /// Has the server parse a statement; nothing is run but what is the proxy's own.
    pub(super) async fn ask(
        &mut self,
        question: &Question,
        text: &str,
        types: &[u32],
    ) -> Result<Told, UpstreamError> {
        self.busy = true;
        let told = self.told(question, text, types).await;
        self.busy = false;
        told
    }

    async fn told(
        &mut self,
        question: &Question,
        text: &str,
        types: &[u32],
    ) -> Result<Told, UpstreamError> {
        if question.reaches.is_some() {
            return self.rows(text).await;
        }
        let declared = &question.declared;
        if declared.is_empty() {
            return Ok(self.parse(text, types, false).await?.0);
        }
        let nulls: Vec<String> = declared
            .iter()
            .map(|written| format!("NULL::{written}"))
            .collect();
        let of_types = format!("SELECT {}", nulls.join(", "));
        match self.parse(&of_types, &[], true).await? {
            (Told::Trees(_), found) if found.len() == declared.len() => {
                Ok(self.parse(text, &found, false).await?.0)
            }
            (Told::Trees(_) | Told::Rows(_), _) => Err(Violation::Malformed.into()),
            (refused, _) => Ok(refused),
        }
    }

    /// Runs a question of the proxy's own.
    async fn rows(&mut self, text: &str) -> Result<Told, UpstreamError> {
        let mut question = Vec::with_capacity(text.len() + 8);
        write::query(&mut question, text);
        self.channel.send(&question).await?;
        let (mut rows, mut error) = (Vec::new(), None);
        loop {
            match self.channel.any_message().await? {
                (b'D', body) => rows.push(row(&body)?),
                (b'E', body) => error = Some(ServerError::read(&body)),
                (b'Z', _) => break,
                (b'T' | b'C' | b'N' | b'S' | b'A', _) => {}
                _ => return Err(Violation::UnexpectedType.into()),
            }
        }
        Ok(error.map_or(Told::Rows(rows), Told::Error))
    }

    /// What the server says of a text; and the types of its result, where it is asked to describe it.
    async fn parse(
        &mut self,
        text: &str,
        types: &[u32],
        describe: bool,
    ) -> Result<(Told, Vec<u32>), UpstreamError> {
        let mut question = Vec::with_capacity(text.len() + 32);
        write::parse_with(&mut question, "", text, types);
        if describe {
            write::frame(&mut question, b'D', |out| out.extend_from_slice(b"S\0"));
        }
        write::frame(&mut question, b'S', |_| {});
        // A check of a domain may have run: nothing that it set stays for the next question.
        write::query(&mut question, FORGET);
        self.channel.send(&question).await?;
        let mut trees = Trees::default();
        let (mut error, mut found) = (None, Vec::new());
        let mut ready = 0;
        loop {
            match self.channel.any_message().await? {
                (b'N', body) if ready == 0 => trees.hear(&body),
                (b'E', body) if ready == 0 => error = Some(ServerError::read(&body)),
                (b'N', _) => {}
                (b'T', body) => found = types_of(&body)?,
                (b'Z', _) if ready == 1 => break,
                (b'Z', _) => ready += 1,
                (b'1' | b't' | b'n' | b'C' | b'S' | b'A', _) => {}
                _ => return Err(Violation::UnexpectedType.into()),
            }
        }
        Ok(match error {
            Some(error) => (Told::Error(error), found),
            None => (Told::Trees(trees), found),
        })
    }
}

impl Trees {
    /// Takes a tree out of a notice, where it is one. A tree of what a function runs meanwhile, the check of a
    /// domain for example, comes with the function as its context: it is none of the statement's.
    pub(crate) fn hear(&mut self, notice: &[u8]) {
        let fields = Fields::read(notice);
        if fields.has(b'W') {
            return;
        }
        // A line of a dump may end within a character: these are bytes.
        match (fields.bytes(b'M'), fields.bytes(b'D')) {
            (Some(PARSED), Some(tree)) => self.parse = tree.to_vec(),
            (Some(REWRITTEN), Some(tree)) => self.rewritten = tree.to_vec(),
            _ => {}
        }
    }

    /// Whether a notice is one that holds a tree.
    pub(crate) fn is_tree(notice: &[u8]) -> bool {
        let fields = Fields::read(notice);
        fields.bytes(b'V') == Some(b"LOG") && matches!(fields.bytes(b'M'), Some(PARSED | REWRITTEN))
    }
}
