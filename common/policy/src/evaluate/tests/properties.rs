//! What holds for every policy and every request.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;
use crate::{IdentityFailure, LimitKind, Unreadable, UnreadableKind};

const HOSTS: &[&str] = &[
    "a.test.example",
    "b.test.example",
    "x.a.test.example",
    "test.example",
    "other.example",
    "localhost",
    "db.internal",
    "1.1.1.1",
    "10.0.0.1",
    "169.254.169.254",
    "[::ffff:10.0.0.1]",
];
const ADDRESSES: &[&str] = &[
    "93.184.216.34",
    "10.0.0.1",
    "169.254.169.254",
    "::1",
    "2606:4700::1",
    "::ffff:10.0.0.1",
];
const RELATIONS: &[&str] = &[
    "public.t",
    "public.u",
    "evil.t",
    "t",
    "pg_catalog.pg_class",
    "pg_catalog.pg_authid",
];
const COLUMNS: &[&str] = &["a", "b", "ssn"];
const FUNCTIONS: &[&str] = &["lower", "public.f", "set_config", "pg_sleep", "f"];
const ALLOWS: &[&str] = &[
    "host: a.test.example",
    "host: '*.test.example'",
    "{ host: b.test.example, ports: [80, 443], tls: false }",
    "cidr: 10.0.0.0/8",
    "cidr: 1.1.1.1",
    "{ host: other.example, networks: [10.0.0.0/8], assurance: jwt }",
    "host: db.internal",
];
const DENIES: &[&str] = &[
    "{ host: a.test.example, ports: [80] }",
    "host: '*.a.test.example'",
    "cidr: 10.0.0.0/16",
    "cidr: 93.184.216.34",
    "host: c.example",
];
const GRANTS: &[&str] = &[
    "select: public.t(a)",
    "select: public.t(b)",
    "select: public.u",
    "insert: public.t",
    "update: public.t(a, b)",
    "delete: public.t",
    "call: [lower]",
    "call: [public.f]",
    "define: public.*",
    "statement: [listen]",
    "set: [work_mem]",
    "preset: [builtins]",
    "preset: [introspection]",
    "preset: [application]",
    "update: '*.*'",
    "call: [public.*]",
    "truncate: public.u",
];
const REFUSALS: &[&str] = &[
    "select: public.t(ssn)",
    "select: evil.*",
    "call: [pg_sleep]",
    "statement: [explain]",
    "set: [jit]",
    "delete: public.u",
    "update: public.t(ssn)",
];

fn text(
    (report, allows, denies, grants, refusals): (
        bool,
        Vec<usize>,
        Vec<usize>,
        Vec<usize>,
        Vec<usize>,
    ),
) -> String {
    let mode = if report { "report" } else { "enforce" };
    let list = |from: &[&str], which: &[usize], indent: &str| -> String {
        which
            .iter()
            .map(|at| format!("\n{indent}- {}", from[*at]))
            .collect()
    };
    let key = |name: &str, items: String| {
        if items.is_empty() {
            format!("{name}: []")
        } else {
            format!("{name}:{items}")
        }
    };
    format!(
        "version: 1\nroles:\n  fn-a:\n    identities: [{{ token: fn-a }}, {{ spiffe: 'spiffe://d/a' }}]\n    egress:\n      mode: {mode}\n      {}\n      {}\n  analyst:\n    identities: [{{ token: analyst }}]\n    databases:\n      shop:\n        as: x\n        mode: {mode}\n        {}\n        {}\n",
        key("allow", list(ALLOWS, &allows, "        ")),
        key("deny", list(DENIES, &denies, "        ")),
        key("allow", list(GRANTS, &grants, "          ")),
        key("deny", list(REFUSALS, &refusals, "          ")),
    )
}

fn some(from: &'static [&'static str]) -> impl Strategy<Value = Vec<usize>> {
    btree_set(0..from.len(), 0..from.len()).prop_map(|set| set.into_iter().collect())
}

type Parts = (bool, Vec<usize>, Vec<usize>, Vec<usize>, Vec<usize>);

fn parts() -> impl Strategy<Value = Parts> {
    (
        any::<bool>(),
        some(ALLOWS),
        some(DENIES),
        some(GRANTS),
        some(REFUSALS),
    )
}

fn caller(role: &'static str) -> impl Strategy<Value = Caller> {
    prop_oneof![
        8 => Just(principal(role, Method::Certificate)),
        1 => Just(principal(role, Method::Token)),
        1 => Just(principal("nobody", Method::Certificate)),
        1 => Just(Caller::Unknown(IdentityFailure::CredentialsMissing)),
    ]
}

fn limit() -> impl Strategy<Value = Option<LimitKind>> {
    prop_oneof![9 => Just(None), 1 => Just(Some(LimitKind::Connects))]
}

fn finding() -> impl Strategy<Value = Option<TlsFinding>> {
    prop_oneof![
        Just(None),
        Just(Some(TlsFinding::NotTls)),
        Just(Some(TlsFinding::NoServerName)),
        Just(Some(TlsFinding::EncryptedClientHello)),
        (0..HOSTS.len()).prop_map(|at| Some(TlsFinding::ServerName(HOSTS[at].into()))),
    ]
}

fn connection_request() -> impl Strategy<Value = Request> {
    let addresses = proptest::option::of(vec(
        (0..ADDRESSES.len()).prop_map(|at| ADDRESSES[at].parse().unwrap()),
        0..3,
    ));
    let port = prop_oneof![Just(443u16), Just(80), Just(22)];
    (
        caller("fn-a"),
        0..HOSTS.len(),
        port,
        any::<bool>(),
        addresses,
        finding(),
        limit(),
    )
        .prop_map(|(caller, host, port, http, addresses, tls, exhausted)| {
            Request::Connection(ConnectionRequest {
                caller,
                authority: Authority::new(HOSTS[host], port).unwrap(),
                protocol: if http {
                    Protocol::Http
                } else {
                    Protocol::Tunnel
                },
                addresses,
                tls,
                exhausted,
                at: 0,
            })
        })
}

fn verb() -> impl Strategy<Value = Verb> {
    use Verb::*;
    prop::sample::select(vec![
        Select,
        Insert,
        Update,
        Delete,
        Merge,
        Truncate,
        CopyIn,
        CopyOut,
        Call,
        Transaction,
        Set,
        Show,
        Explain,
        Prepare,
        Execute,
        Deallocate,
        Declare,
        Fetch,
        Close,
        Discard,
        Listen,
        Notify,
        Lock,
        Define,
        Maintain,
        Empty,
    ])
}

fn relation_access() -> impl Strategy<Value = RelationAccess> {
    use Access::*;
    let kind = prop::sample::select(vec![
        Select, Select, Select, Insert, Update, Delete, Truncate, Lock, Define, Maintain,
    ]);
    let columns = proptest::option::of(some(COLUMNS));
    (kind, 0..RELATIONS.len(), columns).prop_map(|(kind, relation, columns)| {
        let columns: Option<Vec<&str>> =
            columns.map(|columns| columns.into_iter().map(|at| COLUMNS[at]).collect());
        access(kind, RELATIONS[relation], columns.as_deref())
    })
}

fn statement() -> impl Strategy<Value = Request> {
    let settings = vec(
        prop::sample::select(vec!["work_mem", "role", "timezone", "jit", "search_path"]),
        0..2,
    );
    let functions = some(FUNCTIONS);
    (
        verb(),
        vec(relation_access(), 0..3),
        functions,
        settings,
        any::<bool>(),
        0..12u8,
        caller("analyst"),
    )
        .prop_map(
            |(verb, relations, functions, settings, confirmed, unreadable, caller)| {
                let facts = Facts {
                    relations,
                    functions: functions
                        .into_iter()
                        .map(|at| name(FUNCTIONS[at]))
                        .collect(),
                    settings: settings
                        .into_iter()
                        .map(|it| setting(it, Some("x")))
                        .collect(),
                    confirmation: if confirmed {
                        Confirmation::Confirmed
                    } else {
                        Confirmation::Unconfirmed
                    },
                    ..facts(verb)
                };
                let Request::Statement(request) = statement_request(facts) else {
                    panic!()
                };
                let unread = || {
                    Subject::Unreadable(Arc::new(Unreadable {
                        kind: UnreadableKind::Syntax,
                        detail: "x".into(),
                        offset: None,
                    }))
                };
                let subject = if unreadable == 0 {
                    unread()
                } else {
                    request.subject.clone()
                };
                Request::Statement(StatementRequest {
                    caller,
                    subject,
                    ..request
                })
            },
        )
}

fn any_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        connection_request(),
        statement(),
        caller("analyst").prop_map(|caller| session(caller, "shop"))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_allow_names_its_rule_and_every_decision_its_policy(parts in parts(), request in any_request()) {
        let Ok(policy) = load(&[Source { name: "p".into(), text: text(parts) }]) else { return Ok(()) };
        let decision = evaluate(&policy, &request);
        prop_assert_eq!(&decision.policy, policy.hash());
        if decision.effect == Effect::Allow {
            prop_assert!(matches!(decision.basis, Basis::Rule | Basis::Report), "{:?}", decision);
            prop_assert_eq!(decision.basis == Basis::Rule, decision.reason == Reason::Allowed);
        } else {
            prop_assert!(decision.reason != Reason::Allowed);
            prop_assert!(!matches!(decision.basis, Basis::Rule | Basis::Report));
        }
        if decision.basis == Basis::Rule {
            let path = decision.rule.as_ref().unwrap().path.clone();
            prop_assert!(policy.location(&path).is_some(), "{}", path);
        }
    }

    #[test]
    fn an_empty_policy_allows_nothing_that_touches_anything(request in any_request()) {
        let policy = load(&[Source { name: "p".into(), text: text((false, vec![], vec![], vec![], vec![])) }]).unwrap();
        let decision = evaluate(&policy, &request);
        match &request {
            Request::Connection(_) => prop_assert_eq!(decision.effect, Effect::Deny),
            Request::Statement(StatementRequest { subject: Subject::Readable(facts), .. }) if decision.effect == Effect::Allow => {
                prop_assert!(facts.relations.is_empty() && facts.functions.is_empty() && facts.operators.is_empty());
            }
            Request::Statement(_) | Request::Session(_) => {}
        }
    }

    #[test]
    fn adding_a_deny_never_allows(parts in parts(), egress in some(DENIES), database in some(REFUSALS), request in any_request()) {
        let mut more = parts.clone();
        more.0 = false;
        let fewer = (false, parts.1.clone(), vec![], parts.3, vec![]);
        more.2 = egress;
        more.4 = database;
        let load = |parts| load(&[Source { name: "p".into(), text: text(parts) }]);
        let (Ok(fewer), Ok(more)) = (load(fewer), load(more)) else { return Ok(()) };
        if evaluate(&fewer, &request).effect == Effect::Deny {
            prop_assert_eq!(evaluate(&more, &request).effect, Effect::Deny);
        }
    }

    #[test]
    fn adding_an_allow_never_denies(parts in parts(), request in any_request()) {
        let fewer = (false, vec![], parts.2.clone(), vec![], parts.4.clone());
        let more = (false, parts.1.clone(), parts.2.clone(), parts.3.clone(), parts.4);
        let load = |parts| load(&[Source { name: "p".into(), text: text(parts) }]);
        let (Ok(fewer), Ok(more)) = (load(fewer), load(more)) else { return Ok(()) };
        if evaluate(&fewer, &request).effect == Effect::Allow {
            prop_assert_eq!(evaluate(&more, &request).effect, Effect::Allow);
        }
    }

    #[test]
    fn report_mode_never_opens_a_floor(parts in parts(), request in any_request()) {
        let with = |report| load(&[Source { name: "p".into(), text: text((report, parts.1.clone(), parts.2.clone(), parts.3.clone(), parts.4.clone())) }]);
        let (Ok(enforced), Ok(reported)) = (with(false), with(true)) else { return Ok(()) };
        let (enforced, reported) = (evaluate(&enforced, &request), evaluate(&reported, &request));
        // Where report mode would lift a refusal that an address floor stands behind, the floor is named.
        if enforced.reason != reported.reason {
            prop_assert!(matches!(reported.reason, Reason::AddressNotPublic), "{:?}", reported);
            prop_assert_eq!((reported.effect, reported.basis), (Effect::Deny, Basis::Floor));
        }
        if enforced.effect == Effect::Allow || matches!(enforced.basis, Basis::Floor | Basis::Limit) {
            prop_assert_eq!(enforced.effect, reported.effect);
        }
    }

    #[test]
    fn the_canonical_form_decides_alike(parts in parts(), request in any_request()) {
        let Ok(policy) = load(&[Source { name: "p".into(), text: text(parts) }]) else { return Ok(()) };
        let again = PolicySet::from_canonical(policy.canonical()).unwrap();
        prop_assert_eq!(again.hash(), policy.hash());
        prop_assert_eq!(evaluate(&again, &request), evaluate(&policy, &request));
    }

    #[test]
    fn a_request_survives_its_record(parts in parts(), request in any_request()) {
        let Ok(policy) = load(&[Source { name: "p".into(), text: text(parts) }]) else { return Ok(()) };
        let decision = evaluate(&policy, &request);
        let again: Request = serde_json::from_str(&serde_json::to_string(&request).unwrap()).unwrap();
        prop_assert_eq!(evaluate(&policy, &again), decision);
    }
}
