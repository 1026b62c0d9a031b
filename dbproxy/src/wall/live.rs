//! What is granted, as the catalog says it, and what each role can do in effect, as PostgreSQL says it
//! when it is asked (ownership, memberships and PUBLIC counted in).

use std::collections::{BTreeMap, BTreeSet};

use super::listing::{Can, Entry, Listing};
use super::right::{Granted, Later, Object, Privilege, Right, Text};

/// The rights that there are.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Those of PUBLIC.
    pub(crate) public: Granted,
    /// Those that a role was given itself.
    pub(crate) direct: BTreeMap<Text, Granted>,
    /// Those that it has, from wherever.
    pub(crate) effective: BTreeMap<Text, BTreeSet<Right>>,
    /// Who owns what.
    pub(crate) owners: BTreeMap<Object, Text>,
}

impl Live {
    pub(crate) fn of(listing: &Listing) -> Self {
        let mut live = Self::default();
        let server = &listing.server;
        live.thing(Object::Database, &server.owner, &server.acl, &server.can);
        for schema in &listing.schemas {
            let object = Object::Schema(schema.name.clone());
            live.thing(object, &schema.owner, &schema.acl, &schema.can);
        }
        live.relations(listing);
        for it in listing.functions.values().chain(&listing.system_functions) {
            let (name, arguments) = (it.name.clone(), it.arguments.clone());
            let object = Object::Function(it.schema.clone(), name, arguments);
            live.thing(object, &it.owner, &it.acl, &it.can);
        }
        for it in &listing.types {
            let object = Object::Type(it.schema.clone(), it.name.clone());
            live.thing(object, &it.owner, &it.acl, &it.can);
        }
        live.later(listing);
        live
    }

    fn relations(&mut self, listing: &Listing) {
        for it in listing.relations.values() {
            let (schema, name) = (it.schema.clone(), it.name.clone());
            if it.is_sequence() {
                let object = Object::Sequence(schema, name);
                self.thing(object, &it.owner, &it.acl, &it.can);
                continue;
            }
            for (column, entry) in &it.column_acl {
                let object = Object::Column(schema.clone(), name.clone(), column.clone());
                self.granted(&object, &it.owner, entry);
            }
            for can in &it.can_columns {
                let held = self.effective.entry(can.0.clone()).or_default();
                held.extend(can.2.iter().map(|column| {
                    let object = Object::Column(schema.clone(), name.clone(), column.clone());
                    Right::new(object, can.1)
                }));
            }
            self.thing(Object::Relation(schema, name), &it.owner, &it.acl, &it.can);
        }
        // Of these only what was given beside the initial privileges is listed.
        for it in &listing.system_relations {
            let (schema, name) = (it.schema.clone(), it.name.clone());
            let object = match &it.column {
                Some(column) => Object::Column(schema, name, column.clone()),
                None => Object::Relation(schema, name),
            };
            for entry in &it.acl {
                self.granted(&object, &entry.3, entry);
                let right = Right::new(object.clone(), entry.1);
                if entry.0.is_empty() {
                    for role in listing.roles.keys() {
                        let held = self.effective.entry(role.clone()).or_default();
                        held.insert(right.clone());
                    }
                } else {
                    let held = self.effective.entry(entry.0.clone()).or_default();
                    held.insert(right);
                }
            }
        }
    }

    /// Default privileges. Where a role has none of its own, everybody may execute its functions.
    fn later(&mut self, listing: &Listing) {
        let mut said = BTreeSet::new();
        for it in &listing.defaults {
            let object = Object::Later(it.owner.clone(), it.schema.clone(), it.kind);
            for entry in &it.acl {
                self.granted(&object, &it.owner, entry);
                let right = Right::new(object.clone(), entry.1);
                let held = self.effective.entry(entry.0.clone()).or_default();
                held.insert(right);
            }
            said.insert(object);
        }
        for owner in creators(listing) {
            let object = Object::Later(owner.clone(), None, Later::Functions);
            if !said.contains(&object) {
                let entry = Entry(Text::default(), Privilege::Execute, false, owner.clone());
                self.granted(&object, &owner, &entry);
            }
        }
    }

    fn thing(&mut self, object: Object, owner: &Text, acl: &[Entry], can: &[Can]) {
        for entry in acl {
            self.granted(&object, owner, entry);
        }
        for Can(role, privileges) in can {
            let held = self.effective.entry(role.clone()).or_default();
            let rights = privileges.iter();
            held.extend(rights.map(|privilege| Right::new(object.clone(), *privilege)));
        }
        self.owners.insert(object, owner.clone());
    }

    fn granted(&mut self, object: &Object, owner: &Text, entry: &Entry) {
        let Entry(grantee, privilege, grantable, grantor) = entry;
        let held = if grantee.is_empty() {
            &mut self.public
        } else {
            self.direct.entry(grantee.clone()).or_default()
        };
        let right = Right::new(object.clone(), *privilege);
        let given = held.entry(right).or_default();
        given.grantable |= *grantable;
        if grantor != owner {
            given.by.insert(grantor.clone());
        }
    }
}

/// The roles that things in schemas of users belong to: those that create more of them.
pub(crate) fn creators(listing: &Listing) -> BTreeSet<Text> {
    let schemas = listing.schemas.iter();
    schemas
        .filter(|schema| !is_system(&schema.name))
        .flat_map(|schema| creators_in(listing, &schema.name))
        .collect()
}

/// The roles that create things in a schema.
pub(crate) fn creators_in(listing: &Listing, schema: &str) -> BTreeSet<Text> {
    let schemas = listing.schemas.iter().filter(|it| &*it.name == schema);
    let relations = listing.relations.values();
    let functions = listing.functions.values();
    schemas
        .map(|it| &it.owner)
        .chain(
            relations
                .filter(|it| &*it.schema == schema)
                .map(|it| &it.owner),
        )
        .chain(
            functions
                .filter(|it| &*it.schema == schema)
                .map(|it| &it.owner),
        )
        // The predefined role of whoever owns the database.
        .map(|owner| match &**owner {
            "pg_database_owner" => listing.server.owner.clone(),
            _ => owner.clone(),
        })
        .collect()
}

/// Whether a schema is PostgreSQL's own.
pub(crate) fn is_system(schema: &str) -> bool {
    schema == "information_schema" || schema.starts_with("pg_")
}
