//! Facts about the canonical form.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use exeat_policy::{
    AuditMode, Authority, Basis, Caller, ConnectionRequest, Decision, Effect, Host,
    IdentityFailure, LimitKind, Obligations, PolicyHash, Protocol, Reason, RuleRef, SessionRequest,
    StatementRequest, Subject, TlsFinding, Unreadable, UnreadableKind,
};
use serde::Serialize;
use uuid::Uuid;

use super::to_string;
use crate::event::{Body, Completion, Event, Outcome, Plane, SessionClosed, SessionOpened};

#[derive(Serialize)]
struct Inner {
    z: u8,
    a: Option<u8>,
    m: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Plain,
    Newtype(Inner),
    Struct { b: i64, a: Vec<Inner> },
    Tuple(u8, u8),
}

#[test]
fn keys_are_sorted_at_every_depth_and_absent_fields_left_out() {
    let value = Kind::Struct {
        b: -1,
        a: vec![
            Inner {
                z: 1,
                a: None,
                m: "x",
            },
            Inner {
                z: 2,
                a: Some(3),
                m: "y",
            },
        ],
    };
    assert_eq!(
        to_string(&value).unwrap(),
        r#"{"struct":{"a":[{"m":"x","z":1},{"a":3,"m":"y","z":2}],"b":-1}}"#
    );
    assert_eq!(to_string(&Kind::Plain).unwrap(), r#""plain""#);
    assert_eq!(to_string(&Kind::Tuple(1, 2)).unwrap(), r#"{"tuple":[1,2]}"#);
    assert_eq!(
        to_string(&Kind::Newtype(Inner {
            z: 0,
            a: None,
            m: ":null"
        }))
        .unwrap(),
        r#"{"newtype":{"m":":null","z":0}}"#
    );
}

#[test]
fn strings_are_escaped_as_rfc_8785_says() {
    let text = "\u{20ac}$\u{000F}\u{000a}A'\u{0042}\u{0022}\u{005c}\\\"\u{002f}\u{7f}";
    assert_eq!(
        to_string(text).unwrap(),
        "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\u{7f}\""
    );
}

#[test]
fn keys_are_ordered_by_utf16_units_as_rfc_8785_says() {
    // RFC 8785 §3.2.3: U+1F600 (a surrogate pair) sorts before U+FB33.
    let map: BTreeMap<&str, u8> = [
        ("\u{20ac}", 1),
        ("\r", 2),
        ("\u{fb33}", 3),
        ("1", 4),
        ("\u{1f600}", 5),
        ("\u{80}", 6),
        ("\u{f6}", 7),
    ]
    .into();
    assert_eq!(
        to_string(&map).unwrap(),
        "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
    );
}

#[test]
fn fractions_are_refused() {
    assert!(to_string(&0.5).is_err());
}

#[test]
fn long_displayed_values_are_whole() {
    let long = "x".repeat(200);
    struct Shown<'a>(&'a str);
    impl Serialize for Shown<'_> {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.collect_str(self.0)
        }
    }
    assert_eq!(to_string(&Shown(&long)).unwrap(), format!("\"{long}\""));
}

/// What is recorded for each statement and connection is written as it is declared. A field out of its
/// place costs each record a sort.
#[test]
fn recorded_values_are_declared_in_the_order_of_the_record() {
    fn in_order(value: &impl Serialize) {
        let (declared, recorded) = (serde_json::to_string(value), to_string(value));
        assert_eq!(declared.unwrap(), recorded.unwrap());
    }
    let caller = Caller::Unknown(IdentityFailure::CredentialsMissing);
    in_order(&Decision {
        basis: Basis::Rule,
        detail: Some("port 22".into()),
        effect: Effect::Allow,
        obligations: Obligations {
            audit: AuditMode::Strict,
            tls: true,
        },
        policy: PolicyHash("0".into()),
        reason: Reason::Allowed,
        rule: Some(RuleRef { path: "r".into() }),
    });
    in_order(&StatementRequest {
        at: 1,
        caller: caller.clone(),
        catalog: 2,
        database: "shop".into(),
        exhausted: Some(LimitKind::Statements),
        subject: Subject::Unreadable(Arc::new(Unreadable {
            detail: "why".into(),
            kind: UnreadableKind::Syntax,
            offset: Some(3),
        })),
    });
    in_order(&SessionRequest {
        at: 1,
        caller: caller.clone(),
        database: "shop".into(),
        exhausted: Some(LimitKind::Sessions),
    });
    in_order(&ConnectionRequest {
        addresses: Some(vec!["203.0.113.7".parse().unwrap()]),
        at: 1,
        authority: Authority {
            host: Host::Name("a.example".into()),
            port: 443,
        },
        caller,
        exhausted: Some(LimitKind::Connects),
        protocol: Protocol::Tunnel,
        tls: Some(TlsFinding::ServerName("a.example".into())),
    });
    let completion = Completion {
        aliases: Cow::Owned(vec!["b.example".into()]),
        bytes_in: 1,
        bytes_out: 2,
        decision: Uuid::nil(),
        dialled: Some("203.0.113.7".parse().unwrap()),
        duration_us: 3,
        error: Some("upstream_io".into()),
        outcome: Outcome::Failed,
        rows: Some(4),
        sqlstate: Some("57014".into()),
        tls: Some(Cow::Owned(TlsFinding::NoServerName)),
    };
    in_order(&Event::now(
        Plane::Dbproxy,
        Some(Uuid::nil()),
        Body::Completion(completion),
    ));
    in_order(&SessionOpened {
        listener: "127.0.0.1:1".into(),
        peer: "127.0.0.1:2".parse().unwrap(),
        tls: true,
    });
    in_order(&SessionClosed {
        bytes_in: 1,
        bytes_out: 2,
        duration_us: 3,
        error: Some("timeout".into()),
        outcome: Outcome::TimedOut,
    });
}
