//! YAML text into a tree that knows the place of each node.
//!
//! Only plain YAML is read: no anchors, no aliases, no tags, one document. A policy has to mean what
//! its reader sees on the line.

mod error;
mod json;
mod reader;
mod scalar;
mod sink;

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span, options};

pub(crate) use error::{Problem, suggest};
pub(crate) use sink::{Sink, Tried};

use crate::document::spanned::Place;

/// A node and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// `plain` is false for quoted and block scalars, which are always text.
    Scalar {
        text: String,
        plain: bool,
    },
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar, of whatever kind.
    fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }
}

/// Reads one source into a value; the problems go to the sink, all that can be found at once.
pub(crate) fn read<T: DeserializeOwned>(source: usize, text: &str, sink: &Sink) -> Option<T> {
    let node = match parse(source, text, sink) {
        Ok(node) => node,
        Err(problem) => {
            sink.push(problem);
            return None;
        }
    };
    reader::read(&node, sink)
}

/// Reads a tree that was made otherwise.
pub(crate) fn read_node<T: DeserializeOwned>(node: &Node, sink: &Sink) -> Option<T> {
    reader::read(node, sink)
}

fn parse(source: usize, text: &str, sink: &Sink) -> Result<Node, Problem> {
    let options: Options = options! { emit_comments: false, disallow_directives: true };
    let mut builder = Builder {
        parser: Parser::new_from_str_with_options(text, options),
        text,
        source,
        sink,
    };
    builder.document()
}

struct Builder<'a, P> {
    parser: P,
    text: &'a str,
    source: usize,
    sink: &'a Sink,
}

impl<'a, P> Builder<'a, P>
where
    P: Iterator<Item = Result<(Event<'a>, Span), serde_saphyr::granit_parser::ScanError>>,
{
    fn next(&mut self) -> Result<(Event<'a>, Place), Problem> {
        match self.parser.next() {
            Some(Ok((event, span))) => Ok((event, self.place(span))),
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(self.text.len());
                Err(self.stopped(at, error.info()))
            }
            None => Err(self.stopped(self.text.len(), "the document ends early")),
        }
    }

    fn stopped(&self, at: usize, message: impl Into<String>) -> Problem {
        let at = at.min(self.text.len());
        let place = Place {
            source: self.source,
            range: at..at,
        };
        Problem::at(place, message).hint(self.advice(at))
    }

    /// What to do where the parser gave up, which says only what it expected.
    fn advice(&self, at: usize) -> &'static str {
        let (before, rest) = self.text.split_at_checked(at).unwrap_or((self.text, ""));
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        let line = self.text.get(line..).and_then(|text| text.lines().next());
        if line.is_some_and(|line| line.contains('\t')) {
            "this line holds a tab; YAML is indented with spaces only"
        } else if rest.starts_with('*') {
            "write the value out; a policy has no aliases"
        } else {
            "check the indentation, the quotes and the brackets here and in the line before"
        }
    }

    fn place(&self, span: Span) -> Place {
        Place {
            source: self.source,
            range: span.byte_range().unwrap_or(0..0),
        }
    }

    fn line(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        1 + before.matches('\n').count()
    }

    fn document(&mut self) -> Result<Node, Problem> {
        let mut root = None;
        loop {
            let (event, place) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_none() => root = Some(self.node()?),
                Event::DocumentStart(..) => {
                    return Err(Problem::at(place, "a second YAML document starts here")
                        .hint("keep one document in a file"));
                }
                Event::StreamEnd => {
                    return root.ok_or_else(|| {
                        Problem::at(place, "the file is empty").hint("start it with `version: 1`")
                    });
                }
                _ => {
                    return Err(Problem::at(place, "this is no YAML document")
                        .hint("start it with `version: 1`"));
                }
            }
        }
    }

    fn node(&mut self) -> Result<Node, Problem> {
        let (event, place) = self.next()?;
        self.node_of(event, place)
    }

    fn node_of(&mut self, event: Event<'a>, place: Place) -> Result<Node, Problem> {
        match event {
            Event::Scalar(_, _, anchor, tag) if anchor != 0 || tag.is_some() => {
                Err(self.decorated(place))
            }
            Event::SequenceStart(_, anchor, tag) | Event::MappingStart(_, anchor, tag)
                if anchor != 0 || tag.is_some() =>
            {
                Err(self.decorated(place))
            }
            Event::Scalar(text, style, _, _) => Ok(Node {
                place,
                value: Value::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                },
            }),
            Event::SequenceStart(..) => self.sequence(place),
            Event::MappingStart(..) => self.mapping(place),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                Err(Problem::at(place, "an alias (`*name`)")
                    .hint("write the value out; a policy has no aliases"))
            }
            _ => Err(Problem::at(place, "a value is missing here")
                .hint("write one, or take the key out")),
        }
    }

    /// The parser knows the place of the value only, which may stand lines after its anchor or tag.
    fn decorated(&self, mut place: Place) -> Problem {
        let start = place.range.start;
        let marks = ['&', '!'];
        let rest = self.text.get(start..).unwrap_or_default();
        let before = self.text.get(..start).unwrap_or_default();
        if !rest.starts_with(marks)
            && let Some(mark) = before.rfind(marks)
        {
            // `!!int` has two of them.
            let mark = before.get(..mark).unwrap_or_default().trim_end_matches('!');
            let word = self.text.get(mark.len()..).unwrap_or_default();
            let end = |c: char| c.is_whitespace() || matches!(c, ',' | ']' | '}');
            place.range = mark.len()..mark.len() + word.find(end).unwrap_or(word.len());
        }
        Problem::at(place, "an anchor (`&name`) or a tag (`!name`)")
            .hint("write the value plainly; a policy has none of these")
    }

    fn sequence(&mut self, mut place: Place) -> Result<Node, Problem> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                place.range.end = end_of(&place, &at, items.last());
                return Ok(Node {
                    place,
                    value: Value::Sequence(items),
                });
            }
            items.push(self.node_of(event, at)?);
        }
    }

    fn mapping(&mut self, mut place: Place) -> Result<Node, Problem> {
        let mut pairs: Vec<(Node, Node)> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, at) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                place.range.end = end_of(&place, &at, pairs.last().map(|(_, value)| value));
                return Ok(Node {
                    place,
                    value: Value::Mapping(pairs),
                });
            }
            let key = self.node_of(event, at)?;
            let Some(text) = key.text() else {
                return Err(Problem::at(key.place, "a key must be one word")
                    .hint("put it in quotes if it holds brackets or braces"));
            };
            let first = seen.get(text).copied();
            seen.entry(text.to_owned()).or_insert(key.place.range.start);
            let value = self.node()?;
            match first {
                None => pairs.push((key, value)),
                Some(first) => {
                    let line = self.line(first);
                    let message = format!("`{text}` stands here a second time");
                    let hint = format!("it already stands in line {line}; keep one of them");
                    self.sink
                        .push(Problem::at(key.place.clone(), message).hint(hint));
                }
            }
        }
    }
}

fn end_of(start: &Place, end: &Place, last: Option<&Node>) -> usize {
    let last = last.map_or(start.range.end, |node| node.place.range.end);
    // A block collection "ends" where the next token starts; a flow collection at its bracket.
    if end.range.is_empty() {
        last
    } else {
        end.range.end.max(last)
    }
}
