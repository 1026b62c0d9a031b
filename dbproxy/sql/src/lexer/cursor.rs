//! One token at a time, by the rules of PostgreSQL's `scan.l`.

use exeat_policy::{Unreadable, UnreadableKind};

use super::{Kind, Token, refuse};

/// Bytes that PostgreSQL keeps of an identifier: in another encoding it counts others.
const LENGTH: usize = 63;
/// The characters that operators are made of.
const OPERATOR: &[u8] = b"~!@#^&|`?+-*/%<>=";

pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn is_word(byte: u8) -> bool {
    is_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// A letter or digit that is folded to itself whatever the encoding of the database, and by nobody taken
/// for a space or a mark.
fn is_certain(letter: char) -> bool {
    letter.is_ascii()
        || letter.is_alphanumeric() && !letter.is_uppercase() && letter.to_lowercase().eq([letter])
}

fn is_digit(byte: u8, base: u32) -> bool {
    char::from(byte).is_digit(base)
}

impl<'a> Cursor<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        Self {
            bytes: sql.as_bytes(),
            at: 0,
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        // NUL was refused before: it stands for the end.
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    fn skip(&mut self, accept: impl Fn(u8) -> bool) {
        while self.at < self.bytes.len() && accept(self.peek(0)) {
            self.at += 1;
        }
    }

    pub(super) fn next_token(&mut self) -> Result<Option<Token>, Unreadable> {
        self.skip(is_space);
        let start = self.at;
        if start >= self.bytes.len() {
            return Ok(None);
        }
        let kind = self.read(start)?;
        Ok(Some(Token {
            kind,
            start,
            end: self.at,
        }))
    }

    fn read(&mut self, start: usize) -> Result<Kind, Unreadable> {
        let first = self.peek(0);
        match (first, self.peek(1), self.peek(2)) {
            (b'-', b'-', _) => {
                self.skip(|byte| byte != b'\n' && byte != b'\r');
                Ok(Kind::Comment)
            }
            (b'/', b'*', _) => self.block_comment(start),
            (b'\'', ..) => self.quoted(1, b'\'', false, Kind::Text),
            (b'"', ..) => self.identifier(start),
            (b'e' | b'E', b'\'', _) => self.quoted(2, b'\'', true, Kind::Escaped),
            (b'b' | b'B' | b'x' | b'X', b'\'', _) => self.quoted(2, b'\'', false, Kind::Bits),
            (b'n' | b'N', b'\'', _) => self.quoted(2, b'\'', false, Kind::Text),
            (b'u' | b'U', b'&', b'\'') => self.quoted(3, b'\'', false, Kind::Unicode),
            (b'u' | b'U', b'&', b'"') => Err(refuse(
                UnreadableKind::Unsupported,
                start,
                "a U&\"\" identifier",
            )),
            (b'$', ..) => self.dollar(start),
            (b'.', b'0'..=b'9', _) => self.number(start),
            (b'.', b'.', _) | (b':', b':' | b'=', _) => {
                self.at += 2;
                Ok(Kind::Operator)
            }
            (b'(' | b')' | b'[' | b']' | b',' | b';' | b'.' | b':', ..) => {
                self.at += 1;
                Ok(Kind::Mark(first))
            }
            (b'0'..=b'9', ..) => self.number(start),
            _ if is_start(first) || !first.is_ascii() => self.word(start),
            _ if OPERATOR.contains(&first) => self.operator(start),
            _ => Err(refuse(
                UnreadableKind::Syntax,
                start,
                "a character that no token starts with",
            )),
        }
    }

    fn word(&mut self, start: usize) -> Result<Kind, Unreadable> {
        self.skip(|byte| is_word(byte) || !byte.is_ascii());
        let word = self.bytes.get(start..self.at).unwrap_or(&[]);
        let detail = match str::from_utf8(word).map(|word| word.chars().all(is_certain)) {
            Ok(true) if word.is_ascii() || word.len() <= LENGTH => return Ok(Kind::Word),
            Ok(true) => "an identifier outside ASCII that may be cut",
            _ => "a character outside ASCII outside of quotes that is not a small letter or digit",
        };
        Err(refuse(UnreadableKind::Unsupported, start, detail))
    }

    fn block_comment(&mut self, start: usize) -> Result<Kind, Unreadable> {
        let mut depth = 0usize;
        while self.at < self.bytes.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(Kind::Comment);
                    }
                }
                _ => self.at += 1,
            }
        }
        Err(refuse(
            UnreadableKind::Syntax,
            start,
            "an unterminated comment",
        ))
    }

    fn quoted(
        &mut self,
        open: usize,
        quote: u8,
        escapes: bool,
        kind: Kind,
    ) -> Result<Kind, Unreadable> {
        let start = self.at;
        self.at += open;
        let next = |rest: &[u8]| match escapes {
            true => memchr::memchr2(quote, b'\\', rest),
            false => memchr::memchr(quote, rest),
        };
        // Nothing in between means anything.
        while let Some(found) = next(self.rest()) {
            self.at += found;
            let byte = self.peek(0);
            if escapes && byte == b'\\' {
                self.at += 2;
            } else if byte == quote && self.peek(1) == quote {
                if kind == Kind::Bits {
                    // `B''` + `''` are two tokens there, one everywhere else.
                    return Err(refuse(
                        UnreadableKind::Unsupported,
                        start,
                        "a quote in a bit string",
                    ));
                }
                self.at += 2;
            } else {
                self.at += 1;
                return Ok(kind);
            }
        }
        Err(refuse(
            UnreadableKind::Syntax,
            start,
            "an unterminated literal",
        ))
    }

    fn identifier(&mut self, start: usize) -> Result<Kind, Unreadable> {
        let kind = self.quoted(1, b'"', false, Kind::Quoted)?;
        if self.at - start <= 2 {
            return Err(refuse(UnreadableKind::Syntax, start, "an empty identifier"));
        }
        Ok(kind)
    }

    fn dollar(&mut self, start: usize) -> Result<Kind, Unreadable> {
        self.at += 1;
        if self.peek(0).is_ascii_digit() {
            self.skip(|byte| byte.is_ascii_digit());
            return self.no_junk(start, Kind::Parameter);
        }
        if is_start(self.peek(0)) {
            self.skip(|byte| is_start(byte) || byte.is_ascii_digit());
        }
        if self.peek(0) != b'$' {
            return Err(refuse(UnreadableKind::Syntax, start, "a dollar sign"));
        }
        self.at += 1;
        let tag = self.bytes.get(start..self.at).unwrap_or(&[]);
        match memchr::memmem::find(self.rest(), tag) {
            Some(found) => {
                self.at += found + tag.len();
                Ok(Kind::Dollar)
            }
            None => Err(refuse(
                UnreadableKind::Syntax,
                start,
                "an unterminated literal",
            )),
        }
    }

    /// As PostgreSQL 16 reads it. 15 refuses `1_0` and `0x1f`; before that they are `1` and `0` with the
    /// labels `_0` and `x1f`, in target lists only, and the walk takes no such column's name for known.
    fn number(&mut self, start: usize) -> Result<Kind, Unreadable> {
        let base = match (self.peek(0), self.peek(1)) {
            (b'0', b'x' | b'X') => Some(16),
            (b'0', b'o' | b'O') => Some(8),
            (b'0', b'b' | b'B') => Some(2),
            _ => None,
        };
        if let Some(base) = base {
            self.at += 2;
            let digits = self.at;
            // Here an underscore may come first, too.
            while self.digit(base) || self.peek(0) == b'_' && is_digit(self.peek(1), base) {
                self.at += 1;
            }
            if self.at == digits {
                return Err(refuse(UnreadableKind::Syntax, start, "junk after a number"));
            }
            return self.no_junk(start, Kind::Number);
        }
        self.digits();
        if self.peek(0) == b'.' && self.peek(1) != b'.' {
            self.at += 1;
            self.digits();
        }
        if matches!(self.peek(0), b'e' | b'E') {
            let signed = usize::from(matches!(self.peek(1), b'+' | b'-'));
            if self.peek(1 + signed).is_ascii_digit() {
                self.at += 1 + signed;
                self.digits();
            }
        }
        self.no_junk(start, Kind::Number)
    }

    fn digit(&self, base: u32) -> bool {
        is_digit(self.peek(0), base)
    }

    /// Decimal digits, with single underscores between them.
    fn digits(&mut self) {
        while self.digit(10) {
            self.at += 1;
            if self.peek(0) == b'_' && is_digit(self.peek(1), 10) {
                self.at += 1;
            }
        }
    }

    /// `1ssn` is an alias up to PostgreSQL 14 and an error since.
    fn no_junk(&self, start: usize, kind: Kind) -> Result<Kind, Unreadable> {
        let next = self.peek(0);
        if is_word(next) || !next.is_ascii() {
            return Err(refuse(UnreadableKind::Syntax, start, "junk after a number"));
        }
        Ok(kind)
    }

    fn operator(&mut self, start: usize) -> Result<Kind, Unreadable> {
        self.skip(|byte| OPERATOR.contains(&byte));
        let text = self.bytes.get(start..self.at).unwrap_or(&[]);
        // A comment ends an operator.
        let comment = text
            .windows(2)
            .position(|pair| pair == b"/*" || pair == b"--");
        let mut length = comment.unwrap_or(text.len());
        // A trailing sign belongs to it only where it holds one of these.
        let text = text.get(..length).unwrap_or(&[]);
        if !text.iter().any(|byte| b"~!@#^&|`?%".contains(byte)) {
            while length > 1 && matches!(text.get(length - 1), Some(b'+' | b'-')) {
                length -= 1;
            }
        }
        self.at = start + length;
        if length > 63 {
            return Err(refuse(
                UnreadableKind::Syntax,
                start,
                "an operator that is too long",
            ));
        }
        Ok(Kind::Operator)
    }
}
