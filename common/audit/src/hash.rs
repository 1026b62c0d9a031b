//! SHA-256, from the quickest implementation in the tree of dependencies: hashing is most of what the
//! writer computes.

use aws_lc_rs::digest::{Context, SHA256};

/// A hash.
pub type Hash = [u8; 32];

/// The hash of these parts, one after the other.
pub(crate) fn sha256<const PARTS: usize>(parts: [&[u8]; PARTS]) -> Hash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
