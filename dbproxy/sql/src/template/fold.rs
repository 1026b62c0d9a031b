//! The lists of a statement, folded: of the elements of IN (…) and ARRAY[…] and of each column of VALUES
//! the kinds count, not how many there are; only one and several are told apart, because PostgreSQL makes
//! other trees of them. An element must never be left out unless one of the same kind stays.

mod list;
mod parameter;

use list::{List, Shape};
use parameter::{Parameters, decimal};
use smallvec::SmallVec;

use super::scan::{Piece, Size, piece};

/// The verbs whose facts no literal can change.
const VERBS: [&[u8]; 7] = [
    b"select", b"insert", b"update", b"delete", b"merge", b"values", b"with",
];

/// Clauses that end one in which a number is a column's position. All are reserved words.
const ENDS: [&[u8]; 10] = [
    b"except",
    b"fetch",
    b"for",
    b"having",
    b"intersect",
    b"limit",
    b"offset",
    b"returning",
    b"union",
    b"window",
];

/// Types of PostgreSQL's own that take modifiers.
const MODIFIED: [&[u8]; 18] = [
    b"bit",
    b"bpchar",
    b"char",
    b"character",
    b"dec",
    b"decimal",
    b"float",
    b"interval",
    b"nchar",
    b"numeric",
    b"second",
    b"time",
    b"timestamp",
    b"timestamptz",
    b"timetz",
    b"varbit",
    b"varchar",
    b"varying",
];

/// Functions whose string is the name of a sequence.
const SEQUENCES: [&[u8]; 3] = [b"currval", b"nextval", b"setval"];

/// Lists within lists.
const MAX_DEPTH: usize = 200;

/// What stands before a token, white space left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// `.`, behind which no word is a keyword.
    Dot,
    /// `::` or AS: a type may follow.
    Type,
    /// The name of a type, or a part of it.
    TypeName,
    /// The dot within it.
    TypeDot,
    In,
    Array,
    Values,
    Sequence,
    /// `:`, the first half of a cast.
    Colon,
    Other,
}

/// The state of one reading.
pub(super) struct Fold<'o> {
    types: &'o [u32],
    key: &'o mut Vec<u8>,
    short: Option<&'o mut Vec<u8>>,
    lists: Vec<List>,
    before: Before,
    /// White space is waiting to be written.
    space: bool,
    keeps: Keeps,
    parameters: Parameters,
    shorter: bool,
}

/// Why numbers stay as they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    /// They don't.
    Nothing,
    /// They may be positions of columns, in GROUP BY or ORDER BY; or they are modifiers of types.
    Always,
    /// The same, up to FROM: DISTINCT ON.
    Distinct,
}

fn is_one_of(word: &[u8], known: &[&[u8]]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

impl<'o> Fold<'o> {
    pub(super) fn new(
        types: &'o [u32],
        key: &'o mut Vec<u8>,
        short: Option<&'o mut Vec<u8>>,
    ) -> Self {
        Self {
            types,
            key,
            short,
            lists: Vec::new(),
            before: Before::Nothing,
            space: false,
            keeps: Keeps::Nothing,
            parameters: Parameters::default(),
            shorter: false,
        }
    }

    /// Whether anything was left out.
    pub(super) fn is_shorter(&self) -> bool {
        self.shorter
    }

    /// Reads a whole text.
    pub(super) fn read(&mut self, sql: &[u8]) -> Option<()> {
        let begins = |verb: &&[u8]| {
            sql.get(..verb.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(verb))
        };
        VERBS.iter().find(|verb| begins(verb))?;
        let mut rest = sql;
        while !rest.is_empty() {
            let (piece, after) = piece(rest)?;
            match piece {
                Piece::Space => self.space = true,
                Piece::Byte(b';') if after.trim_ascii().is_empty() => break,
                Piece::Byte(b';') => return None,
                _ => self.token(piece, after)?,
            }
            rest = after;
        }
        self.end_of_rows()?;
        self.lists.is_empty().then_some(())
    }

    fn token(&mut self, piece: Piece<'_>, after: &[u8]) -> Option<()> {
        self.rows(piece)?;
        match piece {
            Piece::Space => {}
            Piece::Word(word) => self.word(word)?,
            Piece::Quoted(name) => {
                if is_one_of(name, &[b"\"set_config\"", b"\"current_setting\""]) {
                    return None;
                }
                self.write(name);
                let inner = name.get(1..name.len() - 1)?;
                let named = is_one_of(inner, &SEQUENCES) || inner.get(..3).is_some_and(is_reg);
                self.before = if named { Before::Sequence } else { self.name() };
            }
            Piece::Number(text, size) => self.number(text, size),
            Piece::Text(text) => self.text(text, after),
            Piece::Parameter(number) => self.parameter(number)?,
            Piece::Byte(b'(') => self.open(b'(', after)?,
            Piece::Byte(b'[') => self.open(b'[', after)?,
            Piece::Byte(close @ (b')' | b']')) => self.close(close)?,
            Piece::Byte(b',') => self.comma()?,
            Piece::Byte(byte) => {
                self.write(&[byte]);
                self.before = match (byte, self.before) {
                    (b'.', Before::TypeName) => Before::TypeDot,
                    (b'.', _) => Before::Dot,
                    (b':', Before::Colon) => Before::Type,
                    (b':', _) => Before::Colon,
                    _ => Before::Other,
                };
            }
        }
        Some(())
    }

    /// Writes a token as it is, to both.
    fn write(&mut self, token: &[u8]) {
        self.write_as(token, token);
    }

    fn write_as(&mut self, key: &[u8], token: &[u8]) {
        if std::mem::take(&mut self.space) {
            self.key.push(b' ');
            if let Some(short) = &mut self.short {
                short.push(b' ');
            }
        }
        self.key.extend_from_slice(key);
        if let Some(short) = &mut self.short {
            short.extend_from_slice(token);
        }
    }

    /// What a name makes of what stands before it.
    fn name(&self) -> Before {
        match self.before {
            Before::Type | Before::TypeDot => Before::TypeName,
            _ => Before::Other,
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        if is_one_of(word, &[b"set_config", b"current_setting"]) {
            return None;
        }
        let plain = !matches!(self.before, Before::Dot | Before::TypeDot);
        let mut before = self.name();
        if is_one_of(word, &SEQUENCES) || word.get(..3).is_some_and(is_reg) {
            before = Before::Sequence;
        } else if is_one_of(word, &MODIFIED) {
            before = Before::TypeName;
        } else if plain && word.eq_ignore_ascii_case(b"as") {
            before = Before::Type;
        } else if plain && word.eq_ignore_ascii_case(b"in") {
            before = Before::In;
        } else if plain && word.eq_ignore_ascii_case(b"array") {
            before = Before::Array;
        } else if plain && word.eq_ignore_ascii_case(b"values") {
            before = Before::Values;
        } else if plain {
            self.clause(word);
        }
        if word.eq_ignore_ascii_case(b"materialized") {
            before = Before::Other;
        }
        self.write(word);
        self.before = before;
        Some(())
    }

    /// What a keyword says of the numbers behind it.
    fn clause(&mut self, word: &[u8]) {
        if word.eq_ignore_ascii_case(b"by") {
            self.keeps = Keeps::Always;
        } else if word.eq_ignore_ascii_case(b"distinct") && self.keeps == Keeps::Nothing {
            self.keeps = Keeps::Distinct;
        } else if is_one_of(word, &ENDS)
            || self.keeps == Keeps::Distinct && word.eq_ignore_ascii_case(b"from")
        {
            self.keeps = Keeps::Nothing;
        }
    }

    fn number(&mut self, text: &[u8], size: Size) {
        let key: &[u8] = match size {
            Size::Int4 | Size::Int8 if self.keeps != Keeps::Nothing => text,
            Size::Int4 => b"0",
            Size::Int4Minimum => b"2147483648",
            Size::Int8 => b"9999999999",
            Size::Int8Minimum => b"9223372036854775808",
            Size::Numeric => b"0.0",
        };
        self.write_as(key, text);
        self.before = Before::Other;
    }

    fn text(&mut self, text: &[u8], after: &[u8]) {
        let named = self.before == Before::Sequence || is_cast_to_name(after);
        self.write_as(if named { text } else { b"''" }, text);
        self.before = Before::Other;
    }

    fn parameter(&mut self, number: u16) -> Option<()> {
        self.before = Before::Other;
        let listed = self.lists.iter().any(List::folds);
        let declared = self.types.get(usize::from(number).checked_sub(1)?);
        let key = self
            .parameters
            .key(number, declared.copied().unwrap_or(0), listed)?;
        let mut token = SmallVec::new();
        token.push(b'$');
        decimal(u32::from(number), &mut token);
        self.write_as(&key, &token);
        Some(())
    }

    fn open(&mut self, bracket: u8, after: &[u8]) -> Option<()> {
        if self.lists.len() >= MAX_DEPTH {
            return None;
        }
        let inside = self.lists.last();
        let within_array =
            inside.is_some_and(|list| list.shape == Shape::Array && list.is_at_start(self.key));
        let within_rows = inside.is_some_and(|list| list.shape == Shape::Rows);
        let shape = match (bracket, self.before) {
            (b'(', _) if within_rows => Shape::Row,
            (b'(', Before::In) if !is_query(after) => Shape::In,
            (b'[', Before::Array) => Shape::Array,
            (b'[', _) if within_array => Shape::Array,
            _ => Shape::Plain,
        };
        let keeps = match (shape, self.before) {
            (Shape::Plain, Before::TypeName) => Keeps::Always,
            (Shape::Plain, _) => self.keeps,
            _ => Keeps::Nothing,
        };
        let before = self.before;
        self.write(&[bracket]);
        self.push(shape);
        self.keeps = keeps;
        self.before = match before {
            Before::Sequence => Before::Sequence,
            _ => Before::Other,
        };
        Some(())
    }

    fn push(&mut self, shape: Shape) {
        self.lists.push(List {
            shape,
            start: (self.key.len(), self.short_len()),
            keeps: self.keeps,
            count: self.parameters.count(),
            columns: Vec::new(),
            rows: 0,
            column: 0,
            expects_row: true,
        });
    }

    fn short_len(&self) -> usize {
        self.short.as_ref().map_or(0, |short| short.len())
    }
}

/// Whether what follows an opening parenthesis is a query.
fn is_query(after: &[u8]) -> bool {
    let mut rest = after.trim_ascii_start();
    while let [b'(', inner @ ..] = rest {
        rest = inner.trim_ascii_start();
    }
    const QUERIES: [&[u8]; 5] = [b"select", b"table", b"values", b"with", b"("];
    matches!(piece(rest), Some((Piece::Word(word), _)) if is_one_of(word, &QUERIES))
}

/// Whether a string is cast to the name of something (`'t'::regclass`).
fn is_cast_to_name(after: &[u8]) -> bool {
    let rest = after.trim_ascii_start();
    let rest = match rest {
        [b':', b':', rest @ ..] => rest,
        [b'a' | b'A', b's' | b'S', rest @ ..] => rest,
        _ => return false,
    };
    let mut rest = rest.trim_ascii_start();
    let schema = b"pg_catalog";
    if rest
        .get(..schema.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(schema))
    {
        rest = rest.get(schema.len()..).unwrap_or(&[]).trim_ascii_start();
        rest = rest.strip_prefix(b".").unwrap_or(rest).trim_ascii_start();
    }
    rest.get(..3).is_some_and(is_reg) || rest.first() == Some(&b'"')
}

fn is_reg(start: &[u8]) -> bool {
    start.eq_ignore_ascii_case(b"reg")
}
