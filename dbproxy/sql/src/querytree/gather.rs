//! Goes over the nodes of a tree once, parents first, and collects what they say. What an OID means
//! stands with its field (`shapes.txt`); here is what depends on more than one field.

use std::collections::BTreeSet;

use super::read::{self, Id, Node, Tree};
use super::relations::Requests;
use super::shape::{Kind, Role};
use super::{Command, FIRST_NORMAL_OID, QueryTreeError, SequenceCall, SequenceUse};

/// What a tree says, whoever says it: the statement, or what rewriting added.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) relations: Requests,
    /// The functions in what is stored: the values of INSERT, UPDATE and MERGE, where defaults go.
    pub(super) filled: Functions,
    /// The functions everywhere else.
    pub(super) elsewhere: Functions,
    pub(super) operators: BTreeSet<u32>,
    pub(super) types: BTreeSet<u32>,
    /// Those of them of which values are made.
    pub(super) made: BTreeSet<u32>,
    /// It compares by a type's own way, whichever that is.
    pub(super) compares: bool,
    /// It makes JSON where no function says so.
    pub(super) json: bool,
    pub(super) domains: BTreeSet<u32>,
    /// Those of what is stored, defaults among it.
    pub(super) filled_domains: BTreeSet<u32>,
    pub(super) lookups: BTreeSet<u32>,
    pub(super) sequences: BTreeSet<SequenceUse>,
}

/// Functions, by who chose them.
#[derive(Default)]
pub(super) struct Functions {
    pub(super) called: BTreeSet<u32>,
    pub(super) casts: BTreeSet<u32>,
}

/// Where a node stands.
#[derive(Clone, Copy, Default)]
struct Place {
    /// In what a rule does.
    ruled: bool,
    /// In a value that is stored.
    filled: bool,
    /// It is the sequence of `nextval` or its kin.
    sequence: bool,
}

/// `nextval(regclass)` and its kin (`catalog/pg_proc.dat`).
const fn sequence_call(function: u32) -> Option<SequenceCall> {
    match function {
        1574 => Some(SequenceCall::Nextval),
        1575 => Some(SequenceCall::Currval),
        1576 | 1765 => Some(SequenceCall::Setval),
        2559 => Some(SequenceCall::Lastval),
        _ => None,
    }
}

/// The type whose values are looked up in the catalog, of such a type or an array of it
/// (`catalog/pg_type.dat`).
const fn lookup(of: u32) -> Option<u32> {
    match of {
        24 | 1008 => Some(24),     // regproc
        2202 | 2207 => Some(2202), // regprocedure
        2203 | 2208 => Some(2203), // regoper
        2204 | 2209 => Some(2204), // regoperator
        2205 | 2210 => Some(2205), // regclass
        2206 | 2211 => Some(2206), // regtype
        3734 | 3735 => Some(3734), // regconfig
        3769 | 3770 => Some(3769), // regdictionary
        4089 | 4090 => Some(4089), // regnamespace
        4096 | 4097 => Some(4096), // regrole
        4191 | 4192 => Some(4191), // regcollation
        _ => None,
    }
}

/// Whether values only come through a node that others have made: of columns, and of what is chosen or taken
/// from among values.
fn only_passes(node: &str) -> bool {
    const PASSING: [&str; 15] = [
        "VAR",
        "RANGETBLENTRY",
        "COMMONTABLEEXPR",
        "SETOPERATIONSTMT",
        "CASEEXPR",
        "CASETESTEXPR",
        "COALESCEEXPR",
        "MINMAXEXPR",
        "ARRAYEXPR",
        "ROWEXPR",
        "FIELDSELECT",
        "SUBSCRIPTINGREF",
        "SETTODEFAULT",
        "COERCETODOMAINVALUE",
        "NEXTVALUEEXPR",
    ];
    PASSING.contains(&node)
}

impl Seen {
    /// All that the nodes of a tree say.
    pub(super) fn gather(tree: &Tree<'_>) -> Result<Self, QueryTreeError> {
        let mut seen = Self::default();
        let mut places: Vec<Place> = Vec::new();
        for (id, node) in tree.nodes() {
            let place = place(tree, id, node, &places)?;
            places.push(place);
            seen.by_field(tree, node, place)?;
            match node.shape.node {
                "MINMAXEXPR" | "CTECYCLECLAUSE" | "CTESEARCHCLAUSE" => seen.compares = true,
                "JSONCONSTRUCTOREXPR" => seen.json = true,
                "RANGETBLENTRY" => seen.relations.range_table_entry(tree, node)?,
                "RTEPERMISSIONINFO" => seen.relations.request(tree, node)?,
                "FUNCEXPR" => seen.function(tree, id, node, place)?,
                "CONST" if !tree.truth(node, "constisnull")? => {
                    seen.make(tree.number(node, "consttype")?, place);
                }
                // A parameter of the message: its text is read as a value of this type.
                "PARAM" if tree.number::<u8>(node, "paramkind")? == 0 => {
                    seen.make(tree.number(node, "paramtype")?, place);
                }
                "NEXTVALUEEXPR" => {
                    seen.sequence(SequenceCall::Identity, Some(tree.number(node, "seqid")?))
                }
                _ => {}
            }
        }
        Ok(seen)
    }

    /// The OIDs whose meaning stands with their field.
    fn by_field(
        &mut self,
        tree: &Tree<'_>,
        node: Node,
        place: Place,
    ) -> Result<(), QueryTreeError> {
        for (field, value) in tree.fields(node) {
            let (Kind::Oid(role) | Kind::Oids(role)) = field.kind else {
                continue;
            };
            for oid in read::numbers(value) {
                let oid = oid.ok_or_else(|| tree.unlike(node, field.name))?;
                if oid != 0 {
                    self.by_role(role, oid, place);
                    if oid >= FIRST_NORMAL_OID && role.is_type() && !only_passes(node.shape.node) {
                        self.made.insert(oid);
                    }
                }
            }
        }
        Ok(())
    }

    fn by_role(&mut self, role: Role, oid: u32, place: Place) {
        let own = oid >= FIRST_NORMAL_OID;
        match role {
            Role::Called => drop(self.functions(place).called.insert(oid)),
            Role::Chosen => drop(self.functions(place).casts.insert(oid)),
            Role::Operator => drop(self.operators.insert(oid)),
            Role::Type | Role::Made | Role::Domain if own => drop(self.types.insert(oid)),
            Role::Type | Role::Made | Role::Domain => {}
            // The proxy's own reader has those that a text names.
            Role::Collation => {}
            // Looked at with their nodes.
            Role::Relation | Role::Function | Role::Other => {}
        }
        match role {
            Role::Domain => {
                self.domains.insert(oid);
                if place.filled {
                    self.filled_domains.insert(oid);
                }
            }
            Role::Made => self.make(oid, place),
            _ => {}
        }
    }

    const fn functions(&mut self, place: Place) -> &mut Functions {
        if place.filled {
            &mut self.filled
        } else {
            &mut self.elsewhere
        }
    }

    /// A value of this type is made.
    fn make(&mut self, of: u32, place: Place) {
        if !place.sequence {
            self.lookups.extend(lookup(of));
        }
    }

    fn sequence(&mut self, call: SequenceCall, sequence: Option<u32>) {
        self.sequences.insert(SequenceUse { sequence, call });
    }

    /// A call, or a cast by a function.
    fn function(
        &mut self,
        tree: &Tree<'_>,
        id: Id,
        node: Node,
        place: Place,
    ) -> Result<(), QueryTreeError> {
        let function = tree.number(node, "funcid")?;
        let cast = matches!(tree.number::<u8>(node, "funcformat")?, 1 | 2);
        if cast {
            self.functions(place).casts.insert(function);
            self.make(tree.number(node, "funcresulttype")?, place);
        } else {
            self.functions(place).called.insert(function);
        }
        match sequence_call(function) {
            Some(call @ SequenceCall::Lastval) => self.sequence(call, None),
            Some(call) => self.sequence(call, sequence_named(tree, id)?),
            None => {}
        }
        Ok(())
    }
}

impl Functions {
    /// Those of both.
    pub(super) fn and(&self, more: &Self) -> Self {
        Self {
            called: &self.called | &more.called,
            casts: &self.casts | &more.casts,
        }
    }

    /// Those that the statement does not have. What it casts with it may still not call.
    pub(super) fn beyond(&self, own: &Self) -> BTreeSet<u32> {
        let mut beyond = &self.called - &own.called;
        beyond.extend(
            self.casts
                .iter()
                .filter(|cast| !own.casts.contains(cast) && !own.called.contains(cast)),
        );
        beyond
    }
}

/// Where a node stands, from where its parent does.
fn place(tree: &Tree<'_>, id: Id, node: Node, places: &[Place]) -> Result<Place, QueryTreeError> {
    let above = node
        .parent
        .and_then(|parent| Some((parent, tree.node(parent)?)));
    let Some((parent_id, parent)) = above else {
        return Ok(Place {
            ruled: ruled(tree, node)?,
            ..Place::default()
        });
    };
    let above = places.get(parent_id).copied().unwrap_or_default();
    let filled = match (parent.shape.node, node.under) {
        _ if node.shape.node == "QUERY" => false,
        ("QUERY", "targetList") => stores(tree, parent)? && !above.ruled,
        ("RANGETBLENTRY", "values_lists") => {
            let query = parent.parent.and_then(|query| tree.node(query));
            query.map_or(Ok(false), |query| stores(tree, query))? && !above.ruled
        }
        ("MERGEACTION", "targetList") | ("ONCONFLICTEXPR", "onConflictSet") => !above.ruled,
        _ => above.filled,
    };
    let sequence = id == parent_id + 1
        && (parent.shape.node, node.under) == ("FUNCEXPR", "args")
        && sequence_call(tree.number(parent, "funcid")?).is_some();
    Ok(Place {
        ruled: above.ruled || ruled(tree, node)?,
        filled,
        sequence,
    })
}

/// Whether it is a query that a rule made (`QuerySource`).
fn ruled(tree: &Tree<'_>, node: Node) -> Result<bool, QueryTreeError> {
    Ok(node.shape.node == "QUERY" && tree.number::<u8>(node, "querySource")? >= 2)
}

/// Whether a query's target list is stored.
fn stores(tree: &Tree<'_>, query: Node) -> Result<bool, QueryTreeError> {
    let command = command(tree, query)?;
    Ok(matches!(
        command,
        Command::Insert | Command::Update | Command::Merge
    ))
}

/// `CmdType` (`nodes/nodes.h`): MERGE moved what is behind it.
fn command(tree: &Tree<'_>, query: Node) -> Result<Command, QueryTreeError> {
    Ok(match (tree.number(query, "commandType")?, tree.major()) {
        (1u8, _) => Command::Select,
        (2, _) => Command::Update,
        (3, _) => Command::Insert,
        (4, _) => Command::Delete,
        (5, 15..) => Command::Merge,
        (5, _) | (6, 15..) => Command::Utility,
        (6, _) | (7, 15..) => Command::Nothing,
        _ => return Err(tree.unlike(query, "commandType")),
    })
}

/// The sequence that the call's first argument says, where it is a constant.
fn sequence_named(tree: &Tree<'_>, call: Id) -> Result<Option<u32>, QueryTreeError> {
    let argument = |id: Id, of: Id| tree.node(id).filter(|node| node.parent == Some(of));
    let Some(mut node) = argument(call + 1, call) else {
        return Ok(None);
    };
    if node.shape.node == "RELABELTYPE" {
        match argument(call + 2, call + 1) {
            Some(inner) => node = inner,
            None => return Ok(None),
        }
    }
    if node.shape.node != "CONST" || tree.truth(node, "constisnull")? {
        return Ok(None);
    }
    let unlike = || tree.unlike(node, "constvalue");
    let bytes = read::numbers::<i16>(tree.value(node, "constvalue")?);
    let bytes: Option<Vec<u8>> = bytes.map(|byte| Some(byte?.to_le_bytes()[0])).collect();
    oid(&bytes.ok_or_else(unlike)?).ok_or_else(unlike).map(Some)
}

/// The OID in a value's memory: the half that is not zero, whose place tells the machine's byte order.
fn oid(bytes: &[u8]) -> Option<u32> {
    match *bytes {
        [a, b, c, d] | [a, b, c, d, 0, 0, 0, 0] => Some(u32::from_le_bytes([a, b, c, d])),
        [0, 0, 0, 0, a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d])),
        _ => None,
    }
}

/// What the statement itself is.
pub(super) fn top(tree: &Tree<'_>) -> Result<Command, QueryTreeError> {
    let query = tree.node(0).filter(|node| node.shape.node == "QUERY");
    command(tree, query.ok_or(QueryTreeError::Incomplete)?)
}
