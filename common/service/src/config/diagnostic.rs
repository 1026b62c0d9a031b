//! What is wrong with a configuration file, where, and what to do: one [`Diagnostic`] per mistake,
//! printed with the line and a caret. It must never quote a secret: only the file's own text is shown.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Bytes of the file that it is about; empty at the place where something is missing.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// The mistakes of one file; never empty.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    file: String,
    text: String,
    /// Whether the file could not be read at all.
    unreadable: bool,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(crate) fn new(path: &Path, text: &str, list: Vec<Diagnostic>) -> Self {
        Self {
            file: path.display().to_string(),
            text: text.to_owned(),
            unreadable: false,
            list,
        }
    }

    pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let diagnostic = Diagnostic {
            span: 0..0,
            message: format!("can't be read: {error}"),
            hint: "name an existing, readable file with --config".to_owned(),
        };
        Self {
            file: path.display().to_string(),
            text: String::new(),
            unreadable: true,
            list: vec![diagnostic],
        }
    }

    /// The mistakes.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// Whether the file could not be read at all (status `EX_NOINPUT` rather than `EX_CONFIG`).
    pub fn is_unreadable(&self) -> bool {
        self.unreadable
    }

    /// Line and column (both from 1, the column in characters) of a byte offset.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |rest| rest.chars().count())
            + 1;
        (line, column)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            if self.unreadable {
                write!(
                    f,
                    "{}: {}; {}",
                    self.file, diagnostic.message, diagnostic.hint
                )?;
                continue;
            }
            let (line, column) = self.position(diagnostic.span.start);
            let title = format!("{}:{line}:{column}: {}", self.file, diagnostic.message);
            let snippet = Snippet::source(self.text.as_str())
                .path(self.file.as_str())
                .annotation(AnnotationKind::Primary.span(self.visible(&diagnostic.span)));
            let report = [
                Level::ERROR.primary_title(title).element(snippet),
                Group::with_title(Level::HELP.secondary_title(diagnostic.hint.as_str())),
            ];
            f.write_str(&Renderer::plain().render(&report))?;
        }
        Ok(())
    }
}

impl Diagnostics {
    /// The first line of the span, and at least one character: a caret over half a file says nothing.
    fn visible(&self, span: &Range<usize>) -> Range<usize> {
        let start = floor(&self.text, span.start);
        let rest = self.text.get(start..).unwrap_or_default();
        let first_line = rest.find('\n').unwrap_or(rest.len());
        let end = floor(&self.text, span.end.min(start + first_line));
        start..end.max(start)
    }
}

impl std::error::Error for Diagnostics {}

/// The nearest character boundary at or before `offset`.
fn floor(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
