//! Permission requests, merged: for whom, on which relation, for what, on which columns.

use std::collections::{BTreeMap, BTreeSet};

use exeat_policy::Access;

use super::read::{self, Node, Tree};
use super::{AttributeSet, QueryTreeError, RelationUse};

/// `ACL_INSERT` and so on (`nodes/parsenodes.h`): all that a query asks for.
const INSERT: u64 = 1;
const SELECT: u64 = 1 << 1;
const UPDATE: u64 = 1 << 2;
const DELETE: u64 = 1 << 3;

/// The bit of a column set that is the whole row; what is above it are the columns from 1 on, below
/// it the system columns (`FirstLowInvalidHeapAttributeNumber`).
const WHOLE_ROW: i32 = 7;

/// The requests of the trees read so far.
#[derive(Default)]
pub(super) struct Requests {
    /// By relation, access, and whether it is somebody else who is checked.
    columns: BTreeMap<(u32, Access, bool), AttributeSet>,
    kinds: BTreeMap<u32, u8>,
}

impl Requests {
    /// A relation in FROM or as a target. Up to PostgreSQL 15 its request stands with it.
    pub(super) fn range_table_entry(
        &mut self,
        tree: &Tree<'_>,
        node: Node,
    ) -> Result<(), QueryTreeError> {
        let field = |name| tree.fields(node).find(|(field, _)| field.name == name);
        if let (Some((_, relation)), Some((_, kind))) = (field("relid"), field("relkind")) {
            let relation = read::number(relation).ok_or_else(|| tree.unlike(node, "relid"))?;
            // EXCLUDED has the target's OID and is a composite type (`c`), of which nothing is asked.
            if let [kind] = kind
                && relation != 0
                && *kind != b'c'
            {
                self.kinds.insert(relation, *kind);
            }
        }
        if tree.major() < 16 {
            self.request(tree, node)?;
        }
        Ok(())
    }

    /// The fields of a request: `requiredPerms` and what belongs to it.
    pub(super) fn request(&mut self, tree: &Tree<'_>, node: Node) -> Result<(), QueryTreeError> {
        let asked: u64 = tree.number(node, "requiredPerms")?;
        if asked & !(INSERT | SELECT | UPDATE | DELETE) != 0 {
            return Err(tree.unlike(node, "requiredPerms"));
        }
        if asked == 0 {
            return Ok(());
        }
        let relation = tree.number(node, "relid")?;
        let other = tree.number::<u32>(node, "checkAsUser")? != 0;
        let columns = |name| columns(tree, node, name);
        let mut add = |access, columns| self.add((relation, access, other), columns);
        if asked & SELECT != 0 {
            add(Access::Select, columns("selectedCols")?);
        }
        if asked & INSERT != 0 {
            add(Access::Insert, columns("insertedCols")?);
        }
        if asked & UPDATE != 0 {
            let columns = columns("updatedCols")?;
            let locks = columns == AttributeSet::default();
            add(if locks { Access::Lock } else { Access::Update }, columns);
        }
        if asked & DELETE != 0 {
            add(Access::Delete, AttributeSet::default());
        }
        Ok(())
    }

    pub(super) fn extend(&mut self, more: Self) {
        self.kinds.extend(more.kinds);
        for (key, columns) in more.columns {
            self.add(key, columns);
        }
    }

    /// The caller's, and those of somebody else.
    pub(super) fn split(self) -> (Vec<RelationUse>, Vec<RelationUse>) {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for ((relation, access, other), columns) in self.columns {
            let requests = if other { &mut others } else { &mut own };
            requests.push(RelationUse {
                relation,
                kind: self.kinds.get(&relation).copied().unwrap_or(0),
                access,
                columns,
            });
        }
        (own, others)
    }

    fn add(&mut self, key: (u32, Access, bool), columns: AttributeSet) {
        self.columns.entry(key).or_default().extend(columns);
    }
}

impl Default for AttributeSet {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

impl AttributeSet {
    fn extend(&mut self, more: Self) {
        match (&mut *self, more) {
            (Self::All, _) => {}
            (_, Self::All) => *self = Self::All,
            (Self::Named(own), Self::Named(more)) => own.extend(more),
        }
    }
}

/// A bitmap of columns.
fn columns(
    tree: &Tree<'_>,
    node: Node,
    name: &'static str,
) -> Result<AttributeSet, QueryTreeError> {
    let unlike = || tree.unlike(node, name);
    let mut named = BTreeSet::new();
    let mut whole = false;
    for bit in read::numbers::<i32>(tree.value(node, name)?) {
        match bit.ok_or_else(unlike)? {
            WHOLE_ROW => whole = true,
            bit if bit > 0 => {
                named.insert(i16::try_from(bit - WHOLE_ROW).map_err(|_| unlike())?);
            }
            _ => return Err(unlike()),
        }
    }
    Ok(if whole {
        AttributeSet::All
    } else {
        AttributeSet::Named(named)
    })
}
