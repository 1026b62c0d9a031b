//! Which keys of a JWKS document are loaded.

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::super::keys::KeySet;
use super::{KEYS, NOW_MILLIS, claims, ec_jwk, ed_jwk, rsa_jwk, sign_rsa, url64, verifier_with};

#[test]
fn keys_that_must_not_verify_are_left_out() {
    let good = ec_jwk(&KEYS.ec, "ec");
    let with = |jwk: &Value, name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk.as_object_mut().unwrap().insert(name.into(), value);
        jwk
    };
    let rsa = rsa_jwk(&KEYS.rsa, "rsa");
    let left_out = [
        json!({ "kty": "oct", "kid": "ec", "k": url64(b"secret"), "alg": "HS256" }),
        with(&good, "use", "enc".into()),
        with(&good, "key_ops", json!(["sign"])),
        with(&good, "alg", "ES384".into()),
        with(&good, "crv", "P-384".into()),
        with(&good, "x", "AAAA".into()),
        with(&good, "y", "!".into()),
        with(&rsa, "alg", "RS512".into()),
        with(&rsa, "alg", "HS256".into()),
        with(&rsa, "n", url64(&[0xff; 128]).into()),
        with(
            &rsa,
            "n",
            url64(&[vec![0; 128], vec![0xff; 128]].concat()).into(),
        ),
        with(&rsa, "n", url64(&[0xff; 2048]).into()),
        with(&ed_jwk(&KEYS.ed, "ed"), "crv", "X25519".into()),
        json!({ "kty": "EC" }),
        json!("key"),
        json!(null),
    ];
    for jwk in &left_out {
        let document = json!({ "keys": [jwk] }).to_string();
        assert!(KeySet::parse(document.as_bytes()).is_err(), "{jwk}");
    }
    // They don't spoil the set they are in.
    let all = json!({ "keys": left_out.iter().chain([&good]).collect::<Vec<_>>() }).to_string();
    assert_eq!(KeySet::parse(all.as_bytes()).unwrap().len(), 1);
    for document in ["", "{}", "[]", r#"{"keys":{}}"#, r#"{"keys":[]}"#] {
        assert!(KeySet::parse(document.as_bytes()).is_err(), "{document}");
    }
}

#[test]
fn a_larger_rsa_key_verifies_too() {
    let big = RsaKeyPair::generate(KeySize::Rsa3072).unwrap();
    let (_directory, verifier) = verifier_with(&json!({ "keys": [rsa_jwk(&big, "big")] }));
    let signed = format!(
        "{}.{}",
        url64(
            json!({ "alg": "RS256", "kid": "big" })
                .to_string()
                .as_bytes()
        ),
        url64(claims().to_string().as_bytes())
    );
    let signature = url64(&sign_rsa(&big, &RSA_PKCS1_SHA256, signed.as_bytes()));
    assert!(
        verifier
            .verify(&format!("{signed}.{signature}"), NOW_MILLIS)
            .is_ok()
    );
}
