//! The list of revoked certificates, signed by the root.

use jiff::Timestamp;
use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber,
};

use super::{BACKDATED, CaError, REVOCATION_FILE, Root, date};
use crate::store::{Contents, Store, StoreError, file};

/// Writes the list of all revoked certificates that have not ended by themselves.
/// INVARIANT: the caller holds the store's lock, and writes `contents` after this.
pub(crate) fn write_revocations(
    store: &Store,
    contents: &mut Contents,
    now: Timestamp,
) -> Result<(), CaError> {
    let root = Root::read(store)?;
    contents.crl_number = contents.crl_number.saturating_add(1);
    let mut revoked_certs = Vec::new();
    for record in contents
        .certificates
        .iter()
        .filter(|record| record.expires > now)
    {
        if let (Some(revoked), Some(serial)) = (record.revoked, serial_bytes(&record.serial)) {
            revoked_certs.push(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&serial),
                revocation_time: date(revoked),
                reason_code: Some(RevocationReason::CessationOfOperation),
                invalidity_date: None,
            });
        }
    }
    let list = CertificateRevocationListParams {
        this_update: date(now) - BACKDATED,
        next_update: date(root.ends),
        crl_number: SerialNumber::from_slice(&contents.crl_number.to_be_bytes()),
        issuing_distribution_point: None,
        revoked_certs,
        key_identifier_method: KeyIdMethod::Sha256,
    }
    .signed_by(&root.issuer)?;
    let path = store.path(REVOCATION_FILE);
    file::replace(&path, list.pem()?.as_bytes())
        .map_err(|source| StoreError::Io { path, source }.into())
}

fn serial_bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    let digits = digits?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    )
}
