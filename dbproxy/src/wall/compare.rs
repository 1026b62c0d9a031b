//! Compares what the roles need with what they have.

use std::collections::BTreeSet;

use super::difference::{Difference, Direction, Kind};
use super::judged::Judged;
use super::listing::{Listing, Role};
use super::live::Live;
use super::right::{Granted, Object, Privilege, Right, Text, covered};
use super::settings;
use super::wanted::tolerated;

/// The name under which PUBLIC stands in differences.
const PUBLIC: &str = "PUBLIC";

/// The catalogs of what nobody should own whose statements are judged, beside tables, functions, schemas.
const POWERFUL: [&str; 9] = [
    "pg_database",
    "pg_event_trigger",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_language",
    "pg_largeobject",
    "pg_publication",
    "pg_subscription",
    "pg_tablespace",
];

/// Everything that differs, for these roles. Sorted.
pub(super) fn differences(
    listing: &Listing,
    live: &Live,
    judged: &[Judged<'_>],
) -> Vec<Difference> {
    let mut found = Vec::new();
    for one in judged {
        let mut role = OneRole {
            listing,
            live,
            judged: one,
            found: Vec::new(),
        };
        role.compare();
        found.append(&mut role.found);
    }
    if !judged.is_empty() {
        found.extend(public(live));
    }
    found.sort();
    found.dedup();
    found
}

/// Functions that everybody may execute, today and later, whoever else they were meant for.
fn public(live: &Live) -> Vec<Difference> {
    let everybody: Text = PUBLIC.into();
    let open = |right: &&Right| never_public(right);
    live.public
        .keys()
        .filter(open)
        .map(|right| {
            Difference::new(
                &everybody,
                Direction::Beyond,
                Kind::of(right),
                format!("{right} is everybody's"),
            )
        })
        .collect()
}

/// Whether a right is taken from PUBLIC whoever else wants it: functions that are not PostgreSQL's own.
pub(super) fn never_public(right: &Right) -> bool {
    right.privilege == Privilege::Execute
        && match &right.object {
            Object::Function(schema, ..) => !super::live::is_system(schema),
            Object::Later(..) => true,
            _ => false,
        }
}

struct OneRole<'a> {
    listing: &'a Listing,
    live: &'a Live,
    judged: &'a Judged<'a>,
    found: Vec<Difference>,
}

impl OneRole<'_> {
    fn add(&mut self, direction: Direction, kind: Kind, what: impl Into<String>) {
        let difference = Difference::new(&self.judged.role, direction, kind, what);
        self.found.push(difference);
    }

    fn compare(&mut self) {
        let listing = self.listing;
        if let [_, _, ..] = self.judged.policy_roles.as_slice() {
            let names = self.judged.policy_roles.join(", ");
            self.add(
                Direction::Told,
                Kind::SharedRole,
                format!("it is the database role of several policy roles ({names}) and has what any of them may do"),
            );
        }
        let Some(role) = listing.roles.get(&self.judged.role) else {
            self.add(Direction::Short, Kind::Role, "the role does not exist");
            return;
        };
        self.attributes(role);
        if role.superuser {
            // Everything else follows from it.
            return;
        }
        for (group, _) in &role.member_of {
            let what = format!("it is a member of {group}, and can do what that role can");
            self.add(Direction::Beyond, Kind::Membership, what);
        }
        self.ownership();
        self.beyond(role);
        self.short();
        self.grant_options();
        for held in listing.others.iter().filter(|held| held.role == role.name) {
            let what = format!("privileges on {} {}", held.kind, held.identity);
            self.add(Direction::Beyond, Kind::Other, what);
        }
        self.views();
        for setting in settings::missing(role, &self.judged.settings) {
            let what = format!("{} is not set to {}", setting.name, setting.shown);
            self.add(Direction::Short, Kind::Setting, what);
        }
    }

    fn attributes(&mut self, role: &Role) {
        for (has, attribute) in [
            (role.superuser, "SUPERUSER: no privilege is checked"),
            (role.bypass_rls, "BYPASSRLS: no row security is checked"),
            (role.create_db, "CREATEDB"),
            (role.create_role, "CREATEROLE"),
            (role.replication, "REPLICATION"),
        ] {
            if has {
                self.add(
                    Direction::Beyond,
                    Kind::Attribute,
                    format!("it is {attribute}"),
                );
            }
        }
        if !role.login {
            self.add(Direction::Short, Kind::Attribute, "it is NOLOGIN");
        }
    }

    fn ownership(&mut self) {
        let Judged { role, rules, .. } = self.judged;
        let mut owned: Vec<String> = Vec::new();
        for (object, owner) in &self.live.owners {
            let may = match object {
                Object::Relation(schema, name)
                | Object::Sequence(schema, name)
                | Object::Function(schema, name, _) => rules.defines(schema, name),
                Object::Schema(schema) => rules.everything(exeat_policy::Access::Define, schema),
                // The database is listed with what else there is; what is left has no power of its own.
                _ => true,
            };
            if owner == role && !may {
                owned.push(object.to_string());
            }
        }
        let others = self.listing.owns.iter().filter(|held| held.role == *role);
        owned.extend(
            others
                .filter(|held| POWERFUL.contains(&held.class.as_str()))
                .map(|held| format!("{} {}", held.kind, held.identity)),
        );
        for what in owned {
            let what = format!("it owns {what}, and may do everything with it");
            self.add(Direction::Beyond, Kind::Ownership, what);
        }
    }

    /// What it can do, whatever the way, that the policy does not let it.
    fn beyond(&mut self, role: &Role) {
        let judged = self.judged;
        let none = BTreeSet::new();
        let none_granted = Granted::new();
        let effective = self.live.effective.get(&judged.role).unwrap_or(&none);
        let direct = self.live.direct.get(&judged.role).unwrap_or(&none_granted);
        let public_later = self
            .live
            .public
            .keys()
            .filter(|right| matches!(right.object, Object::Later(..)) && !never_public(right));
        for right in effective.iter().chain(public_later) {
            let fine = judged.wanted.covers(right)
                || tolerated(
                    &judged.rules,
                    self.live,
                    &judged.role,
                    &judged.wanted,
                    right,
                );
            if fine {
                continue;
            }
            let how = if held(direct, right) {
                ""
            } else if held(&self.live.public, right) {
                ", as everybody"
            } else if self.live.owners.get(&right.object.whole()) == Some(&judged.role)
                || !role.member_of.is_empty()
            {
                // Told as ownership or membership.
                continue;
            } else {
                ", by a way of its own"
            };
            let kind = self.kind(right);
            self.add(Direction::Beyond, kind, format!("{right}{how}"));
        }
    }

    fn kind(&self, right: &Right) -> Kind {
        let kind = Kind::of(right);
        let definer = |schema: &Text, name: &Text, arguments: &Text| {
            self.listing.functions.values().any(|function| {
                function.definer
                    && function.schema == *schema
                    && function.name == *name
                    && function.arguments == *arguments
            })
        };
        match &right.object {
            Object::Function(schema, name, arguments)
                if kind == Kind::Function && definer(schema, name, arguments) =>
            {
                Kind::SecurityDefiner
            }
            _ => kind,
        }
    }

    /// What the policy lets it do, and the database does not.
    fn short(&mut self) {
        let none = BTreeSet::new();
        let effective = self.live.effective.get(&self.judged.role).unwrap_or(&none);
        for right in &self.judged.wanted.rights {
            let everybody = held(&self.live.public, right);
            if covered(effective, right) || everybody {
                continue;
            }
            self.add(Direction::Short, Kind::of(right), format!("no {right}"));
        }
    }

    fn grant_options(&mut self) {
        let Some(direct) = self.live.direct.get(&self.judged.role) else {
            return;
        };
        for right in passed_on(direct, self.live, &self.judged.role) {
            let what = format!("it may pass on {right}");
            self.add(Direction::Beyond, Kind::GrantOption, what);
        }
    }

    /// Views and functions that the policy opens, and that do more than their user may: that is what they
    /// are for, but somebody should know.
    fn views(&mut self) {
        let wanted = &self.judged.wanted;
        for relation in self.listing.relations.values().filter(|it| it.is_view()) {
            let (schema, name) = (relation.schema.clone(), relation.name.clone());
            let read = |right: &Right| {
                right.privilege == Privilege::Select
                    && right.object.whole() == Object::Relation(schema.clone(), name.clone())
            };
            if !wanted.rights.iter().any(read) {
                continue;
            }
            let reads = self.listing.reads.get(&relation.id).into_iter().flatten();
            let mut more = BTreeSet::new();
            for base in
                reads.filter_map(|reads| Some((reads, self.listing.relations.get(&reads.of)?)))
            {
                for column in base.0.columns.iter().flatten() {
                    let (schema, name) = (base.1.schema.clone(), base.1.name.clone());
                    let column = Object::Column(schema, name, column.clone());
                    if !wanted.covers(&Right::new(column.clone(), Privilege::Select)) {
                        more.insert(column.to_string());
                    }
                }
            }
            if !more.is_empty() {
                let more = more.into_iter().collect::<Vec<_>>().join(", ");
                let what = format!(
                    "view {schema}.{name} reads {more} for it, as {}",
                    relation.owner
                );
                self.add(Direction::Told, Kind::View, what);
            }
        }
        for function in self.listing.functions.values().filter(|it| it.definer) {
            let (schema, name) = (function.schema.clone(), function.name.clone());
            let object = Object::Function(schema, name, function.arguments.clone());
            if wanted.covers(&Right::new(object.clone(), Privilege::Execute)) {
                let what = format!(
                    "{object} runs as {} for it (SECURITY DEFINER)",
                    function.owner
                );
                self.add(Direction::Told, Kind::SecurityDefiner, what);
            }
        }
        self.triggers();
    }

    /// Triggers of what it may write that run with its rights: what they need, no catalog tells.
    fn triggers(&mut self) {
        let writes = |right: &&Right| {
            let privilege = right.privilege;
            matches!(
                privilege,
                Privilege::Insert | Privilege::Update | Privilege::Delete | Privilege::Truncate
            )
        };
        let wanted = self.judged.wanted.rights.iter().filter(writes);
        let written: BTreeSet<Object> = wanted.map(|right| right.object.whole()).collect();
        for trigger in &self.listing.triggers {
            let of = self.listing.relations.get(&trigger.relation);
            let function = self.listing.functions.get(&trigger.function);
            let (Some(of), Some(function)) = (of, function) else {
                continue;
            };
            let object = Object::Relation(of.schema.clone(), of.name.clone());
            if written.contains(&object) {
                let what = format!(
                    "trigger {} of {object} runs {}.{} with its rights, and needs those that it uses",
                    trigger.name, function.schema, function.name
                );
                self.add(Direction::Told, Kind::Trigger, what);
            }
        }
    }
}

fn held(granted: &Granted, right: &Right) -> bool {
    granted.contains_key(right)
        || matches!(right.object, Object::Column(..)) && granted.contains_key(&right.whole())
}

/// The rights that a role may pass on without being the owner.
pub(super) fn passed_on<'a>(
    direct: &'a Granted,
    live: &'a Live,
    role: &'a Text,
) -> impl Iterator<Item = &'a Right> {
    direct
        .iter()
        .filter(|(_, given)| given.grantable)
        .map(|(right, _)| right)
        .filter(move |right| live.owners.get(&right.object.whole()) != Some(role))
        .filter(move |right| !matches!(&right.object, Object::Later(owner, ..) if owner == role))
}
