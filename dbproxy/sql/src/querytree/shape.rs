//! The nodes that may stand in a query tree, field by field, per major version: `shapes.txt`, read
//! once. It must never hold a node that is passed over: what stands in it is understood.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::QueryTreeError;

/// The major versions whose trees were tried.
pub(super) const MAJORS: std::ops::RangeInclusive<u16> = 14..=18;

const TEXT: &str = include_str!("shapes.txt");

static SHAPES: LazyLock<Vec<Option<Shapes>>> =
    LazyLock::new(|| MAJORS.map(|major| shapes(TEXT, major)).collect());

/// The nodes of one major version, by their printed name.
pub(super) type Shapes = HashMap<&'static str, Shape>;

/// A node's name and fields, in the order in which they are printed.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) node: &'static str,
    pub(super) fields: Vec<Field>,
}

/// A field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The values of the node's variant that have it, a bit each; 0: all.
    pub(super) variants: u16,
}

/// How a field's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Number,
    Bool,
    Char,
    Text,
    /// 0 to this.
    Enum(u8),
    /// 0 to this; decides which fields follow.
    Variant(u8),
    Names,
    Bits,
    Ints,
    Datum,
    /// A node, a list of them, or nothing.
    Tree,
    /// A tree that was not analysed, beside its twin that was.
    Raw,
    Utility,
    /// One OID, or a list of them.
    Oid(Role),
    Oids(Role),
}

/// What an OID names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Relation,
    /// A function that is called in so many words.
    Called,
    /// A function that PostgreSQL chose.
    Chosen,
    /// A function that is one or the other: the node's other fields say which.
    Function,
    Operator,
    Collation,
    Type,
    /// A type of which a value is made here.
    Made,
    /// A domain whose constraints are checked here.
    Domain,
    /// What is of no interest, or is looked at with its node.
    Other,
}

impl Role {
    pub(super) const fn is_type(self) -> bool {
        matches!(self, Self::Type | Self::Made | Self::Domain)
    }
}

/// The nodes of this major version.
pub(super) fn of(major: u16) -> Result<&'static Shapes, QueryTreeError> {
    major
        .checked_sub(*MAJORS.start())
        .and_then(|index| SHAPES.get(usize::from(index)))
        .and_then(Option::as_ref)
        .ok_or(QueryTreeError::Version { major })
}

/// Reads the table for one version; `None` where it is not as its head says.
fn shapes(text: &'static str, major: u16) -> Option<Shapes> {
    let mut shapes = Shapes::new();
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split(' ');
        let (head, here) = versioned(words.next()?, major)?;
        if !here {
            continue;
        }
        let (node, printed) = head.split_once('/').unwrap_or((head, head));
        let mut fields = Vec::new();
        for word in words {
            let (word, variants) = match word.split_once('?') {
                Some((word, variants)) => (word, bits(variants)?),
                None => (word, 0),
            };
            let (word, here) = versioned(word, major)?;
            let (name, kind) = word.split_once(':')?;
            let kind = kind_of(kind)?;
            if here {
                fields.push(Field {
                    name,
                    kind,
                    variants,
                });
            }
        }
        let twice = shapes.insert(printed, Shape { node, fields }).is_some();
        if twice {
            return None;
        }
    }
    Some(shapes)
}

/// What stands before `@`, and whether this version is within what follows it.
fn versioned(word: &str, major: u16) -> Option<(&str, bool)> {
    let Some((word, majors)) = word.split_once('@') else {
        return Some((word, true));
    };
    let (first, last) = majors.split_once('-').unwrap_or((majors, majors));
    let bound = |text: &str, open: u16| {
        if text.is_empty() {
            Some(open)
        } else {
            text.parse().ok()
        }
    };
    let within = bound(first, 0)?..=bound(last, u16::MAX)?;
    Some((word, within.contains(&major)))
}

fn bits(variants: &str) -> Option<u16> {
    let bit = |variant: &str| variant.parse().ok().and_then(|bit| 1u16.checked_shl(bit));
    variants
        .split(',')
        .try_fold(0, |bits, variant| Some(bits | bit(variant)?))
}

fn kind_of(word: &str) -> Option<Kind> {
    Some(match word {
        "int" => Kind::Int,
        "number" => Kind::Number,
        "bool" => Kind::Bool,
        "char" => Kind::Char,
        "text" => Kind::Text,
        "names" => Kind::Names,
        "bits" => Kind::Bits,
        "ints" => Kind::Ints,
        "datum" => Kind::Datum,
        "tree" => Kind::Tree,
        "raw" => Kind::Raw,
        "utility" => Kind::Utility,
        "relation" => Kind::Oid(Role::Relation),
        "called" => Kind::Oid(Role::Called),
        "chosen" => Kind::Oid(Role::Chosen),
        "function" => Kind::Oid(Role::Function),
        "operator" => Kind::Oid(Role::Operator),
        "operators" => Kind::Oids(Role::Operator),
        "collation" => Kind::Oid(Role::Collation),
        "collations" => Kind::Oids(Role::Collation),
        "type" => Kind::Oid(Role::Type),
        "types" => Kind::Oids(Role::Type),
        "made" => Kind::Oid(Role::Made),
        "mades" => Kind::Oids(Role::Made),
        "domain" => Kind::Oid(Role::Domain),
        "other" => Kind::Oid(Role::Other),
        "others" => Kind::Oids(Role::Other),
        _ => match word.strip_prefix("enum") {
            Some(last) => Kind::Enum(last.parse().ok()?),
            None => Kind::Variant(word.strip_prefix("variant")?.parse().ok()?),
        },
    })
}
