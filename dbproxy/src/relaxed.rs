//! Whether what the wire itself refuses passes: the one place that says so.
//!
//! It must never be asked about identity, TLS or limits: those hold for everybody.

use exeat_policy::DatabaseGrant;

/// Whether everything that PostgreSQL accepts passes for this role: other pinned settings in the start-up
/// packet and later, other encodings, the function call sub-protocol.
pub(crate) fn relaxed(grant: &DatabaseGrant) -> bool {
    grant.is_transparent()
}
