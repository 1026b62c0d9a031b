//! Claims that are not for us, not now, or no claims.

use exeat_policy::IdentityFailure;
use serde_json::{Value, json};

use super::super::JwtError;
use super::{ISSUER, NOW, NOW_MILLIS, claims, es256, verifier, with};

#[test]
fn rightly_signed_tokens_with_wrong_claims_are_refused() {
    use JwtError as E;
    const MISSING: JwtError = E::Malformed("iss, sub, aud or exp is missing or no such value");
    let (_directory, verifier) = verifier();
    let set = |name: &str, value: Value| with(|claims| drop(claims.insert(name.into(), value)));
    let without = |name: &str| with(|claims| drop(claims.remove(name)));
    let doubled = claims().to_string().replacen('{', r#"{"sub":"admin","#, 1);
    let cases = [
        (
            "another issuer",
            set("iss", "https://evil.example".into()),
            E::Issuer,
        ),
        (
            "the issuer with a slash",
            set("iss", format!("{ISSUER}/").into()),
            E::Issuer,
        ),
        (
            "two issuers",
            set("iss", json!([ISSUER, "https://evil.example"])),
            MISSING,
        ),
        ("no issuer", without("iss"), MISSING),
        ("another audience", set("aud", "other".into()), E::Audience),
        ("no audience", without("aud"), MISSING),
        (
            "an empty list of audiences",
            set("aud", json!([])),
            E::Audience,
        ),
        ("an empty audience", set("aud", "".into()), E::Audience),
        (
            "the audience as a part of another",
            set("aud", "exeat2".into()),
            E::Audience,
        ),
        ("no subject", without("sub"), MISSING),
        (
            "an empty subject",
            set("sub", "".into()),
            E::Malformed("the subject is empty"),
        ),
        ("a subject that is a number", set("sub", json!(7)), MISSING),
        ("two subjects", doubled, MISSING),
        ("expired", set("exp", json!(NOW - 31)), E::Expired),
        ("expired long ago", set("exp", json!(-1)), E::Expired),
        ("no expiry", without("exp"), MISSING),
        ("an expiry that is null", set("exp", Value::Null), MISSING),
        (
            "an expiry that is a text",
            set("exp", "2100-01-01".into()),
            MISSING,
        ),
        ("an expiry beyond reason", set("exp", json!(1e300)), MISSING),
        (
            "not before in the future",
            set("nbf", json!(NOW + 31)),
            E::NotYetValid,
        ),
        (
            "not before that is a text",
            set("nbf", "now".into()),
            MISSING,
        ),
        ("a list", json!([claims()]).to_string(), MISSING),
        ("no JSON", "claims".to_owned(), MISSING),
    ];
    for (name, claims, expected) in cases {
        assert_eq!(
            verifier.verify(&es256(&claims), NOW_MILLIS).unwrap_err(),
            expected,
            "{name}"
        );
    }
    assert_eq!(
        JwtError::Expired.kind(),
        IdentityFailure::CredentialsExpired
    );
}

#[test]
fn clocks_may_be_half_a_minute_apart() {
    let (_directory, verifier) = verifier();
    let set = |name: &str, value: Value| with(|claims| drop(claims.insert(name.into(), value)));
    for claims in [
        set("exp", json!(NOW - 29)),
        set("exp", json!(NOW as f64 + 0.5)),
        set("nbf", json!(NOW + 30)),
        set("aud", "exeat".into()),
    ] {
        let verified = verifier.verify(&es256(&claims), NOW_MILLIS).unwrap();
        assert!(
            verified.expires_at() > NOW_MILLIS,
            "the decision must not find it expired"
        );
    }
}
