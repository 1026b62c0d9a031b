//! What is asked about code that PostgreSQL runs and no query tree shows: the comparisons of types that arrays,
//! rows and ranges are made of, and what the planner folds of a table's indexes, constraints and partitions.
//!
//! What belongs to an extension is PostgreSQL's own here.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::FIRST_NORMAL_OID;
use super::objects::number;
use super::question::{Whose, oid_of, rests};
use super::stored::{Run, Runs};

/// What the rows of an answer say.
#[derive(Clone, Debug, Default)]
pub(super) struct Nested {
    /// A type, and a function that compares its values where nothing says so.
    pub(super) compared: Arc<BTreeSet<(u32, u32)>>,
    /// An operator class, and a function of it.
    classes: Arc<BTreeSet<(u32, u32)>>,
    /// The keys of others: the relation that references, the one that is referenced, and a type of somebody's own
    /// in the key (0 where there is none, the greatest where it is not known).
    pub(super) keys: Arc<BTreeSet<(u32, u32, u32)>>,
    /// A relation, and what the planner may run for it.
    pub(super) planned: Runs,
    /// Operators and functions that compare whatever is in their operands.
    pub(super) comparing: Arc<BTreeSet<u32>>,
    /// A function or operator (then true) and a type of its arguments or its result.
    pub(super) operands: Arc<BTreeSet<(u32, u32, bool)>>,
}

impl Nested {
    /// Reads a row of its kinds.
    pub(super) fn read(&mut self, kind: &str, about: u32, other: &str, how: &str) {
        let Some(other) = number::<u32>(other).or((kind == "y").then_some(0)) else {
            return;
        };
        match kind {
            "m" => drop(Arc::make_mut(&mut self.compared).insert((about, other))),
            "p" => {
                Arc::make_mut(&mut self.planned).push((about, Run::read(how, other)));
            }
            "e" => {
                let of = number(how).unwrap_or(u32::MAX);
                Arc::make_mut(&mut self.keys).insert((about, other, of));
            }
            "u" => drop(Arc::make_mut(&mut self.classes).insert((about, other))),
            "y" => drop(Arc::make_mut(&mut self.comparing).insert(about)),
            _ => drop(Arc::make_mut(&mut self.operands).insert((about, other, how == "o"))),
        }
    }

    /// The functions of an operator class.
    pub(super) fn of_class(&self, class: u32) -> impl Iterator<Item = u32> {
        let of = self.classes.range((class, 0)..=(class, u32::MAX));
        of.map(|(_, function)| *function)
    }

    /// Takes over what is new; whether that changed anything. `whole`: what is asked for as a whole is there.
    pub(super) fn take(&mut self, mut news: Self, whole: bool) -> bool {
        let mut changed = false;
        if !whole {
            Arc::make_mut(&mut news.compared).extend(self.compared.iter());
            Arc::make_mut(&mut news.planned).extend(self.planned.iter());
            Arc::make_mut(&mut news.classes).extend(self.classes.iter());
            Arc::make_mut(&mut news.keys).extend(self.keys.iter());
        }
        let planned = Arc::make_mut(&mut news.planned);
        planned.sort_unstable();
        planned.dedup();
        if self.compared != news.compared {
            self.compared = news.compared;
            changed = true;
        }
        if self.keys != news.keys {
            self.keys = news.keys;
            changed = true;
        }
        if self.classes != news.classes {
            self.classes = news.classes;
            changed = true;
        }
        if self.planned != news.planned {
            self.planned = news.planned;
            changed = true;
        }
        if !news.comparing.is_subset(&self.comparing) {
            Arc::make_mut(&mut self.comparing).extend(news.comparing.iter());
            changed = true;
        }
        if !news.operands.is_subset(&self.operands) {
            Arc::make_mut(&mut self.operands).extend(news.operands.iter());
            changed = true;
        }
        changed
    }
}

/// Types whose operators and functions compare whatever is in them, by the default operator classes of that:
/// `anyarray`, `anyelement`, `anynonarray`, `anyrange`, `anymultirange`, `anycompatible` and its kin, `record`
/// and `record[]`. (`catalog/pg_type.dat`; enums compare by nothing of anybody's.)
pub(super) const ANY: [u32; 12] = [
    2277, 2283, 2776, 3831, 4537, 5077, 5078, 5079, 5080, 4538, 2249, 2287,
];

/// A function of somebody's own, and of no extension.
fn own(function: &str) -> String {
    format!(
        "{function} OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e \
         WHERE e.classid OPERATOR(pg_catalog.=) {} AND e.objid OPERATOR(pg_catalog.=) {function} \
         AND e.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog.\"char\")",
        oid_of("pg_proc")
    )
}

/// The parts of a question: `m`, a type and a function that compares its values; `d`, a type and a function
/// that making a value of it calls (see `question`); `p`, a relation and what the planner may run for it; `u`, an operator class, or an operator, and a function of it; `e`, a key of
/// another relation and a type in it; `y`, an operator or a
/// function that compares what is in its operands; `z`, a function or operator and a type of its arguments or
/// its result. `changed`: by the alias of a catalog, whether its row is asked for.
pub(super) fn parts(changed: &dyn Fn(&str) -> String) -> Vec<String> {
    let mut parts = compared();
    parts.extend(planned());
    parts.push(swapped());
    parts.push(keys());
    parts.extend(polymorphic(changed));
    parts
}

/// The functions of operator classes, those of the type itself and those of a range over it.
fn compared() -> Vec<String> {
    // The functions of an operator class: its support functions and those of its operators.
    let functions = "JOIN (SELECT a.amproc::pg_catalog.oid, a.amprocfamily, a.amproclefttype \
         FROM pg_catalog.pg_amproc a \
         UNION ALL SELECT o.oprcode::pg_catalog.oid, a.amopfamily, a.amoplefttype FROM pg_catalog.pg_amop a \
         JOIN pg_catalog.pg_operator o ON o.oid OPERATOR(pg_catalog.=) a.amopopr) f(of, family, type) \
         ON f.family OPERATOR(pg_catalog.=) c.opcfamily";
    let of_its_type = format!("{functions} AND f.type OPERATOR(pg_catalog.=) c.opcintype");
    let of_type = |of: &str, join: &str| {
        format!(
            "SELECT DISTINCT 'm', {of}::pg_catalog.text, f.of::pg_catalog.text, '', '', '', '' \
             FROM pg_catalog.pg_opclass c {join} {of_its_type} \
             WHERE c.opcdefault AND c.opcmethod OPERATOR(pg_catalog.=) ANY ('{{403,405}}'::pg_catalog.oid[]) \
             AND {}",
            own("f.of"),
        )
    };
    let of_range = |kind: &str| {
        format!(
            "SELECT DISTINCT '{kind}', g.rngtypid::pg_catalog.text, f.of::pg_catalog.text, '', '', '', '' \
             FROM pg_catalog.pg_range g JOIN pg_catalog.pg_opclass c \
             ON c.oid OPERATOR(pg_catalog.=) g.rngsubopc {of_its_type} WHERE {}",
            own("f.of"),
        )
    };
    let of_itself = |kind: &str, function: &str| {
        format!(
            "SELECT '{kind}', g.rngtypid::pg_catalog.text, g.{function}::pg_catalog.oid::pg_catalog.text, \
             '', '', '', '' FROM pg_catalog.pg_range g WHERE {}",
            own(&format!("g.{function}::pg_catalog.oid")),
        )
    };
    // Indexes and keys of partitions may have any class, and meet values of all types of its family.
    let of_class = format!(
        "SELECT DISTINCT 'u', c.oid::pg_catalog.text, f.of::pg_catalog.text, '', '', '', '' \
         FROM pg_catalog.pg_opclass c {functions} WHERE {}",
        own("f.of"),
    );
    vec![
        of_class,
        of_type("c.opcintype", ""),
        // A type whose values may be taken for another's is compared as that.
        of_type(
            "k.castsource",
            "JOIN pg_catalog.pg_cast k ON k.casttarget OPERATOR(pg_catalog.=) c.opcintype \
             AND k.castmethod OPERATOR(pg_catalog.=) 'b'::pg_catalog.\"char\"",
        ),
        of_range("m"),
        of_range("d"),
        of_itself("m", "rngcanonical"),
        of_itself("d", "rngcanonical"),
        of_itself("m", "rngsubdiff"),
    ]
}

/// What the planner may run in an operator's place: the functions of its negator and its commutator, and of whatever
/// else is in a family with one of these (merge joins look for the ends of what they join, predicates are proved by
/// other strategies), and so on from there. Where that is said of an operator of PostgreSQL's own, any statement may
/// run it (`m`, of no type): nothing says where such an operator stands.
fn swapped() -> String {
    let first = format!("{FIRST_NORMAL_OID}::pg_catalog.oid");
    let is_own = format!("s.node OPERATOR(pg_catalog.>=) {first}");
    format!(
        "SELECT DISTINCT CASE WHEN {is_own} THEN 'u' ELSE 'm' END, \
         CASE WHEN {is_own} THEN s.node::pg_catalog.text ELSE '0' END, \
         s.function::pg_catalog.text, '', '', '', '' FROM (\
         WITH RECURSIVE steps(node, kind, next, becomes) AS MATERIALIZED ({}), \
         runs(function, node, kind) AS (({}) UNION \
         SELECT r.function, e.next, e.becomes FROM runs r JOIN steps e \
         ON e.node OPERATOR(pg_catalog.=) r.node AND e.kind OPERATOR(pg_catalog.=) r.kind) \
         SELECT function, node FROM runs WHERE kind OPERATOR(pg_catalog.=) {OPERATOR}) s",
        steps(&first),
        nearest(&first),
    )
}

/// What a node is: an operator; a family, for all of its operators; a family, for those that are not PostgreSQL's own.
const OPERATOR: u8 = 0;
const FAMILY: u8 = 1;
const FAMILY_OF_OTHERS: u8 = 2;

/// From an operator to those in whose place it may stand, and to its families; from a family to its operators.
/// PostgreSQL's own meet in a family only what is for types of its own.
fn steps(first: &str) -> String {
    let meets = own_types("t", ["amoplefttype", "amoprighttype"]);
    format!(
        "SELECT x.node, {OPERATOR}, o.oid, {OPERATOR} FROM pg_catalog.pg_operator o \
         CROSS JOIN LATERAL pg_catalog.unnest(ARRAY[o.oprnegate, o.oprcom]) x(node) \
         UNION ALL SELECT t.amopopr, {OPERATOR}, t.amopfamily, \
         CASE WHEN {meets} THEN {FAMILY} ELSE {FAMILY_OF_OTHERS} END FROM pg_catalog.pg_amop t \
         UNION ALL SELECT m.amopfamily, {FAMILY}, m.amopopr, {OPERATOR} FROM pg_catalog.pg_amop m \
         UNION ALL SELECT m.amopfamily, {FAMILY_OF_OTHERS}, m.amopopr, {OPERATOR} FROM pg_catalog.pg_amop m \
         WHERE m.amopopr OPERATOR(pg_catalog.>=) {first}"
    )
}

/// Functions of somebody's own, and what is nearest to them: the operator that they are of, or the family that they
/// support. Of families of others PostgreSQL's own operators use the first that has them, which is one of PostgreSQL's
/// where there is one.
fn nearest(first: &str) -> String {
    let meets = own_types("p", ["amproclefttype", "amprocrighttype"]);
    format!(
        "SELECT o.oprcode::pg_catalog.oid, o.oid, {OPERATOR} FROM pg_catalog.pg_operator o \
         WHERE o.oid OPERATOR(pg_catalog.>=) {first} AND {} \
         UNION SELECT p.amproc::pg_catalog.oid, x.node, x.kind \
         FROM pg_catalog.pg_amproc p CROSS JOIN LATERAL (SELECT p.amprocfamily AS node, \
         CASE WHEN p.amprocfamily OPERATOR(pg_catalog.<) {first} AND {meets} \
         THEN {FAMILY} ELSE {FAMILY_OF_OTHERS} END AS kind \
         UNION ALL SELECT m.amopopr, {OPERATOR} FROM pg_catalog.pg_amop m \
         WHERE m.amopfamily OPERATOR(pg_catalog.=) p.amprocfamily \
         AND m.amopfamily OPERATOR(pg_catalog.>=) {first} AND m.amopopr OPERATOR(pg_catalog.<) {first} \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_amop b \
         WHERE b.amopopr OPERATOR(pg_catalog.=) m.amopopr \
         AND b.amopmethod OPERATOR(pg_catalog.=) m.amopmethod \
         AND b.amopfamily OPERATOR(pg_catalog.<) {first})) x WHERE {}",
        own("o.oprcode::pg_catalog.oid"),
        own("p.amproc::pg_catalog.oid"),
    )
}

/// Whether these are types of PostgreSQL's own.
fn own_types(of: &str, columns: [&str; 2]) -> String {
    let own = columns.map(|column| {
        format!("{of}.{column} OPERATOR(pg_catalog.<) {FIRST_NORMAL_OID}::pg_catalog.oid")
    });
    format!("({})", own.join(" AND "))
}

/// The keys of others, and the types in them: what checks them reads the other table.
fn keys() -> String {
    format!(
        "SELECT DISTINCT 'e', k.conrelid::pg_catalog.text, k.confrelid::pg_catalog.text, \
         CASE WHEN a.atttypid OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid \
         THEN a.atttypid::pg_catalog.text ELSE '0' END, '', '', '' \
         FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_attribute a \
         ON (a.attrelid OPERATOR(pg_catalog.=) k.conrelid AND a.attnum OPERATOR(pg_catalog.=) ANY (k.conkey)) \
         OR (a.attrelid OPERATOR(pg_catalog.=) k.confrelid AND a.attnum OPERATOR(pg_catalog.=) ANY (k.confkey)) \
         WHERE k.contype OPERATOR(pg_catalog.=) 'f'::pg_catalog.\"char\""
    )
}

/// What is kept with a relation as an expression that the planner simplifies, and thereby runs.
fn planned() -> Vec<String> {
    let row = |relation: &str, from: &str, object: (&str, &str), wanted: &str| {
        rests(("p", relation), from, object, Whose::Own, wanted)
    };
    vec![
        row(
            "i.indrelid",
            "pg_index i",
            ("pg_class", "i.indexrelid"),
            "true",
        ),
        row(
            "k.conrelid",
            "pg_constraint k",
            ("pg_constraint", "k.oid"),
            "k.contype OPERATOR(pg_catalog.=) 'c'::pg_catalog.\"char\" \
             AND k.conrelid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid",
        ),
        row(
            "q.partrelid",
            "pg_partitioned_table q",
            ("pg_class", "q.partrelid"),
            "true",
        ),
        row(
            "s.stxrelid",
            "pg_statistic_ext s",
            ("pg_statistic_ext", "s.oid"),
            "true",
        ),
    ]
}

/// Operators and functions by the types of their operands.
fn polymorphic(changed: &dyn Fn(&str) -> String) -> Vec<String> {
    let types = ANY.map(|of| of.to_string()).join(",");
    let types = format!("'{{{types}}}'::pg_catalog.oid[]");
    let any = |of: &str| format!("{of} OPERATOR(pg_catalog.=) ANY ({types})");
    let user =
        |oid: &str| format!("{oid} OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid");
    vec![
        format!(
            "SELECT 'y', o.oid::pg_catalog.text, '', '', '', '', '' FROM pg_catalog.pg_operator o \
             WHERE ({} OR {}) AND {}",
            any("o.oprleft"),
            any("o.oprright"),
            changed("o"),
        ),
        format!(
            "SELECT 'y', p.oid::pg_catalog.text, '', '', '', '', '' FROM pg_catalog.pg_proc p \
             WHERE p.proargtypes::pg_catalog.oid[] OPERATOR(pg_catalog.&&) {types} AND {}",
            changed("p"),
        ),
        format!(
            "SELECT 'z', p.oid::pg_catalog.text, t.of::pg_catalog.text, 'f', '', '', '' \
             FROM pg_catalog.pg_proc p CROSS JOIN LATERAL pg_catalog.unnest(\
             p.proargtypes::pg_catalog.oid[] OPERATOR(pg_catalog.||) p.prorettype) AS t(of) \
             WHERE {} AND {} AND {}",
            user("p.oid"),
            user("t.of"),
            changed("p"),
        ),
        format!(
            "SELECT 'z', o.oid::pg_catalog.text, t.of::pg_catalog.text, 'o', '', '', '' \
             FROM pg_catalog.pg_operator o CROSS JOIN LATERAL pg_catalog.unnest(\
             ARRAY[o.oprleft, o.oprright, o.oprresult]) AS t(of) WHERE {} AND {} AND {}",
            user("o.oid"),
            user("t.of"),
            changed("o"),
        ),
    ]
}
