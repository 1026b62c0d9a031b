//! What makes a listener's TLS unusable, and how it is told.

use super::*;
use crate::stage::Stage;

fn error(stage: &Stage, certificate: &str, key: &str) -> String {
    let identity = Authenticators::build(&stage.config().identity).unwrap();
    let tls = Tls {
        certificate: stage.path(certificate),
        key: stage.path(key),
        client_certificates: false,
    };
    let error = TlsStore::default()
        .server(&tls, &[], &identity)
        .map(|_| ())
        .unwrap_err();
    error.to_string()
}

#[test]
fn each_unusable_file_is_named() {
    let stage = Stage::new();
    stage.certificate("other");
    stage.write("empty.pem", "");
    assert!(error(&stage, "missing.pem", "server.key").contains("missing.pem"));
    assert!(error(&stage, "empty.pem", "server.key").ends_with("empty.pem: no certificate in it"));
    assert!(error(&stage, "server.pem", "empty.pem").contains("empty.pem"));
    assert!(error(&stage, "server.pem", "other.key").contains("other.key"));
}

#[test]
fn protocol_names_and_versions_are_set() {
    let stage = Stage::new();
    let identity = Authenticators::build(&stage.config().identity).unwrap();
    let tls = Tls {
        certificate: stage.path("server.pem"),
        key: stage.path("server.key"),
        client_certificates: true,
    };
    let store = TlsStore::default();
    let server = store.server(&tls, &[b"http/1.1"], &identity).unwrap();
    assert_eq!(server.config().alpn_protocols, [b"http/1.1"]);
    assert_eq!(server.config().max_early_data_size, 0);
}
