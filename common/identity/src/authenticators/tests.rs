//! The identify step as a whole: every failure, every pair of proofs, and what changes on live sessions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use exeat_policy::{Assurance, Caller, Identity, IdentityFailure, Method, PolicySet, Principal};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::{Authenticators, Evidence, IdentityError, Presented};
use crate::ca::{self, Purpose};
use crate::credentials;
use crate::fixtures::{self, NOWHERE, now, policy};
use crate::secret::Secret;
use crate::settings::{Settings, TrustDomain};
use crate::store::Store;

use IdentityFailure::{
    CredentialsExpired, CredentialsInvalid, CredentialsMissing, CredentialsRevoked,
    IdentityConflict, IdentityUnknown,
};

const POLICY: &str = "
version: 1
roles:
  billing-fn:
    identities:
      - spiffe: spiffe://exeat.internal/role/billing-fn
      - token: billing-fn
      - scram: billing-fn
      - source: 10.1.0.0/16
  report-fn:
    identities:
      - spiffe: spiffe://exeat.internal/role/report-fn
      - token: report-fn
      - scram: report-fn
";

struct Stage {
    _directory: tempfile::TempDir,
    store: Store,
    policy: PolicySet,
}

impl Stage {
    fn new() -> Self {
        let (directory, store) = fixtures::store();
        Self {
            _directory: directory,
            store,
            policy: policy(POLICY),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            store: Some(self.store.directory().to_owned()),
            ..Settings::default()
        }
    }

    fn build(&self) -> Authenticators {
        Authenticators::build(&self.settings()).unwrap()
    }

    fn token(&self, name: &str) -> String {
        let created = credentials::create_token(&self.store, name, None, Timestamp::now()).unwrap();
        created.0.expose().clone()
    }

    fn password(&self, name: &str) {
        let password = Secret::new("pencil".to_owned());
        credentials::set_password(&self.store, name, &password, Timestamp::now()).unwrap();
    }

    fn certificate(&self, name: &str) -> Vec<CertificateDer<'static>> {
        let hour = Duration::from_secs(3600);
        let issued =
            ca::issue(&self.store, name, &Purpose::Client, hour, Timestamp::now()).unwrap();
        vec![CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap()]
    }
}

fn known(caller: &Caller) -> &Principal {
    match caller {
        Caller::Known(principal) => principal,
        Caller::Unknown(failure) => panic!("{failure:?}"),
    }
}

fn failure(caller: &Caller) -> IdentityFailure {
    match caller {
        Caller::Known(principal) => panic!("{principal:?}"),
        Caller::Unknown(failure) => *failure,
    }
}

fn present<'a>(
    certificate: Option<&'a [CertificateDer<'a>]>,
    secret: Option<&'a str>,
    scram: Option<&'a str>,
    claimed_role: Option<&'a str>,
) -> Presented<'a> {
    Presented {
        certificate,
        secret,
        scram,
        claimed_role,
        source: NOWHERE,
    }
}

#[test]
fn each_proof_gives_its_principal() {
    let stage = Stage::new();
    let (token, chain) = (stage.token("billing-fn"), stage.certificate("billing-fn"));
    stage.password("billing-fn");
    let authenticators = stage.build();
    let identify =
        |presented: &Presented<'_>| authenticators.identify(presented, &stage.policy, now());

    let caller = identify(&present(None, Some(&token), None, None));
    let principal = known(&caller);
    assert_eq!(
        (principal.role.as_ref(), principal.method),
        ("billing-fn", Method::Token)
    );
    assert_eq!(principal.identity, Identity::Token("billing-fn".into()));
    assert_eq!(principal.expires_at, None);

    let caller = identify(&present(Some(&chain), None, None, Some("billing-fn")));
    let principal = known(&caller);
    assert_eq!(
        principal.identity,
        Identity::Spiffe("spiffe://exeat.internal/role/billing-fn".into())
    );
    assert_eq!(principal.assurance(), Assurance::Certificate);
    assert!(
        principal
            .expires_at
            .is_some_and(|end| end > now() && end < now() + 3_602_000)
    );

    let caller = identify(&present(None, None, Some("billing-fn"), Some("billing-fn")));
    assert_eq!(
        known(&caller).identity,
        Identity::Scram("billing-fn".into())
    );

    for source in [
        IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)),
        IpAddr::V6(Ipv4Addr::new(10, 1, 2, 3).to_ipv6_mapped()),
    ] {
        let caller = identify(&Presented::from_source(source));
        assert_eq!(known(&caller).method, Method::Source);
        assert_eq!(
            known(&caller).identity,
            Identity::Source(Ipv4Addr::new(10, 1, 2, 3).into())
        );
    }
}

#[test]
fn every_failure_is_reached_and_told_apart() {
    let stage = Stage::new();
    let now_at = Timestamp::now();
    let (token, unclaimed) = (stage.token("billing-fn"), stage.token("nobody"));
    let short = credentials::create_token(
        &stage.store,
        "billing-fn",
        Some(Duration::from_secs(60)),
        now_at,
    );
    let short = short.unwrap().0;
    let (revoked, record) =
        credentials::create_token(&stage.store, "billing-fn", None, now_at).unwrap();
    credentials::revoke(&stage.store, &record.id, now_at).unwrap();
    let authenticators = stage.build();
    let (now, later) = (now(), now() + 61_000);
    let minted = crate::token::mint().unwrap();
    let spaced = format!("{token} ");
    let huge = format!("eyJhbGciOiJSUzI1NiJ9.{}.AA", "A".repeat(100_000));
    let cases: [(&str, Presented<'_>, i64, IdentityFailure); 17] = [
        (
            "nothing",
            present(None, None, None, None),
            now,
            CredentialsMissing,
        ),
        (
            "a name alone",
            present(None, None, None, Some("billing-fn")),
            now,
            CredentialsMissing,
        ),
        (
            "an IPv6 source",
            Presented::from_source(Ipv6Addr::LOCALHOST.into()),
            now,
            CredentialsMissing,
        ),
        (
            "an empty secret",
            present(None, Some(""), None, None),
            now,
            CredentialsInvalid,
        ),
        (
            "a password",
            present(None, Some("hunter2"), None, None),
            now,
            CredentialsInvalid,
        ),
        (
            "a token never made here",
            present(None, Some(minted.expose()), None, None),
            now,
            CredentialsInvalid,
        ),
        (
            "a token and a blank",
            present(None, Some(&spaced), None, None),
            now,
            CredentialsInvalid,
        ),
        (
            "the digest of a token",
            present(None, Some(&record.sha256), None, None),
            now,
            CredentialsInvalid,
        ),
        (
            "the id of a token",
            present(None, Some(&record.id), None, None),
            now,
            CredentialsInvalid,
        ),
        (
            "a JWT without issuers",
            present(None, Some("eyJhbGciOiJSUzI1NiJ9.e30.AA"), None, None),
            now,
            CredentialsInvalid,
        ),
        (
            "a JWT beyond any size",
            present(None, Some(&huge), None, None),
            now,
            CredentialsInvalid,
        ),
        (
            "an empty chain",
            present(Some(&[]), None, None, None),
            now,
            CredentialsInvalid,
        ),
        (
            "a scram name without password",
            present(None, None, Some("billing-fn"), None),
            now,
            CredentialsInvalid,
        ),
        (
            "an expired token",
            present(None, Some(short.expose()), None, None),
            later,
            CredentialsExpired,
        ),
        (
            "a revoked token",
            present(None, Some(revoked.expose()), None, None),
            now,
            CredentialsRevoked,
        ),
        (
            "a token that no role claims",
            present(None, Some(&unclaimed), None, None),
            now,
            IdentityUnknown,
        ),
        (
            "another role's name",
            present(None, Some(&token), None, Some("report-fn")),
            now,
            IdentityConflict,
        ),
    ];
    for (name, presented, at, expected) in &cases {
        let caller = authenticators.identify(presented, &stage.policy, *at);
        assert_eq!(failure(&caller), *expected, "{name}");
    }
    assert!(matches!(
        authenticators.identify(
            &present(None, Some(short.expose()), None, None),
            &stage.policy,
            now
        ),
        Caller::Known(_)
    ));
}

#[test]
fn certificates_fail_for_their_own_reasons() {
    let stage = Stage::new();
    let (chain, unclaimed) = (stage.certificate("billing-fn"), stage.certificate("nobody"));
    let authenticators = stage.build();
    let identify = |chain: &[CertificateDer<'_>], at| {
        authenticators.identify(&present(Some(chain), None, None, None), &stage.policy, at)
    };
    assert_eq!(
        failure(&identify(&chain, now() + 3_700_000)),
        CredentialsExpired
    );
    assert_eq!(
        failure(&identify(&chain, now() - 400_000)),
        CredentialsInvalid
    );
    assert_eq!(failure(&identify(&unclaimed, now())), IdentityUnknown);
    credentials::revoke(&stage.store, "billing-fn", Timestamp::now()).unwrap();
    let rebuilt = authenticators.rebuild(&stage.settings()).unwrap();
    let caller = rebuilt.identify(
        &present(Some(&chain), None, None, None),
        &stage.policy,
        now(),
    );
    assert_eq!(failure(&caller), CredentialsRevoked);
}

#[test]
fn a_server_certificate_proves_no_role() {
    let stage = Stage::new();
    let names = Purpose::Server(vec!["localhost".parse().unwrap()]);
    let hour = Duration::from_secs(3600);
    let issued = ca::issue(&stage.store, "billing-fn", &names, hour, Timestamp::now()).unwrap();
    let chain = [CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap()];
    let caller = stage.build().identify(
        &present(Some(&chain), None, None, None),
        &stage.policy,
        now(),
    );
    assert_eq!(failure(&caller), CredentialsInvalid);
}

#[test]
fn two_proofs_must_agree_and_the_stronger_is_the_principal() {
    let stage = Stage::new();
    let (billing, report) = (stage.token("billing-fn"), stage.token("report-fn"));
    let unclaimed = stage.token("nobody");
    let chain = stage.certificate("billing-fn");
    stage.password("billing-fn");
    stage.password("report-fn");
    let short = credentials::create_token(
        &stage.store,
        "billing-fn",
        Some(Duration::from_secs(60)),
        Timestamp::now(),
    );
    let short = short.unwrap().0;
    let authenticators = stage.build();
    let identify =
        |presented: &Presented<'_>| authenticators.identify(presented, &stage.policy, now());

    let caller = identify(&present(
        Some(&chain),
        Some(&billing),
        None,
        Some("billing-fn"),
    ));
    assert_eq!(known(&caller).method, Method::Certificate);
    // It ends with the first proof that ends.
    let caller = identify(&present(Some(&chain), Some(short.expose()), None, None));
    assert_eq!(known(&caller).method, Method::Certificate);
    assert!(
        known(&caller)
            .expires_at
            .is_some_and(|end| end <= now() + 60_000)
    );

    let cases = [
        (
            present(Some(&chain), Some(&report), None, None),
            IdentityConflict,
        ),
        (
            present(Some(&chain), None, Some("report-fn"), None),
            IdentityConflict,
        ),
        (
            present(None, Some(&billing), Some("report-fn"), None),
            IdentityConflict,
        ),
        (
            present(Some(&chain), None, None, Some("report-fn")),
            IdentityConflict,
        ),
        (
            present(Some(&chain), None, None, Some("Billing-fn")),
            IdentityConflict,
        ),
        // A proof that does not hold is a denial, however good the other one is.
        (
            present(Some(&chain), Some("hunter2"), None, None),
            CredentialsInvalid,
        ),
        (
            present(Some(&chain), Some(""), None, None),
            CredentialsInvalid,
        ),
        (
            present(Some(&chain), Some(&unclaimed), None, None),
            IdentityUnknown,
        ),
        (
            present(Some(&[]), Some(&billing), None, None),
            CredentialsInvalid,
        ),
    ];
    for (presented, expected) in &cases {
        assert_eq!(failure(&identify(presented)), *expected, "{presented:?}");
    }
    // A source network never helps out a bad secret, and never conflicts with a good one.
    let inside = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
    let caller = identify(&Presented {
        secret: Some("hunter2"),
        ..Presented::from_source(inside)
    });
    assert_eq!(failure(&caller), CredentialsInvalid);
    let caller = identify(&Presented {
        secret: Some(&report),
        ..Presented::from_source(inside)
    });
    assert_eq!(known(&caller).role.as_ref(), "report-fn");
    let caller = identify(&Presented {
        claimed_role: Some("report-fn"),
        ..Presented::from_source(inside)
    });
    assert_eq!(failure(&caller), IdentityConflict);
}

#[test]
fn live_sessions_are_judged_by_what_is_true_now() {
    let stage = Stage::new();
    let (token, chain) = (stage.token("billing-fn"), stage.certificate("billing-fn"));
    stage.password("billing-fn");
    let authenticators = stage.build();
    let evidence = |presented: &Presented<'_>| -> Evidence {
        authenticators
            .identify_with_evidence(presented, &stage.policy, now())
            .1
            .unwrap()
    };
    let all = [
        evidence(&present(None, Some(&token), None, Some("billing-fn"))),
        evidence(&present(Some(&chain), None, None, None)),
        evidence(&present(None, None, Some("billing-fn"), None)),
    ];
    for evidence in &all {
        let caller = authenticators.identify_again(evidence, &stage.policy, now());
        assert_eq!(known(&caller).role.as_ref(), "billing-fn");
    }
    assert!(!format!("{all:?}").contains(&token));
    let other = policy(&POLICY.replace("billing-fn:\n", "renamed-fn:\n"));
    assert_eq!(
        failure(&authenticators.identify_again(&all[0], &other, now())),
        IdentityConflict
    );
    let empty = policy("version: 1\nroles: {}\n");
    for evidence in &all {
        assert_eq!(
            failure(&authenticators.identify_again(evidence, &empty, now())),
            IdentityUnknown
        );
    }
    credentials::revoke(&stage.store, "billing-fn", Timestamp::now()).unwrap();
    let rebuilt = authenticators.rebuild(&stage.settings()).unwrap();
    for evidence in &all {
        assert_eq!(
            failure(&rebuilt.identify_again(evidence, &stage.policy, now())),
            CredentialsRevoked
        );
    }
    let late = now() + 3_700_000;
    assert_eq!(
        failure(&authenticators.identify_again(&all[1], &stage.policy, late)),
        CredentialsExpired
    );
}

#[test]
fn a_replaced_password_ends_the_sessions_of_the_old_one() {
    let stage = Stage::new();
    stage.password("billing-fn");
    let before = stage.build();
    let presented = present(None, None, Some("billing-fn"), None);
    let identified = before.identify_with_evidence(&presented, &stage.policy, now());
    let evidence = identified.1.unwrap();
    // Revoked and set again between two looks at the store: only the verifier tells.
    credentials::revoke(&stage.store, "billing-fn", Timestamp::now()).unwrap();
    stage.password("billing-fn");
    let after = before.rebuild(&stage.settings()).unwrap();
    let caller = after.identify_again(&evidence, &stage.policy, now());
    assert_eq!(failure(&caller), CredentialsRevoked);
    let caller = after.identify(&presented, &stage.policy, now());
    assert_eq!(known(&caller).role.as_ref(), "billing-fn");
}

#[test]
fn a_revoked_password_proves_nothing_and_looks_like_an_unknown_name() {
    let stage = Stage::new();
    stage.password("billing-fn");
    let before = format!("{:?}", stage.build().scram_verifier("billing-fn"));
    assert!(before.contains("real: true"), "{before}");
    credentials::revoke(&stage.store, "billing-fn", Timestamp::now()).unwrap();
    let after = stage.build();
    for name in ["billing-fn", "nobody", ""] {
        let verifier = format!("{:?}", after.scram_verifier(name));
        assert!(verifier.contains("real: false"), "{verifier}");
    }
    let none = Authenticators::build(&Settings::default()).unwrap();
    assert!(format!("{:?}", none.scram_verifier("billing-fn")).contains("real: false"));
}

#[test]
fn every_file_that_was_read_is_watched_and_a_missing_one_is_an_error() {
    let stage = Stage::new();
    let watched = stage.settings().watch_paths();
    for name in ["store.json", "ca.pem", "crl.pem"] {
        assert!(watched.contains(&stage.store.path(name)), "{name}");
    }
    for name in ["crl.pem", "ca.pem", "store.json"] {
        std::fs::remove_file(stage.store.path(name)).unwrap();
        assert!(Authenticators::build(&stage.settings()).is_err(), "{name}");
    }
}

#[test]
fn the_built_in_domain_cant_be_given_other_roots() {
    let stage = Stage::new();
    let mut settings = stage.settings();
    settings.trust_domains.push(TrustDomain {
        name: fixtures::domain(ca::DEFAULT_TRUST_DOMAIN),
        roots: vec![stage.store.path("ca.pem")],
        crls: vec![],
    });
    assert!(matches!(
        Authenticators::build(&settings),
        Err(IdentityError::Trust(_))
    ));
}

#[test]
fn without_trust_domains_no_certificate_is_asked_for() {
    let none = Authenticators::build(&Settings::default()).unwrap();
    assert!(!none.client_verifier().offer_client_auth());
    assert!(none.client_roots().is_empty());
    let stage = Stage::new();
    let some = stage.build();
    assert!(some.client_verifier().offer_client_auth());
    assert!(!some.client_verifier().client_auth_mandatory());
    assert_eq!(some.client_roots().len(), 1);
}

#[test]
fn debug_shows_no_secret() {
    let presented = present(None, Some("exeat_topsecret"), None, Some("billing-fn"));
    let shown = format!("{presented:?}");
    assert!(
        !shown.contains("topsecret") && shown.contains("billing-fn"),
        "{shown}"
    );
}
