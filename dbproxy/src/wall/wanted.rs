//! From the rules of a database role, and what the database has, to the privileges that the role needs:
//! these and no others.

use std::collections::BTreeSet;

use exeat_policy::Access;

use super::listing::{Listing, Relation};
use super::live::{Live, creators_in, is_system};
use super::right::{Later, Object, Privilege, Right, Text, covered};
use super::rules::{Extent, Rules, implied};

/// What a role needs.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) rights: BTreeSet<Right>,
}

/// The accesses that may be granted by column.
const BY_COLUMN: [(Access, Privilege); 3] = [
    (Access::Select, Privilege::Select),
    (Access::Insert, Privilege::Insert),
    (Access::Update, Privilege::Update),
];

/// The accesses that are granted on whole relations.
const WHOLE: [(Access, Privilege); 2] = [
    (Access::Delete, Privilege::Delete),
    (Access::Truncate, Privilege::Truncate),
];

impl Wanted {
    pub(crate) fn of(rules: &Rules<'_>, listing: &Listing) -> Self {
        let mut wanted = Self::default();
        wanted.want(Object::Database, Privilege::Connect);
        if rules.makes_temporary() {
            wanted.want(Object::Database, Privilege::Temporary);
        }
        if rules.says("create schema") || rules.says("create extension") {
            wanted.want(Object::Database, Privilege::Create);
        }
        for relation in listing.relations.values() {
            if relation.is_sequence() {
                wanted.sequence(rules, listing, relation);
            } else {
                wanted.relation(rules, listing, relation);
            }
        }
        wanted.functions(rules, listing);
        for it in &listing.types {
            if rules.uses_type(&it.schema, &it.name) {
                let object = Object::Type(it.schema.clone(), it.name.clone());
                wanted.want(object, Privilege::Usage);
            }
        }
        let schemas = listing.schemas.iter();
        for schema in schemas.filter(|schema| !is_system(&schema.name)) {
            wanted.schema(rules, listing, &schema.name);
        }
        wanted
    }

    pub(crate) fn covers(&self, right: &Right) -> bool {
        covered(&self.rights, right)
    }

    fn want(&mut self, object: Object, privilege: Privilege) {
        self.rights.insert(Right::new(object, privilege));
    }

    fn relation(&mut self, rules: &Rules<'_>, listing: &Listing, of: &Relation) {
        let whole = Object::Relation(of.schema.clone(), of.name.clone());
        let before = self.rights.len();
        let (mut reads, mut takes) = (before, false);
        for (access, privilege) in BY_COLUMN {
            // A materialised view can't be written to.
            if of.kind == 'm' && access != Access::Select {
                continue;
            }
            let some = self.rights.len();
            match rules.extent(listing, access, of) {
                Extent::Whole => self.want(whole.clone(), privilege),
                Extent::Columns(columns) => {
                    for column in columns {
                        let (schema, name) = (of.schema.clone(), of.name.clone());
                        self.want(Object::Column(schema, name, column), privilege);
                    }
                }
            }
            let found = self.rights.len() - some;
            match access {
                Access::Select => reads += found,
                _ => takes |= found > 0,
            }
        }
        for (access, privilege) in WHOLE {
            let possible = match access {
                Access::Delete => of.kind != 'm',
                _ => !of.is_view(),
            };
            if possible && rules.whole(listing, access, of) {
                self.want(whole.clone(), privilege);
            }
        }
        if listing.server.version >= 170_000 && rules.whole(listing, Access::Maintain, of) {
            self.want(whole, Privilege::Maintain);
        }
        if takes {
            self.takes(listing, of);
        }
        if self.rights.len() > before {
            let writes = self.rights.len() > reads;
            for function in implied(listing, of.id, writes) {
                self.function(listing, function);
            }
        }
    }

    /// The sequences that a new row takes its values from.
    fn takes(&mut self, listing: &Listing, of: &Relation) {
        let sequences = listing.takes.get(&of.id).into_iter().flatten();
        for sequence in sequences.filter_map(|id| listing.relations.get(id)) {
            let object = Object::Sequence(sequence.schema.clone(), sequence.name.clone());
            self.want(object, Privilege::Usage);
        }
    }

    fn sequence(&mut self, rules: &Rules<'_>, listing: &Listing, of: &Relation) {
        let object = Object::Sequence(of.schema.clone(), of.name.clone());
        for (access, privilege) in [
            (Access::Select, Privilege::Select),
            (Access::Update, Privilege::Update),
        ] {
            if rules.whole(listing, access, of) {
                self.want(object.clone(), privilege);
            }
        }
    }

    fn functions(&mut self, rules: &Rules<'_>, listing: &Listing) {
        for it in listing.functions.values().chain(&listing.system_functions) {
            if rules.calls(&it.schema, &it.name) {
                let (name, arguments) = (it.name.clone(), it.arguments.clone());
                let object = Object::Function(it.schema.clone(), name, arguments);
                self.want(object, Privilege::Execute);
            }
        }
        for it in &listing.operators {
            if rules.uses_operator(&it.schema, &it.name) {
                self.function(listing, it.function);
            }
        }
    }

    /// One of the functions that are not PostgreSQL's own.
    fn function(&mut self, listing: &Listing, id: i64) {
        if let Some(it) = listing.functions.get(&id) {
            let (name, arguments) = (it.name.clone(), it.arguments.clone());
            let object = Object::Function(it.schema.clone(), name, arguments);
            self.want(object, Privilege::Execute);
        }
    }

    /// The schema, where anything in it is wanted, and what comes later there.
    fn schema(&mut self, rules: &Rules<'_>, listing: &Listing, schema: &Text) {
        let mut later = BTreeSet::new();
        for (access, privilege) in BY_COLUMN.into_iter().chain(WHOLE) {
            if rules.everything(access, schema) {
                later.insert((Later::Tables, privilege));
                match access {
                    Access::Select => later.insert((Later::Sequences, Privilege::Select)),
                    Access::Insert => later.insert((Later::Sequences, Privilege::Usage)),
                    Access::Update => later.insert((Later::Sequences, Privilege::Update)),
                    _ => false,
                };
            }
        }
        if rules.calls_everything(schema) {
            later.insert((Later::Functions, Privilege::Execute));
        }
        for owner in creators_in(listing, schema) {
            for (kind, privilege) in &later {
                let object = Object::Later(owner.clone(), Some(schema.clone()), *kind);
                self.want(object, *privilege);
            }
        }
        let defines = rules.everything(Access::Define, schema);
        let inside = |right: &Right| right.object.schema() == Some(schema);
        if defines {
            self.want(Object::Schema(schema.clone()), Privilege::Create);
        }
        if defines || !later.is_empty() || self.rights.iter().any(inside) {
            self.want(Object::Schema(schema.clone()), Privilege::Usage);
        }
    }
}

/// Whether a right that nobody wants does no harm, or can't be taken away.
pub(crate) fn tolerated(
    rules: &Rules<'_>,
    live: &Live,
    role: &Text,
    wanted: &Wanted,
    right: &Right,
) -> bool {
    let owned = live.owners.get(&right.object.whole()) == Some(role);
    match &right.object {
        Object::Schema(schema) if is_system(schema) => right.privilege == Privilege::Usage,
        // Who may define a thing may own it, and who owns it can give itself every right.
        Object::Schema(schema) => owned && rules.everything(Access::Define, schema),
        Object::Function(schema, name, _) if is_system(schema) => {
            is_harmless(schema, name) && !rules.withholds(schema, name)
        }
        Object::Relation(schema, name)
        | Object::Column(schema, name, _)
        | Object::Sequence(schema, name)
        | Object::Function(schema, name, _) => {
            owned && rules.defines(schema, name) || wanted.covers(right)
        }
        // USAGE opens nothing that is not opened by what has the type.
        Object::Type(..) | Object::Later(_, _, Later::Types) => true,
        Object::Later(owner, _, _) => owner == role,
        Object::Database => false,
    }
}

/// Functions of PostgreSQL's own, beside the presets, that look and nothing else, and that the proxy or
/// drivers call: PUBLIC keeps them. `set_config` can do no more than SET.
const HARMLESS: &[&str] = &[
    "age",
    "has_foreign_data_wrapper_privilege",
    "has_language_privilege",
    "has_parameter_privilege",
    "has_server_privilege",
    "has_tablespace_privilege",
    "mxid_age",
    "pg_current_snapshot",
    "pg_describe_object",
    "pg_has_role",
    "pg_identify_object",
    "pg_snapshot_xip",
    "pg_snapshot_xmax",
    "pg_snapshot_xmin",
    "pg_visible_in_snapshot",
    "set_config",
    "to_regcollation",
    "to_regoper",
    "to_regoperator",
    "to_regrole",
    "txid_current_snapshot",
    "txid_snapshot_xip",
    "txid_snapshot_xmax",
    "txid_snapshot_xmin",
    "txid_visible_in_snapshot",
];

fn is_harmless(schema: &str, name: &str) -> bool {
    // The standard's views call those of `information_schema`, each for its reader.
    schema == "information_schema"
        || exeat_policy::is_harmless_function(name)
        || HARMLESS.contains(&name)
}
