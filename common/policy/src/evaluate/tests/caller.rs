use super::*;
use crate::{IdentityFailure, LimitKind};

const POLICY: &str = "
version: 1
roles:
  fn-a:
    identities: [{ token: fn-a }, { source: 10.0.0.0/8 }, { jwt: { issuer: i, subject: s } }, { spiffe: 'spiffe://d/a' }, { scram: fn-a }]
    egress: { allow: [{ host: a.example }] }
    databases: { shop: { as: rw, allow: [] }, vault: { as: ro, assurance: certificate, allow: [] } }
  fn-b:
    identities: [{ token: fn-b }, { source: 10.1.0.0/16 }, { spiffe: 'spiffe://d/b' }]
    assurance: jwt
    egress: { allow: [{ host: a.example }] }
";

fn with(caller: Caller) -> Decision {
    ask(
        &policy(POLICY),
        ConnectionRequest {
            caller,
            ..to("a.example:443")
        },
    )
}

#[test]
fn every_failure_to_identify_is_its_own_reason() {
    for (failure, reason) in [
        (
            IdentityFailure::CredentialsMissing,
            Reason::CredentialsMissing,
        ),
        (
            IdentityFailure::CredentialsInvalid,
            Reason::CredentialsInvalid,
        ),
        (
            IdentityFailure::CredentialsExpired,
            Reason::CredentialsExpired,
        ),
        (
            IdentityFailure::CredentialsRevoked,
            Reason::CredentialsRevoked,
        ),
        (IdentityFailure::IdentityUnknown, Reason::IdentityUnknown),
        (IdentityFailure::IdentityConflict, Reason::IdentityConflict),
    ] {
        denied(&with(Caller::Unknown(failure)), reason, Basis::Floor);
        let decision = evaluate(&policy(POLICY), &session(Caller::Unknown(failure), "shop"));
        denied(&decision, reason, Basis::Floor);
    }
}

#[test]
fn every_kind_of_identity_is_found() {
    let policy = policy(POLICY);
    let role = |identity| policy.role_of(&identity).map(|role| role.to_string());
    assert_eq!(
        role(Identity::Token("fn-a".into())).as_deref(),
        Some("fn-a")
    );
    assert_eq!(
        role(Identity::Scram("fn-a".into())).as_deref(),
        Some("fn-a")
    );
    assert_eq!(
        role(Identity::Spiffe("spiffe://d/a".into())).as_deref(),
        Some("fn-a")
    );
    assert_eq!(
        role(Identity::Jwt {
            issuer: "i".into(),
            subject: "s".into()
        })
        .as_deref(),
        Some("fn-a")
    );
    assert_eq!(
        role(Identity::Jwt {
            issuer: "i".into(),
            subject: "x".into()
        }),
        None
    );
    assert_eq!(
        role(Identity::Jwt {
            issuer: "s".into(),
            subject: "i".into()
        }),
        None
    );
    assert_eq!(role(Identity::Spiffe("spiffe://d/a/b".into())), None);
    assert_eq!(role(Identity::Scram("fn-b".into())), None);
}

#[test]
fn the_longest_source_network_wins() {
    let policy = policy(POLICY);
    let role = |address: &str| {
        policy
            .role_of(&Identity::Source(address.parse().unwrap()))
            .map(|role| role.to_string())
    };
    assert_eq!(role("10.2.0.1").as_deref(), Some("fn-a"));
    assert_eq!(role("10.1.0.1").as_deref(), Some("fn-b"));
    assert_eq!(role("::ffff:10.1.0.1").as_deref(), Some("fn-b"));
    assert_eq!(role("11.0.0.1"), None);
    assert_eq!(role("fd00::1"), None);
}

#[test]
fn an_identity_that_the_role_no_longer_claims_is_nobody() {
    let stolen = |identity| {
        Caller::Known(Arc::new(Principal {
            role: "fn-a".into(),
            identity,
            method: Method::Token,
            expires_at: None,
        }))
    };
    denied(
        &with(stolen(Identity::Token("fn-b".into()))),
        Reason::IdentityUnknown,
        Basis::Floor,
    );
    denied(
        &with(stolen(Identity::Token("gone".into()))),
        Reason::IdentityUnknown,
        Basis::Floor,
    );
    denied(
        &with(principal("gone", Method::Token)),
        Reason::IdentityUnknown,
        Basis::Floor,
    );
}

#[test]
fn a_proof_ends_when_it_says() {
    let at = |at| {
        let caller = Caller::Known(Arc::new(Principal {
            role: "fn-a".into(),
            identity: Identity::Token("fn-a".into()),
            method: Method::Token,
            expires_at: Some(1_000),
        }));
        ask(
            &policy(POLICY),
            ConnectionRequest {
                caller,
                at,
                ..to("a.example:443")
            },
        )
    };
    allowed(&at(999), "roles.fn-a.egress.allow[0]");
    denied(&at(1_000), Reason::CredentialsExpired, Basis::Floor);
    denied(&at(i64::MAX), Reason::CredentialsExpired, Basis::Floor);
}

#[test]
fn a_role_may_ask_for_a_stronger_proof() {
    let decision = with(principal("fn-b", Method::Token));
    denied(&decision, Reason::AssuranceTooLow, Basis::Floor);
    assert_eq!(
        decision.detail.as_deref(),
        Some("token where jwt is asked for")
    );
    allowed(
        &with(principal("fn-b", Method::Certificate)),
        "roles.fn-b.egress.allow[0]",
    );
}

#[test]
fn a_session_needs_its_database() {
    let policy = policy(POLICY);
    let ask = |method, database| evaluate(&policy, &session(principal("fn-a", method), database));
    allowed(&ask(Method::Token, "shop"), "roles.fn-a.databases.shop");
    denied(
        &ask(Method::Token, "other"),
        Reason::DatabaseNotAllowed,
        Basis::Default,
    );
    denied(
        &ask(Method::Token, "vault"),
        Reason::AssuranceTooLow,
        Basis::Floor,
    );
    allowed(
        &ask(Method::Certificate, "vault"),
        "roles.fn-a.databases.vault",
    );
    denied(
        &evaluate(&policy, &session(principal("fn-b", Method::Jwt), "shop")),
        Reason::DatabaseNotAllowed,
        Basis::Default,
    );
}

#[test]
fn an_exhausted_limit_denies() {
    for (kind, reason) in [
        (LimitKind::Connects, Reason::LimitConnects),
        (LimitKind::Tunnels, Reason::LimitTunnels),
        (LimitKind::Bytes, Reason::LimitBytes),
        (LimitKind::Sessions, Reason::LimitSessions),
        (LimitKind::Statements, Reason::LimitStatements),
        (LimitKind::Rows, Reason::LimitRows),
    ] {
        let decision = ask(
            &policy(POLICY),
            ConnectionRequest {
                exhausted: Some(kind),
                ..to("a.example:443")
            },
        );
        denied(&decision, reason, Basis::Limit);
    }
}

#[test]
fn who_it_is_comes_before_limits() {
    let request = ConnectionRequest {
        caller: Caller::Unknown(IdentityFailure::CredentialsMissing),
        exhausted: Some(LimitKind::Connects),
        ..to("a.example:443")
    };
    denied(
        &ask(&policy(POLICY), request),
        Reason::CredentialsMissing,
        Basis::Floor,
    );
}

#[test]
fn every_reason_has_its_code_and_words() {
    let mut codes = std::collections::BTreeSet::new();
    for reason in Reason::ALL {
        assert!(codes.insert(reason.code()), "{reason}");
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
        assert!(!reason.message().is_empty() && !reason.message().ends_with('.'));
        assert!(!reason.hint().is_empty() && !reason.hint().ends_with('.'));
    }
}
