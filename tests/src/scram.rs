//! SCRAM-SHA-256 by hand, both sides (RFC 5802, RFC 7677, RFC 5929): the parts of an honest exchange,
//! for tests to put together wrongly. Made from the primitives alone, not from the product's code.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// What both sides derive of a password.
#[derive(Clone, Debug)]
pub struct Keys {
    client: [u8; 32],
    server: [u8; 32],
}

impl Keys {
    /// The keys of a password (plain ASCII: nothing to prepare).
    pub fn of(password: &str, salt: &[u8], iterations: u32) -> Self {
        let mut salted = [0; 32];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            NonZeroU32::new(iterations).unwrap(),
            salt,
            password.as_bytes(),
            &mut salted,
        );
        Self {
            client: sign(&salted, b"Client Key"),
            server: sign(&salted, b"Server Key"),
        }
    }

    /// The client's proof of these messages, in base64.
    pub fn proof(&self, signed: &str) -> String {
        let stored = digest::digest(&digest::SHA256, &self.client);
        let signature = sign(stored.as_ref(), signed.as_bytes());
        let proof: Vec<u8> = self
            .client
            .iter()
            .zip(signature)
            .map(|(key, mask)| key ^ mask)
            .collect();
        STANDARD.encode(proof)
    }

    /// The server's signature of these messages, in base64.
    pub fn signature(&self, signed: &str) -> String {
        STANDARD.encode(sign(&self.server, signed.as_bytes()))
    }
}

fn sign(key: &[u8], message: &[u8]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, message).as_ref().try_into().unwrap()
}

/// An attribute of a message (`r=…`), without its name.
#[track_caller]
pub fn attribute(message: &str, name: char) -> &str {
    message
        .split(',')
        .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        .unwrap_or_else(|| panic!("no {name}= in {message}"))
}

/// Base64.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of base64.
#[track_caller]
pub fn decode(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// The `tls-server-end-point` data of a certificate (PEM) that is signed with SHA-256.
pub fn end_point(certificate: &str) -> Vec<u8> {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    digest::digest(&digest::SHA256, &certificate)
        .as_ref()
        .to_vec()
}
