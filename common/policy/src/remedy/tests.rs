//! What is suggested is what allows the request, and no more.

use std::sync::Arc;

use super::*;
use crate::{
    Authority, Caller, Confirmation, Identity, Method, Principal, RelationAccess, SessionRequest,
    Setting, Source, TlsFinding, Verb, load,
};

const POLICY: &str = "version: 1
roles:
  a:
    identities:
      - token: a
    egress:
      allow:
        - host: known.example
      deny:
        - host: denied.example
    databases:
      shop:
        as: x
        allow:
          - select: public.t(a, masked)
        deny:
          - select: public.secrets
        mask:
          public.t.masked: email
";

fn policy(text: &str) -> PolicySet {
    load(&[Source {
        name: "p".into(),
        text: text.into(),
    }])
    .unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

fn caller() -> Caller {
    Caller::Known(Arc::new(Principal {
        role: "a".into(),
        identity: Identity::Token("a".into()),
        method: Method::Certificate,
        expires_at: None,
    }))
}

fn to(authority: &str, addresses: &[&str]) -> ConnectionRequest {
    ConnectionRequest {
        caller: caller(),
        authority: Authority::parse(authority).unwrap(),
        protocol: Protocol::Tunnel,
        addresses: (!addresses.is_empty())
            .then(|| addresses.iter().map(|it| it.parse().unwrap()).collect()),
        tls: None,
        exhausted: None,
        at: 0,
    }
}

fn name(text: &str) -> Name {
    let (schema, name) = text
        .split_once('.')
        .map_or((None, text), |(schema, name)| (Some(schema), name));
    Name {
        schema: schema.map(Into::into),
        name: name.into(),
    }
}

fn statement_on(database: &str, facts: Facts) -> Request {
    Request::Statement(StatementRequest {
        caller: caller(),
        database: database.into(),
        subject: Subject::Readable(Arc::new(facts)),
        catalog: 0,
        exhausted: None,
        at: 0,
    })
}

fn facts(verb: Verb, relations: Vec<RelationAccess>, functions: &[&str]) -> Facts {
    Facts {
        verb,
        label: "create extension".into(),
        relations,
        functions: functions.iter().map(|it| name(it)).collect(),
        operators: Vec::new(),
        types: Vec::new(),
        settings: Vec::new(),
        confirmation: Confirmation::Confirmed,
        behind: Vec::new(),
        behind_functions: Vec::new(),
        sequences: Vec::new(),
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

/// The policy with the snippet's lines put where they belong.
fn with(snippet: &str) -> PolicySet {
    let mut text = POLICY.to_owned();
    let rules: Vec<&str> = snippet
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("allow:"))
        .skip(1)
        .collect();
    let rules = rules.join("\n");
    let anchor = if snippet.contains("egress:") {
        "        - host: known.example\n"
    } else {
        "          - select: public.t(a, masked)\n"
    };
    if snippet.contains("      other:") {
        text.push_str(
            &snippet
                .lines()
                .skip(3)
                .map(|line| format!("{line}\n"))
                .collect::<String>()
                .replace("THE_DATABASE_ROLE", "x"),
        );
    } else {
        text = text.replace(anchor, &format!("{anchor}{rules}\n"));
    }
    policy(&text)
}

#[track_caller]
fn helps(request: Request) -> String {
    let before = policy(POLICY);
    assert_eq!(evaluate(&before, &request).effect, Effect::Deny);
    let remedy = remedy(&before, &request).unwrap();
    let snippet = remedy
        .snippet
        .unwrap_or_else(|| panic!("{}", remedy.advice));
    let decision = evaluate(&with(&snippet), &request);
    assert_eq!(decision.effect, Effect::Allow, "{snippet}\n{decision:?}");
    snippet
}

#[track_caller]
fn hopeless(request: Request, advice: &str) {
    let remedy = remedy(&policy(POLICY), &request).unwrap();
    assert_eq!(remedy.snippet, None);
    assert!(remedy.advice.contains(advice), "{}", remedy.advice);
}

#[test]
fn nothing_is_suggested_for_what_is_allowed() {
    assert_eq!(
        remedy(
            &policy(POLICY),
            &Request::Connection(to("known.example:443", &[]))
        ),
        None
    );
}

#[test]
fn the_rule_for_a_connection_allows_it() {
    let snippet = helps(Request::Connection(to(
        "new.example:443",
        &["93.184.216.34"],
    )));
    assert_eq!(
        snippet,
        "roles:\n  a:\n    egress:\n      allow:\n        - host: new.example\n"
    );
    assert!(helps(Request::Connection(to("known.example:8443", &[]))).contains("ports: [8443]"));
    assert!(helps(Request::Connection(to("9.9.9.9:443", &[]))).contains("cidr: 9.9.9.9/32"));
    assert!(helps(Request::Connection(to("10.0.0.1:5432", &[]))).contains("cidr: 10.0.0.1/32"));
    assert!(
        helps(Request::Connection(to("[::ffff:10.0.0.1]:5432", &[]))).contains("cidr: 10.0.0.1/32")
    );
    assert!(helps(Request::Connection(to("[fd00::1]:443", &[]))).contains("cidr: fd00::1/128"));
    assert!(
        helps(Request::Connection(to("169.254.169.254:80", &[]))).contains("169.254.169.254/32")
    );
    assert!(
        helps(Request::Connection(to(
            "new.example:443",
            &["10.0.0.1", "::1", "1.1.1.1"]
        )))
        .contains("networks: [\"10.0.0.1/32\", \"::1/128\"]")
    );
    assert!(
        helps(Request::Connection(to("db.internal:443", &["10.0.0.1"])))
            .contains("host: db.internal")
    );
    let http = ConnectionRequest {
        protocol: Protocol::Http,
        ..to("new.example:80", &[])
    };
    assert!(helps(Request::Connection(http)).contains("tls: false"));
    let ssh = ConnectionRequest {
        tls: Some(TlsFinding::NotTls),
        ..to("known.example:443", &[])
    };
    assert!(helps(Request::Connection(ssh)).contains("tls: false"));
}

#[test]
fn where_no_rule_helps_that_is_said() {
    hopeless(
        Request::Connection(to("localhost:443", &[])),
        "never leads outside",
    );
    let request = Request::Connection(to("denied.example:443", &[]));
    hopeless(request, "roles.a.egress.deny[0]");
    let sni = ConnectionRequest {
        tls: Some(TlsFinding::ServerName("evil.test".into())),
        ..to("known.example:443", &[])
    };
    hopeless(Request::Connection(sni), "connect to the name");
    hopeless(
        Request::Connection(to("known.example:443", &["10.0.0.1"]).with_no_caller()),
        "present",
    );
    let on = |facts| statement_on("shop", facts);
    hopeless(
        on(facts(Verb::Select, vec![], &["set_config"])),
        "no rule opens this",
    );
    hopeless(
        on(facts(
            Verb::Select,
            vec![access(Access::Select, "public.secrets", None)],
            &[],
        )),
        "deny[0]",
    );
    hopeless(
        on(facts(
            Verb::Select,
            vec![access(Access::Select, "public.t", Some(&["masked"]))],
            &[],
        )),
        "mask",
    );
    hopeless(
        on(facts(
            Verb::Select,
            vec![access(Access::Select, "t", None)],
            &[],
        )),
        "in no known schema",
    );
    hopeless(on(facts(Verb::Insert, vec![], &[])), "names nothing");
    let unconfirmed = Facts {
        confirmation: Confirmation::Unconfirmed,
        behind: Vec::new(),
        behind_functions: Vec::new(),
        sequences: Vec::new(),
        ..facts(Verb::Select, vec![], &[])
    };
    hopeless(on(unconfirmed), "only one of the two readers");
}

impl ConnectionRequest {
    fn with_no_caller(self) -> Self {
        Self {
            caller: Caller::Unknown(crate::IdentityFailure::CredentialsMissing),
            ..self
        }
    }
}

#[test]
fn the_rules_for_a_statement_allow_it() {
    let on = |facts| statement_on("shop", facts);
    let select = |relation, columns| {
        facts(
            Verb::Select,
            vec![access(Access::Select, relation, columns)],
            &[],
        )
    };
    assert!(
        helps(on(select("public.t", Some(&["a", "b", "c"]))))
            .contains("- select: public.t(b, c)\n")
    );
    assert!(helps(on(select("public.u", Some(&["x"])))).contains("- select: public.u(x)\n"));
    assert!(helps(on(select("public.u", Some(&[])))).contains("- select: public.u\n"));
    assert!(helps(on(select("public.u", None))).contains("- select: public.u\n"));
    assert!(helps(on(select("public.ORDERS", Some(&["Id", "a b"])))).contains("ORDERS"));
    assert!(helps(on(select("My Schema.a\"b", None))).contains("select"));
    let many = facts(
        Verb::Insert,
        vec![
            access(Access::Insert, "public.u", Some(&["x"])),
            access(Access::Select, "public.u", Some(&["id"])),
        ],
        &["lower", "public.F", "true", "evil.f"],
    );
    let snippet = helps(on(many));
    assert!(
        snippet.contains("- insert: public.u(x)")
            && snippet.contains("- select: public.u(id)")
            && snippet.contains("- call: ["),
        "{snippet}"
    );
    for (verb, kind) in [
        (Verb::Delete, Access::Delete),
        (Verb::Truncate, Access::Truncate),
        (Verb::Update, Access::Update),
        (Verb::Define, Access::Define),
    ] {
        helps(on(facts(verb, vec![access(kind, "public.u", None)], &[])));
    }
    helps(on(facts(
        Verb::Select,
        vec![
            access(Access::Lock, "public.u", None),
            access(Access::Select, "public.u", None),
        ],
        &[],
    )));
    assert!(
        helps(on(facts(
            Verb::Lock,
            vec![access(Access::Lock, "public.u", None)],
            &[]
        )))
        .contains("statement: [lock]")
    );
    helps(on(facts(
        Verb::Maintain,
        vec![access(Access::Maintain, "public.u", None)],
        &[],
    )));
    assert!(
        helps(on(facts(
            Verb::Define,
            vec![access(Access::Define, "dblink", None)],
            &[]
        )))
        .contains("statement: [create extension]")
    );
    for verb in [Verb::Listen, Verb::Notify] {
        helps(on(facts(verb, vec![], &[])));
    }
    let session = Facts {
        settings: vec![Setting {
            name: "work_mem".into(),
            value: Some("1GB".into()),
        }],
        operators: vec![name("vectors.<->"), name("vectors.*")],
        types: vec![name("other.status")],
        ..facts(Verb::Select, vec![], &[])
    };
    let snippet = helps(on(session));
    assert!(
        snippet.contains("set: [work_mem]")
            && snippet.contains("operator: [\"vectors.<->\", \"vectors.\\\"*\\\"\"]")
            && snippet.contains("type: [other.status]"),
        "{snippet}"
    );
}

#[test]
fn a_database_that_the_role_lacks_is_added_with_its_rules() {
    let snippet = helps(statement_on(
        "other",
        facts(
            Verb::Select,
            vec![access(Access::Select, "public.u", None)],
            &[],
        ),
    ));
    assert!(
        snippet.contains("      other:\n        as: THE_DATABASE_ROLE\n        allow:\n"),
        "{snippet}"
    );
    let session = Request::Session(SessionRequest {
        caller: caller(),
        database: "other".into(),
        exhausted: None,
        at: 0,
    });
    helps(session);
}
