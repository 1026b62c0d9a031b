//! Rows of single catalogs, put together to the rows of the whole question.
//!
//! Pure. Where something about an object is missing, the worse is assumed.

use std::collections::{HashMap, HashSet};

use super::{FIRST_NORMAL_OID, WHOLE_ROW, Whose};
use crate::catalog::nested::ANY;

/// The OIDs of catalogs, which never change (`catalog/pg_*.h`).
const PG_TYPE: u32 = 1247;
const PG_PROC: u32 = 1255;
const PG_CLASS: u32 = 1259;
const PG_ATTRDEF: u32 = 2604;
const PG_CONSTRAINT: u32 = 2606;
const PG_OPCLASS: u32 = 2616;
const PG_OPERATOR: u32 = 2617;
const PG_REWRITE: u32 = 2618;
const PG_TRIGGER: u32 = 2620;
const PG_POLICY: u32 = 3256;

/// Those whose objects' dependencies are asked for.
pub(super) const CLASSES: [u32; 8] = [
    PG_TYPE,
    PG_PROC,
    PG_CLASS,
    PG_ATTRDEF,
    PG_CONSTRAINT,
    PG_REWRITE,
    PG_TRIGGER,
    PG_POLICY,
];

/// Kinds of relations that matter, as in [`super::KINDS`].
const KINDS: [&str; 9] = ["r", "p", "v", "m", "f", "S", "c", "i", "I"];

/// What an object rests on.
struct On {
    class: u32,
    oid: u32,
    column: String,
    /// `pg_depend.deptype`.
    kind: u8,
    /// It belongs to an extension.
    extended: bool,
}

impl On {
    /// `refclassid refobjid refobjsubid deptype extended`.
    fn read(text: &str) -> Option<Self> {
        let mut fields = text.split(' ');
        Some(Self {
            class: fields.next()?.parse().ok()?,
            oid: fields.next()?.parse().ok()?,
            column: fields.next()?.to_owned(),
            kind: fields.next()?.bytes().next()?,
            extended: fields.next()? == "t",
        })
    }

    /// What an expression may run.
    fn runs(&self, whose: Whose) -> bool {
        match self.class {
            PG_PROC | PG_TYPE => whose == Whose::Any || self.is_own(),
            PG_OPERATOR | PG_OPCLASS => self.is_own(),
            _ => false,
        }
    }

    /// Code of somebody's own: what belongs to an extension is PostgreSQL's own.
    fn is_code(&self) -> bool {
        matches!(self.class, PG_PROC | PG_OPERATOR | PG_OPCLASS) && self.is_own()
    }

    fn is_own(&self) -> bool {
        self.oid >= FIRST_NORMAL_OID && !self.extended
    }
}

/// The rows by what is needed to put them together.
#[derive(Default)]
struct Raw<'r> {
    schemas: HashMap<&'r str, &'r str>,
    /// Those of kinds and in schemas that matter.
    relations: HashSet<&'r str>,
    /// By catalog and OID: the column of the object, and what it rests on.
    rests: HashMap<(u32, u32), Vec<(&'r str, On)>>,
    /// Of ranges and multiranges: what they are made of.
    ranges: HashMap<&'r str, &'r str>,
    /// Columns that are known not to be generated.
    plain: HashSet<(&'r str, &'r str)>,
    rows: Vec<Vec<String>>,
}

/// The rows of the whole question, from those of [`super::own_question`].
pub(crate) fn together(rows: &[Vec<String>]) -> Vec<Vec<String>> {
    let mut raw = Raw::default();
    for row in rows {
        raw.learn(row);
    }
    for row in rows {
        raw.put(row);
    }
    raw.rows
}

impl<'r> Raw<'r> {
    fn learn(&mut self, row: &'r [String]) {
        let [kind, a, b, c, d, e, _] = row else {
            return;
        };
        match kind.as_str() {
            "Z" => drop(self.schemas.insert(a, b)),
            // The schemas come before.
            "R" if KINDS.contains(&d.as_str()) && self.schema(b).is_some() => {
                self.relations.insert(a);
            }
            "D" => {
                if let (Ok(class), Ok(oid), Some(on)) = (a.parse(), b.parse(), On::read(d)) {
                    self.rests.entry((class, oid)).or_default().push((c, on));
                }
            }
            "G" => {
                self.ranges.insert(a, b);
                self.ranges.insert(c, a);
            }
            "a" if e.is_empty() => drop(self.plain.insert((a, b))),
            _ => {}
        }
    }

    /// The name of a schema whose objects matter: those of toast and of other sessions' don't.
    fn schema(&self, oid: &str) -> Option<&'r str> {
        let schema = self.schemas.get(oid).copied();
        schema.filter(|name| !name.starts_with("pg_toast") && !name.starts_with("pg_temp_"))
    }

    fn put(&mut self, row: &[String]) {
        let [kind, a, b, c, d, e, f] = row else {
            return;
        };
        let kind = kind.as_str();
        match kind {
            "Z" | "D" | "G" => {}
            "R" | "F" | "O" | "Y" => {
                // Without its schema it stays unknown.
                let Some(schema) = self.schema(b) else {
                    return;
                };
                if kind == "R" && !self.relations.contains(a.as_str()) {
                    return;
                }
                let made_of = match (kind, e.as_str()) {
                    ("Y", "r" | "m") => self.ranges.get(a.as_str()).copied().unwrap_or(f),
                    _ => f,
                };
                let whole = match kind {
                    "R" => "r",
                    "F" => "f",
                    "O" => "o",
                    _ => "t",
                };
                let (e, made_of) = match whole {
                    "f" => {
                        self.function(a, e, f);
                        ("", "")
                    }
                    "o" => {
                        let (operands, result) = e.rsplit_once(' ').unwrap_or((e, "0"));
                        self.operands("o", a, operands, result);
                        (f.as_str(), "")
                    }
                    _ => (e.as_str(), made_of),
                };
                if whole == "t" && e == "d" {
                    self.rows_of(("b", a), (PG_TYPE, a), |_, on| {
                        on.runs(Whose::Own) && on.oid.to_string() != *made_of
                    });
                }
                let known = [whole, a, schema, c, d, e, made_of];
                self.rows.push(known.map(str::to_owned).to_vec());
                if kind == "R" && d == "S" {
                    self.owner(a);
                }
            }
            "a" if !self.relations.contains(a.as_str()) => {}
            "K" => self.constraint([a, b, c, d, e, f]),
            "A" => {
                self.runs(PG_ATTRDEF, a, b);
                self.rows_of(("s", b), (PG_ATTRDEF, a), |_, on| {
                    on.class == PG_TYPE && on.is_own()
                });
                if !self.plain.contains(&(b.as_str(), c.as_str())) {
                    self.written(PG_ATTRDEF, a, None, b);
                    self.written(PG_CLASS, b, Some(c), b);
                }
            }
            "W" => {
                if c != "1" && is_normal(b) {
                    self.row(["h", b, "", ""]);
                }
                self.reads(a, b, d != "false");
            }
            "T" if c == "false" => {
                if d != "D" {
                    self.row(["h", b, "", ""]);
                }
                self.rows_of(("1", b), (PG_TRIGGER, a), |_, on| {
                    on.runs(Whose::Own) && on.oid.to_string() != *e
                });
            }
            "T" => {}
            "P" => self.runs(PG_POLICY, a, b),
            "X" => {
                if self.relations.contains(a.as_str()) && is_normal(a) {
                    self.row(["q", a, b, ""]);
                }
                self.runs(PG_CLASS, a, b);
                self.planned(PG_CLASS, a, b);
            }
            "Q" => {
                self.runs(PG_CLASS, a, a);
                self.planned(PG_CLASS, a, a);
            }
            _ => self.rows.push(row.to_vec()),
        }
    }

    fn row(&mut self, fields: [&str; 4]) {
        let mut row = fields.map(str::to_owned).to_vec();
        row.resize(7, String::new());
        self.rows.push(row);
    }

    /// What an object of this catalog rests on, and that object's column.
    fn rests_on(&self, class: u32, oid: &str) -> impl Iterator<Item = (&'r str, &On)> {
        let found = oid
            .parse()
            .ok()
            .and_then(|oid| self.rests.get(&(class, oid)));
        found
            .into_iter()
            .flatten()
            .map(|(column, on)| (*column, on))
    }

    /// The relation runs code where the object of it does.
    fn runs(&mut self, class: u32, oid: &str, relation: &str) {
        if is_normal(relation) && self.rests_on(class, oid).any(|(_, on)| on.is_code()) {
            self.row(["h", relation, "", ""]);
        }
    }

    /// What is run for a row that is written, by an object, or by one column of it.
    fn written(&mut self, class: u32, oid: &str, column: Option<&str>, relation: &str) {
        self.rows_of(("w", relation), (class, oid), |of, on| {
            let is = column.is_none_or(|column| column == of);
            is && on.runs(Whose::Any)
        });
    }

    /// A function: the types of its arguments; those of its result, how many arguments have defaults, and what
    /// kind of a function it is.
    fn function(&mut self, oid: &str, arguments: &str, rest: &str) {
        let mut rest = rest.split(' ');
        let result = rest.next().unwrap_or("0");
        self.operands("f", oid, arguments, result);
        if rest.next() != Some("0") || rest.next() == Some("a") {
            self.rows_of(("j", oid), (PG_PROC, oid), |_, on| on.runs(Whose::Own));
        }
    }

    /// A function or operator, the types of its operands, and that of its result.
    fn operands(&mut self, kind: &str, oid: &str, operands: &str, result: &str) {
        let number = |of: &str| of.parse::<u32>().unwrap_or(0);
        if operands.split(' ').any(|of| ANY.contains(&number(of))) {
            self.row(["y", oid, "", ""]);
        }
        for of in operands.split(' ').chain([result]) {
            if number(of) >= FIRST_NORMAL_OID {
                self.row(["z", oid, of, kind]);
            }
        }
    }

    /// What the planner may run for a relation, by what an object of it rests on.
    fn planned(&mut self, class: u32, oid: &str, relation: &str) {
        self.rows_of(("p", relation), (class, oid), |_, on| on.runs(Whose::Own));
    }

    /// A row of this kind for each of what an object rests on that is wanted, by the object's column.
    fn rows_of(
        &mut self,
        (kind, relation): (&str, &str),
        (class, oid): (u32, &str),
        wanted: impl Fn(&str, &On) -> bool,
    ) {
        let rests = self.rests_on(class, oid);
        let rests = rests.filter(|(of, on)| wanted(of, on));
        let found: Vec<(u32, u32)> = rests.map(|(_, on)| (on.oid, on.class)).collect();
        for (on, class) in found {
            let which = match class {
                PG_TYPE => "t",
                PG_OPERATOR => "o",
                PG_OPCLASS => "c",
                _ => "f",
            };
            self.row([kind, relation, &on.to_string(), which]);
        }
    }

    /// `[oid, conrelid, contypid, contype, confrelid, actions]`
    fn constraint(&mut self, [oid, relation, of, kind, referenced, actions]: [&String; 6]) {
        if of != "0" {
            self.rows_of(("d", of), (PG_CONSTRAINT, oid), |_, on| {
                on.runs(Whose::Any) && on.oid.to_string() != *of
            });
        }
        if relation == "0" {
            return;
        }
        self.runs(PG_CONSTRAINT, oid, relation);
        if kind == "c" {
            self.written(PG_CONSTRAINT, oid, None, relation);
            self.planned(PG_CONSTRAINT, oid, relation);
        }
        if kind == "f" {
            // The types in it are not asked for: it may be any.
            self.row(["e", relation, referenced, "?"]);
        }
        if kind == "f" && actions.contains(['c', 'n', 'd']) {
            self.row(["g", referenced, relation, ""]);
        }
    }

    /// The table that a sequence belongs to; 0 where it belongs to none.
    fn owner(&mut self, sequence: &str) {
        let owns = |(_, on): (&str, &On)| {
            (on.class == PG_CLASS && matches!(on.kind, b'a' | b'i')).then_some(on.oid)
        };
        let table = self.rests_on(PG_CLASS, sequence).find_map(owns);
        self.row(["q", sequence, &table.unwrap_or(0).to_string(), ""]);
    }

    /// What a view's rule reads; `whole`: it uses a whole row.
    fn reads(&mut self, rule: &str, view: &str, whole: bool) {
        let reads = |(_, on): (&str, &On)| {
            let other = on.class == PG_CLASS && on.oid.to_string() != view;
            let column = || match whole {
                true => WHOLE_ROW.to_string(),
                false => on.column.clone(),
            };
            other.then(|| (on.oid, column()))
        };
        let mut found: Vec<(u32, String)> =
            self.rests_on(PG_REWRITE, rule).filter_map(reads).collect();
        found.sort_unstable();
        found.dedup();
        for (relation, column) in found {
            self.row(["v", view, &relation.to_string(), &column]);
        }
    }
}

/// Whether an OID is none of PostgreSQL's own; one that is not understood is none.
fn is_normal(oid: &str) -> bool {
    oid.parse::<u32>()
        .map_or(true, |oid| oid >= FIRST_NORMAL_OID)
}
