//! Chains of every bad shape, judged directly and by real handshakes.

use std::path::PathBuf;
use std::sync::Arc;

use exeat_policy::IdentityFailure;
use rcgen::{CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SerialNumber};
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{CertificateError, DomainVerifier, TrustBundle, TrustError};
use crate::fixtures::{Leaf, Signer, dns, domain, leaf_params, now, seconds_from_now, uri};
use crate::settings::TrustDomain;
use crate::spiffe::SpiffeError;

const CHARGE: &str = "spiffe://corp.example/ns/billing/sa/charge";

struct Stage {
    _directory: tempfile::TempDir,
    corp: Signer,
    other: Signer,
    settings: Vec<TrustDomain>,
    list: PathBuf,
}

/// Two domains with a root each; `corp.example` has a list on which serial 13 is revoked.
fn stage() -> Stage {
    let directory = tempfile::tempdir().unwrap();
    let (corp, other) = (Signer::root("corp"), Signer::root("other"));
    let list = directory.path().join("corp.crl");
    std::fs::write(&list, corp.revocations(&[13], seconds_from_now(3600))).unwrap();
    let settings = vec![
        TrustDomain {
            name: domain("corp.example"),
            roots: vec![corp.write(directory.path(), "corp.pem")],
            crls: vec![list.clone()],
        },
        TrustDomain {
            name: domain("other.example"),
            roots: vec![other.write(directory.path(), "other.pem")],
            crls: vec![],
        },
    ];
    Stage {
        _directory: directory,
        corp,
        other,
        settings,
        list,
    }
}

fn bundle(stage: &Stage) -> TrustBundle {
    TrustBundle::read(&stage.settings).unwrap()
}

/// A subject alternative name extension with these URIs, byte by byte.
fn names(uris: &[&[u8]]) -> CustomExtension {
    let uri = |uri: &&[u8]| [&[0x86, u8::try_from(uri.len()).unwrap()], *uri].concat();
    let body: Vec<u8> = uris.iter().flat_map(uri).collect();
    let content = [&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat();
    CustomExtension::from_oid_content(&[2, 5, 29, 17], content)
}

fn bad_leaves(stage: &Stage) -> Vec<(&'static str, Leaf, CertificateError)> {
    use CertificateError as E;
    let corp = &stage.corp;
    let self_signed = {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = leaf_params();
        params.subject_alt_names = vec![uri(CHARGE)];
        Leaf {
            chain: vec![params.self_signed(&key).unwrap().der().clone()],
            key,
        }
    };
    let stranger = Signer::root("corp");
    let stranger = stranger.leaf(|leaf| leaf.subject_alt_names = vec![uri(CHARGE)]);
    vec![
        ("no SAN", corp.leaf(|_leaf| {}), E::UriSans(0)),
        (
            "DNS only",
            corp.leaf(|leaf| leaf.subject_alt_names = vec![dns("charge.corp.example")]),
            E::UriSans(0),
        ),
        (
            "two SPIFFE IDs",
            corp.leaf(|leaf| {
                leaf.subject_alt_names = vec![uri(CHARGE), uri("spiffe://corp.example/admin")]
            }),
            E::UriSans(2),
        ),
        (
            "a SPIFFE ID and another URI",
            corp.leaf(|leaf| {
                leaf.subject_alt_names = vec![uri("https://corp.example/"), uri(CHARGE)]
            }),
            E::UriSans(2),
        ),
        (
            "another URI",
            corp.leaf(|leaf| leaf.subject_alt_names = vec![uri("https://corp.example/x")]),
            E::Spiffe(SpiffeError::Scheme),
        ),
        (
            "the trust domain itself",
            corp.leaf(|leaf| leaf.subject_alt_names = vec![uri("spiffe://corp.example")]),
            E::Spiffe(SpiffeError::Path),
        ),
        (
            "upper case",
            corp.leaf(|leaf| leaf.subject_alt_names = vec![uri("spiffe://CORP.example/x")]),
            E::Spiffe(SpiffeError::TrustDomain),
        ),
        (
            "a domain that is not trusted",
            corp.leaf(|leaf| leaf.subject_alt_names = vec![uri("spiffe://third.example/x")]),
            E::UnknownDomain,
        ),
        (
            "a domain that is trusted, by the root of another",
            stage
                .other
                .leaf(|leaf| leaf.subject_alt_names = vec![uri(CHARGE)]),
            E::Untrusted,
        ),
        (
            "the other way round",
            corp.leaf(|leaf| leaf.subject_alt_names = vec![uri("spiffe://other.example/x")]),
            E::Untrusted,
        ),
        (
            "expired",
            corp.leaf(|leaf| {
                leaf.subject_alt_names = vec![uri(CHARGE)];
                leaf.not_after = seconds_from_now(-30);
            }),
            E::Expired,
        ),
        (
            "not yet valid",
            corp.leaf(|leaf| {
                leaf.subject_alt_names = vec![uri(CHARGE)];
                leaf.not_before = seconds_from_now(600);
            }),
            E::NotYetValid,
        ),
        (
            "revoked",
            corp.leaf(|leaf| {
                leaf.subject_alt_names = vec![uri(CHARGE)];
                leaf.serial_number = Some(SerialNumber::from(13));
            }),
            E::Revoked,
        ),
        (
            "for servers only",
            corp.leaf(|leaf| {
                leaf.subject_alt_names = vec![uri(CHARGE)];
                leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
            E::WrongUse,
        ),
        (
            "a CA",
            corp.leaf(|leaf| {
                leaf.subject_alt_names = vec![uri(CHARGE)];
                leaf.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            }),
            E::Signing,
        ),
        (
            "a leaf that may sign",
            corp.leaf(|leaf| {
                leaf.subject_alt_names = vec![uri(CHARGE)];
                leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign];
            }),
            E::Signing,
        ),
        (
            "a SPIFFE ID and a URI that is no text",
            corp.leaf(|leaf| leaf.custom_extensions = vec![names(&[&[0xff], CHARGE.as_bytes()])]),
            E::Malformed,
        ),
        (
            "two lists of names",
            corp.leaf(|leaf| {
                leaf.subject_alt_names = vec![dns("x.example")];
                leaf.custom_extensions = vec![names(&[CHARGE.as_bytes()])];
            }),
            E::Malformed,
        ),
        ("self-signed", self_signed, E::Untrusted),
        (
            "a root of the same name with another key",
            stranger,
            E::Untrusted,
        ),
    ]
}

#[test]
fn every_bad_leaf_is_refused_for_its_own_reason() {
    let stage = stage();
    let bundle = bundle(&stage);
    for (name, leaf, expected) in bad_leaves(&stage) {
        assert_eq!(
            bundle.verify_cached(&leaf.chain, now()).unwrap_err(),
            expected,
            "{name}"
        );
        // Also the second time: a refusal is never kept, and never turns into a verdict.
        assert_eq!(
            bundle.verify_cached(&leaf.chain, now()).unwrap_err(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_good_leaf_proves_its_id_until_it_ends() {
    let stage = stage();
    let bundle = bundle(&stage);
    // A DNS name beside the one URI is fine (X509-SVID, section 2).
    let leaf = stage
        .corp
        .leaf(|leaf| leaf.subject_alt_names = vec![dns("x.example"), uri(CHARGE)]);
    let now = now();
    let verified = bundle.verify_cached(&leaf.chain, now).unwrap();
    assert_eq!(verified.id.as_str(), CHARGE);
    assert!(verified.expires_at > now + 3_500_000 && verified.expires_at <= now + 3_602_000);
    // The kept verdict does not outlive the certificate.
    let error = bundle
        .verify_cached(&leaf.chain, verified.expires_at + 1)
        .unwrap_err();
    assert_eq!(error, CertificateError::Expired);
}

#[test]
fn a_chain_ends_with_its_first_certificate_that_ends() {
    let mut stage = stage();
    stage.settings[0].crls.clear();
    let bundle = bundle(&stage);
    let intermediate = stage.corp.intermediate("between", seconds_from_now(120));
    let mut leaf = intermediate.leaf(|leaf| leaf.subject_alt_names = vec![uri(CHARGE)]);
    leaf.chain.push(intermediate.certificate.der().clone());
    let now = now();
    let verified = bundle.verify_cached(&leaf.chain, now).unwrap();
    assert!(verified.expires_at <= now + 122_000);
    assert_eq!(
        bundle.verify_cached(&leaf.chain[..1], now).unwrap_err(),
        CertificateError::Untrusted
    );
}

#[test]
fn a_root_counts_as_long_as_it_is_valid_itself() {
    let directory = tempfile::tempdir().unwrap();
    let ended = Signer::root_until("corp", seconds_from_now(-10));
    let ending = Signer::root_until("corp", seconds_from_now(60));
    let settings = [TrustDomain {
        name: domain("corp.example"),
        roots: vec![
            ended.write(directory.path(), "ended.pem"),
            ending.write(directory.path(), "ending.pem"),
        ],
        crls: vec![],
    }];
    let bundle = TrustBundle::read(&settings).unwrap();
    let leaf = |root: &Signer| {
        root.leaf(|leaf| leaf.subject_alt_names = vec![uri(CHARGE)])
            .chain
    };
    let error = bundle.verify_cached(&leaf(&ended), now()).unwrap_err();
    assert_eq!(error, CertificateError::Untrusted);
    let verified = bundle.verify_cached(&leaf(&ending), now()).unwrap();
    assert!(verified.expires_at <= now() + 62_000);
}

#[test]
fn an_intermediate_without_a_list_is_refused_where_lists_are_kept() {
    let stage = stage();
    let bundle = bundle(&stage);
    let intermediate = stage.corp.intermediate("between", seconds_from_now(120));
    let mut leaf = intermediate.leaf(|leaf| leaf.subject_alt_names = vec![uri(CHARGE)]);
    leaf.chain.push(intermediate.certificate.der().clone());
    let error = bundle.verify_cached(&leaf.chain, now()).unwrap_err();
    assert_eq!(error, CertificateError::RevocationUnknown);
}

#[test]
fn an_expired_list_or_one_of_another_issuer_refuses_everybody() {
    let stage = stage();
    let leaf = stage
        .corp
        .leaf(|leaf| leaf.subject_alt_names = vec![uri(CHARGE)]);
    for text in [
        stage.corp.revocations(&[], seconds_from_now(-10)),
        stage.other.revocations(&[], seconds_from_now(3600)),
    ] {
        std::fs::write(&stage.list, text).unwrap();
        let error = bundle(&stage)
            .verify_cached(&leaf.chain, now())
            .unwrap_err();
        assert_eq!(error, CertificateError::RevocationUnknown);
    }
}

#[test]
fn junk_and_oversized_chains_are_refused_unread() {
    let stage = stage();
    let bundle = bundle(&stage);
    let leaf = stage
        .corp
        .leaf(|leaf| leaf.subject_alt_names = vec![uri(CHARGE)]);
    let der = &leaf.chain[0];
    let mut trailing = der.to_vec();
    trailing.push(0);
    let chains: Vec<Vec<CertificateDer<'_>>> = vec![
        vec![],
        vec![CertificateDer::from(vec![])],
        vec![CertificateDer::from(vec![0x30, 0x80])],
        vec![CertificateDer::from(trailing)],
        vec![CertificateDer::from(der[..der.len() - 1].to_vec())],
        vec![der.clone(); 9],
        vec![der.clone(), CertificateDer::from(vec![0; 64 * 1024])],
    ];
    for chain in chains {
        let error = bundle.verify_cached(&chain, now()).unwrap_err();
        assert_eq!(error, CertificateError::Malformed);
    }
}

#[test]
fn settings_that_could_prove_nothing_are_errors() {
    let stage = stage();
    let mut twice = stage.settings.clone();
    twice.push(twice[0].clone());
    assert!(matches!(
        TrustBundle::read(&twice),
        Err(TrustError::Duplicate(_))
    ));
    let mut rootless = stage.settings.clone();
    rootless[0].roots.clear();
    assert!(matches!(
        TrustBundle::read(&rootless),
        Err(TrustError::NoRoots(_))
    ));
    // An empty list file must not switch revocation off.
    std::fs::write(&stage.list, "").unwrap();
    assert!(matches!(
        TrustBundle::read(&stage.settings),
        Err(TrustError::File { .. })
    ));
}

#[test]
fn a_list_is_read_as_der_too() {
    let stage = stage();
    let pem = stage.corp.revocations(&[13], seconds_from_now(3600));
    let der = rustls_pki_types::pem::PemObject::from_pem_slice(pem.as_bytes());
    let der: rustls_pki_types::CertificateRevocationListDer<'_> = der.unwrap();
    std::fs::write(&stage.list, &der).unwrap();
    let leaf = stage.corp.leaf(|leaf| {
        leaf.subject_alt_names = vec![uri(CHARGE)];
        leaf.serial_number = Some(SerialNumber::from(13));
    });
    assert_eq!(
        bundle(&stage)
            .verify_cached(&leaf.chain, now())
            .unwrap_err(),
        CertificateError::Revoked
    );
}

#[test]
fn reasons_of_denials_tell_expired_and_revoked_apart() {
    assert_eq!(
        CertificateError::Expired.kind(),
        IdentityFailure::CredentialsExpired
    );
    assert_eq!(
        CertificateError::Revoked.kind(),
        IdentityFailure::CredentialsRevoked
    );
    assert_eq!(
        CertificateError::Untrusted.kind(),
        IdentityFailure::CredentialsInvalid
    );
}

/// One handshake; what the server made of it, and what the client read after it.
async fn handshake(
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
) -> (Result<usize, rustls::Error>, std::io::Result<usize>) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let accept = async {
        match TlsAcceptor::from(server).accept(near).await {
            Ok(mut stream) => {
                let certificates = stream.get_ref().1.peer_certificates().map_or(0, <[_]>::len);
                stream.write_all(b"x").await.ok();
                stream.shutdown().await.ok();
                Ok(certificates)
            }
            Err(error) => Err(error
                .into_inner()
                .unwrap()
                .downcast_ref::<rustls::Error>()
                .unwrap()
                .clone()),
        }
    };
    let connect = async {
        let name = ServerName::try_from("gateway.example").unwrap();
        let mut stream = TlsConnector::from(client).connect(name, far).await?;
        let mut byte = [0];
        stream.read(&mut byte).await
    };
    tokio::join!(accept, connect)
}

fn server_config(
    stage: &Stage,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> (Arc<ServerConfig>, Signer) {
    let authority = Signer::root("servers");
    let server = authority.leaf(|leaf| {
        leaf.subject_alt_names = vec![dns("gateway.example")];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(Arc::new(DomainVerifier::new(Arc::new(bundle(stage)))))
        .with_single_cert(server.chain.clone(), server.key_der())
        .unwrap();
    (Arc::new(config), authority)
}

fn client_config(authority: &Signer, leaf: Option<&Leaf>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let Some(leaf) = leaf else {
        return Arc::new(builder.with_no_client_auth());
    };
    // Straight into the resolver: a client of bad will does not check its own certificate.
    let signing = provider
        .key_provider
        .load_private_key(leaf.key_der())
        .unwrap();
    let certified = CertifiedKey::new(leaf.chain.clone(), signing);
    Arc::new(builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified))))
}

#[tokio::test]
async fn handshakes_let_good_certificates_and_none_through_in_both_versions() {
    let stage = stage();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (server, authority) = server_config(&stage, &[version]);
        let good = stage
            .corp
            .leaf(|leaf| leaf.subject_alt_names = vec![uri(CHARGE)]);
        let other = stage
            .other
            .leaf(|leaf| leaf.subject_alt_names = vec![uri("spiffe://other.example/x")]);
        for (leaf, certificates) in [(Some(&good), 1), (Some(&other), 1), (None, 0)] {
            let client = client_config(&authority, leaf);
            let (accepted, read) = handshake(Arc::clone(&server), client).await;
            assert_eq!(accepted.unwrap(), certificates);
            assert_eq!(read.unwrap(), 1);
        }
    }
}

#[tokio::test]
async fn handshakes_fail_for_every_bad_leaf_in_both_versions() {
    let stage = stage();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (server, authority) = server_config(&stage, &[version]);
        for (name, leaf, _expected) in bad_leaves(&stage) {
            let client = client_config(&authority, Some(&leaf));
            let (accepted, read) = handshake(Arc::clone(&server), client).await;
            assert!(
                matches!(accepted, Err(rustls::Error::InvalidCertificate(_))),
                "{name}: {accepted:?}"
            );
            assert!(read.is_err(), "{name}");
        }
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_is_worth_nothing() {
    let stage = stage();
    let (server, authority) = server_config(&stage, &[&rustls::version::TLS13]);
    let good = stage
        .corp
        .leaf(|leaf| leaf.subject_alt_names = vec![uri(CHARGE)]);
    let stolen = Leaf {
        chain: good.chain.clone(),
        key: rcgen::KeyPair::generate().unwrap(),
    };
    let client = client_config(&authority, Some(&stolen));
    let (accepted, read) = handshake(server, client).await;
    assert!(accepted.is_err());
    assert!(read.is_err());
}
