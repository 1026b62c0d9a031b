use aws_lc_rs::digest;
use rcgen::{CertificateParams, KeyPair};

use super::{ChannelBinding, tls_server_end_point};

fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
    let key = KeyPair::generate_for(algorithm).unwrap();
    CertificateParams::new(vec!["db.example".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap()
        .der()
        .to_vec()
}

#[test]
fn hashes_by_the_hash_of_the_signature() {
    let cases: [(
        &'static rcgen::SignatureAlgorithm,
        &'static digest::Algorithm,
    ); 2] = [
        (&rcgen::PKCS_ECDSA_P256_SHA256, &digest::SHA256),
        (&rcgen::PKCS_ECDSA_P384_SHA384, &digest::SHA384),
    ];
    for (signature, hash) in cases {
        let der = certificate(signature);
        assert_eq!(
            tls_server_end_point(&der).unwrap(),
            digest::digest(hash, &der).as_ref()
        );
    }
}

#[test]
fn binding_is_not_offered_where_no_hash_is_defined() {
    let der = certificate(&rcgen::PKCS_ED25519);
    assert_eq!(ChannelBinding::of_certificate(&der), ChannelBinding::None);
    assert_eq!(ChannelBinding::None.mechanisms(), ["SCRAM-SHA-256"]);
    assert_eq!(
        ChannelBinding::of_certificate(b"junk"),
        ChannelBinding::None
    );
    let der = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
    let offered = ChannelBinding::of_certificate(&der).mechanisms();
    assert_eq!(offered, ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
}
