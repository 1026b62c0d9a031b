//! The SQL that makes the privileges those of the policy. What is taken away comes before what is given:
//! to take a privilege from a table takes it from the columns too.

use std::collections::{BTreeMap, BTreeSet};

use super::compare::{never_public, passed_on};
use super::judged::{DatabaseRole, Judged};
use super::listing::Listing;
use super::live::{Live, is_system};
use super::quote;
use super::right::{Granted, Object, Privilege, Right, Text, covered};
use super::settings;
use super::wanted::tolerated;

/// A statement, or a comment that stands alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The role it is about; PUBLIC is empty.
    pub(super) about: Text,
    pub(super) sql: String,
    /// It needs a superuser, because it is about PostgreSQL's own.
    pub(super) superuser: bool,
}

pub(super) struct Planner<'a> {
    pub(super) listing: &'a Listing,
    pub(super) live: &'a Live,
    pub(super) judged: &'a [Judged<'a>],
    pub(super) all: &'a BTreeMap<Text, DatabaseRole<'a>>,
}

impl Planner<'_> {
    /// What is to be done; nothing where all is as it should be.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let public = self.public_revokes();
        steps.extend(self.revoke(&Text::default(), &public, false));
        for one in self.judged {
            steps.extend(self.role(one, &public));
        }
        // Who is only watched keeps what everybody had.
        for (role, of) in self.all {
            if !of.is_judged() && self.listing.roles.get(role).is_some_and(|it| !it.superuser) {
                let direct = self.direct(role);
                let lost = public.iter().filter(|right| !held(&direct, right));
                steps.extend(self.grant(role, &lost.cloned().collect()));
            }
        }
        steps
    }

    /// What is taken from everybody, because somebody who is judged must not have it.
    fn public_revokes(&self) -> BTreeSet<Right> {
        let beyond = |right: &&Right| {
            !self.judged.is_empty() && never_public(right)
                || self.judged.iter().any(|one| {
                    let is_superuser = self
                        .listing
                        .roles
                        .get(&one.role)
                        .is_some_and(|it| it.superuser);
                    !is_superuser
                        && !one.wanted.covers(right)
                        && !tolerated(&one.rules, self.live, &one.role, &one.wanted, right)
                })
        };
        self.live.public.keys().filter(beyond).cloned().collect()
    }

    fn direct(&self, role: &Text) -> Granted {
        self.live.direct.get(role).cloned().unwrap_or_default()
    }

    fn role(&self, one: &Judged<'_>, public: &BTreeSet<Right>) -> Vec<Step> {
        let mut steps = Vec::new();
        let name = quote::name(&one.role);
        let say = |sql: String, superuser| Step {
            about: one.role.clone(),
            sql,
            superuser,
        };
        match self.listing.roles.get(&one.role) {
            None => steps.push(say(format!("CREATE ROLE {name} LOGIN"), false)),
            // Nothing that is granted or revoked changes what it can do.
            Some(role) if role.superuser => return steps,
            Some(role) => {
                for (wrong, sql, superuser) in [
                    (role.bypass_rls, "NOBYPASSRLS", true),
                    (role.create_db, "NOCREATEDB", false),
                    (role.create_role, "NOCREATEROLE", false),
                    (role.replication, "NOREPLICATION", true),
                    (!role.login, "LOGIN", false),
                ] {
                    if wrong {
                        steps.push(say(format!("ALTER ROLE {name} {sql}"), superuser));
                    }
                }
                for (group, grantor) in &role.member_of {
                    let by = if self.listing.server.version >= 160_000 {
                        format!(" GRANTED BY {}", quote::name(grantor))
                    } else {
                        String::new()
                    };
                    let group = quote::name(group);
                    steps.push(say(
                        format!("REVOKE {group} FROM {name}{by} CASCADE"),
                        false,
                    ));
                }
            }
        }
        steps.extend(self.others(&one.role));
        steps.extend(self.rights(one, public));
        let role = self.listing.roles.get(&one.role);
        for setting in &one.settings {
            if role.is_none_or(|role| {
                settings::missing(role, std::slice::from_ref(setting))
                    .next()
                    .is_some()
            }) {
                let database = quote::name(&self.listing.server.database);
                steps.push(say(
                    format!(
                        "ALTER ROLE {name} IN DATABASE {database} SET {} = {}",
                        setting.name, setting.sql
                    ),
                    false,
                ));
            }
        }
        steps
    }

    /// What is granted to the role beside and short of what it needs.
    fn rights(&self, one: &Judged<'_>, public: &BTreeSet<Right>) -> Vec<Step> {
        let mut direct = self.direct(&one.role);
        let beyond: BTreeSet<Right> = direct
            .keys()
            .filter(|right| {
                !one.wanted.covers(right)
                    && !tolerated(&one.rules, self.live, &one.role, &one.wanted, right)
            })
            .cloned()
            .collect();
        let options: BTreeSet<Right> = passed_on(&direct, self.live, &one.role)
            .filter(|right| !beyond.contains(*right))
            .cloned()
            .collect();
        let mut steps = self.revoke(&one.role, &options, true);
        steps.extend(self.revoke(&one.role, &beyond, false));
        direct.retain(|right, _| !beyond.contains(right) && !beyond.contains(&right.whole()));
        let mut kept: BTreeSet<Right> = direct.into_keys().collect();
        let left = self
            .live
            .public
            .keys()
            .filter(|right| !public.contains(right));
        kept.extend(left.cloned());
        let missing = one
            .wanted
            .rights
            .iter()
            .filter(|right| !covered(&kept, right));
        steps.extend(self.grant(&one.role, &missing.cloned().collect()));
        steps
    }

    fn others(&self, role: &Text) -> Vec<Step> {
        let held = self.listing.others.iter().filter(|held| held.role == *role);
        held.filter_map(|held| {
            let kind = match held.class.as_str() {
                "pg_language" => "LANGUAGE",
                "pg_foreign_data_wrapper" => "FOREIGN DATA WRAPPER",
                "pg_foreign_server" => "FOREIGN SERVER",
                "pg_tablespace" => "TABLESPACE",
                "pg_largeobject" => "LARGE OBJECT",
                "pg_parameter_acl" => "PARAMETER",
                _ => return None,
            };
            let (identity, role_name) = (&held.identity, quote::name(role));
            Some(Step {
                about: role.clone(),
                sql: format!("REVOKE ALL ON {kind} {identity} FROM {role_name} CASCADE"),
                superuser: matches!(kind, "PARAMETER" | "LANGUAGE"),
            })
        })
        .collect()
    }

    fn revoke(&self, role: &Text, rights: &BTreeSet<Right>, option: bool) -> Vec<Step> {
        let what = if option { "GRANT OPTION FOR " } else { "" };
        let from = quote::grantee(role);
        let mut steps = self.each(role, rights, |privileges, object, prefix| {
            format!(
                "{prefix}REVOKE {what}{privileges} ON {object} FROM {from}{}",
                cascade(prefix, role)
            )
        });
        // Who else than the owner gave it must be the one to take it back.
        let granted = if role.is_empty() {
            self.live.public.clone()
        } else {
            self.direct(role)
        };
        for right in rights {
            for grantor in granted.get(right).into_iter().flat_map(|given| &given.by) {
                let object = quote::object(&right.object, &self.listing.server.database);
                let privilege = privileges(&BTreeSet::from([right.clone()]));
                steps.push(Step {
                    about: role.clone(),
                    sql: format!(
                        "SET LOCAL ROLE {}; REVOKE {what}{privilege} ON {object} FROM {from} CASCADE; RESET ROLE",
                        quote::name(grantor)
                    ),
                    superuser: true,
                });
            }
        }
        steps
    }

    fn grant(&self, role: &Text, rights: &BTreeSet<Right>) -> Vec<Step> {
        let to = quote::grantee(role);
        self.each(role, rights, |privileges, object, prefix| {
            format!("{prefix}GRANT {privileges} ON {object} TO {to}")
        })
    }

    /// One statement for each thing, and one for all functions together.
    fn each(
        &self,
        role: &Text,
        rights: &BTreeSet<Right>,
        sql: impl Fn(&str, &str, &str) -> String,
    ) -> Vec<Step> {
        let mut things: BTreeMap<Object, BTreeSet<Right>> = BTreeMap::new();
        let mut functions: [Vec<String>; 2] = Default::default();
        for right in rights {
            match &right.object {
                Object::Function(schema, name, arguments) => {
                    let [own, system] = &mut functions;
                    let list = if is_system(schema) { system } else { own };
                    list.push(format!(
                        "{}.{}({arguments})",
                        quote::name(schema),
                        quote::name(name)
                    ));
                }
                object => {
                    things
                        .entry(object.whole())
                        .or_default()
                        .insert(right.clone());
                }
            }
        }
        let mut steps = Vec::new();
        for (object, rights) in things {
            let on = quote::object(&object, &self.listing.server.database);
            let superuser = object.schema().is_some_and(|schema| is_system(schema));
            steps.push(Step {
                about: role.clone(),
                sql: sql(&privileges(&rights), &on, &prefix(&object)),
                superuser,
            });
        }
        for (list, superuser) in functions.into_iter().zip([false, true]) {
            if !list.is_empty() {
                let on = format!("ROUTINE {}", list.join(",\n    "));
                steps.push(Step {
                    about: role.clone(),
                    sql: sql(Privilege::Execute.word(), &on, ""),
                    superuser,
                });
            }
        }
        steps
    }
}

/// What was passed on goes too; default privileges pass nothing on, and PUBLIC can't.
fn cascade(prefix: &str, role: &Text) -> &'static str {
    if prefix.is_empty() && !role.is_empty() {
        " CASCADE"
    } else {
        ""
    }
}

/// `ALTER DEFAULT PRIVILEGES …` for what comes later.
fn prefix(object: &Object) -> String {
    let Object::Later(owner, schema, _) = object else {
        return String::new();
    };
    let within = schema
        .as_ref()
        .map(|schema| format!("IN SCHEMA {} ", quote::name(schema)))
        .unwrap_or_default();
    format!(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {} {within}",
        quote::name(owner)
    )
}

/// The privileges on one thing, with their columns.
fn privileges(rights: &BTreeSet<Right>) -> String {
    let mut words: BTreeMap<Privilege, Vec<String>> = BTreeMap::new();
    for right in rights {
        let columns = words.entry(right.privilege).or_default();
        if let Object::Column(_, _, column) = &right.object {
            columns.push(quote::name(column));
        }
    }
    // A privilege on the whole beside one on columns: two entries.
    let whole = |privilege: Privilege| {
        rights.iter().any(|right| {
            right.privilege == privilege && !matches!(right.object, Object::Column(..))
        })
    };
    let mut all = Vec::new();
    for (privilege, columns) in words {
        if columns.is_empty() || whole(privilege) {
            all.push(privilege.word().to_owned());
        }
        if !columns.is_empty() {
            all.push(format!("{} ({})", privilege.word(), columns.join(", ")));
        }
    }
    all.join(", ")
}

fn held(granted: &Granted, right: &Right) -> bool {
    granted.contains_key(right) || granted.contains_key(&right.whole())
}
