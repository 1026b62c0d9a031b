//! What is wrong with a document: file, line, column, the line itself with a caret, and a hint.
//!
//! All problems of one run are collected; a document with one problem is never used in part.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::document::spanned::Place;
use crate::yaml::Problem;

#[cfg(test)]
mod tests;

/// More problems than this are counted, not shown.
const SHOWN: usize = 100;

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
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let shown = self.items.iter().take(SHOWN);
        let mut blocks: Vec<String> = shown.map(|item| self.block(item, &renderer)).collect();
        if self.items.len() > SHOWN {
            blocks.push(format!("and {} more", self.items.len() - SHOWN));
        }
        blocks.join("\n\n")
    }

    fn block(&self, item: &Diagnostic, renderer: &Renderer) -> String {
        let title = Level::ERROR.primary_title(item.message.as_str());
        let help = item.hint.as_deref().map(|hint| Level::HELP.message(hint));
        let group = match (&item.location, self.sources.get(item.source)) {
            (Some(location), Some(source)) => {
                let (line, span) = one_line(&source.text, &item.range);
                let snippet = Snippet::source(line)
                    .line_start(location.line)
                    .path(source.name.as_str())
                    .annotation(AnnotationKind::Primary.span(span));
                title.element(snippet)
            }
            _ => Group::with_title(title),
        };
        renderer.render(&[group.elements(help)])
    }

    pub(crate) fn from_problems(problems: Vec<Problem>, sources: &[Source]) -> Self {
        let lines = Lines::of(sources);
        let item = |problem: Problem| {
            let place = problem.place.unwrap_or_default();
            Diagnostic {
                location: lines.locate(&place),
                message: problem.message,
                hint: problem.hint,
                source: place.source,
                range: place.range,
            }
        };
        let mut items: Vec<Diagnostic> = problems.into_iter().map(item).collect();
        items.sort_by_key(|item| (item.source, item.range.start));
        items.dedup();
        Self {
            items,
            sources: sources.into(),
        }
    }
}

/// Where the lines of each source start, so that finding a place costs the same in files of any size.
pub(crate) struct Lines<'a> {
    sources: &'a [Source],
    starts: Vec<Vec<usize>>,
}

impl<'a> Lines<'a> {
    pub(crate) fn of(sources: &'a [Source]) -> Self {
        let starts = |source: &Source| {
            let breaks = source
                .text
                .bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0)
                .chain(breaks.map(|(at, _)| at + 1))
                .collect()
        };
        Self {
            sources,
            starts: sources.iter().map(starts).collect(),
        }
    }

    /// Where people find a place.
    pub(crate) fn locate(&self, place: &Place) -> Option<Location> {
        let source = self.sources.get(place.source)?;
        let starts = self.starts.get(place.source)?;
        let line = starts.partition_point(|start| *start <= place.range.start);
        let start = *starts.get(line.checked_sub(1)?)?;
        Some(Location {
            file: Arc::from(source.name.as_str()),
            line,
            column: 1 + source.text.get(start..place.range.start)?.chars().count(),
        })
    }
}

/// The line in which a range starts, and the part of the range in it: at least one character wide
/// where there is one.
fn one_line<'a>(text: &'a str, range: &Range<usize>) -> (&'a str, Range<usize>) {
    let (before, rest) = text.split_at_checked(range.start).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let end = range.start.min(text.len()) + rest.find('\n').unwrap_or(rest.len());
    let line = text.get(start..end).unwrap_or("");
    let from = before.len() - start;
    let first = rest
        .chars()
        .next()
        .filter(|c| *c != '\n')
        .map_or(0, char::len_utf8);
    let to = range
        .end
        .saturating_sub(start)
        .min(line.trim_end().len())
        .max(from + first);
    (line, from..to)
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostics {}
