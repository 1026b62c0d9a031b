//! A list and the kinds of its elements.

use super::parameter::Count;
use super::{Before, Fold, Keeps};
use crate::template::scan::Piece;

/// Kinds of one list or column; a list of more has no template.
const MAX_KINDS: usize = 32;

/// What stands in brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Not a list of which anything could be left out.
    Plain,
    /// `IN (…)`.
    In,
    /// `ARRAY[…]`, and the brackets within.
    Array,
    /// The rows of VALUES.
    Rows,
    /// One of them.
    Row,
}

/// A kind of element: how the template has it, the text of the first one, and how many there are.
pub(super) struct Kind {
    key: Vec<u8>,
    short: Vec<u8>,
    count: usize,
}

/// Open brackets.
pub(super) struct List {
    pub(super) shape: Shape,
    /// Where the element that is being read starts in the template and in the short form.
    pub(super) start: (usize, usize),
    /// Whether numbers stay behind it.
    pub(super) keeps: Keeps,
    /// The parameters before that element.
    pub(super) count: Count,
    /// The kinds of each column of rows, or of the one list.
    pub(super) columns: Vec<Vec<Kind>>,
    pub(super) rows: usize,
    /// The column of a row that is being read.
    pub(super) column: usize,
    /// Between rows: another one must follow.
    pub(super) expects_row: bool,
}

impl List {
    /// Whether elements of it may be left out.
    pub(super) fn folds(&self) -> bool {
        self.shape != Shape::Plain
    }

    /// Whether nothing of an element was read.
    pub(super) fn is_at_start(&self, key: &[u8]) -> bool {
        let element = key.get(self.start.0..).unwrap_or(&[]);
        element.trim_ascii().is_empty()
    }
}

/// Whether the order of kinds does not matter: PostgreSQL gives these types one in common whichever way
/// they come.
fn is_simple(kind: &Kind) -> bool {
    const SIMPLE: [&[u8]; 7] = [
        b"''",
        b"0",
        b"9999999999",
        b"0.0",
        b"true",
        b"default",
        b"$",
    ];
    SIMPLE.contains(&&*kind.key)
}

/// An element of a list as the template has it: a constant by its type alone.
fn normal(element: &[u8]) -> Vec<u8> {
    let is = |word: &[u8]| element.eq_ignore_ascii_case(word);
    // A minus before a number is no operator.
    let (negative, digits) = match element {
        [b'-', rest @ ..] => (true, rest.trim_ascii_start()),
        _ => (false, element),
    };
    let number: Option<&[u8]> = match (digits, negative) {
        (b"0", _) | (b"2147483648", true) => Some(b"0"),
        (b"9999999999" | b"2147483648", _) | (b"9223372036854775808", true) => Some(b"9999999999"),
        (b"0.0" | b"9223372036854775808", _) => Some(b"0.0"),
        _ => None,
    };
    match number {
        Some(number) => number.to_vec(),
        None if is(b"null") => b"''".to_vec(),
        None if is(b"false") || is(b"true") => b"true".to_vec(),
        None if is(b"default") => b"default".to_vec(),
        None => element.to_vec(),
    }
}

/// Adds an element; whether one of its kind was there.
fn add(kinds: &mut Vec<Kind>, key: Vec<u8>, short: &[u8]) -> Option<bool> {
    if let Some(known) = kinds.iter_mut().find(|known| known.key == key) {
        known.count += 1;
        return Some(true);
    }
    kinds.push(Kind {
        key,
        short: short.to_vec(),
        count: 1,
    });
    (kinds.len() <= MAX_KINDS).then_some(false)
}

/// Puts kinds in an order that does not depend on the text, where that does not matter.
fn order(kinds: &mut [Kind]) {
    if kinds.iter().all(is_simple) {
        kinds.sort_by(|a, b| a.key.cmp(&b.key));
    }
}

impl Fold<'_> {
    /// What a token is to the rows of VALUES, which have no bracket of their own.
    pub(super) fn rows(&mut self, piece: Piece<'_>) -> Option<()> {
        if self.before == Before::Values && piece == Piece::Byte(b'(') {
            self.push(Shape::Rows);
            return Some(());
        }
        match self.lists.last() {
            Some(list) if list.shape == Shape::Rows => {}
            _ => return Some(()),
        }
        let list = self.lists.last_mut()?;
        match (list.expects_row, piece) {
            (true, Piece::Byte(b'(')) | (false, Piece::Byte(b',')) => Some(()),
            (true, _) => None,
            (false, _) => self.end_of_rows(),
        }
    }

    pub(super) fn comma(&mut self) -> Option<()> {
        self.before = Before::Other;
        match self.lists.last_mut() {
            Some(list) if list.shape == Shape::Rows => {
                list.expects_row = true;
                self.space = false;
                Some(())
            }
            Some(list) if list.folds() => self.end_of_element(),
            _ => {
                self.write(b",");
                Some(())
            }
        }
    }

    pub(super) fn close(&mut self, bracket: u8) -> Option<()> {
        self.before = Before::Other;
        let list = self.lists.last()?;
        match list.shape {
            // A query has ended, but its rows have not.
            Shape::Rows => None,
            Shape::Plain => {
                self.keeps = self.lists.pop()?.keeps;
                self.write(&[bracket]);
                Some(())
            }
            Shape::In | Shape::Array => {
                self.end_of_element()?;
                let list = self.lists.pop()?;
                self.keeps = list.keeps;
                self.end_of_list(list);
                self.write(&[bracket]);
                Some(())
            }
            Shape::Row if bracket != b')' => None,
            Shape::Row => {
                self.end_of_element()?;
                let row = self.lists.pop()?;
                self.keeps = row.keeps;
                let rows = self.lists.last_mut()?;
                if rows.columns.len() != row.column {
                    return None;
                }
                rows.rows += 1;
                rows.expects_row = false;
                let start = rows.start;
                self.truncate(start);
                Some(())
            }
        }
    }

    fn truncate(&mut self, (key, short): (usize, usize)) {
        self.space = false;
        self.key.truncate(key);
        if let Some(text) = &mut self.short {
            text.truncate(short);
        }
    }

    /// Takes the element that was read last out of what was written, and keeps it by its kind.
    fn end_of_element(&mut self) -> Option<()> {
        let list = self.lists.last()?;
        let (start, count, shape, column) = (list.start, list.count, list.shape, list.column);
        let key = normal(self.key.get(start.0..)?.trim_ascii());
        let short = match &self.short {
            Some(short) => short.get(start.1..)?.trim_ascii(),
            None => &[],
        };
        let holder = match shape {
            Shape::Row => self.lists.len().checked_sub(2)?,
            _ => self.lists.len().checked_sub(1)?,
        };
        let list = self.lists.get_mut(holder)?;
        if column == list.columns.len() && list.rows == 0 {
            list.columns.push(Vec::new());
        }
        if add(list.columns.get_mut(column)?, key, short)? {
            self.parameters.leave_out(count);
        }
        self.truncate(start);
        let count = self.parameters.count();
        let list = self.lists.last_mut()?;
        list.count = count;
        if shape == Shape::Row {
            list.column += 1;
        }
        Some(())
    }

    /// Writes the kinds of a list: each once, or twice where there are several of it.
    fn end_of_list(&mut self, list: List) {
        for mut kinds in list.columns {
            let mut first = true;
            self.shorter |= kinds.iter().any(|kind| kind.count > 2);
            order(&mut kinds);
            for kind in kinds {
                for _ in 0..kind.count.min(2) {
                    if !std::mem::take(&mut first) {
                        self.write(b",");
                    }
                    self.write_as(&kind.key, &kind.short);
                }
            }
        }
    }

    /// Writes as many rows as there are kinds in a column, two at least where there are several.
    pub(super) fn end_of_rows(&mut self) -> Option<()> {
        match self.lists.last() {
            Some(list) if list.shape == Shape::Rows => {}
            _ => return Some(()),
        }
        let mut list = self.lists.pop()?;
        let space = std::mem::take(&mut self.space);
        let kinds = list.columns.iter().map(Vec::len).max().unwrap_or(0);
        let rows = kinds.max(list.rows.min(2));
        self.shorter |= rows < list.rows;
        list.columns.iter_mut().for_each(|kinds| order(kinds));
        for row in 0..rows {
            self.write(if row == 0 { b"(" } else { b",(" });
            for (index, kinds) in list.columns.iter().enumerate() {
                if index > 0 {
                    self.write(b",");
                }
                let kind = kinds.get(row).or(kinds.last())?;
                self.write_as(&kind.key, &kind.short);
            }
            self.write(b")");
        }
        self.space = space;
        Some(())
    }
}
