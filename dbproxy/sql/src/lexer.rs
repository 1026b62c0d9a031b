//! The referee: PostgreSQL's lexical rules (`scan.l`, `standard_conforming_strings = on`) in one
//! linear pass, before any parser sees the text. It finds statements, comments and literals, and
//! refuses what the parsers could read otherwise than PostgreSQL, or could overflow their stack on.
//! It must never accept a text whose tokens depend on the server's version or settings, unless the
//! facts are the same either way (see `number`).

mod cursor;
#[cfg(test)]
mod tests;

use std::ops::Range;

use exeat_policy::{Unreadable, UnreadableKind};

use cursor::Cursor;

/// How long a message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the text without its literals, which are what a reader has to understand.
    pub text: usize,
    /// Bytes of the whole, which only have to be passed over.
    pub message: usize,
}

impl Limits {
    /// Those of a text that was read, under whatever limits.
    pub(crate) const NONE: Self = Self {
        text: usize::MAX,
        message: usize::MAX,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text: 1 << 20,
            message: 16 << 20,
        }
    }
}

/// Tokens of one message: enough for as many parameters as the protocol has, 65,535, each in a row of its own.
pub(crate) const MAX_TOKENS: usize = 300_000;
/// Open parentheses, brackets and CASEs.
pub(crate) const MAX_NESTING: usize = 200;
/// Tokens since the last comma or word of a CASE, summed over the open levels: no parser recurses deeper than this.
pub(crate) const MAX_RUN: usize = 8192;
/// Set operations of one statement.
pub(crate) const MAX_SETS: usize = 500;

const SETS: [&str; 3] = ["union", "intersect", "except"];

/// Behind each of these an expression of a CASE begins.
const BRANCHES: [&str; 3] = ["when", "then", "else"];

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or keyword without quotes.
    Word,
    /// `"…"`.
    Quoted,
    /// `'…'`, also the quoted part of `N'…'`.
    Text,
    /// `E'…'`.
    Escaped,
    /// `U&'…'`.
    Unicode,
    /// `B'…'` and `X'…'`.
    Bits,
    /// `$tag$…$tag$`.
    Dollar,
    /// A number.
    Number,
    /// `$1`.
    Parameter,
    /// An operator in PostgreSQL's sense, `::`, `:=` and `..` too.
    Operator,
    /// One of `( ) [ ] , ; . :`.
    Mark(u8),
    /// `--…` or `/*…*/`.
    Comment,
}

/// One token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Token {
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    pub(crate) fn text<'a>(&self, sql: &'a str) -> &'a str {
        sql.get(self.range()).unwrap_or("")
    }

    /// Whether it is a string of any kind.
    pub(crate) fn is_literal(&self) -> bool {
        matches!(
            self.kind,
            Kind::Text | Kind::Escaped | Kind::Unicode | Kind::Bits | Kind::Dollar
        )
    }

    /// Whether it is this keyword (given in lower case).
    pub(crate) fn is_word(&self, sql: &str, word: &str) -> bool {
        self.kind == Kind::Word && self.text(sql).eq_ignore_ascii_case(word)
    }
}

/// The tokens of a message.
#[derive(Debug)]
pub(crate) struct Lexed {
    /// All of them, comments too.
    pub(crate) tokens: Vec<Token>,
    /// The deepest run of tokens that a parser may recurse over.
    pub(crate) run: usize,
}

/// Builds a refusal.
pub(crate) fn refuse(kind: UnreadableKind, offset: usize, detail: &str) -> Unreadable {
    Unreadable {
        kind,
        detail: detail.into(),
        offset: Some(offset),
    }
}

/// Reads the tokens of a whole message.
pub(crate) fn lex(sql: &str, limits: &Limits) -> Result<Lexed, Unreadable> {
    if sql.len() > limits.message {
        let detail = format!(
            "the message is over {} bytes (limits.message)",
            limits.message
        );
        return Err(refuse(UnreadableKind::TooLarge, limits.message, &detail));
    }
    if let Some(offset) = memchr::memchr(0, sql.as_bytes()) {
        return Err(refuse(UnreadableKind::Encoding, offset, "a NUL byte"));
    }
    let mut tokens = Vec::with_capacity((sql.len() / 4).min(MAX_TOKENS));
    let mut literals = 0;
    let mut depth = Depth::default();
    let mut cursor = Cursor::new(sql);
    while let Some(token) = cursor.next_token()? {
        if tokens.len() >= MAX_TOKENS {
            return Err(refuse(
                UnreadableKind::TooLarge,
                token.start,
                "too many tokens",
            ));
        }
        if token.is_literal() {
            literals += token.end - token.start;
        }
        if token.end - literals > limits.text {
            return Err(too_long(limits, token.start));
        }
        depth.count(&token, sql)?;
        tokens.push(token);
    }
    if sql.len() - literals > limits.text {
        return Err(too_long(limits, sql.len()));
    }
    adjacent(&tokens, sql)?;
    Ok(Lexed {
        tokens,
        run: depth.deepest,
    })
}

fn too_long(limits: &Limits, offset: usize) -> Unreadable {
    let detail = format!(
        "the text without its literals is over {} bytes (limits.text)",
        limits.text
    );
    refuse(UnreadableKind::TooLarge, offset, &detail)
}

/// How deep a recursive parser may have to go.
#[derive(Default)]
struct Depth {
    /// The open ones, outermost first.
    levels: Vec<Level>,
    run: usize,
    total: usize,
    deepest: usize,
    sets: usize,
}

/// What is open: an expression within begins anew behind each comma, or each word of a CASE.
#[derive(Clone, Copy)]
struct Level {
    /// Tokens of the level around it since its last comma.
    run: usize,
    /// A CASE, no parenthesis or bracket.
    case: bool,
}

impl Depth {
    fn count(&mut self, token: &Token, sql: &str) -> Result<(), Unreadable> {
        match token.kind {
            Kind::Comment => return Ok(()),
            Kind::Mark(b'(' | b'[') => self.open(false),
            Kind::Mark(b')' | b']') => while self.close() {},
            Kind::Mark(b';') if self.levels.iter().all(|level| level.case) => {
                *self = Self {
                    deepest: self.deepest,
                    ..Self::default()
                };
            }
            Kind::Mark(b',' | b';') => self.begin_anew(),
            _ if token.is_word(sql, "case") => self.open(true),
            _ => {
                // An END that ends no CASE of its level is a label.
                if self.levels.last().is_some_and(|level| level.case) {
                    if token.is_word(sql, "end") {
                        self.close();
                    } else if BRANCHES.iter().any(|word| token.is_word(sql, word)) {
                        self.begin_anew();
                    }
                }
                if SETS.iter().any(|word| token.is_word(sql, word)) {
                    // A comma does not end a chain of set operations.
                    self.sets += 1;
                }
                self.run += 1;
                self.total += 1;
            }
        }
        self.deepest = self.deepest.max(self.total + self.sets);
        if self.levels.len() > MAX_NESTING {
            return Err(refuse(
                UnreadableKind::TooLarge,
                token.start,
                "nested too deeply",
            ));
        }
        if self.total > MAX_RUN || self.sets > MAX_SETS {
            return Err(refuse(
                UnreadableKind::TooLarge,
                token.start,
                "an expression is too long",
            ));
        }
        Ok(())
    }

    fn open(&mut self, case: bool) {
        self.levels.push(Level {
            run: self.run + 1,
            case,
        });
        self.run = 0;
        self.total += 1;
    }

    /// Closes the innermost level; whether that was a CASE.
    fn close(&mut self) -> bool {
        self.total -= self.run;
        let level = self.levels.pop();
        self.run = level.map_or(0, |level| level.run);
        level.is_some_and(|level| level.case)
    }

    fn begin_anew(&mut self) {
        self.total -= self.run;
        self.run = 0;
    }
}

/// Whether a quoted piece ends in the same place in any mode.
fn is_plain(piece: &str) -> bool {
    let inner = piece.get(1..piece.len().saturating_sub(1)).unwrap_or("\\");
    piece.starts_with('\'') && !inner.contains(['\'', '\\'])
}

/// What depends on two neighbours.
fn adjacent(tokens: &[Token], sql: &str) -> Result<(), Unreadable> {
    let mut previous: Option<Token> = None;
    for token in tokens.iter().filter(|token| token.kind != Kind::Comment) {
        if let Some(before) = previous {
            let glued = before.end == token.start;
            let quoted = matches!(token.kind, Kind::Text | Kind::Quoted);
            // `E'a'` + newline + `'b\''` goes on in the mode of the first piece.
            let typed = matches!(before.kind, Kind::Escaped | Kind::Bits | Kind::Unicode);
            if quoted && typed && !is_plain(token.text(sql)) {
                let detail = "a continued E'', B'', X'' or U&'' string with an escape";
                return Err(refuse(UnreadableKind::Unsupported, token.start, detail));
            }
            if glued && matches!(before.kind, Kind::Number | Kind::Parameter) && quoted {
                return Err(refuse(
                    UnreadableKind::Unsupported,
                    token.start,
                    "junk after a number",
                ));
            }
            if before.kind == Kind::Unicode && token.is_word(sql, "uescape") {
                return Err(refuse(UnreadableKind::Unsupported, token.start, "UESCAPE"));
            }
            if before.is_word(sql, "begin") && token.is_word(sql, "atomic") {
                return Err(refuse(
                    UnreadableKind::Unsupported,
                    token.start,
                    "a BEGIN ATOMIC body",
                ));
            }
        }
        previous = Some(*token);
    }
    Ok(())
}

/// The statements of a message: ranges of its tokens, without the semicolons. A message without any
/// statement has one empty range.
pub(crate) fn statements(lexed: &Lexed) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut depth = 0usize;
    let mut start = 0;
    let mut filled = false;
    for (index, token) in lexed.tokens.iter().enumerate() {
        match token.kind {
            Kind::Mark(b'(' | b'[') => depth += 1,
            Kind::Mark(b')' | b']') => depth = depth.saturating_sub(1),
            // Inside parentheses a semicolon separates the actions of CREATE RULE.
            Kind::Mark(b';') if depth == 0 => {
                if filled {
                    ranges.push(start..index);
                }
                start = index + 1;
                filled = false;
                continue;
            }
            Kind::Comment => continue,
            _ => {}
        }
        filled = true;
    }
    if filled || ranges.is_empty() {
        ranges.push(start..lexed.tokens.len());
    }
    ranges
}
