//! Tokens that nobody with a right to sign has signed.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use exeat_policy::IdentityFailure;
use serde_json::{Value, json};

use super::super::JwtError;
use super::{KEYS, NOW_MILLIS, claims, ec_jwk, es256, key_set, token_of, url64, verifier, with};

/// Signed as the header says would be right, or not at all: all are refused.
fn forged() -> Vec<(&'static str, String, JwtError)> {
    use JwtError as E;
    let good = claims().to_string();
    let payload = url64(good.as_bytes());
    let head = |header: Value| url64(header.to_string().as_bytes());
    let hmac_with = |secret: &[u8]| {
        let signed = format!(
            "{}.{payload}",
            head(json!({ "alg": "HS256", "kid": "rsa" }))
        );
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
        let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
        format!("{signed}.{}", url64(tag.as_ref()))
    };
    let es = |header: Value| token_of(&header, &good, "ES256");
    let stranger = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let embedded = {
        let header = json!({ "alg": "ES256", "kid": "ec", "jwk": ec_jwk(&stranger, "ec"), "jku": "https://evil.example/keys" });
        let signed = format!("{}.{payload}", head(header));
        let signature = stranger
            .sign(&SystemRandom::new(), signed.as_bytes())
            .unwrap();
        format!("{signed}.{}", url64(signature.as_ref()))
    };
    let swapped = {
        let token = es256(&good);
        let (_signed, signature) = token.rsplit_once('.').unwrap();
        let admin = with(|claims| drop(claims.insert("sub".into(), "admin".into())));
        format!(
            "{}.{}.{signature}",
            head(json!({ "alg": "ES256", "kid": "ec" })),
            url64(admin.as_bytes())
        )
    };
    let zero = format!(
        "{}.{payload}.{}",
        head(json!({ "alg": "ES256", "kid": "ec" })),
        url64(&[0; 64])
    );
    let modulus = KEYS
        .rsa
        .public_key()
        .modulus()
        .big_endian_without_leading_zero()
        .to_vec();
    let der = KEYS.rsa.public_key().as_ref().to_vec();
    vec![
        (
            "alg none",
            format!(
                "{}.{payload}.{}",
                head(json!({ "alg": "none" })),
                url64(b"x")
            ),
            E::Algorithm,
        ),
        (
            "alg None",
            format!(
                "{}.{payload}.{}",
                head(json!({ "alg": "None" })),
                url64(b"x")
            ),
            E::Algorithm,
        ),
        (
            "alg none without a signature",
            format!("{}.{payload}.", head(json!({ "alg": "none" }))),
            E::Malformed("not three parts"),
        ),
        (
            "HS256 with the RSA modulus",
            hmac_with(&modulus),
            E::Algorithm,
        ),
        (
            "HS256 with the RSA key's DER",
            hmac_with(&der),
            E::Algorithm,
        ),
        (
            "HS256 with the JWKS document",
            hmac_with(key_set().to_string().as_bytes()),
            E::Algorithm,
        ),
        (
            "RS512",
            token_of(&json!({ "alg": "RS512", "kid": "rsa" }), &good, "RS512"),
            E::Algorithm,
        ),
        (
            "PS256",
            token_of(&json!({ "alg": "PS256", "kid": "rsa" }), &good, "PS256"),
            E::Algorithm,
        ),
        (
            "PSS signed, RS256 said",
            token_of(&json!({ "alg": "RS256", "kid": "rsa" }), &good, "PS256"),
            E::Signature,
        ),
        (
            "alg of another key's kind",
            es(json!({ "alg": "ES256", "kid": "rsa" })),
            E::Key,
        ),
        (
            "RS256 with the EC key's id",
            token_of(&json!({ "alg": "RS256", "kid": "ec" }), &good, "RS256"),
            E::Key,
        ),
        (
            "EdDSA said, ES256 signed",
            es(json!({ "alg": "EdDSA", "kid": "ed" })),
            E::Signature,
        ),
        (
            "an unknown key id",
            es(json!({ "alg": "ES256", "kid": "../../dev/null" })),
            E::Key,
        ),
        (
            "an empty key id",
            es(json!({ "alg": "ES256", "kid": "" })),
            E::Key,
        ),
        (
            "a key id that is a number",
            es(json!({ "alg": "ES256", "kid": 1 })),
            E::Malformed("the header is no JOSE header"),
        ),
        (
            "a list of algorithms",
            es(json!({ "alg": ["ES256"], "kid": "ec" })),
            E::Malformed("the header is no JOSE header"),
        ),
        (
            "no algorithm",
            es(json!({ "kid": "ec" })),
            E::Malformed("the header is no JOSE header"),
        ),
        (
            "crit",
            es(json!({ "alg": "ES256", "kid": "ec", "crit": ["exp"] })),
            E::Malformed("critical header parameters are not understood"),
        ),
        (
            "crit null",
            es(json!({ "alg": "ES256", "kid": "ec", "crit": null })),
            E::Malformed("critical header parameters are not understood"),
        ),
        (
            "compressed",
            es(json!({ "alg": "ES256", "kid": "ec", "zip": "DEF" })),
            E::Malformed("critical header parameters are not understood"),
        ),
        (
            "a logout token",
            es(json!({ "alg": "ES256", "kid": "ec", "typ": "logout+jwt" })),
            E::Malformed("the token is of another type"),
        ),
        ("a key in the header", embedded, E::Signature),
        ("claims swapped", swapped, E::Signature),
        ("a signature of zeros", zero, E::Signature),
    ]
}

#[test]
fn forged_tokens_are_refused() {
    let (_directory, verifier) = verifier();
    for (name, token, expected) in forged() {
        assert_eq!(
            verifier.verify(&token, NOW_MILLIS).unwrap_err(),
            expected,
            "{name}"
        );
        assert_eq!(
            expected.kind(),
            IdentityFailure::CredentialsInvalid,
            "{name}"
        );
    }
}
