//! The syntax tree of one statement: `squawk-parser`'s events laid out in one flat arena, white
//! space and comments left out. It must never hold a tree of a text that had an error.
//!
//! The parser's own tree (rowan) is not used: it drops recursively, and walking it allocates.

use std::ops::Range;

use squawk_parser::{EntryPoint, LexedStr, StrStep, SyntaxKind};

const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Slot {
    kind: SyntaxKind,
    leaf: bool,
    start: u32,
    end: u32,
    parent: u32,
    first: u32,
    last: u32,
    next: u32,
}

/// A syntax error: where, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    /// Byte offset into the statement.
    pub(crate) offset: usize,
    /// The parser's words; they never quote the statement.
    pub(crate) message: String,
}

/// The arena. Slot 0 is the source file.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    text: &'a str,
    slots: Vec<Slot>,
}

impl<'a> Tree<'a> {
    /// Parses one statement. Recursion is bounded by the caps of the lexer, which come first.
    pub(crate) fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        let lexed = LexedStr::new(text);
        if let Some((range, message)) = lexed.errors().next() {
            return Err(SyntaxError {
                offset: range.start as usize,
                message: message.to_owned(),
            });
        }
        let input = lexed.to_input();
        let output = EntryPoint::SourceFile.parse(&input);
        let mut builder = Builder {
            slots: Vec::with_capacity((text.len() / 2).min(1 << 16)),
            open: NONE,
            at: 0,
            error: None,
        };
        let complete = lexed.intersperse_trivia(&output, &mut |step| builder.step(&step));
        if let Some(error) = builder.error {
            return Err(error);
        }
        if !complete || builder.open != NONE {
            return Err(SyntaxError {
                offset: builder.at as usize,
                message: "unexpected end".to_owned(),
            });
        }
        Ok(Self {
            text,
            slots: builder.slots,
        })
    }

    /// The source file node.
    pub(crate) fn root(&self) -> Node<'_> {
        Node { tree: self, id: 0 }
    }

    /// Every leaf (token) in the order of the text.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = Node<'_>> {
        self.nodes().filter(|node| node.is_leaf())
    }

    /// Every node and leaf, parents before children.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        (0..self.slots.len()).map(|id| Node {
            tree: self,
            id: id as u32,
        })
    }

    fn slot(&self, id: u32) -> Slot {
        // INVARIANT: ids come from this arena only.
        self.slots.get(id as usize).copied().unwrap_or(Slot {
            kind: SyntaxKind::ERROR,
            leaf: true,
            start: 0,
            end: 0,
            parent: NONE,
            first: NONE,
            last: NONE,
            next: NONE,
        })
    }
}

struct Builder {
    slots: Vec<Slot>,
    open: u32,
    at: u32,
    error: Option<SyntaxError>,
}

impl Builder {
    fn step(&mut self, step: &StrStep<'_>) {
        match *step {
            StrStep::Token { kind, text } => {
                let start = self.at;
                self.at = start.saturating_add(text.len() as u32);
                if !kind.is_trivia() {
                    self.push(kind, true, start, self.at);
                }
            }
            StrStep::Enter { kind } => {
                let id = self.push(kind, false, NONE, 0);
                self.open = id;
            }
            StrStep::Exit => {
                if let Some(slot) = self.slots.get(self.open as usize).copied() {
                    if let Some(parent) = self.slots.get_mut(slot.parent as usize) {
                        parent.start = parent.start.min(slot.start);
                        parent.end = parent.end.max(slot.end);
                    }
                    self.open = slot.parent;
                }
            }
            StrStep::Error { msg, pos } => {
                self.error.get_or_insert_with(|| SyntaxError {
                    offset: pos,
                    message: msg.to_owned(),
                });
            }
        }
    }

    fn push(&mut self, kind: SyntaxKind, leaf: bool, start: u32, end: u32) -> u32 {
        let id = self.slots.len() as u32;
        self.slots.push(Slot {
            kind,
            leaf,
            start,
            end,
            parent: self.open,
            first: NONE,
            last: NONE,
            next: NONE,
        });
        let Some(parent) = self.slots.get_mut(self.open as usize) else {
            return id;
        };
        let previous = parent.last;
        parent.last = id;
        if previous == NONE {
            parent.first = id;
        }
        if leaf {
            parent.start = parent.start.min(start);
            parent.end = parent.end.max(end);
        }
        if let Some(previous) = self.slots.get_mut(previous as usize) {
            previous.next = id;
        }
        id
    }
}

/// A node or leaf of a [`Tree`].
#[derive(Clone, Copy)]
pub(crate) struct Node<'t> {
    tree: &'t Tree<'t>,
    id: u32,
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}@{:?}", self.kind(), self.range())
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && std::ptr::eq(self.tree, other.tree)
    }
}

impl<'t> Node<'t> {
    pub(crate) fn kind(self) -> SyntaxKind {
        self.tree.slot(self.id).kind
    }

    /// Whether it is a token of the text.
    pub(crate) fn is_leaf(self) -> bool {
        self.tree.slot(self.id).leaf
    }

    /// Byte range within the statement's text, white space at the ends left out.
    pub(crate) fn range(self) -> Range<usize> {
        let slot = self.tree.slot(self.id);
        if slot.start == NONE {
            0..0
        } else {
            slot.start as usize..slot.end as usize
        }
    }

    pub(crate) fn text(self) -> &'t str {
        self.tree.text.get(self.range()).unwrap_or("")
    }

    pub(crate) fn parent(self) -> Option<Self> {
        self.at(self.tree.slot(self.id).parent)
    }

    fn at(self, id: u32) -> Option<Self> {
        (id != NONE).then_some(Self {
            tree: self.tree,
            id,
        })
    }

    /// Children, leaves among them, in the order of the text.
    pub(crate) fn children(self) -> impl Iterator<Item = Self> {
        let mut next = self.at(self.tree.slot(self.id).first);
        std::iter::from_fn(move || {
            let node = next?;
            next = node.at(node.tree.slot(node.id).next);
            Some(node)
        })
    }

    /// Children that are nodes.
    pub(crate) fn inner(self) -> impl Iterator<Item = Self> {
        self.children().filter(|child| !child.is_leaf())
    }

    /// The first child of a kind, node or leaf.
    pub(crate) fn child(self, kind: SyntaxKind) -> Option<Self> {
        self.children().find(|child| child.kind() == kind)
    }

    /// Whether it has a child of a kind.
    pub(crate) fn has(self, kind: SyntaxKind) -> bool {
        self.child(kind).is_some()
    }

    /// The first inner node.
    pub(crate) fn first_inner(self) -> Option<Self> {
        self.inner().next()
    }

    /// The first leaf at or below it.
    pub(crate) fn first_leaf(self) -> Option<Self> {
        let mut node = self;
        while !node.is_leaf() {
            node = node.children().next()?;
        }
        Some(node)
    }
}
