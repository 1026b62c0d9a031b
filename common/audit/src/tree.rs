//! The RFC 6962 Merkle tree, kept as its right edge in tiles of 256 hashes (C2SP tlog-tiles).
//!
//! Level `l` holds the roots of the complete subtrees of height `8 l`; each level keeps only the hashes of
//! its unfinished tile. Pure: a finished tile is handed to the caller, who stores it or not.

mod proof;
#[cfg(test)]
mod tests;

use crate::hash::sha256;

pub use crate::hash::Hash;
pub use proof::{
    ProofError, consistency_proof, inclusion_proof, verify_consistency, verify_inclusion,
};

/// Hashes in a full tile.
pub(crate) const TILE_WIDTH: usize = 256;

/// The hash of a leaf: RFC 6962 §2.1.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    sha256([&[0], leaf])
}

/// The hash of an inner node: RFC 6962 §2.1.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256([&[1], left, right])
}

/// The root of the empty tree.
pub(crate) fn empty_root() -> Hash {
    sha256([])
}

/// The root of a complete or incomplete subtree over these hashes.
pub(crate) fn root_of(hashes: &[Hash]) -> Option<Hash> {
    match hashes {
        [] => None,
        [only] => Some(*only),
        _ => {
            let split = hashes.len().next_power_of_two() / 2;
            let (left, right) = hashes.split_at(split);
            Some(node_hash(&root_of(left)?, &root_of(right)?))
        }
    }
}

/// A tile that was just filled.
#[derive(Debug)]
pub(crate) struct FullTile {
    pub(crate) level: u8,
    pub(crate) index: u64,
    pub(crate) hashes: Vec<Hash>,
}

/// The tree's right edge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// A tree from the unfinished tiles of its levels.
    pub(crate) fn from_levels(size: u64, levels: Vec<Vec<Hash>>) -> Self {
        Self { size, levels }
    }

    /// The number of leaves.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the unfinished tiles, level by level.
    pub(crate) fn levels(&self) -> &[Vec<Hash>] {
        &self.levels
    }

    /// Appends a leaf's hash and hands over the tiles that it fills, lowest level first.
    pub(crate) fn append<E>(
        &mut self,
        leaf: Hash,
        mut full: impl FnMut(FullTile) -> Result<(), E>,
    ) -> Result<(), E> {
        self.size += 1;
        let mut hash = leaf;
        let mut index = (self.size - 1) / 256;
        for level in 0_u8.. {
            let at = usize::from(level);
            if self.levels.len() <= at {
                self.levels.push(Vec::with_capacity(TILE_WIDTH));
            }
            let Some(hashes) = self.levels.get_mut(at) else {
                break;
            };
            hashes.push(hash);
            if hashes.len() < TILE_WIDTH {
                break;
            }
            let hashes = std::mem::replace(hashes, Vec::with_capacity(TILE_WIDTH));
            // A full tile has a root.
            hash = root_of(&hashes).unwrap_or_else(empty_root);
            full(FullTile {
                level,
                index,
                hashes,
            })?;
            index /= 256;
        }
        Ok(())
    }

    /// The root: RFC 6962 §2.1, folded from the smallest complete subtree on the right.
    pub(crate) fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for hashes in &self.levels {
            let mut rest = hashes.as_slice();
            let mut peaks = Vec::new();
            while !rest.is_empty() {
                let width = if rest.len().is_power_of_two() {
                    rest.len()
                } else {
                    rest.len().next_power_of_two() / 2
                };
                let (left, right) = rest.split_at(width);
                peaks.extend(root_of(left));
                rest = right;
            }
            for peak in peaks.iter().rev() {
                root = Some(match root {
                    Some(right) => node_hash(peak, &right),
                    None => *peak,
                });
            }
        }
        root.unwrap_or_else(empty_root)
    }
}
