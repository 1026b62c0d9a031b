//! Tokens of every bad shape against an issuer with one key of each kind.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{IssuerError, JwtError, JwtVerifier, looks_like};
use crate::settings::{Issuer, Jwks};

mod claims;
mod forged;
mod keys;
mod refresh;

const ISSUER: &str = "https://oidc.example";
const NOW: i64 = 1_800_000_000;
const NOW_MILLIS: i64 = NOW * 1000;

struct Keys {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
    ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
    ed: Ed25519KeyPair::generate().unwrap(),
});

fn url64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa_jwk(key: &RsaKeyPair, kid: &str) -> Value {
    let public = key.public_key();
    let exponent = public.exponent().big_endian_without_leading_zero();
    let modulus = public.modulus().big_endian_without_leading_zero();
    json!({ "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": url64(modulus), "e": url64(exponent) })
}

fn ec_jwk(key: &EcdsaKeyPair, kid: &str) -> Value {
    let point = key.public_key().as_ref();
    json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": url64(&point[1..33]), "y": url64(&point[33..]) })
}

fn ed_jwk(key: &Ed25519KeyPair, kid: &str) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "alg": "EdDSA", "x": url64(key.public_key().as_ref()) })
}

fn key_set() -> Value {
    json!({ "keys": [rsa_jwk(&KEYS.rsa, "rsa"), ec_jwk(&KEYS.ec, "ec"), ed_jwk(&KEYS.ed, "ed")] })
}

fn sign_rsa(key: &RsaKeyPair, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .unwrap();
    signature
}

fn signature(algorithm: &str, message: &[u8]) -> Vec<u8> {
    match algorithm {
        "RS256" => sign_rsa(&KEYS.rsa, &RSA_PKCS1_SHA256, message),
        "RS512" => sign_rsa(&KEYS.rsa, &RSA_PKCS1_SHA512, message),
        "PS256" => sign_rsa(&KEYS.rsa, &RSA_PSS_SHA256, message),
        "ES256" => KEYS
            .ec
            .sign(&SystemRandom::new(), message)
            .unwrap()
            .as_ref()
            .to_vec(),
        "EdDSA" => KEYS.ed.sign(message).as_ref().to_vec(),
        other => panic!("{other}"),
    }
}

fn token_of(header: &Value, claims: &str, signed_as: &str) -> String {
    let signed = format!(
        "{}.{}",
        url64(header.to_string().as_bytes()),
        url64(claims.as_bytes())
    );
    let signature = url64(&signature(signed_as, signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "system:serviceaccount:billing:charge", "aud": ["exeat", "other"],
        "exp": NOW + 600, "nbf": NOW - 10, "iat": NOW - 10,
    })
}

fn with(change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> String {
    let mut claims = claims();
    change(claims.as_object_mut().unwrap());
    claims.to_string()
}

fn es256(claims: &str) -> String {
    token_of(
        &json!({ "alg": "ES256", "kid": "ec", "typ": "JWT" }),
        claims,
        "ES256",
    )
}

fn verifier_with(keys: &Value) -> (tempfile::TempDir, JwtVerifier) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.json");
    std::fs::write(&path, keys.to_string()).unwrap();
    (
        directory,
        JwtVerifier::read(&[issuer(Jwks::File(path))], None).unwrap(),
    )
}

fn issuer(jwks: Jwks) -> Issuer {
    Issuer {
        issuer: ISSUER.into(),
        audience: vec!["exeat".into()],
        jwks,
        ca: None,
    }
}

fn verifier() -> (tempfile::TempDir, JwtVerifier) {
    verifier_with(&key_set())
}

#[test]
fn each_pinned_algorithm_verifies_with_its_own_key() {
    let (_directory, verifier) = verifier();
    for (algorithm, kid) in [("RS256", "rsa"), ("ES256", "ec"), ("EdDSA", "ed")] {
        let token = token_of(
            &json!({ "alg": algorithm, "kid": kid }),
            &claims().to_string(),
            algorithm,
        );
        assert!(looks_like(&token));
        for _turn in 0..2 {
            let verified = verifier.verify(&token, NOW_MILLIS).unwrap();
            assert_eq!(verified.issuer.as_ref(), ISSUER);
            assert_eq!(
                verified.subject.as_ref(),
                "system:serviceaccount:billing:charge"
            );
            assert_eq!(verified.expires_at(), (NOW + 630) * 1000);
        }
    }
}

#[test]
fn a_token_without_key_id_fits_the_one_key_of_its_algorithm_only() {
    let token = token_of(&json!({ "alg": "ES256" }), &claims().to_string(), "ES256");
    let (_directory, verifier) = verifier();
    assert!(verifier.verify(&token, NOW_MILLIS).is_ok());
    let other = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let two = json!({ "keys": [ec_jwk(&KEYS.ec, "one"), ec_jwk(&other, "two")] });
    let (_directory, verifier) = verifier_with(&two);
    assert_eq!(
        verifier.verify(&token, NOW_MILLIS).unwrap_err(),
        JwtError::Key
    );
}

#[test]
fn a_cached_token_still_expires_and_goes_with_its_key() {
    let (directory, verifier) = verifier();
    let token = es256(&claims().to_string());
    assert!(verifier.verify(&token, NOW_MILLIS).is_ok());
    assert_eq!(
        verifier.verify(&token, (NOW + 630) * 1000).unwrap_err(),
        JwtError::Expired
    );
    assert_eq!(
        verifier.verify(&token, (NOW - 100) * 1000).unwrap_err(),
        JwtError::NotYetValid
    );
    let kept = verifier.verify(&token, NOW_MILLIS).unwrap();
    let path = directory.path().join("keys.json");
    std::fs::write(
        &path,
        json!({ "keys": [rsa_jwk(&KEYS.rsa, "rsa")] }).to_string(),
    )
    .unwrap();
    let rebuilt = JwtVerifier::read(&[issuer(Jwks::File(path))], Some(&verifier)).unwrap();
    assert_eq!(rebuilt.check(&kept, NOW_MILLIS).unwrap_err(), JwtError::Key);
    let without = JwtVerifier::read(&[], Some(&verifier)).unwrap();
    assert_eq!(
        without.check(&kept, NOW_MILLIS).unwrap_err(),
        JwtError::Issuer
    );
}

#[test]
fn texts_that_are_no_tokens_are_refused_cheaply() {
    let (_directory, verifier) = verifier();
    let good = es256(&claims().to_string());
    let parts: Vec<_> = good.split('.').collect();
    let padded = format!(
        "{}.{}.{}",
        URL_SAFE.encode(r#"{"alg":"ES256","kid":"ec"} "#),
        parts[1],
        parts[2]
    );
    let standard = format!(
        "{}.{}.{}",
        STANDARD.encode([0xfb, 0xff]),
        parts[1],
        parts[2]
    );
    let huge = format!("{}.{}.{}", parts[0], "A".repeat(17_000), parts[2]);
    let cases = [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c".into(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}."),
        format!("{good}.x"),
        format!(".{good}"),
        format!("{good}.a.b"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}="),
        padded,
        standard,
        huge,
    ];
    for text in cases {
        let error = verifier.verify(&text, NOW_MILLIS).unwrap_err();
        assert!(
            matches!(error, JwtError::Malformed(_) | JwtError::Signature),
            "{error}: {text:.80}"
        );
    }
}

#[test]
fn a_signature_has_one_spelling() {
    // Another last character can carry the same bits; the canonical one only is taken.
    let (_directory, verifier) = verifier();
    let good = es256(&claims().to_string());
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let accepted = alphabet.chars().filter(|letter| {
        let text = format!("{}{letter}", &good[..good.len() - 1]);
        verifier.verify(&text, NOW_MILLIS).is_ok()
    });
    assert_eq!(accepted.count(), 1);
}

#[test]
fn secrets_are_told_apart() {
    assert!(looks_like(&es256(&claims().to_string())));
    let token = crate::token::mint().unwrap();
    for other in [token.expose().as_str(), "a.b.c", "", "pass.word.123"] {
        assert!(!looks_like(other), "{other}");
    }
}

#[test]
fn settings_that_would_accept_too_much_are_errors() {
    let read = |issuer: Issuer| JwtVerifier::read(&[issuer], None).map(|_verifier| ());
    let mut deaf = issuer(Jwks::Discovery);
    deaf.audience = vec![String::new()];
    assert!(matches!(read(deaf), Err(IssuerError::NoAudience(_))));
    for url in [
        "http://oidc.example/keys",
        "ftp://oidc.example",
        "https://user@oidc.example",
        "oidc.example",
        "",
    ] {
        assert!(
            matches!(
                read(issuer(Jwks::Url(url.into()))),
                Err(IssuerError::Url(_))
            ),
            "{url}"
        );
    }
    for url in [
        "https://oidc.example/keys",
        "http://127.0.0.1:8080/keys",
        "http://[::1]:1/",
        "http://localhost/",
    ] {
        assert!(read(issuer(Jwks::Url(url.into()))).is_ok(), "{url}");
    }
    assert!(matches!(
        read(issuer(Jwks::File("/nonexistent".into()))),
        Err(IssuerError::File { .. })
    ));
    let twice = [issuer(Jwks::Discovery), issuer(Jwks::Discovery)];
    assert!(matches!(
        JwtVerifier::read(&twice, None),
        Err(IssuerError::Duplicate(_))
    ));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_makes_it_panic_or_pass(text: String, bytes: Vec<u8>) {
        let (_directory, verifier) = &*SHARED;
        proptest::prop_assert!(verifier.verify(&text, NOW_MILLIS).is_err());
        let dressed = format!("{}.{}.{}", url64(b"{\"alg\":\"ES256\"}"), url64(&bytes), url64(&bytes));
        proptest::prop_assert!(verifier.verify(&dressed, NOW_MILLIS).is_err());
    }
}

static SHARED: LazyLock<(tempfile::TempDir, Arc<JwtVerifier>)> = LazyLock::new(|| {
    let (directory, verifier) = verifier();
    (directory, Arc::new(verifier))
});
