//! What would have to be added to a policy to allow a request: for the person who was refused, and for
//! the one who answers for the policy.
//!
//! It must never suggest more than the request needs, and says so where no rule can help.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::ops::ControlFlow;

use crate::address::unmapped;
use crate::evaluate::evaluate;
use crate::evaluate::statement::{Lack, access_word, floor, lacks};
use crate::grants::{PG_CATALOG, STATEMENTS};
use crate::{
    Access, AddressClass, Basis, Columns, ConnectionRequest, Decision, Effect, Facts, Host, Name,
    PolicySet, Protocol, Reason, Request, SequenceAccess, StatementRequest, Subject, classify,
};

#[cfg(test)]
mod tests;

/// What to do about a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// One sentence.
    pub advice: String,
    /// The rules to add, as YAML from `roles:` down; `None` where no rule helps.
    pub snippet: Option<String>,
}

impl Remedy {
    fn advice(text: impl Into<String>) -> Self {
        Self {
            advice: text.into(),
            snippet: None,
        }
    }
}

/// What would allow a request; `None` where it is allowed.
pub fn remedy(policy: &PolicySet, request: &Request) -> Option<Remedy> {
    let decision = evaluate(policy, request);
    if decision.effect == Effect::Allow && !matches!(decision.basis, Basis::Report | Basis::Observe)
    {
        return None;
    }
    if decision.reason == Reason::DeniedByRule {
        let rule = decision.rule.as_ref().map_or("it", |rule| &rule.path);
        return Some(Remedy::advice(format!(
            "deny wins over every allow rule: narrow or take out `{rule}`"
        )));
    }
    Some(match request {
        Request::Connection(request) => connection(request, &decision),
        Request::Session(request) => match decision.reason {
            Reason::DatabaseNotAllowed => role_of(&request.caller).map_or_else(
                || Remedy::advice(decision.reason.hint()),
                |role| database_rules(role, &request.database, None, &[]),
            ),
            _ => Remedy::advice(decision.reason.hint()),
        },
        Request::Statement(request) => statement(policy, request, &decision),
    })
}

fn role_of(caller: &crate::Caller) -> Option<&str> {
    match caller {
        crate::Caller::Known(principal) => Some(&principal.role),
        crate::Caller::Unknown(_) => None,
    }
}

fn connection(request: &ConnectionRequest, decision: &Decision) -> Remedy {
    let Some(role) = role_of(&request.caller) else {
        return Remedy::advice(decision.reason.hint());
    };
    let plain = match decision.reason {
        Reason::HostNotAllowed
        | Reason::PortNotAllowed
        | Reason::IpLiteral
        | Reason::AddressNotPublic
        | Reason::AddressMetadata => request.protocol == Protocol::Http,
        Reason::TlsRequired | Reason::NotTls => true,
        Reason::SpecialUseName if request.authority.host_is_local() => {
            request.protocol == Protocol::Http
        }
        Reason::SpecialUseName => {
            return Remedy::advice("no rule opens this name: it never leads outside");
        }
        _ => return Remedy::advice(decision.reason.hint()),
    };
    let mut rule = match &request.authority.host {
        Host::Name(name) => format!("        - host: {name}\n"),
        Host::Address(address) => format!("        - cidr: {}\n", one(unmapped(*address))),
    };
    // Writing to a string can't fail.
    if request.authority.port != 443 {
        let _ = writeln!(rule, "          ports: [{}]", request.authority.port);
    }
    if plain {
        rule.push_str("          tls: false\n");
    }
    let mut networks: Vec<String> = Vec::new();
    if matches!(request.authority.host, Host::Name(_)) {
        for address in request
            .addresses
            .iter()
            .flatten()
            .map(|address| unmapped(*address))
        {
            let network = one(address);
            if classify(address) != AddressClass::Public && !networks.contains(&network) {
                networks.push(network);
            }
        }
    }
    if !networks.is_empty() {
        let networks: Vec<String> = networks.iter().map(|network| quoted(network)).collect();
        let _ = writeln!(rule, "          networks: [{}]", networks.join(", "));
    }
    Remedy {
        advice: "add this rule to the role".to_owned(),
        snippet: Some(format!(
            "roles:\n  {role}:\n    egress:\n      allow:\n{rule}"
        )),
    }
}

impl crate::Authority {
    fn host_is_local(&self) -> bool {
        match &self.host {
            Host::Name(name) => {
                crate::egress::special_use(name) == Some(crate::egress::SpecialUse::Local)
            }
            Host::Address(_) => false,
        }
    }
}

fn one(address: IpAddr) -> String {
    ipnet::IpNet::from(address).to_string()
}

fn statement(policy: &PolicySet, request: &StatementRequest, decision: &Decision) -> Remedy {
    let Some(role) = role_of(&request.caller) else {
        return Remedy::advice(decision.reason.hint());
    };
    let Subject::Readable(facts) = &request.subject else {
        return Remedy::advice(decision.reason.hint());
    };
    let grant = policy
        .role(role)
        .and_then(|role| role.database(&request.database));
    match (decision.basis, decision.reason) {
        (basis, _) if basis == Basis::Floor || floor(facts).is_some() => {
            return Remedy::advice(format!("no rule opens this: {}", decision.reason.hint()));
        }
        (_, Reason::ColumnMasked) => {
            return Remedy::advice("leave the column out, or take it out of the database's `mask`");
        }
        _ => {}
    }
    let empty = crate::grants::Grants::default();
    let allow = grant.map_or(&empty, |grant| &grant.allow);
    let mut missing = Missing::default();
    lacks(allow, facts, &mut |lack| {
        missing.add(facts, &lack);
        ControlFlow::Continue(())
    });
    if let Some(reason) = missing.hopeless {
        return Remedy::advice(format!("no rule allows it as it stands: {reason}"));
    }
    let new = grant.is_none().then(|| request.database.as_ref());
    database_rules(role, &request.database, new, &missing.rules())
}

fn database_rules(role: &str, database: &str, new: Option<&str>, rules: &[String]) -> Remedy {
    let mut snippet = format!("roles:\n  {role}:\n    databases:\n      {database}:\n");
    if new.is_some() || rules.is_empty() {
        snippet.push_str("        as: THE_DATABASE_ROLE\n");
    }
    if !rules.is_empty() {
        snippet.push_str("        allow:\n");
        for rule in rules {
            let _ = writeln!(snippet, "          - {rule}");
        }
    }
    let advice = if new.is_some() || rules.is_empty() {
        "add the database to the role, with the database role that its sessions run as"
    } else if rules.len() == 1 {
        "add this rule to the role"
    } else {
        "add these rules to the role"
    };
    Remedy {
        advice: advice.to_owned(),
        snippet: Some(snippet),
    }
}

#[derive(Default)]
struct Missing {
    relations: Vec<String>,
    lists: BTreeMap<&'static str, Vec<String>>,
    hopeless: Option<String>,
}

impl Missing {
    fn add(&mut self, facts: &Facts, lack: &Lack<'_>) {
        match lack {
            Lack::Statement(word)
                if matches!(facts.verb, crate::Verb::Define | crate::Verb::Explain)
                    || STATEMENTS.contains(word) =>
            {
                self.list("statement", quoted(word));
            }
            Lack::Statement(_) => self.hopeless("it names nothing that it writes to"),
            Lack::Relation(access) => self.relation(access, None),
            Lack::Columns(access, columns) => {
                let columns: Vec<String> =
                    columns.iter().map(|column| identifier(column)).collect();
                self.relation(access, Some(columns));
            }
            Lack::AllColumns(access) => self.relation(access, None),
            Lack::Function(name) => self.list("call", quoted(&qualified(name))),
            Lack::Sequence(used) => self.sequence(used),
            Lack::Operator(name) | Lack::Type(name) if name.schema.is_none() => {
                self.hopeless(format!(
                    "`{name}` is not qualified and not known; write its schema"
                ));
            }
            Lack::Operator(name) => self.list("operator", quoted(&operator(name))),
            Lack::Type(name) => self.list("type", quoted(&qualified(name))),
            Lack::Setting(setting) => self.list("set", quoted(&setting.name)),
            Lack::Unconfirmed => {
                self.hopeless("only one of the two readers can read it; write it more plainly")
            }
        }
    }

    fn hopeless(&mut self, why: impl Into<String>) {
        self.hopeless.get_or_insert_with(|| why.into());
    }

    fn list(&mut self, key: &'static str, item: String) {
        let list = self.lists.entry(key).or_default();
        if !list.contains(&item) {
            list.push(item);
        }
    }

    fn relation(&mut self, access: &crate::RelationAccess, lacking: Option<Vec<String>>) {
        let Some(schema) = &access.relation.schema else {
            self.hopeless(format!("`{}` is in no known schema", access.relation.name));
            return;
        };
        let word = match access.access {
            // What lets rows be locked, and what looks after a definition.
            Access::Lock => "update",
            Access::Maintain => "define",
            other => access_word(other),
        };
        let columns = lacking.or_else(|| match (&access.columns, access.access) {
            (Columns::Named(columns), Access::Select | Access::Insert | Access::Update)
                if !columns.is_empty() =>
            {
                Some(columns.iter().map(|column| identifier(column)).collect())
            }
            _ => None,
        });
        // A column list is only for what is not granted as a whole.
        let mut pattern = format!(
            "{}.{}",
            identifier(schema),
            identifier(&access.relation.name)
        );
        if let Some(columns) = columns {
            let _ = write!(pattern, "({})", columns.join(", "));
        }
        let rule = format!("{word}: {}", quoted(&pattern));
        if !self.relations.contains(&rule) {
            self.relations.push(rule);
        }
    }

    fn sequence(&mut self, used: &crate::SequenceUse) {
        let known = used.sequence.as_ref().filter(|it| it.schema.is_some());
        let Some(sequence) = known else {
            self.hopeless("it uses a sequence that it does not name; `call` the function instead");
            return;
        };
        let word = match used.access {
            SequenceAccess::Read => "select",
            SequenceAccess::Next | SequenceAccess::Set => "update",
        };
        let rule = format!("{word}: {}", quoted(&full(sequence)));
        if !self.relations.contains(&rule) {
            self.relations.push(rule);
        }
    }

    fn rules(self) -> Vec<String> {
        let lists = self
            .lists
            .into_iter()
            .map(|(key, items)| format!("{key}: [{}]", items.join(", ")));
        self.relations.into_iter().chain(lists).collect()
    }
}

fn qualified(name: &Name) -> String {
    match name.schema.as_deref() {
        None | Some(PG_CATALOG) => identifier(&name.name),
        Some(schema) => format!("{}.{}", identifier(schema), identifier(&name.name)),
    }
}

/// A name with its schema.
fn full(name: &Name) -> String {
    let schema = name.schema.as_deref().map(identifier).unwrap_or_default();
    format!("{schema}.{}", identifier(&name.name))
}

fn operator(name: &Name) -> String {
    let schema = name.schema.as_deref().map(identifier).unwrap_or_default();
    match &*name.name {
        // `schema.*` is every operator of it.
        "*" => format!("{schema}.\"*\""),
        symbols => format!("{schema}.{symbols}"),
    }
}

/// An identifier as rules write it.
fn identifier(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.chars().all(plain)
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
    {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// A text as YAML writes it, within brackets too.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.()/- ".contains(c);
    let word = matches!(text, "true" | "false" | "null");
    let bare =
        !word && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain);
    if bare || text.contains('(') && text.chars().all(|c| plain(c) || c == ',') {
        text.to_owned()
    } else {
        // JSON's string form is YAML's double-quoted form.
        serde_json::Value::from(text).to_string()
    }
}
