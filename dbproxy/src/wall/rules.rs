//! What the policy roles that share a database role may do there: everything is asked from the judge of
//! statements, with the facts that the guard would have found. No rule is read here.

use std::collections::BTreeSet;

use exeat_policy::{
    Access, Columns, Confirmation, DatabaseGrant, Facts, Name, RelationAccess, Verb,
};

use super::listing::{Listing, Relation};
use super::right::Text;

/// No rule can name it: what only this matches is for everything, also what comes later.
const LATER: &str = "\u{1}";

/// The rules of one database role: what any of the policy roles may do.
#[derive(Clone, Debug)]
pub(crate) struct Rules<'a>(pub(crate) Vec<&'a DatabaseGrant>);

/// Which columns of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of them, also those that are added later.
    Whole,
    /// These, or none.
    Columns(BTreeSet<Text>),
}

impl Rules<'_> {
    fn let_(&self, facts: &Facts) -> bool {
        self.0.iter().any(|grant| grant.lets(facts.clone()))
    }

    /// Which columns an access may touch.
    pub(crate) fn extent(&self, listing: &Listing, access: Access, of: &Relation) -> Extent {
        let asked = |columns: Columns| {
            let mut facts = touching(access, &of.schema, &of.name, columns.clone());
            facts.behind = behind(listing, access, of, &columns);
            facts.behind_functions = behind_functions(listing, of);
            self.let_(&facts)
        };
        if asked(Columns::All) {
            return Extent::Whole;
        }
        if !asked(Columns::Named(BTreeSet::new())) {
            return Extent::Columns(BTreeSet::new());
        }
        let one = |column: &&Text| asked(Columns::Named(BTreeSet::from([(*column).clone()])));
        Extent::Columns(of.columns.iter().filter(one).cloned().collect())
    }

    /// Whether an access may touch a relation as such.
    pub(crate) fn whole(&self, listing: &Listing, access: Access, of: &Relation) -> bool {
        let mut facts = touching(access, &of.schema, &of.name, Columns::All);
        facts.behind = behind(listing, access, of, &Columns::All);
        self.let_(&facts)
    }

    /// Whether an access may touch everything in a schema, also what comes later.
    pub(crate) fn everything(&self, access: Access, schema: &str) -> bool {
        self.let_(&touching(access, schema, LATER, Columns::All))
    }

    /// Whether a relation, or a function, may be created, altered and dropped.
    pub(crate) fn defines(&self, schema: &str, name: &str) -> bool {
        self.let_(&touching(Access::Define, schema, name, Columns::All))
    }

    /// Whether a function may be called.
    pub(crate) fn calls(&self, schema: &str, name: &str) -> bool {
        self.let_(&Facts {
            functions: vec![named(schema, name)],
            ..facts(Verb::Select)
        })
    }

    /// Whether every function of a schema may be called, also those that come later.
    pub(crate) fn calls_everything(&self, schema: &str) -> bool {
        self.calls(schema, LATER)
    }

    /// Whether every policy role has a rule that keeps a function from it.
    pub(crate) fn withholds(&self, schema: &str, name: &str) -> bool {
        !self.let_(&Facts {
            behind_functions: vec![named(schema, name)],
            ..facts(Verb::Select)
        })
    }

    pub(crate) fn uses_operator(&self, schema: &str, name: &str) -> bool {
        self.let_(&Facts {
            operators: vec![named(schema, name)],
            ..facts(Verb::Select)
        })
    }

    pub(crate) fn uses_type(&self, schema: &str, name: &str) -> bool {
        self.let_(&Facts {
            types: vec![named(schema, name)],
            ..facts(Verb::Select)
        })
    }

    /// Whether tables of the session alone may be made.
    pub(crate) fn makes_temporary(&self) -> bool {
        self.defines("pg_temp", LATER)
    }

    /// Whether a definition that names no relation may be sent.
    pub(crate) fn says(&self, label: &str) -> bool {
        self.let_(&Facts {
            label: label.into(),
            ..facts(Verb::Define)
        })
    }
}

fn named(schema: &str, name: &str) -> Name {
    Name {
        schema: Some(schema.into()),
        name: name.into(),
    }
}

/// A statement that touches nothing.
fn facts(verb: Verb) -> Facts {
    Facts {
        verb,
        label: "select".into(),
        relations: Vec::new(),
        functions: Vec::new(),
        operators: Vec::new(),
        types: Vec::new(),
        settings: Vec::new(),
        confirmation: Confirmation::Analysed,
        behind: Vec::new(),
        behind_functions: Vec::new(),
        sequences: Vec::new(),
    }
}

fn touching(access: Access, schema: &str, name: &str, columns: Columns) -> Facts {
    let verb = match access {
        Access::Select | Access::Lock => Verb::Select,
        Access::Insert => Verb::Insert,
        Access::Update => Verb::Update,
        Access::Delete => Verb::Delete,
        Access::Truncate => Verb::Truncate,
        Access::Define => Verb::Define,
        Access::Maintain => Verb::Maintain,
    };
    Facts {
        relations: vec![RelationAccess {
            relation: named(schema, name),
            access,
            columns,
        }],
        ..facts(verb)
    }
}

/// What a relation leads to: what its view reads, the tables above and below that and itself.
fn behind(
    listing: &Listing,
    access: Access,
    of: &Relation,
    columns: &Columns,
) -> Vec<RelationAccess> {
    let mut found = BTreeSet::new();
    let mut views = vec![of.id];
    let mut seen = BTreeSet::from([of.id]);
    while let Some(view) = views.pop() {
        for reads in listing.reads.get(&view).into_iter().flatten() {
            // Whole rows and `count(*)` look alike here: the worse one counts.
            let of_base = if reads.whole {
                Columns::All
            } else {
                Columns::Named(reads.columns.iter().flatten().cloned().collect())
            };
            for one in kin(listing, reads.of).iter().chain([&reads.of]) {
                let Some(base) = listing.relations.get(one) else {
                    continue;
                };
                found.insert(reaching(base, Access::Select, of_base.clone()));
                if access != Access::Select {
                    found.insert(reaching(base, access, Columns::All));
                }
            }
            if seen.insert(reads.of) {
                views.push(reads.of);
            }
        }
    }
    for kin in kin(listing, of.id) {
        if let Some(relation) = listing.relations.get(&kin) {
            found.insert(reaching(relation, access, columns.clone()));
        }
    }
    found.into_iter().collect()
}

fn reaching(relation: &Relation, access: Access, columns: Columns) -> RelationAccess {
    RelationAccess {
        relation: named(&relation.schema, &relation.name),
        access,
        columns,
    }
}

/// The tables above a table, and those below it.
fn kin(listing: &Listing, id: i64) -> BTreeSet<i64> {
    let mut all = BTreeSet::new();
    for tree in [&listing.parents, &listing.children] {
        let mut next = vec![id];
        while let Some(of) = next.pop() {
            for other in tree.get(&of).into_iter().flatten() {
                if all.insert(*other) {
                    next.push(*other);
                }
            }
        }
    }
    all
}

/// The functions that a view's rules call.
fn behind_functions(listing: &Listing, of: &Relation) -> Vec<Name> {
    if !of.is_view() {
        return Vec::new();
    }
    let functions = implied(listing, of.id, true).into_iter();
    functions
        .filter_map(|id| listing.functions.get(&id))
        .map(|function| named(&function.schema, &function.name))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The functions that PostgreSQL calls for whoever uses a relation: those of its rules and policies, and of
/// what its view reads; for who writes, those of its defaults, checks, indexes and triggers' conditions too.
pub(crate) fn implied(listing: &Listing, id: i64, writes: bool) -> BTreeSet<i64> {
    let (mut found, mut seen, mut next) = (BTreeSet::new(), BTreeSet::from([id]), vec![id]);
    while let Some(of) = next.pop() {
        let calls = listing.calls.get(&of).into_iter().flatten();
        let needed = calls.filter(|calls| writes || !calls.writes);
        found.extend(needed.map(|calls| calls.function));
        for reads in listing.reads.get(&of).into_iter().flatten() {
            if seen.insert(reads.of) {
                next.push(reads.of);
            }
        }
    }
    found
}
