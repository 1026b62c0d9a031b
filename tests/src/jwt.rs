//! An issuer of JSON Web Tokens: keys of each algorithm, tokens right and wrong, its JWKS, and an
//! OIDC discovery server on loopback.

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256};
use serde_json::{Value, json};

use crate::origin::Origin;

/// The algorithms that a gateway takes.
pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// An issuer with one key per algorithm; the key's id is the algorithm's name.
pub struct Issuer {
    keys: Vec<(Algorithm, EncodingKey, Jwk)>,
    /// The `iss` claim.
    pub issuer: String,
    /// The `aud` claim.
    pub audience: String,
}

impl Issuer {
    /// A new issuer with new keys.
    pub fn new(issuer: &str, audience: &str) -> Self {
        let keys = ALGORITHMS.map(|algorithm| {
            let key = encoding_key(algorithm);
            let mut jwk = Jwk::from_encoding_key(&key, algorithm).unwrap();
            jwk.common.key_id = Some(format!("{algorithm:?}"));
            (algorithm, key, jwk)
        });
        Self {
            keys: keys.into(),
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        }
    }

    /// The key set as the issuer publishes it.
    pub fn jwks(&self) -> String {
        let keys = self.keys.iter().map(|(.., jwk)| jwk.clone()).collect();
        serde_json::to_string(&JwkSet { keys }).unwrap()
    }

    /// The usual claims for `subject`: an hour from now.
    pub fn claims(&self, subject: &str) -> Value {
        let now = now();
        json!({
            "iss": self.issuer, "aud": self.audience, "sub": subject,
            "iat": now, "nbf": now - 5, "exp": now + 3600,
        })
    }

    /// A token for `subject`.
    pub fn token(&self, algorithm: Algorithm, subject: &str) -> String {
        self.sign(algorithm, &self.claims(subject))
    }

    /// A token with these claims.
    pub fn sign(&self, algorithm: Algorithm, claims: &Value) -> String {
        let (_, key, _) = self
            .keys
            .iter()
            .find(|(known, ..)| *known == algorithm)
            .unwrap();
        let mut header = Header::new(algorithm);
        header.kid = Some(format!("{algorithm:?}"));
        jsonwebtoken::encode(&header, claims, key).unwrap()
    }

    /// Tokens that nobody may take: no signature, and an HMAC keyed with the public key.
    pub fn forged(&self, subject: &str) -> Vec<String> {
        use base64::Engine as _;

        let encode = |value: &Value| {
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
        };
        let claims = self.claims(subject);
        let none = format!(
            "{}.{}.",
            encode(&json!({"alg": "none", "kid": "RS256"})),
            encode(&claims)
        );
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("RS256".to_owned());
        let hmac = EncodingKey::from_secret(self.jwks().as_bytes());
        vec![none, jsonwebtoken::encode(&header, &claims, &hmac).unwrap()]
    }
}

/// A discovery server: `/.well-known/openid-configuration` and the keys. The issuer's name is its URL.
pub fn discovery() -> (Origin, Issuer) {
    let origin = Origin::plain("issuer");
    let url = format!("http://{}", origin.address());
    let issuer = Issuer::new(&url, "exeat");
    let document = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
    origin.answers("/.well-known/openid-configuration", &document.to_string());
    origin.answers("/keys", &issuer.jwks());
    (origin, issuer)
}

/// Seconds since the Unix epoch.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    since.as_secs().try_into().unwrap()
}

/// What stands before the seed in a PKCS #8 version 1 key of Ed25519 (RFC 8410 §7).
const ED25519: [u8; 16] = [
    0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
];

fn encoding_key(algorithm: Algorithm) -> EncodingKey {
    let kind = match algorithm {
        Algorithm::RS256 => &PKCS_RSA_SHA256,
        Algorithm::ES256 => &PKCS_ECDSA_P256_SHA256,
        _ => &PKCS_ED25519,
    };
    let key = KeyPair::generate_for(kind).unwrap();
    let pem = key.serialize_pem();
    match algorithm {
        Algorithm::RS256 => EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
        Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()).unwrap(),
        _ => {
            // The version 2 that was generated has the seed in the same place, and more behind it.
            let seed = &key.serialized_der()[16..48];
            EncodingKey::from_ed_der(&[&ED25519, seed].concat())
        }
    }
}
