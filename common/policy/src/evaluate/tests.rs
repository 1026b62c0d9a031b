//! Facts about decisions: by connection, by statement, by caller, and what holds for all of them.

mod addresses;
mod application;
mod caller;
mod connection;
mod cost;
mod floors;
mod kinds;
mod modes;
mod names;
mod properties;
mod sequences;
mod settings;
mod statement;
mod tls;
mod transparent;
mod unmatched;
mod wildcards;

use std::sync::Arc;

use crate::{
    Access, Authority, Basis, Caller, Columns, Confirmation, ConnectionRequest, Decision, Effect,
    Facts, Identity, Method, Name, PolicySet, Principal, Protocol, Reason, RelationAccess, Request,
    SessionRequest, Setting, Source, StatementRequest, Subject, TlsFinding, Verb, evaluate, load,
};

fn policy(text: &str) -> PolicySet {
    load(&[Source {
        name: "policy.yaml".into(),
        text: text.into(),
    }])
    .unwrap_or_else(|problems| panic!("{problems}"))
}

fn principal(role: &str, method: Method) -> Caller {
    Caller::Known(Arc::new(Principal {
        role: role.into(),
        identity: Identity::Token(role.into()),
        method,
        expires_at: None,
    }))
}

fn to(authority: &str) -> ConnectionRequest {
    ConnectionRequest {
        caller: principal("fn-a", Method::Certificate),
        authority: Authority::parse(authority)
            .unwrap_or_else(|error| panic!("{authority}: {error}")),
        protocol: Protocol::Tunnel,
        addresses: None,
        tls: None,
        exhausted: None,
        at: 0,
    }
}

fn resolved(authority: &str, addresses: &[&str]) -> ConnectionRequest {
    ConnectionRequest {
        addresses: Some(addresses.iter().map(|it| it.parse().unwrap()).collect()),
        ..to(authority)
    }
}

fn seen(authority: &str, tls: TlsFinding) -> ConnectionRequest {
    ConnectionRequest {
        tls: Some(tls),
        ..to(authority)
    }
}

fn ask(policy: &PolicySet, request: ConnectionRequest) -> Decision {
    evaluate(policy, &Request::Connection(request))
}

#[track_caller]
fn denied(decision: &Decision, reason: Reason, basis: Basis) {
    assert_eq!(
        (decision.effect, decision.reason, decision.basis),
        (Effect::Deny, reason, basis),
        "{decision:?}"
    );
}

#[track_caller]
fn allowed(decision: &Decision, rule: &str) {
    assert_eq!(
        (decision.effect, decision.reason),
        (Effect::Allow, Reason::Allowed),
        "{decision:?}"
    );
    assert_eq!(decision.basis, Basis::Rule);
    assert_eq!(decision.rule.as_ref().map(|rule| &*rule.path), Some(rule));
}

fn facts(verb: Verb) -> Facts {
    Facts {
        verb,
        label: "words".into(),
        relations: Vec::new(),
        functions: Vec::new(),
        operators: Vec::new(),
        types: Vec::new(),
        settings: Vec::new(),
        confirmation: Confirmation::Confirmed,
        behind: Vec::new(),
        behind_functions: Vec::new(),
        sequences: Vec::new(),
    }
}

fn name(text: &str) -> Name {
    match text.split_once('.') {
        Some((schema, name)) => Name {
            schema: Some(schema.into()),
            name: name.into(),
        },
        None => Name {
            schema: None,
            name: text.into(),
        },
    }
}

fn access(access: Access, relation: &str, columns: Option<&[&str]>) -> RelationAccess {
    let columns = columns.map_or(Columns::All, |columns| {
        Columns::Named(columns.iter().map(|it| Arc::from(*it)).collect())
    });
    RelationAccess {
        relation: name(relation),
        access,
        columns,
    }
}

fn setting(name: &str, value: Option<&str>) -> Setting {
    Setting {
        name: name.into(),
        value: value.map(Into::into),
    }
}

fn statement_request(facts: Facts) -> Request {
    Request::Statement(StatementRequest {
        caller: principal("analyst", Method::Certificate),
        database: "shop".into(),
        subject: Subject::Readable(Arc::new(facts)),
        catalog: 0,
        exhausted: None,
        at: 0,
    })
}

fn run(policy: &PolicySet, facts: Facts) -> Decision {
    evaluate(policy, &statement_request(facts))
}

fn session(caller: Caller, database: &str) -> Request {
    Request::Session(SessionRequest {
        caller,
        database: database.into(),
        exhausted: None,
        at: 0,
    })
}

const FIXTURE: &str = r#"
version: 1
roles:
  fn-a:
    identities: [{ token: fn-a }]
    egress:
      allow:
        - host: api.example.com
        - host: "*.allowed.test"
        - host: xn--bcher-kva.example
        - cidr: 10.1.0.0/16
          ports: [5432]
          tls: false
      deny:
        - host: blocked.allowed.test
"#;

fn egress_rules(egress: &str) -> PolicySet {
    let indented: String = egress
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect();
    policy(&format!(
        "version: 1\nroles:\n  fn-a:\n    identities: [{{ token: fn-a }}, {{ spiffe: 'spiffe://d/a' }}]\n    egress:\n{indented}"
    ))
}

const ANALYST: &str = "
version: 1
roles:
  analyst:
    identities: [{ token: analyst }]
    databases:
      shop:
        as: analyst_ro
        allow:
          - select: public.orders(id, total)
          - call: [count, sum, min, max, avg, abs, round, coalesce, nullif, lower, upper, rank, row_number, now]
";

fn grants(database: &str) -> PolicySet {
    let indented: String = database
        .lines()
        .map(|line| format!("        {line}\n"))
        .collect();
    policy(&format!(
        "version: 1\nroles:\n  analyst:\n    identities: [{{ token: analyst }}]\n    databases:\n      shop:\n        as: rw\n{indented}"
    ))
}

fn select(relation: &str, columns: Option<&[&str]>) -> Facts {
    touch(Verb::Select, Access::Select, relation, columns)
}

fn touch(verb: Verb, kind: Access, relation: &str, columns: Option<&[&str]>) -> Facts {
    Facts {
        relations: vec![access(kind, relation, columns)],
        ..facts(verb)
    }
}

fn set(name: &str, value: Option<&str>) -> Facts {
    Facts {
        settings: vec![setting(name, value)],
        ..facts(Verb::Set)
    }
}

fn call(functions: &[&str]) -> Facts {
    Facts {
        functions: functions.iter().map(|it| name(it)).collect(),
        ..facts(Verb::Select)
    }
}

const ORDERS: &str = "roles.analyst.databases.shop.allow[0]";
const SHOP: &str = "roles.analyst.databases.shop";
const SHOP_0: &str = "roles.analyst.databases.shop.allow[0]";
