//! The log as a C2SP tlog-tiles folder: checkpoint, tiles and entry bundles, for tools not written here.

#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use crate::checkpoint::LATEST_FILE;
use crate::error::AuditError;
use crate::files;
use crate::key::PUBLIC_FILE;
use crate::segment::{Lines, MAX_LEAF};
use crate::tiles;
use crate::tree::{TILE_WIDTH, Tree, leaf_hash};

/// Writes the newest checkpoint with its tiles and entry bundles into a new folder; gives the number of
/// leaves. Nothing is judged here: the tools that read the folder do that.
///
/// # Errors
/// Where the log can't be read, or the folder holds something or can't be written.
pub fn export_tiles(directory: &Path, out: &Path) -> Result<u64, AuditError> {
    files::make_folder(out)?;
    let mut entries = fs::read_dir(out).map_err(AuditError::io("read", out))?;
    if entries.next().is_some() {
        let taken = std::io::Error::other("there is something in it");
        return Err(AuditError::io("write into", out)(taken));
    }
    let path = directory.join(LATEST_FILE);
    let note = fs::read_to_string(&path).map_err(AuditError::io("read", &path))?;
    let size: Option<u64> = note.lines().nth(1).and_then(|size| size.parse().ok());
    let size =
        size.ok_or_else(|| AuditError::Tampered(format!("`{LATEST_FILE}` is no checkpoint")))?;
    let mut tree = Tree::default();
    let mut bundle = Vec::new();
    for first in files::segments(directory)? {
        let path = files::segment(directory, first);
        let mut lines = Lines::open(&path).map_err(AuditError::io("open", &path))?;
        while tree.size() < size
            && let Some((_, leaf)) = lines.next().map_err(AuditError::io("read", &path))?
        {
            let length = u16::try_from(leaf.len()).map_err(|_| {
                AuditError::Tampered(format!("a leaf is longer than {MAX_LEAF} bytes"))
            })?;
            bundle.extend_from_slice(&length.to_be_bytes());
            bundle.extend_from_slice(leaf);
            tree.append(leaf_hash(leaf), |tile| tiles::write_full(out, &tile))?;
            if tree.size() % 256 == 0 {
                tiles::write_bundle(out, tree.size() / 256 - 1, None, &bundle)?;
                bundle.clear();
            }
        }
    }
    let rest = usize::try_from(tree.size() % 256).unwrap_or(TILE_WIDTH);
    if rest > 0 {
        tiles::write_bundle(out, tree.size() / 256, Some(rest), &bundle)?;
    }
    tiles::write_partial(out, &tree)?;
    // The note that the size was read from: the log may have gone on since.
    let to = out.join(LATEST_FILE);
    fs::write(&to, &note).map_err(AuditError::io("write", &to))?;
    let to = out.join(PUBLIC_FILE);
    fs::copy(directory.join(PUBLIC_FILE), &to).map_err(AuditError::io("write", &to))?;
    if tree.size() < size {
        let held = tree.size();
        let why = format!("it covers {size} leaves, and the segments hold {held}");
        return Err(AuditError::Tampered(why));
    }
    Ok(size)
}
