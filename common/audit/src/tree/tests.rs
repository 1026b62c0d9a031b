//! Facts about the tree, against a naive one written from the definition in RFC 6962 §2.1.

use proptest::prelude::*;

use sha2::{Digest, Sha256};

use super::*;

fn naive(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => Sha256::digest([&[0], leaf.as_slice()].concat()).into(),
        _ => {
            let mut split = 1;
            while split * 2 < leaves.len() {
                split *= 2;
            }
            let (left, right) = leaves.split_at(split);
            Sha256::digest([&[1], naive(left).as_slice(), naive(right).as_slice()].concat()).into()
        }
    }
}

fn leaves(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| format!("leaf {n}").into_bytes())
        .collect()
}

fn tree(leaves: &[Vec<u8>]) -> (Tree, Vec<FullTile>) {
    let (mut tree, mut tiles) = (Tree::default(), Vec::new());
    for leaf in leaves {
        tree.append(leaf_hash(leaf), |tile| {
            tiles.push(tile);
            Ok::<(), ()>(())
        })
        .unwrap();
    }
    (tree, tiles)
}

#[test]
fn the_root_is_that_of_the_definition_at_every_size() {
    let all = leaves(600);
    let mut tree = Tree::default();
    for (size, leaf) in all.iter().enumerate() {
        assert_eq!(tree.root(), naive(&all[..size]), "size {size}");
        tree.append(leaf_hash(leaf), |_| Ok::<(), ()>(())).unwrap();
    }
}

#[test]
fn the_known_vectors_of_certificate_transparency_hold() {
    // The leaves and roots that certificate-transparency-go's merkle tests use.
    let inputs = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let expected = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
    let bytes: Vec<Vec<u8>> = inputs
        .iter()
        .map(|hex| {
            (0..hex.len() / 2)
                .map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap())
                .collect()
        })
        .collect();
    let root: String = tree(&bytes)
        .0
        .root()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(root, expected);
}

#[test]
fn full_tiles_are_handed_over_with_their_place() {
    let (tree, tiles) = tree(&leaves(256 * 257 + 3));
    assert_eq!(tree.size(), 256 * 257 + 3);
    assert_eq!(tiles.len(), 257 + 1);
    let upper = tiles.iter().find(|tile| tile.level == 1).unwrap();
    assert_eq!((upper.index, upper.hashes.len()), (0, 256));
    assert_eq!(upper.hashes[7], root_of(&tiles[7].hashes).unwrap());
    assert_eq!(
        tiles
            .iter()
            .filter(|tile| tile.level == 0)
            .map(|tile| tile.index)
            .max(),
        Some(256)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn inclusion_proofs_hold_for_their_leaf_and_for_no_other(size in 1_usize..300, pick: prop::sample::Index, flip: u8) {
        let all = leaves(size);
        let hashes: Vec<Hash> = all.iter().map(|leaf| leaf_hash(leaf)).collect();
        let index = pick.index(size);
        let root = naive(&all);
        let mut proof = inclusion_proof(&hashes, index).unwrap();
        let (at, n) = (index as u64, size as u64);
        prop_assert_eq!(verify_inclusion(&hashes[index], at, n, &proof, &root), Ok(()));
        prop_assert!(verify_inclusion(&leaf_hash(b"other"), at, n, &proof, &root).is_err());
        prop_assert!(verify_inclusion(&hashes[index], n, n, &proof, &root).is_err());
        let mut longer = proof.clone();
        longer.push(root);
        prop_assert!(verify_inclusion(&hashes[index], at, n, &longer, &root).is_err());
        if let Some(hash) = proof.first_mut() {
            hash[usize::from(flip % 32)] ^= 1;
            prop_assert!(verify_inclusion(&hashes[index], at, n, &proof, &root).is_err());
        }
    }

    #[test]
    fn consistency_proofs_hold_for_a_prefix_and_for_nothing_else(size in 1_usize..300, pick: prop::sample::Index) {
        let all = leaves(size);
        let hashes: Vec<Hash> = all.iter().map(|leaf| leaf_hash(leaf)).collect();
        let old = pick.index(size) + 1;
        let (old_root, root) = (naive(&all[..old]), naive(&all));
        let (m, n) = (old as u64, size as u64);
        let mut proof = consistency_proof(&hashes, old).unwrap();
        prop_assert_eq!(verify_consistency((m, &old_root), (n, &root), &proof), Ok(()));
        let other = leaf_hash(b"other");
        prop_assert!(verify_consistency((m, &other), (n, &root), &proof).is_err());
        prop_assert!(verify_consistency((m, &old_root), (n, &other), &proof).is_err());
        if let Some(hash) = proof.last_mut() {
            hash[0] ^= 1;
            prop_assert!(verify_consistency((m, &old_root), (n, &root), &proof).is_err());
        }
    }
}
