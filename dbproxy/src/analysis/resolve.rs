//! From OIDs to names: what a query tree says, by the catalog that it was made under.
//!
//! Pure. An OID that the snapshot does not have is an error, never left out: the snapshot is too old, or the
//! object is one that nobody may name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use exeat_policy::{
    Access, Columns, Name, Origin, RelationAccess, SequenceAccess, is_harmless_function,
};
use exeat_sql::{
    AttributeSet, Command, QueryTree, QueryTreeError, RelationUse, SequenceCall, SequenceUse,
    query_tree,
};

use super::Trees;
use crate::catalog::{FIRST_NORMAL_OID, KnownRelation, Made, Objects, Snapshot, WHOLE_ROW};

/// So many relations may one statement lead to: parts of partitioned tables among them.
const MOST_BEHIND: usize = 20_000;

/// Look-ups in the catalog by a cast, and the function that does the same. Configurations and dictionaries
/// of text search say nothing of anybody's data.
const LOOKUPS: [(u32, &str); 9] = [
    (24, "to_regproc"),
    (2202, "to_regprocedure"),
    (2203, "to_regoper"),
    (2204, "to_regoperator"),
    (2205, "to_regclass"),
    (2206, "to_regtype"),
    (4089, "to_regnamespace"),
    (4096, "to_regrole"),
    (4191, "to_regcollation"),
];

/// What PostgreSQL will check for a statement, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Analysed {
    pub(crate) command: Command,
    pub(crate) relations: Vec<RelationAccess>,
    /// See [`exeat_policy::Facts::behind`]; all parts of partitioned tables among it.
    pub(crate) behind: Vec<RelationAccess>,
    /// Calls, in so many words and as casts, defaults and domains.
    pub(crate) functions: Vec<Name>,
    pub(crate) behind_functions: Vec<Name>,
    pub(crate) operators: Vec<Name>,
    pub(crate) types: Vec<Name>,
    pub(crate) sequences: Vec<exeat_policy::SequenceUse>,
    /// It rests on values of the text itself (which sequence, which relation): no other text shares it.
    pub(crate) by_text: bool,
    /// It has values of rows, arrays or ranges whose making calls functions of others, by the checks of the
    /// domains within: for a constant they run while the statement is parsed.
    pub(crate) makes_checked: bool,
    /// What its result may come from.
    pub(crate) judgeable: Arc<Judgeable>,
}

/// The columns of tables, by OID and attribute number, that a statement reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judgeable {
    columns: BTreeSet<(u32, i16)>,
    whole: BTreeSet<u32>,
}

impl Judgeable {
    /// Whether a column of a result was judged.
    pub(crate) fn holds(&self, relation: u32, column: i16) -> bool {
        self.whole.contains(&relation) || self.columns.contains(&(relation, column))
    }

    /// How many bytes it takes, roughly.
    pub(crate) fn weight(&self) -> usize {
        24 * self.columns.len() + 16 * self.whole.len()
    }
}

/// Why an answer is not understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotUnderstood {
    /// The dump itself.
    #[error("PostgreSQL's answer is not understood: {0}")]
    Tree(#[from] QueryTreeError),
    /// The catalog does not have it.
    #[error("the catalog has no {kind} with OID {oid}")]
    Missing { kind: &'static str, oid: u32 },
    /// Nor this column.
    #[error("the catalog has no column {number} of the relation with OID {relation}")]
    Column { relation: u32, number: i16 },
    /// The cap.
    #[error("the statement leads to too many relations")]
    TooMany,
}

impl NotUnderstood {
    /// Whether the catalog lacks something, which a newer one may have.
    pub(crate) fn is_of_the_catalog(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Column { .. })
    }
}

/// Reads trees by a snapshot.
pub(crate) fn read(trees: &Trees, snapshot: &Snapshot) -> Result<Analysed, NotUnderstood> {
    let tree = query_tree(snapshot.major(), &trees.parse, &trees.rewritten)?;
    Resolver {
        objects: &snapshot.objects,
    }
    .resolve(&tree)
}

/// What relations lead to that only our own reader has seen (COPY, TRUNCATE, LOCK): their parents and parts, and
/// what views read.
pub(crate) fn kin(
    accesses: &[RelationAccess],
    objects: &Objects,
) -> Result<Vec<RelationAccess>, NotUnderstood> {
    let resolver = Resolver { objects };
    let mut behind = BTreeMap::new();
    for access in accesses {
        if let Some(oid) = objects.oid_of(&access.relation) {
            resolver.all_kin(oid, access, &mut behind)?;
            // Who locks a view locks what it reads; a materialised one may be copied (PostgreSQL 18).
            if matches!(resolver.relation(oid)?.kind, b'v' | b'm') {
                let mut read = BTreeMap::new();
                resolver.made_of(oid, &mut read)?;
                for of in listed(read) {
                    if access.access == Access::Lock {
                        let locked = RelationAccess {
                            access: Access::Lock,
                            ..of.clone()
                        };
                        widen(&mut behind, locked);
                    }
                    widen(&mut behind, of);
                }
            }
        }
    }
    Ok(listed(behind))
}

fn listed(accesses: BTreeMap<(Name, Access), Columns>) -> Vec<RelationAccess> {
    accesses
        .into_iter()
        .map(|((relation, access), columns)| RelationAccess {
            relation,
            access,
            columns,
        })
        .collect()
}

impl Analysed {
    /// How many bytes it takes, roughly.
    pub(super) fn weight(&self) -> usize {
        let relations = self.relations.iter().chain(&self.behind);
        let relations: usize = relations.map(RelationAccess::weight).sum();
        let names = [
            &self.functions,
            &self.behind_functions,
            &self.operators,
            &self.types,
        ];
        let names: usize = names.iter().map(|names| names.len()).sum();
        256 + relations + 64 * names + 128 * self.sequences.len() + self.judgeable.weight()
    }
}

struct Resolver<'o> {
    objects: &'o Objects,
}

impl Resolver<'_> {
    fn resolve(&self, tree: &QueryTree) -> Result<Analysed, NotUnderstood> {
        let mut behind: BTreeMap<(Name, Access), Columns> = BTreeMap::new();
        for used in &tree.behind {
            let access = self.access(used)?;
            widen(&mut behind, access);
        }
        for used in tree.relations.iter().chain(&tree.behind) {
            self.beyond(used, &mut behind)?;
        }
        let relations = tree.relations.iter().map(|used| self.access(used));
        let mut relations = relations.collect::<Result<Vec<_>, _>>()?;
        relations.sort();
        Ok(Analysed {
            command: tree.command,
            relations,
            behind: listed(behind),
            functions: self.functions(tree)?,
            behind_functions: self.behind_functions(tree)?,
            operators: self.operators(tree)?,
            types: self.types(tree)?,
            sequences: self.sequences(tree)?,
            makes_checked: self.makes_checked(tree),
            // The sequence of a default is no value of the text's.
            by_text: tree.says_sequence || !tree.lookups.is_empty(),
            judgeable: Arc::new(judgeable(tree)),
        })
    }

    fn relation(&self, oid: u32) -> Result<&Arc<KnownRelation>, NotUnderstood> {
        let missing = NotUnderstood::Missing {
            kind: "relation",
            oid,
        };
        self.objects.relation(oid).ok_or(missing)
    }

    fn access(&self, used: &RelationUse) -> Result<RelationAccess, NotUnderstood> {
        let known = self.relation(used.relation)?;
        Ok(RelationAccess {
            relation: known.name.clone(),
            access: used.access,
            columns: columns(used, known)?,
        })
    }

    /// What a relation leads to that PostgreSQL does not check for: the parts and parents of a table, and
    /// what a materialised view was made of.
    fn beyond(
        &self,
        used: &RelationUse,
        behind: &mut BTreeMap<(Name, Access), Columns>,
    ) -> Result<(), NotUnderstood> {
        let own = self.access(used)?;
        self.all_kin(used.relation, &own, behind)?;
        if used.kind == b'm' {
            self.made_of(used.relation, behind)?;
        }
        Ok(())
    }

    fn all_kin(
        &self,
        relation: u32,
        own: &RelationAccess,
        behind: &mut BTreeMap<(Name, Access), Columns>,
    ) -> Result<(), NotUnderstood> {
        let objects = self.objects;
        self.kin(relation, own, behind, |of| objects.parents(of).collect())?;
        self.kin(relation, own, behind, |of| objects.children(of).collect())
    }

    /// All parents, or all parts. They have the columns of one another by name.
    fn kin(
        &self,
        relation: u32,
        own: &RelationAccess,
        behind: &mut BTreeMap<(Name, Access), Columns>,
        step: impl Fn(u32) -> Vec<u32>,
    ) -> Result<(), NotUnderstood> {
        let mut seen = BTreeSet::from([relation]);
        let mut open = vec![relation];
        while let Some(relation) = open.pop() {
            for kin in step(relation) {
                if seen.insert(kin) {
                    open.push(kin);
                    let relation = self.relation(kin)?.name.clone();
                    widen(
                        behind,
                        RelationAccess {
                            relation,
                            ..own.clone()
                        },
                    );
                }
            }
            if seen.len() + behind.len() > MOST_BEHIND {
                return Err(NotUnderstood::TooMany);
            }
        }
        Ok(())
    }

    /// What a view reads or a materialised view was made of, through views too, and the parts and parents of that.
    fn made_of(
        &self,
        view: u32,
        behind: &mut BTreeMap<(Name, Access), Columns>,
    ) -> Result<(), NotUnderstood> {
        let mut seen = BTreeSet::from([view]);
        let mut open = vec![view];
        while let Some(view) = open.pop() {
            let reads = self.objects.reads(view);
            for of_one in reads.chunk_by(|left, right| left.0 == right.0) {
                let Some((relation, _)) = of_one.first() else {
                    continue;
                };
                let known = self.relation(*relation)?;
                let mut read = BTreeMap::new();
                for (_, column) in of_one {
                    let of = RelationAccess {
                        relation: known.name.clone(),
                        access: Access::Select,
                        columns: attribute(*column, known, *relation)?,
                    };
                    widen(&mut read, of);
                }
                for of in listed(read) {
                    self.all_kin(*relation, &of, behind)?;
                    widen(behind, of);
                }
                if matches!(known.kind, b'v' | b'm') && seen.insert(*relation) {
                    open.push(*relation);
                }
            }
            if behind.len() > MOST_BEHIND {
                return Err(NotUnderstood::TooMany);
            }
        }
        Ok(())
    }

    fn names(
        &self,
        kind: &'static str,
        oids: &BTreeSet<u32>,
        find: impl Fn(&Objects, u32) -> Option<&Name>,
    ) -> Result<Vec<Name>, NotUnderstood> {
        let name = |oid: &u32| {
            let missing = NotUnderstood::Missing { kind, oid: *oid };
            find(self.objects, *oid).cloned().ok_or(missing)
        };
        let names: Result<BTreeSet<Name>, _> = oids.iter().map(name).collect();
        Ok(names?.into_iter().collect())
    }

    /// What the statement calls: PostgreSQL's own casts and what columns are filled with by its harmless
    /// functions are nobody's to grant.
    fn functions(&self, tree: &QueryTree) -> Result<Vec<Name>, NotUnderstood> {
        let mut names: BTreeSet<Name> = self
            .names("function", &tree.called, Objects::function)?
            .into_iter()
            .collect();
        let made = tree.made.iter().chain(&tree.domains).copied();
        let checks = self.objects.checks(made);
        let mut chosen: BTreeSet<u32> = tree.casts.iter().copied().chain(checks).collect();
        if self.compares(tree) {
            chosen.extend(self.objects.comparisons(tree.types.iter().copied()));
        }
        let types = || tree.types.iter().copied();
        if tree.json || names.iter().any(makes_json) {
            chosen.extend(self.objects.casts_to(Made::Json, types()));
        }
        if self.makes_text(tree, &names)? {
            chosen.extend(self.objects.casts_to(Made::Text, types()));
        }
        let own = |name: &Name| name.origin() != Origin::PostgreSql;
        names.extend(
            self.names("function", &chosen, Objects::function)?
                .into_iter()
                .filter(own),
        );
        let defaults = self.names("function", &tree.defaults, Objects::function)?;
        let counts =
            |name: &Name| own(name) || !(is_harmless_function(&name.name) || is_next(name));
        names.extend(defaults.into_iter().filter(counts));
        for lookup in &tree.lookups {
            if let Some((_, function)) = LOOKUPS.iter().find(|(oid, _)| oid == lookup) {
                names.insert(Name {
                    schema: Some("pg_catalog".into()),
                    name: (*function).into(),
                });
            }
        }
        Ok(names.into_iter().collect())
    }

    /// Whether the statement calls one of PostgreSQL's own functions in SQL that cast whatever they are given to
    /// text (`textanycat` and `anytextcat` behind `||` among them).
    fn makes_text(&self, tree: &QueryTree, called: &BTreeSet<Name>) -> Result<bool, NotUnderstood> {
        const FUNCTIONS: [&str; 4] = [
            "anytextcat",
            "quote_literal",
            "quote_nullable",
            "textanycat",
        ];
        let casts = |name: &Name| FUNCTIONS.contains(&&*name.name);
        let operators = self.names("operator", &tree.operators, Objects::operator)?;
        let joins = |name: &Name| &*name.name == "||";
        Ok(called.iter().any(casts) || operators.iter().any(joins))
    }

    fn makes_checked(&self, tree: &QueryTree) -> bool {
        let checks = self.objects.checks_of_constants(tree.made.iter().copied());
        let own = |oid: &u32| {
            let name = self.objects.function(*oid);
            name.is_none_or(|name| name.origin() != Origin::PostgreSql)
        };
        checks.iter().any(own)
    }

    /// Whether the statement itself compares values by what their types are made of.
    fn compares(&self, tree: &QueryTree) -> bool {
        let mut used = tree.operators.iter().chain(&tree.called).chain(&tree.casts);
        tree.compares || used.any(|what| self.objects.compares(*what))
    }

    /// What views and rules call, and whatever PostgreSQL may run for values of types that the statement or
    /// they touch: joins, what the planner remembers and PostgreSQL's own functions do so where nothing says it.
    fn behind_functions(&self, tree: &QueryTree) -> Result<Vec<Name>, NotUnderstood> {
        let touched = tree.types.iter().chain(&tree.behind_types).copied();
        let mut behind = self.objects.implied(touched);
        behind.extend(&tree.behind_functions);
        // Who may use an operator may run its function, unless a rule denies that.
        let operators = tree.behind_operators.iter().chain(&tree.operators);
        behind.extend(self.objects.functions_of_operators(operators));
        let made = tree.behind_made.iter().chain(&tree.behind_domains);
        behind.extend(self.objects.checks(made.copied()));
        let called = [&tree.called, &tree.casts, &tree.defaults, &behind];
        let arguments = self.objects.arguments(called.into_iter().flatten());
        behind.extend(arguments);
        self.names("function", &behind, Objects::function)
    }

    fn operators(&self, tree: &QueryTree) -> Result<Vec<Name>, NotUnderstood> {
        let mut names = self.names("operator", &tree.operators, Objects::operator)?;
        names.retain(|name| name.origin() != Origin::PostgreSql);
        Ok(names)
    }

    /// Types of somebody's own; the row of a relation is its columns.
    fn types(&self, tree: &QueryTree) -> Result<Vec<Name>, NotUnderstood> {
        let mut names = BTreeSet::new();
        for oid in &tree.types {
            let mut oid = *oid;
            loop {
                if oid < FIRST_NORMAL_OID || self.objects.relation_of_row(oid).is_some() {
                    break;
                }
                let missing = NotUnderstood::Missing { kind: "type", oid };
                let known = self.objects.user_type(oid).ok_or(missing)?;
                let named = matches!(known.kind, b'd' | b'r' | b'm');
                if known.element == 0 || known.element == oid || named {
                    names.insert(known.name.clone());
                    break;
                }
                oid = known.element;
            }
        }
        Ok(names.into_iter().collect())
    }

    fn sequences(&self, tree: &QueryTree) -> Result<Vec<exeat_policy::SequenceUse>, NotUnderstood> {
        let mut uses = BTreeSet::new();
        // The next value of an identity column needs no right.
        let checked = |used: &&SequenceUse| used.call != SequenceCall::Identity;
        for used in tree.sequences.iter().filter(checked) {
            let access = match used.call {
                SequenceCall::Nextval | SequenceCall::Identity => SequenceAccess::Next,
                SequenceCall::Setval => SequenceAccess::Set,
                SequenceCall::Currval | SequenceCall::Lastval => SequenceAccess::Read,
            };
            let (sequence, owner) = self.sequence(used)?;
            uses.insert(exeat_policy::SequenceUse {
                access,
                owner,
                sequence,
            });
        }
        Ok(uses.into_iter().collect())
    }

    fn sequence(&self, used: &SequenceUse) -> Result<(Option<Name>, Option<Name>), NotUnderstood> {
        let Some(oid) = used.sequence else {
            return Ok((None, None));
        };
        let sequence = self.relation(oid)?.name.clone();
        let owner = self.objects.owner(oid).map(|table| self.relation(table));
        let owner = owner.transpose()?.map(|table| table.name.clone());
        Ok((Some(sequence), owner))
    }
}

/// Whether a function may make JSON of its arguments.
fn makes_json(name: &Name) -> bool {
    name.origin() == Origin::PostgreSql && name.name.contains("json")
}

fn is_next(name: &Name) -> bool {
    &*name.name == "nextval"
}

fn columns(used: &RelationUse, known: &KnownRelation) -> Result<Columns, NotUnderstood> {
    let AttributeSet::Named(numbers) = &used.columns else {
        return Ok(Columns::All);
    };
    let mut names = BTreeSet::new();
    for number in numbers {
        names.insert(column(*number, known, used.relation)?);
    }
    Ok(Columns::Named(names))
}

/// A column that the catalog says something depends on; 0 is the relation, and none of its columns.
fn attribute(number: i16, known: &KnownRelation, oid: u32) -> Result<Columns, NotUnderstood> {
    Ok(match number {
        0 => Columns::Named(BTreeSet::new()),
        WHOLE_ROW => Columns::All,
        number => Columns::Named(BTreeSet::from([column(number, known, oid)?])),
    })
}

fn column(number: i16, known: &KnownRelation, oid: u32) -> Result<Arc<str>, NotUnderstood> {
    // https://www.postgresql.org/docs/current/ddl-system-columns.html
    let system = match number {
        -1 => Some("ctid"),
        -2 => Some("xmin"),
        -3 => Some("cmin"),
        -4 => Some("xmax"),
        -5 => Some("cmax"),
        -6 => Some("tableoid"),
        _ => None,
    };
    if let Some(system) = system {
        return Ok(system.into());
    }
    let found = known.columns.iter().find(|(known, ..)| *known == number);
    let missing = NotUnderstood::Column {
        relation: oid,
        number,
    };
    found.map(|(_, name, _)| Arc::clone(name)).ok_or(missing)
}

/// Enters an access, together with what is there for the same relation.
fn widen(all: &mut BTreeMap<(Name, Access), Columns>, access: RelationAccess) {
    let entry = all
        .entry((access.relation, access.access))
        .or_insert_with(|| Columns::Named(BTreeSet::new()));
    match (entry, access.columns) {
        (Columns::Named(known), Columns::Named(more)) => known.extend(more),
        (entry, Columns::All) => *entry = Columns::All,
        (Columns::All, _) => {}
    }
}

fn judgeable(tree: &QueryTree) -> Judgeable {
    let mut judgeable = Judgeable::default();
    for used in &tree.relations {
        match &used.columns {
            AttributeSet::All => {
                judgeable.whole.insert(used.relation);
            }
            AttributeSet::Named(columns) => {
                let of = |column: &i16| (used.relation, *column);
                judgeable.columns.extend(columns.iter().map(of));
            }
        }
    }
    judgeable
}
