//! What the tests share: roots and leaves of any shape, a policy, a store in a temporary folder.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use exeat_policy::{PolicySet, Source};
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use crate::ca;
use crate::spiffe::TrustDomainName;
use crate::store::Store;

/// An address that no policy here names.
pub(crate) const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The time of day, for what compares with rustls' own clock.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

pub(crate) fn domain(name: &str) -> TrustDomainName {
    TrustDomainName::parse(name).unwrap()
}

pub(crate) fn seconds_from_now(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(Timestamp::now().as_second() + seconds)
}

pub(crate) fn policy(text: &str) -> PolicySet {
    let source = Source {
        name: "policy.yaml".into(),
        text: text.into(),
    };
    exeat_policy::load(&[source]).unwrap()
}

/// A store with a CA for `exeat.internal`.
pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::at(directory.path().join("identity"));
    ca::init(&store, &domain(ca::DEFAULT_TRUST_DOMAIN), Timestamp::now()).unwrap();
    (directory, store)
}

/// A root, or an intermediate, that signs what it is asked to.
pub(crate) struct Signer {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: rcgen::Certificate,
}

fn signer_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Signer {
    pub(crate) fn root(name: &str) -> Self {
        Self::root_until(name, seconds_from_now(86_400))
    }

    pub(crate) fn root_until(name: &str, ends: OffsetDateTime) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = signer_params(name);
        params.not_after = ends;
        let certificate = params.self_signed(&key).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    pub(crate) fn intermediate(&self, name: &str, ends: OffsetDateTime) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = signer_params(name);
        params.not_after = ends;
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    pub(crate) fn write(&self, directory: &Path, name: &str) -> PathBuf {
        let path = directory.join(name);
        std::fs::write(&path, self.certificate.pem()).unwrap();
        path
    }

    /// A list of revoked serials that ends at a time.
    pub(crate) fn revocations(&self, serials: &[u64], ends: OffsetDateTime) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: seconds_from_now(-60),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: seconds_from_now(-3600),
            next_update: ends,
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    pub(crate) fn leaf(&self, shape: impl FnOnce(&mut CertificateParams)) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let mut params = leaf_params();
        shape(&mut params);
        let der = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Leaf {
            chain: vec![der],
            key,
        }
    }
}

pub(crate) fn leaf_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = seconds_from_now(-60);
    params.not_after = seconds_from_now(3600);
    params.serial_number = Some(SerialNumber::from(7));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

pub(crate) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

pub(crate) fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

/// A certificate with its key.
pub(crate) struct Leaf {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: KeyPair,
}

impl Leaf {
    pub(crate) fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}
