//! Which functions of somebody's own run behind types, operators, relations and functions: followed through
//! everything that is kept with these.
//!
//! Pure. What is not known has no name, and is thereby none of PostgreSQL's own.

use std::collections::{BTreeSet, HashSet};

use exeat_policy::{Name, Origin};

use super::{KnownRelation, Objects};
use crate::catalog::question::FIRST_NORMAL_OID;
use crate::catalog::stored::{Run, of};

/// The type `json` (`catalog/pg_type.dat`).
const JSON: u32 = 114;
/// The type `text`.
const TEXT: u32 = 25;

/// `regprocedure`, `regoperator`, `regtype`, and arrays of these (`catalog/pg_type.dat`): the others of their kin have
/// no types in their names.
const TAKE_NAMES: [u32; 6] = [2202, 2204, 2206, 2207, 2209, 2211];

/// What is made of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Json,
    Text,
}

impl Objects {
    /// The functions that making a value of these types may call: those in the checks of domains, however
    /// deep in arrays and rows.
    pub(crate) fn checks(&self, types: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        if self.stored.checks.is_empty() {
            return BTreeSet::new();
        }
        let parts = self.parts_of(types);
        let runs = parts.iter().flat_map(|part| of(&self.stored.checks, *part));
        self.reach(runs)
    }

    /// The functions that read the modifiers of types of these names.
    pub(crate) fn modifiers(&self, is_meant: impl Fn(&str) -> bool) -> BTreeSet<u32> {
        let is_one = |of: u32| {
            let known = self.user_type(of);
            known.is_none_or(|known| is_meant(&known.name.name))
        };
        let kept = self.stored.modifiers.iter();
        let runs = kept.filter(|(of, _)| is_one(*of)).map(|(_, run)| *run);
        self.reach(runs)
    }

    /// Whether the modifiers of any type are read by the code of somebody else.
    pub(crate) fn has_modifiers(&self) -> bool {
        !self.stored.modifiers.is_empty()
    }

    /// The functions that the checks of any domain call, and those that read the modifiers of types.
    pub(crate) fn called_by_checks(&self) -> HashSet<&Name> {
        let runs = self
            .stored
            .checks
            .iter()
            .chain(self.stored.modifiers.iter());
        let runs = runs.map(|(_, run)| *run);
        let called = self.reach(runs).into_iter();
        called.filter_map(|oid| self.function(oid)).collect()
    }

    /// All functions that these run, through everything that runs for them in turn.
    fn reach(&self, runs: impl IntoIterator<Item = Run>) -> BTreeSet<u32> {
        let mut open: Vec<Run> = runs.into_iter().collect();
        let (mut seen, mut functions) = (BTreeSet::new(), BTreeSet::new());
        while let Some(run) = open.pop() {
            if !seen.insert(run) {
                continue;
            }
            match run {
                // Of an operator that is only announced.
                Run::Function(0) => {}
                Run::Function(function) => {
                    functions.insert(function);
                    open.extend(of(&self.stored.arguments, function));
                }
                // One that is not known has no name, and is none of PostgreSQL's own.
                Run::Operator(of) => {
                    let known = self.operators.get(&of);
                    open.push(Run::Function(known.map_or(of, |known| known.runs)));
                    open.extend(self.nested.of_class(of).map(Run::Function));
                }
                Run::Class(of) => open.extend(self.nested.of_class(of).map(Run::Function)),
                Run::Type(one) => {
                    for part in self.parts_of([one]) {
                        open.extend(of(&self.stored.checks, part));
                    }
                    open.extend(self.implied([one]).into_iter().map(Run::Function));
                }
            }
        }
        functions
    }

    /// What the defaults of the arguments of these functions run, and what aggregates among them are made of.
    pub(crate) fn arguments<'a>(&self, functions: impl Iterator<Item = &'a u32>) -> BTreeSet<u32> {
        let runs = functions.flat_map(|function| of(&self.stored.arguments, *function));
        self.reach(runs)
    }

    /// The same for functions that only their names are known of, whichever of a name.
    pub(crate) fn arguments_of(&self, names: &[Name]) -> BTreeSet<u32> {
        let is = |of: u32| {
            let known = self.function(of);
            known.is_some_and(|known| names.iter().any(|name| name.name == known.name))
        };
        let kept = self.stored.arguments.iter();
        let runs = kept.filter(|(of, _)| is(*of)).map(|(_, run)| *run);
        self.reach(runs)
    }

    /// Whether a value of a relation's columns is made by code of somebody's own: checks, or a domain's default.
    pub(in crate::catalog) fn checks_columns_of(&self, relation: u32) -> bool {
        let known = self.relations.get(&relation);
        let types = known.iter().flat_map(|known| &known.columns);
        let types: Vec<u32> = types.map(|(_, _, of)| *of).collect();
        let mut parts = self.parts_of(types.iter().copied()).into_iter();
        !self.checks(types).is_empty()
            || parts.any(|part| of(&self.stored.defaults, part).next().is_some())
    }

    /// The functions that making a constant of these types may call: the checks of a domain itself come when
    /// the statement runs, those within a row, an array or a range when it is looked at.
    pub(crate) fn checks_of_constants(
        &self,
        types: impl IntoIterator<Item = u32>,
    ) -> BTreeSet<u32> {
        let below = types.into_iter().map(|mut of| {
            // No domain is below itself: this ends.
            while let Some(domain) = self.types.get(&of).filter(|known| known.kind == b'd') {
                of = domain.element;
            }
            of
        });
        self.checks(below)
    }

    /// The functions that writing a row of one of these relations calls by its constraints, generated columns
    /// and indexes.
    pub(crate) fn written(&self, relations: &BTreeSet<&Name>) -> BTreeSet<u32> {
        let mut functions = self.run_for(&self.stored.writes, relations);
        functions.extend(self.planned(relations));
        functions
    }

    /// The functions that filling a row calls for the columns that are left out: those of domains get the
    /// domain's null (`coerce_null_to_domain`), which is checked.
    pub(crate) fn left_out(&self, relation: &KnownRelation) -> BTreeSet<u32> {
        let types = relation.columns.iter().map(|(_, _, of)| *of);
        let is_domain = |of: &u32| self.types.get(of).is_some_and(|known| known.kind == b'd');
        self.checks(types.filter(is_domain))
    }

    /// The functions that the planner may run where one of these relations is read or written: what it finds
    /// constant in their indexes, constraints and partitions.
    pub(crate) fn planned(&self, relations: &BTreeSet<&Name>) -> BTreeSet<u32> {
        self.run_for(&self.nested.planned, relations)
    }

    /// The functions that the conditions of triggers call where one of these relations is written.
    pub(crate) fn conditions(&self, relations: &BTreeSet<&Name>) -> BTreeSet<u32> {
        self.run_for(&self.stored.conditions, relations)
    }

    /// The relations for which it may run anything.
    pub(in crate::catalog) fn with_plans(&self) -> impl Iterator<Item = u32> {
        let code = |(of, run): &(u32, Run)| (!self.reach([*run]).is_empty()).then_some(*of);
        self.nested.planned.iter().filter_map(code)
    }

    /// The relations whose rows are not written without code of somebody's own, as far as their constraints
    /// and the types in their columns' defaults go.
    pub(in crate::catalog) fn with_writes(&self) -> impl Iterator<Item = u32> {
        let own = |function: &u32| {
            let name = self.function(*function);
            name.is_none_or(|name| name.origin() != Origin::PostgreSql)
        };
        let runs = self.stored.writes.iter().chain(self.stored.filled.iter());
        runs.filter(move |(_, run)| self.reach([*run]).iter().any(own))
            .map(|(of, _)| *of)
    }

    /// Keys of others whose columns have a type by which checking them may run functions of somebody's own: the
    /// relation that references, and the one that is referenced.
    pub(in crate::catalog) fn keys_with_code(&self) -> impl Iterator<Item = (u32, u32)> {
        let runs = |of: u32| {
            let cast = |(from, to, _): &(u32, u32, u32)| *from == of || *to == of;
            of == u32::MAX
                || (of != 0
                    && (self.casts.iter().any(cast)
                        || !self.checks([of]).is_empty()
                        || !self.comparisons_of_own([of]).is_empty()))
        };
        let keys = self.nested.keys.iter();
        keys.filter_map(move |(of, on, by)| runs(*by).then_some((*of, *on)))
    }

    /// The functions that those of these operators run which are somebody's own.
    pub(crate) fn functions_of_operators<'a>(
        &self,
        operators: impl Iterator<Item = &'a u32>,
    ) -> BTreeSet<u32> {
        let own = operators.filter(|oid| **oid >= FIRST_NORMAL_OID);
        self.reach(own.map(|oid| Run::Operator(*oid)))
    }

    fn run_for(&self, kept: &[(u32, Run)], relations: &BTreeSet<&Name>) -> BTreeSet<u32> {
        let mut functions = BTreeSet::new();
        for of_one in kept.chunk_by(|left, right| left.0 == right.0) {
            let known = of_one.first().and_then(|(of, _)| self.relation(*of));
            if !known.is_some_and(|known| relations.contains(&known.name)) {
                continue;
            }
            for (_, run) in of_one {
                functions.extend(self.reach([*run]));
            }
        }
        functions
    }

    /// The functions that casts of these types may call, from them and to them.
    pub(crate) fn casts(&self, types: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        let parts = self.parts_of(types);
        let of = |(from, to, function): &(u32, u32, u32)| {
            (parts.contains(from) || parts.contains(to)).then_some(*function)
        };
        self.casts.iter().filter_map(of).collect()
    }

    /// The functions of somebody's own that make values of PostgreSQL's own types of one another: any text has such
    /// values.
    pub(crate) fn casts_between_built_in(&self) -> impl Iterator<Item = u32> {
        let built_in = |(from, to, _): &&(u32, u32, u32)| *from.max(to) < FIRST_NORMAL_OID;
        self.casts
            .iter()
            .filter(built_in)
            .map(|(.., function)| *function)
    }

    /// The functions that make JSON or text of values of these types.
    pub(crate) fn casts_to(&self, to: Made, types: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        if self.casts.is_empty() {
            return BTreeSet::new();
        }
        let parts = self.parts_of(types);
        let wanted = match to {
            Made::Json => JSON,
            Made::Text => TEXT,
        };
        let of = |(from, to, function): &(u32, u32, u32)| {
            (*to == wanted && parts.contains(from)).then_some(*function)
        };
        self.casts.iter().filter_map(of).collect()
    }

    /// The functions that PostgreSQL may run for values of these types wherever they stand: those that compare
    /// them, and those that make something else of them, which its own functions do where nothing says it.
    pub(crate) fn implied(&self, types: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        if !self.has_implied() {
            return BTreeSet::new();
        }
        let types: Vec<u32> = types.into_iter().collect();
        let mut functions = self.comparisons(types.iter().copied());
        functions.extend(self.casts(types));
        functions
    }

    /// The functions that compare values of these types, and of those that they are made of.
    pub(crate) fn comparisons_of_own(&self, types: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        if self.nested.compared.is_empty() {
            return BTreeSet::new();
        }
        let parts = self.parts_of(types);
        let of = |(of, function): &(u32, u32)| parts.contains(of).then_some(*function);
        self.nested.compared.iter().filter_map(of).collect()
    }

    /// The same, and those that compare values of types of PostgreSQL's own: what nests these is not known.
    pub(crate) fn comparisons(&self, types: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        let mut functions = self.comparisons_of_own(types);
        let of = |(of, function): &(u32, u32)| (*of < FIRST_NORMAL_OID).then_some(*function);
        functions.extend(self.nested.compared.iter().filter_map(of));
        functions
    }

    /// Whether an operator or a function compares whatever is in its operands.
    pub(crate) fn compares(&self, what: u32) -> bool {
        self.nested.comparing.contains(&what)
    }

    /// Whether any value may run code where nothing says it.
    pub(crate) fn has_implied(&self) -> bool {
        !(self.casts.is_empty() && self.nested.compared.is_empty())
    }

    /// Whether a value of any type runs the code of somebody else when it is made.
    pub(crate) fn has_checks(&self) -> bool {
        !self.stored.checks.is_empty()
    }

    /// The types of somebody's own of the arguments and results of these functions and operators, whichever
    /// of a name.
    pub(crate) fn operand_types(&self, functions: &[Name], operators: &[Name]) -> BTreeSet<u32> {
        let is = |known: &Name, names: &[Name]| names.iter().any(|name| name.name == known.name);
        let of = |(oid, of, operator): &(u32, u32, bool)| {
            let named = match operator {
                true => self
                    .operator(*oid)
                    .is_some_and(|known| is(known, operators)),
                false => self
                    .function(*oid)
                    .is_some_and(|known| is(known, functions)),
            };
            named.then_some(*of)
        };
        self.nested.operands.iter().filter_map(of).collect()
    }

    /// Whether making values of these types, or of what they are made of, looks for the name of a type in a string.
    pub(crate) fn hold_type_names(&self, types: impl IntoIterator<Item = u32>) -> bool {
        let mut holds = false;
        self.follow(types, |own| holds |= TAKE_NAMES.contains(&own));
        holds
    }

    /// These types of somebody's own, and those that their values are made of.
    fn parts_of(&self, types: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        self.follow(types, |_| ())
    }

    /// The same; `own` is told those of PostgreSQL's own among them.
    fn follow(
        &self,
        types: impl IntoIterator<Item = u32>,
        mut own: impl FnMut(u32),
    ) -> BTreeSet<u32> {
        let mut open: Vec<u32> = types.into_iter().collect();
        let mut seen = BTreeSet::new();
        while let Some(of) = open.pop() {
            if of < FIRST_NORMAL_OID {
                own(of);
                continue;
            }
            if !seen.insert(of) {
                continue;
            }
            open.extend(self.types.get(&of).map(|known| known.element));
            let row = self
                .row_types
                .get(&of)
                .and_then(|row| self.relations.get(row));
            let columns = row.iter().flat_map(|row| &row.columns);
            open.extend(columns.map(|(_, _, of)| *of));
        }
        seen
    }
}
