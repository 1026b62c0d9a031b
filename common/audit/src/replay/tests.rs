//! Fidelity: a recorded decision, replayed with the policy that it names, comes out the same.

use std::net::IpAddr;

use exeat_policy::{
    Access, Assurance, Authority, Caller, Columns, Confirmation, ConnectionRequest, Facts, Host,
    Identity, IdentityFailure, LimitKind, Method, Name, Principal, Protocol, RelationAccess,
    Request, SessionRequest, Setting, Source, StatementRequest, Subject, TlsFinding, Unreadable,
    UnreadableKind, Verb,
};
use proptest::prelude::*;

use super::*;
use crate::decode::{Joined, Joiner};
use crate::encode::encode;
use crate::event::{Decided, Labels, Parameter, Plane};

const POLICY: &str = r#"
version: 1
roles:
  a:
    identities: [{ token: t1 }, { spiffe: "spiffe://corp.example/a" }]
    labels: { env: prod, "\u00e9t\u00e9": "quoted \" label" }
    egress:
      allow:
        - host: api.example.com
        - host: "*.queue.example"
          ports: [443, 8443]
          assurance: jwt
        - cidr: 10.0.0.0/8
          ports: [5432]
          tls: false
      deny:
        - host: blocked.queue.example
    databases:
      shop:
        as: rw
        allow:
          - select: public.orders(id, total)
          - insert: public.payments
          - call: [lower]
  b:
    identities: [{ jwt: { issuer: "https://oidc.example", subject: "b" } }]
    egress:
      mode: report
      allow: [{ host: api.example.com }]
"#;

fn policy() -> Arc<PolicySet> {
    let source = Source {
        name: "policy.yaml".into(),
        text: POLICY.into(),
    };
    Arc::new(exeat_policy::load(&[source]).unwrap_or_else(|error| panic!("{error}")))
}

fn text() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![
        Just(Arc::from("a")),
        Just(Arc::from("b")),
        prop::collection::vec(any::<char>(), 0..12)
            .prop_map(|chars| Arc::from(chars.into_iter().collect::<String>())),
    ]
}

fn identity() -> impl Strategy<Value = (Identity, Method)> {
    prop_oneof![
        Just((Identity::Token("t1".into()), Method::Token)),
        Just((
            Identity::Spiffe("spiffe://corp.example/a".into()),
            Method::Certificate
        )),
        Just((
            Identity::Jwt {
                issuer: "https://oidc.example".into(),
                subject: "b".into()
            },
            Method::Jwt
        )),
        text().prop_map(|name| (Identity::Scram(name), Method::Scram)),
        any::<IpAddr>().prop_map(|address| (Identity::Source(address), Method::Source)),
    ]
}

fn caller() -> impl Strategy<Value = Caller> {
    let known = (text(), identity(), any::<Option<i64>>()).prop_map(
        |(role, (identity, method), expires_at)| {
            Caller::Known(Arc::new(Principal {
                role,
                identity,
                method,
                expires_at,
            }))
        },
    );
    let unknown = prop::sample::select(vec![
        IdentityFailure::CredentialsMissing,
        IdentityFailure::CredentialsRevoked,
        IdentityFailure::IdentityConflict,
    ]);
    prop_oneof![4 => known, 1 => unknown.prop_map(Caller::Unknown)]
}

fn limit() -> impl Strategy<Value = Option<LimitKind>> {
    prop::option::weighted(
        0.1,
        prop::sample::select(vec![
            LimitKind::Connects,
            LimitKind::Bytes,
            LimitKind::Statements,
        ]),
    )
}

fn connection() -> impl Strategy<Value = Request> {
    let host = prop_oneof![
        prop::sample::select(vec![
            "api.example.com",
            "x.queue.example",
            "blocked.queue.example",
            "queue.example"
        ])
        .prop_map(|name| Host::Name(name.into())),
        any::<IpAddr>().prop_map(Host::Address),
        Just(Host::Address("10.1.2.3".parse().unwrap())),
    ];
    let tls = prop_oneof![
        Just(TlsFinding::ServerName("api.example.com".into())),
        text().prop_map(TlsFinding::ServerName),
        Just(TlsFinding::EncryptedClientHello),
        Just(TlsFinding::NotTls),
    ];
    let port = prop::sample::select(vec![443_u16, 8443, 80, 5432, 1]);
    let protocol = prop::sample::select(vec![Protocol::Tunnel, Protocol::Http]);
    let addresses = prop::option::of(prop::collection::vec(any::<IpAddr>(), 0..4));
    (
        caller(),
        host,
        port,
        protocol,
        addresses,
        prop::option::of(tls),
        limit(),
        any::<i64>(),
    )
        .prop_map(
            |(caller, host, port, protocol, addresses, tls, exhausted, at)| {
                let authority = Authority { host, port };
                Request::Connection(ConnectionRequest {
                    caller,
                    authority,
                    protocol,
                    addresses,
                    tls,
                    exhausted,
                    at,
                })
            },
        )
}

fn name() -> impl Strategy<Value = Name> {
    let names = prop::sample::select(vec!["orders", "payments", "lower", "secret"]);
    let schema = prop::option::of(prop::sample::select(vec!["public", "pg_catalog"]));
    (schema, names).prop_map(|(schema, name)| Name {
        schema: schema.map(Into::into),
        name: name.into(),
    })
}

fn relation() -> impl Strategy<Value = RelationAccess> {
    let columns = prop_oneof![
        Just(Columns::All),
        prop::collection::btree_set(prop::sample::select(vec!["id", "total", "card"]), 0..3)
            .prop_map(|names| Columns::Named(names.into_iter().map(Into::into).collect())),
    ];
    let access = prop::sample::select(vec![Access::Select, Access::Insert, Access::Lock]);
    (name(), access, columns).prop_map(|(relation, access, columns)| RelationAccess {
        relation,
        access,
        columns,
    })
}

fn subject() -> impl Strategy<Value = Subject> {
    let verb = prop::sample::select(vec![
        Verb::Select,
        Verb::Insert,
        Verb::Set,
        Verb::Define,
        Verb::Empty,
    ]);
    let setting =
        (text(), prop::option::of(text())).prop_map(|(name, value)| Setting { name, value });
    let confirmation =
        prop::sample::select(vec![Confirmation::Confirmed, Confirmation::Unconfirmed]);
    let facts = (
        verb,
        text(),
        prop::collection::vec(relation(), 0..3),
        prop::collection::vec(name(), 0..2),
        prop::collection::vec(setting, 0..2),
        confirmation,
    )
        .prop_map(
            |(verb, label, relations, functions, settings, confirmation)| {
                let (operators, types) = (Vec::new(), functions.clone());
                Subject::Readable(Arc::new(Facts {
                    verb,
                    label,
                    relations,
                    functions,
                    operators,
                    types,
                    settings,
                    confirmation,
                    behind: Vec::new(),
                    behind_functions: Vec::new(),
                    sequences: Vec::new(),
                }))
            },
        );
    let kind = prop::sample::select(vec![UnreadableKind::Syntax, UnreadableKind::Disagreement]);
    let unreadable = (kind, text(), any::<Option<usize>>()).prop_map(|(kind, detail, offset)| {
        Subject::Unreadable(Arc::new(Unreadable {
            kind,
            detail,
            offset,
        }))
    });
    prop_oneof![4 => facts, 1 => unreadable]
}

fn request() -> impl Strategy<Value = Request> {
    let database = || prop::sample::select(vec!["shop", "other"]).prop_map(Arc::<str>::from);
    let session = (caller(), database(), limit(), any::<i64>()).prop_map(
        |(caller, database, exhausted, at)| {
            Request::Session(SessionRequest {
                caller,
                database,
                exhausted,
                at,
            })
        },
    );
    let statement = (
        caller(),
        database(),
        subject(),
        any::<u64>(),
        limit(),
        any::<i64>(),
    )
        .prop_map(|(caller, database, subject, catalog, exhausted, at)| {
            Request::Statement(StatementRequest {
                caller,
                database,
                subject,
                catalog,
                exhausted,
                at,
            })
        });
    prop_oneof![connection(), session, statement]
}

fn parameter() -> impl Strategy<Value = Parameter> {
    prop_oneof![
        Just(Parameter::Null),
        text().prop_map(|text| Parameter::Text(text.to_string()))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_random_request_is_recorded_read_and_replayed_the_same(
        request in request(),
        sql in text(),
        parameters in prop::collection::vec(parameter(), 0..3),
        labels in prop::collection::btree_map(".{0,5}", ".{0,5}", 0..3),
    ) {
        let policy = policy();
        let decision = evaluate(&policy, &request);
        // Labels are those of a role: a caller that is not known has none.
        let known = !format!("{request:?}").contains("caller: Unknown");
        let labels: Labels = if known { labels } else { Labels::new() };
        let mut decided = Decided::new(&request, &decision).labels(&labels);
        if matches!(request, Request::Statement(_)) {
            decided = decided.statement(&sql, &parameters);
        }
        let event = Event::now(Plane::Gateway, None, Body::Decision(decided));
        let (leaf, contexts) = encode(&event, |leaf, contexts| (leaf.to_vec(), contexts)).unwrap();
        let mut joiner = Joiner::default();
        for context in [contexts.caller, contexts.subject].into_iter().flatten() {
            assert!(matches!(joiner.accept(&context.leaf), Ok(Joined::Context(..))));
            let value: serde_json::Value = serde_json::from_slice(&context.leaf).unwrap();
            let canonical = crate::canonical_json(&value).unwrap();
            prop_assert_eq!(canonical.as_bytes(), &*context.leaf);
        }
        let value: serde_json::Value = serde_json::from_slice(&leaf).unwrap();
        let canonical = crate::canonical_json(&value).unwrap();
        prop_assert_eq!(canonical.as_bytes(), &*leaf, "a leaf is in canonical form");
        let Ok(Joined::Event(read)) = joiner.accept(&leaf) else { panic!("not read back") };
        prop_assert_eq!(&*read, &event);
        let canonical = PolicySet::from_canonical(policy.canonical()).unwrap();
        prop_assert!(replay(&read, |_| Ok(Arc::new(canonical))).unwrap());
    }
}

#[test]
fn another_policy_is_noticed() {
    let policy = policy();
    let principal = Principal {
        role: "a".into(),
        identity: Identity::Token("t1".into()),
        method: Method::Token,
        expires_at: None,
    };
    assert_eq!(principal.assurance(), Assurance::Token);
    let request = Request::Connection(ConnectionRequest {
        caller: Caller::Known(Arc::new(principal)),
        authority: Authority {
            host: Host::Name("api.example.com".into()),
            port: 443,
        },
        protocol: Protocol::Tunnel,
        addresses: None,
        tls: None,
        exhausted: None,
        at: 0,
    });
    let decision = evaluate(&policy, &request);
    let event = Event::now(
        Plane::Gateway,
        None,
        Body::Decision(Decided::new(&request, &decision)),
    );
    assert!(replay(&event, |_| Ok(Arc::clone(&policy))).unwrap());
    let text = POLICY.replace("host: api.example.com", "host: api.example.org");
    let other = exeat_policy::load(&[Source {
        name: "other".into(),
        text,
    }])
    .unwrap();
    let mismatch = replay(&event, |_| Ok(Arc::new(other))).unwrap_err();
    assert!(matches!(mismatch, Mismatch::Decision { .. }));
    let missing = replay(&event, |_| Err("gone".to_owned())).unwrap_err();
    assert!(matches!(missing, Mismatch::Policy { .. }));
}
