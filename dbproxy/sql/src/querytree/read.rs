//! Reads a dumped tree into nodes in the order in which they stand, each with its parent: exactly as
//! its shape says, or not at all. Nothing recurses, every byte is looked at once, and memory is
//! proportional to the text.

use super::shape::{self, Field, Kind, Role, Shape, Shapes};
use super::token::{Token, Tokens};
use super::{QueryTreeError, TEXT_LIMIT};

/// A node's place among [`Tree::nodes`].
pub(super) type Id = usize;

/// The nodes of one text.
pub(super) struct Tree<'a> {
    nodes: Vec<Node>,
    values: Vec<&'a [u8]>,
    major: u16,
}

/// A node.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) shape: &'static Shape,
    /// The node that it stands in. Its id is smaller.
    pub(super) parent: Option<Id>,
    /// The field of the parent that it stands in.
    pub(super) under: &'static str,
    /// Where its values begin.
    first: usize,
    variant: Option<u8>,
}

impl<'a> Tree<'a> {
    /// Reads a text: a node, a list of nodes, or `<>`.
    pub(super) fn read(major: u16, text: &'a [u8]) -> Result<Self, QueryTreeError> {
        if text.len() > TEXT_LIMIT {
            return Err(QueryTreeError::TooLong { bytes: text.len() });
        }
        let mut reader = Reader {
            tree: Self {
                nodes: Vec::new(),
                values: Vec::new(),
                major,
            },
            tokens: Tokens::new(text),
            shapes: shape::of(major)?,
            open: Vec::new(),
        };
        reader.run()?;
        Ok(reader.tree)
    }

    /// All nodes: parents before their children, and otherwise as they stand.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (Id, Node)> + '_ {
        self.nodes.iter().copied().enumerate()
    }

    pub(super) fn node(&self, id: Id) -> Option<Node> {
        self.nodes.get(id).copied()
    }

    pub(super) const fn major(&self) -> u16 {
        self.major
    }

    /// The node's fields that are printed, with their values.
    pub(super) fn fields(
        &self,
        node: Node,
    ) -> impl Iterator<Item = (&'static Field, &'a [u8])> + '_ {
        let values = self.values.get(node.first..).unwrap_or_default();
        let fields = node.shape.fields.iter();
        fields
            .zip(values.iter().copied())
            .filter(move |(field, _)| field.is_of(node.variant))
    }

    /// The value of the node's field. An error where it has none: what is asked for must be there.
    pub(super) fn value(&self, node: Node, name: &'static str) -> Result<&'a [u8], QueryTreeError> {
        self.fields(node)
            .find(|(field, _)| field.name == name)
            .map(|(_, value)| value)
            .ok_or_else(|| self.unlike(node, name))
    }

    /// As [`Self::value`], as a number.
    pub(super) fn number<N: std::str::FromStr>(
        &self,
        node: Node,
        name: &'static str,
    ) -> Result<N, QueryTreeError> {
        number(self.value(node, name)?).ok_or_else(|| self.unlike(node, name))
    }

    /// As [`Self::value`], as a truth.
    pub(super) fn truth(&self, node: Node, name: &'static str) -> Result<bool, QueryTreeError> {
        Ok(self.value(node, name)? == b"true")
    }

    /// A value that is not as it should be.
    pub(super) const fn unlike(&self, node: Node, field: &'static str) -> QueryTreeError {
        QueryTreeError::Value {
            major: self.major,
            node: node.shape.node,
            field,
        }
    }
}

impl Field {
    fn is_of(&self, variant: Option<u8>) -> bool {
        let bit = |variant| 1u16.checked_shl(u32::from(variant)).unwrap_or(0);
        self.variants == 0 || variant.is_some_and(|variant| self.variants & bit(variant) != 0)
    }
}

/// A number, where the whole word is one.
pub(super) fn number<N: std::str::FromStr>(word: &[u8]) -> Option<N> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// The numbers of a list's text.
pub(super) fn numbers<N: std::str::FromStr>(list: &[u8]) -> impl Iterator<Item = Option<N>> {
    list.split(|byte| matches!(byte, b' ' | b'\n'))
        .filter(|word| !word.is_empty())
        .map(number)
}

/// What is open: a node and which of its fields comes next, or a list and where it stands.
enum Open {
    Node {
        id: Id,
        next: usize,
    },
    List {
        parent: Option<Id>,
        under: &'static str,
    },
}

struct Reader<'a> {
    tree: Tree<'a>,
    tokens: Tokens<'a>,
    shapes: &'static Shapes,
    open: Vec<Open>,
}

impl<'a> Reader<'a> {
    fn run(&mut self) -> Result<(), QueryTreeError> {
        let token = self.tokens.next()?;
        self.tree_value(token, "")?;
        while let Some(open) = self.open.pop() {
            match open {
                Open::Node { id, next } => self.field(id, next)?,
                Open::List { parent, under } => self.element(parent, under)?,
            }
        }
        match self.tokens.next()? {
            Token::End => Ok(()),
            _ => Err(QueryTreeError::Incomplete),
        }
    }

    /// A node, a list or nothing.
    fn tree_value(&mut self, token: Token<'a>, under: &'static str) -> Result<(), QueryTreeError> {
        match token {
            Token::Open => match self.tokens.next()? {
                Token::Word(name) => self.node(name, under),
                _ => Err(QueryTreeError::Incomplete),
            },
            Token::ListOpen => {
                let parent = self.parent();
                self.open.push(Open::List { parent, under });
                Ok(())
            }
            Token::Word(b"<>") => Ok(()),
            _ => Err(self.stray()),
        }
    }

    /// The node that is open.
    fn parent(&self) -> Option<Id> {
        match self.open.last()? {
            Open::Node { id, .. } => Some(*id),
            Open::List { parent, .. } => *parent,
        }
    }

    /// A node's name, after its brace.
    fn node(&mut self, name: &[u8], under: &'static str) -> Result<(), QueryTreeError> {
        let shape = std::str::from_utf8(name)
            .ok()
            .and_then(|name| self.shapes.get(name))
            .ok_or_else(|| QueryTreeError::Node {
                major: self.tree.major,
                node: printable(name),
            })?;
        let id = self.tree.nodes.len();
        let parent = self.parent();
        self.tree.nodes.push(Node {
            shape,
            parent,
            under,
            first: self.tree.values.len(),
            variant: None,
        });
        let end = self.tree.values.len() + shape.fields.len();
        self.tree.values.resize(end, b"");
        self.open.push(Open::Node { id, next: 0 });
        Ok(())
    }

    /// A list's next element, or its end. What a list of nodes may hold beside them: lists, nothing,
    /// and where it begins with `i`, numbers (grouping sets).
    fn element(&mut self, parent: Option<Id>, under: &'static str) -> Result<(), QueryTreeError> {
        match self.tokens.next()? {
            Token::ListClose => Ok(()),
            Token::Word(b"i") => self.rest_of_numbers::<i64>().map(drop),
            token => {
                self.open.push(Open::List { parent, under });
                self.tree_value(token, under)
            }
        }
    }

    /// A node's next field, or its end.
    fn field(&mut self, id: Id, next: usize) -> Result<(), QueryTreeError> {
        let node = self.tree.node(id).ok_or(QueryTreeError::Incomplete)?;
        let mut fields = node.shape.fields.iter().enumerate().skip(next);
        let expected = fields.find(|(_, field)| field.is_of(node.variant));
        match (self.tokens.next()?, expected) {
            (Token::Close, None) => Ok(()),
            (Token::Word([b':', label @ ..]), Some((index, field)))
                if label == field.name.as_bytes() =>
            {
                self.open.push(Open::Node {
                    id,
                    next: index + 1,
                });
                let value = self.field_value(id, node, field)?;
                if let Some(slot) = self.tree.values.get_mut(node.first + index) {
                    *slot = value;
                }
                Ok(())
            }
            (_, expected) => Err(QueryTreeError::Field {
                major: self.tree.major,
                node: node.shape.node,
                field: expected.map_or("}", |(_, field)| field.name),
            }),
        }
    }

    /// A field's value: its text for what is no tree.
    fn field_value(
        &mut self,
        id: Id,
        node: Node,
        field: &'static Field,
    ) -> Result<&'a [u8], QueryTreeError> {
        let token = self.tokens.next()?;
        let unlike = self.tree.unlike(node, field.name);
        match (field.kind, token) {
            (Kind::Tree, token) => self.tree_value(token, field.name).map(|()| &b""[..]),
            (Kind::Names, Token::ListOpen) => self.rest_of_names(unlike),
            (Kind::Bits, Token::ListOpen) => self.numbers(b"b", unlike),
            (Kind::Ints, Token::ListOpen) => self.numbers(b"i", unlike),
            (Kind::Oids(_), Token::ListOpen) => self.numbers(b"o", unlike),
            (Kind::Names | Kind::Ints | Kind::Oids(_), Token::Word(b"<>")) => Ok(b""),
            (Kind::Datum, Token::Word(word)) => self.datum(word, unlike),
            (Kind::Utility, token) => self.utility(token, field.name),
            (Kind::Raw, Token::Open) => self.raw(),
            (Kind::Variant(last), Token::Word(word)) => {
                let variant = number(word).filter(|variant| *variant <= last);
                let node = self.tree.nodes.get_mut(id);
                if let (Some(variant), Some(node)) = (variant, node) {
                    node.variant = Some(variant);
                    return Ok(word);
                }
                Err(unlike)
            }
            (kind, Token::Word(word)) if kind.is_written(word) => Ok(word),
            _ => Err(unlike),
        }
    }

    /// After the parenthesis of a list of numbers: its letter, the numbers, the end.
    fn numbers(
        &mut self,
        letter: &[u8],
        unlike: QueryTreeError,
    ) -> Result<&'a [u8], QueryTreeError> {
        match self.tokens.next()? {
            Token::Word(word) if word == letter => {}
            _ => return Err(unlike),
        }
        match letter {
            b"o" => self.rest_of_numbers::<u32>(),
            _ => self.rest_of_numbers::<i64>(),
        }
        .map_err(|_| unlike)
    }

    fn rest_of_numbers<N: std::str::FromStr>(&mut self) -> Result<&'a [u8], QueryTreeError> {
        let start = self.tokens.place();
        loop {
            let end = self.tokens.place();
            match self.tokens.next()? {
                Token::ListClose => return Ok(self.tokens.between(start, end)),
                Token::Word(word) if number::<N>(word).is_some() => {}
                _ => return Err(self.stray()),
            }
        }
    }

    fn rest_of_names(&mut self, unlike: QueryTreeError) -> Result<&'a [u8], QueryTreeError> {
        loop {
            match self.tokens.next()? {
                Token::ListClose => return Ok(b""),
                Token::Word(b"<>" | [b'"', .., b'"']) => {}
                _ => return Err(unlike),
            }
        }
    }

    /// `4 [ 1 0 0 0 0 0 0 0 ]`, the bytes signed where the server's `char` is; or nothing.
    fn datum(&mut self, word: &[u8], unlike: QueryTreeError) -> Result<&'a [u8], QueryTreeError> {
        if word == b"<>" {
            return Ok(b"");
        }
        if number::<u64>(word).is_none() || self.tokens.next()? != Token::Word(b"[") {
            return Err(unlike);
        }
        let start = self.tokens.place();
        loop {
            let end = self.tokens.place();
            match self.tokens.next()? {
                Token::Word(b"]") => return Ok(self.tokens.between(start, end)),
                Token::Word(word)
                    if number(word).is_some_and(|byte| (-128..256).contains(&byte)) => {}
                _ => return Err(unlike),
            }
        }
    }

    /// CALL, in the versions that show it. What PostgreSQL shows of others is not analysed, or not
    /// rewritten: their inner statements are to be asked for.
    fn utility(
        &mut self,
        token: Token<'a>,
        under: &'static str,
    ) -> Result<&'a [u8], QueryTreeError> {
        match token {
            Token::Word(b"<>") => return Ok(b""),
            Token::Open => {}
            _ => return Err(QueryTreeError::Utility),
        }
        match self.tokens.next()? {
            Token::Word(name @ b"CALLSTMT") => self.node(name, under).map(|()| &b""[..]),
            _ => Err(QueryTreeError::Utility),
        }
    }

    /// Past a node that is not looked into.
    fn raw(&mut self) -> Result<&'a [u8], QueryTreeError> {
        let mut depth = 1usize;
        while depth > 0 {
            match self.tokens.next()? {
                Token::Open => depth += 1,
                Token::Close => depth -= 1,
                Token::End => return Err(QueryTreeError::Incomplete),
                _ => {}
            }
        }
        Ok(b"")
    }

    /// Something that may not stand where it does.
    fn stray(&self) -> QueryTreeError {
        let node = self.tree.nodes.last().map_or("", |node| node.shape.node);
        QueryTreeError::Stray {
            major: self.tree.major,
            after: node,
        }
    }
}

impl Kind {
    /// Whether a word is a value of this kind.
    fn is_written(self, word: &[u8]) -> bool {
        match self {
            Self::Int => number::<i64>(word).is_some(),
            Self::Number => number::<f64>(word).is_some(),
            Self::Bool => matches!(word, b"true" | b"false"),
            Self::Enum(last) => number::<u8>(word).is_some_and(|value| value <= last),
            Self::Char => matches!(word, [_] | b"<>"),
            Self::Text => true,
            Self::Oid(Role::Called | Role::Function) => {
                number::<u32>(word).is_some_and(|oid| oid != 0)
            }
            Self::Oid(_) => number::<u32>(word).is_some(),
            _ => false,
        }
    }
}

/// A node's name as it may be shown: PostgreSQL writes them in capitals; anything else is not shown.
fn printable(name: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_uppercase() || *byte == b'_';
    match std::str::from_utf8(name) {
        Ok(name) if name.len() <= 40 && name.as_bytes().iter().all(plain) => name.to_owned(),
        _ => "?".to_owned(),
    }
}
