//! Facts about the exported folder, read as C2SP tlog-tiles says.

use sha2::{Digest, Sha256};

use super::*;
use crate::checkpoint::Checkpoint;
use crate::key::PublicKey;
use crate::testing::closed_log;
use crate::tree::root_of;

#[tokio::test]
async fn bundles_hash_to_the_tiles_and_tiles_to_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path(), 400).await;
    let out = folder.path().join("out");
    let size = export_tiles(folder.path(), &out).unwrap();
    assert!(size > 512 && size < 768, "{size}");
    let mut hashes = Vec::new();
    for bundle in [
        "000".to_owned(),
        "001".to_owned(),
        format!("002.p/{}", size - 512),
    ] {
        let bytes = fs::read(out.join("tile/entries").join(&bundle)).unwrap();
        let tile = fs::read(out.join("tile/0").join(&bundle)).unwrap();
        let mut rest = bytes.as_slice();
        let mut from_entries = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (leaf, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            let hash: [u8; 32] = Sha256::digest([&[0], leaf].concat()).into();
            from_entries.push(hash);
            rest = after;
        }
        assert_eq!(from_entries.concat(), tile);
        hashes.extend(from_entries);
    }
    let key = PublicKey::read(&out.join(PUBLIC_FILE)).unwrap();
    let note = fs::read_to_string(out.join(LATEST_FILE)).unwrap();
    let checkpoint = Checkpoint::open(&note, &key).unwrap();
    assert_eq!(
        (checkpoint.size, Some(checkpoint.root)),
        (size, root_of(&hashes))
    );
    let upper = fs::read(out.join("tile/1/000.p/2")).unwrap();
    assert_eq!(upper[..32], root_of(&hashes[..256]).unwrap());
    assert!(
        export_tiles(folder.path(), &out).is_err(),
        "nothing is written over"
    );
}
