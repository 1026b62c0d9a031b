use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{
    CERTIFICATE_FILE, CaError, KEY_FILE, Purpose, REVOCATION_FILE, ServerName, init, issue,
};
use crate::fixtures;
use crate::store::{CertificateUse, Store};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn init_leaves_nothing_readable_to_others_and_never_runs_twice() {
    let (_directory, store) = fixtures::store();
    for name in [KEY_FILE, CERTIFICATE_FILE, REVOCATION_FILE] {
        let mode = std::fs::metadata(store.path(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
    let again = init(&store, &fixtures::domain("other.example"), Timestamp::now());
    assert_eq!(again.unwrap_err().kind(), "store_exists");
    // Not even where only a part is left: the key is the one thing that can't be made again.
    let (_directory, store) = fixtures::store();
    std::fs::remove_file(store.path("store.json")).unwrap();
    let again = init(&store, &fixtures::domain("other.example"), Timestamp::now());
    assert_eq!(again.unwrap_err().kind(), "store_exists");
}

#[test]
fn a_leaf_has_one_name_and_one_use() {
    let (_directory, store) = fixtures::store();
    let issued = issue(
        &store,
        "billing-fn",
        &Purpose::Client,
        HOUR,
        Timestamp::now(),
    )
    .unwrap();
    assert_eq!(issued.record.usage, CertificateUse::Client);
    let der = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap();
    let (_rest, certificate) = X509Certificate::from_der(&der).unwrap();
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), 1);
    let usage = certificate.extended_key_usage().unwrap().unwrap();
    assert!(usage.value.client_auth && !usage.value.server_auth && !usage.value.any);
    assert!(!certificate.is_ca());
    let serial: String = certificate
        .raw_serial()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(serial, issued.record.serial);
    assert!(KeyPair::from_pem(issued.key_pem.expose()).is_ok());
    assert!(!format!("{issued:?}").contains("PRIVATE"));
    assert_eq!(store.read().unwrap().certificates, [issued.record]);
}

#[test]
fn a_server_leaf_has_its_names_and_no_spiffe_id() {
    let (_directory, store) = fixtures::store();
    let names = ["Localhost", "*.gw.example", "127.0.0.1", "::1"].map(|name| name.parse().unwrap());
    let purpose = Purpose::Server(names.to_vec());
    let issued = issue(&store, "gateway", &purpose, HOUR, Timestamp::now()).unwrap();
    assert_eq!(issued.record.spiffe, None);
    let der = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap();
    let (_rest, certificate) = X509Certificate::from_der(&der).unwrap();
    assert_eq!(
        certificate
            .subject_alternative_name()
            .unwrap()
            .unwrap()
            .value
            .general_names
            .len(),
        4
    );
    let usage = certificate.extended_key_usage().unwrap().unwrap();
    assert!(usage.value.server_auth && !usage.value.client_auth);
    for name in ["", "no name", "*", "*.", "a.*.b", "http://x", "x:443"] {
        assert!(name.parse::<ServerName>().is_err(), "{name}");
    }
}

#[test]
fn what_cant_be_issued_is_refused_and_not_noted() {
    let (_directory, store) = fixtures::store();
    let client =
        |name: &str, lifetime| issue(&store, name, &Purpose::Client, lifetime, Timestamp::now());
    let kind = |outcome: Result<super::Issued, CaError>| outcome.unwrap_err().kind();
    assert_eq!(kind(client("a/b", HOUR)), "ca_name");
    assert_eq!(
        kind(client("spiffe://other.example/role/x", HOUR)),
        "ca_other_domain"
    );
    assert_eq!(kind(client("x", Duration::ZERO)), "ca_too_short");
    assert_eq!(kind(client("x", HOUR * 24 * 365 * 11)), "ca_outlives");
    assert_eq!(kind(client("x", Duration::MAX)), "ca_outlives");
    let nameless = issue(
        &store,
        "x",
        &Purpose::Server(vec![]),
        HOUR,
        Timestamp::now(),
    );
    assert_eq!(kind(nameless), "ca_no_names");
    assert!(store.read().unwrap().certificates.is_empty());
    assert!(client("spiffe://exeat.internal/ns/a/sa/b", HOUR).is_ok());
}

#[test]
fn another_key_beside_the_certificate_is_noticed() {
    let (_directory, store) = fixtures::store();
    std::fs::write(
        store.path(KEY_FILE),
        KeyPair::generate().unwrap().serialize_pem(),
    )
    .unwrap();
    let error = issue(&store, "x", &Purpose::Client, HOUR, Timestamp::now()).unwrap_err();
    assert_eq!(error.kind(), "ca_key_mismatch");
}

#[test]
fn a_store_that_is_not_there_can_issue_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::at(directory.path().join("identity"));
    let error = issue(&store, "x", &Purpose::Client, HOUR, Timestamp::now()).unwrap_err();
    assert_eq!(error.kind(), "store_missing");
}
