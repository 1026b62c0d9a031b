//! Tiles on disk, laid out as C2SP tlog-tiles says, so that tools not written here can read them.
//!
//! They are derived from the segments and never trusted by themselves: they make starting quick, and let
//! `verify` name the very record that was changed. So they are written without a sync.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::AuditError;
use crate::tree::{FullTile, Hash, TILE_WIDTH, Tree, root_of};

/// The path of a tile below the log's folder; `width` is that of a partial tile.
pub(crate) fn path(kind: &str, index: u64, width: Option<usize>) -> PathBuf {
    let mut groups = vec![format!("{:03}", index % 1000)];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(format!("x{:03}", rest % 1000));
        rest /= 1000;
    }
    groups.reverse();
    let path = format!("tile/{kind}/{}", groups.join("/"));
    match width {
        Some(width) => PathBuf::from(format!("{path}.p/{width}")),
        None => PathBuf::from(path),
    }
}

fn bytes_of(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), AuditError> {
    let done = fs::write(path, bytes);
    let done = match (done, path.parent()) {
        (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(parent).and_then(|()| fs::write(path, bytes))
        }
        (done, _) => done,
    };
    done.map_err(AuditError::io("write", path))
}

/// Writes a full tile, and removes the partial ones that it replaces.
pub(crate) fn write_full(directory: &Path, tile: &FullTile) -> Result<(), AuditError> {
    let kind = tile.level.to_string();
    let full = directory.join(path(&kind, tile.index, None));
    put(&full, &bytes_of(&tile.hashes))?;
    let mut partial = full.into_os_string();
    partial.push(".p");
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(AuditError::io("remove", partial.as_ref())(error))
        }
        _ => Ok(()),
    }
}

/// Writes an entry bundle: the leaves of one lowest tile, each behind its length.
pub(crate) fn write_bundle(
    directory: &Path,
    index: u64,
    width: Option<usize>,
    bytes: &[u8],
) -> Result<(), AuditError> {
    put(&directory.join(path("entries", index, width)), bytes)
}

/// Writes the unfinished tiles of a tree, in place of older ones.
pub(crate) fn write_partial(directory: &Path, tree: &Tree) -> Result<(), AuditError> {
    for (level, hashes) in tree
        .levels()
        .iter()
        .enumerate()
        .filter(|(_, hashes)| !hashes.is_empty())
    {
        let index = index_at(tree.size(), level);
        let place = directory.join(path(&level.to_string(), index, Some(hashes.len())));
        put(&place, &bytes_of(hashes))?;
        let Some(folder) = place.parent() else {
            continue;
        };
        for other in fs::read_dir(folder)
            .map_err(AuditError::io("read", folder))?
            .flatten()
        {
            if other.path() != place {
                // One that stays behind is harmless: nobody looks for that width again.
                fs::remove_file(other.path()).ok();
            }
        }
    }
    Ok(())
}

/// The index of the unfinished tile at a level of a tree of this size.
fn index_at(size: u64, level: usize) -> u64 {
    let shift = u32::try_from(level + 1)
        .unwrap_or(u32::MAX)
        .saturating_mul(8);
    size.checked_shr(shift).unwrap_or(0)
}

/// Reads the first hashes of a tile, from the full one or one that is wide enough; `None` where there is
/// none, or none of the right length.
pub(crate) fn read(directory: &Path, level: usize, index: u64, width: usize) -> Option<Vec<Hash>> {
    let kind = level.to_string();
    let full = directory.join(path(&kind, index, None));
    let exact = directory.join(path(&kind, index, Some(width)));
    let bytes = fs::read(&exact)
        .or_else(|_| fs::read(&full))
        .or_else(|_| fs::read(wider(exact.parent(), width)))
        .ok()?;
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty()
        .then(|| hashes.get(..width).map(<[Hash]>::to_vec))
        .flatten()
}

/// A partial tile of at least this width. Older ones are removed when a newer one is there.
fn wider(folder: Option<&Path>, width: usize) -> PathBuf {
    let entries = folder
        .and_then(|folder| fs::read_dir(folder).ok())
        .into_iter()
        .flatten()
        .flatten();
    let width_of = |path: &PathBuf| path.file_name()?.to_str()?.parse::<usize>().ok();
    entries
        .map(|entry| entry.path())
        .filter(|path| width_of(path) >= Some(width))
        .max_by_key(width_of)
        .unwrap_or_default()
}

/// The tree of this size, as the tiles tell it; `None` where some are missing.
pub(crate) fn load(directory: &Path, size: u64) -> Option<Tree> {
    let mut levels: Vec<Vec<Hash>> = Vec::new();
    let mut count = size;
    while count > 0 {
        let level = levels.len();
        let width = usize::try_from(count % 256).ok()?;
        let mut hashes = match width {
            0 => Vec::new(),
            _ => match read(directory, level, count / 256, width) {
                Some(hashes) => hashes,
                // Of the upper levels the full tiles below say the same.
                None if level > 0 => from_below(directory, level, count - count % 256, width)?,
                None => return None,
            },
        };
        hashes.reserve(TILE_WIDTH - width);
        levels.push(hashes);
        count /= 256;
    }
    Some(Tree::from_levels(size, levels))
}

fn from_below(directory: &Path, level: usize, first: u64, width: usize) -> Option<Vec<Hash>> {
    let end = first + u64::try_from(width).ok()?;
    (first..end)
        .map(|index| root_of(&read(directory, level - 1, index, TILE_WIDTH)?))
        .collect()
}
