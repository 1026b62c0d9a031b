//! Starting: finds the tree again, checks it against the last checkpoint, and cuts a torn tail.
//!
//! INVARIANT: what a checkpoint covers is never cut and never rewritten. A log that disagrees with its
//! checkpoint is refused as it is; nothing here repairs that.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;

use crate::checkpoint::{self, Checkpoint, LATEST_FILE};
use crate::error::AuditError;
use crate::event::LogRecovered;
use crate::files;
use crate::key::PublicKey;
use crate::segment::{Lines, PIECE_START, PieceLeaf};
use crate::tiles;
use crate::tree::{Tree, leaf_hash};

/// A log that may be continued.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) tree: Tree,
    /// The first leaf of the segment to continue.
    pub(super) first: u64,
    /// Its length.
    pub(super) length: u64,
    /// What had to be done; `None` after an orderly stop.
    pub(super) report: Option<LogRecovered<'static>>,
}

/// Whether nothing was ever written in this folder.
pub(super) fn is_new(directory: &Path) -> Result<bool, AuditError> {
    let nothing = files::segments(directory)?.is_empty();
    Ok(nothing
        && !directory.join(LATEST_FILE).exists()
        && !directory.join(checkpoint::HISTORY_FILE).exists())
}

/// Finds the end of the log. See the module's description.
pub(super) fn recover(directory: &Path, key: &PublicKey) -> Result<Recovered, AuditError> {
    checkpoint::mend(directory)?;
    let path = directory.join(LATEST_FILE);
    let note = match fs::read_to_string(&path) {
        Ok(note) => note,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(AuditError::Tampered(
                "the last checkpoint is missing".to_owned(),
            ));
        }
        Err(error) => return Err(AuditError::io("read", &path)(error)),
    };
    let signed = Checkpoint::open(&note, key)
        .map_err(|error| AuditError::Tampered(format!("`{LATEST_FILE}`: {error}")))?;
    let segments = files::segments(directory)?;
    let last = segments.last().copied();
    // The quick way: tiles up to the last segment, and that segment. Where anything is amiss with it, the
    // slow way decides, which believes in nothing but the segments.
    if let Some(last) = last.filter(|last| *last <= signed.size)
        && let Some(tree) = tiles::load(directory, last)
        && let Ok(end) = scan(directory, &[last], tree, &signed)
    {
        return end.cut(directory, &signed);
    }
    scan(directory, &segments, Tree::default(), &signed)?.cut(directory, &signed)
}

/// Where the last whole leaf ends.
struct End {
    tree: Tree,
    first: u64,
    path: PathBuf,
    length: u64,
    found: u64,
}

fn scan(
    directory: &Path,
    segments: &[u64],
    mut tree: Tree,
    signed: &Checkpoint,
) -> Result<End, AuditError> {
    let mut end = None;
    check(&tree, signed)?;
    for (nth, &first) in segments.iter().enumerate() {
        let path = files::segment(directory, first);
        if first != tree.size() {
            let why = format!(
                "`{}` should start with leaf {}",
                path.display(),
                tree.size()
            );
            return Err(AuditError::Tampered(why));
        }
        let is_last = nth + 1 == segments.len();
        let (after, length) = scan_segment(directory, &path, tree, signed)?;
        let found = fs::metadata(&path)
            .map_err(AuditError::io("read", &path))?
            .len();
        if !is_last && found != length {
            let why = format!("`{}` is cut off at byte {length}", path.display());
            return Err(AuditError::Tampered(why));
        }
        end = Some(End {
            tree: after.clone(),
            first,
            path,
            length,
            found,
        });
        tree = after;
    }
    if tree.size() < signed.size {
        let (held, signed) = (tree.size(), signed.size);
        let why = format!("it covers {signed} leaves, and the segments hold {held}");
        return Err(AuditError::Tampered(why));
    }
    let path = files::segment(directory, 0);
    Ok(end.unwrap_or(End {
        tree,
        first: 0,
        path,
        length: 0,
        found: 0,
    }))
}

/// Adds a segment's leaves to the tree; gives the length that whole leaves take.
fn scan_segment(
    directory: &Path,
    path: &Path,
    mut tree: Tree,
    signed: &Checkpoint,
) -> Result<(Tree, u64), AuditError> {
    let failed = AuditError::io("read", path);
    let mut lines = Lines::open(path).map_err(failed)?;
    // Where a leaf that is cut in pieces started, while its last piece has not come.
    let mut open: Option<(Tree, u64)> = None;
    while let Some((offset, leaf)) = lines.next().map_err(AuditError::io("read", path))? {
        if tree.size() >= signed.size {
            if serde_json::from_slice::<IgnoredAny>(leaf).is_err() {
                // Never acknowledged as durable: a crash of the machine can leave anything there.
                return Ok(open.unwrap_or((tree, offset)));
            }
            open = match pieces_left(leaf) {
                0 => None,
                _ => open.or_else(|| Some((tree.clone(), offset))),
            };
        }
        tree.append(leaf_hash(leaf), |tile| tiles::write_full(directory, &tile))?;
        check(&tree, signed)?;
    }
    Ok(open.unwrap_or((tree, lines.offset())))
}

fn pieces_left(leaf: &[u8]) -> u64 {
    if !leaf.starts_with(PIECE_START) {
        return 0;
    }
    let piece = serde_json::from_slice::<PieceLeaf>(leaf).ok();
    piece.map_or(0, |leaf| {
        leaf.piece.count.saturating_sub(leaf.piece.index + 1)
    })
}

fn check(tree: &Tree, signed: &Checkpoint) -> Result<(), AuditError> {
    if tree.size() == signed.size && tree.root() != signed.root {
        let why = format!(
            "the root over the first {} leaves is another one",
            signed.size
        );
        return Err(AuditError::Tampered(why));
    }
    Ok(())
}

impl End {
    fn cut(self, directory: &Path, signed: &Checkpoint) -> Result<Recovered, AuditError> {
        let Self {
            tree,
            first,
            path,
            length,
            found,
        } = self;
        let cut_bytes = found.saturating_sub(length);
        if cut_bytes > 0 {
            let file = OpenOptions::new()
                .write(true)
                .open(&path)
                .map_err(AuditError::io("open", &path))?;
            file.set_len(length)
                .map_err(AuditError::io("truncate", &path))?;
            file.sync_all().map_err(AuditError::io("sync", &path))?;
        }
        let unsigned_leaves = tree.size() - signed.size;
        let report = (cut_bytes > 0 || unsigned_leaves > 0).then(|| LogRecovered {
            segment: path
                .strip_prefix(directory)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned()
                .into(),
            offset: length,
            cut_bytes,
            unsigned_leaves,
        });
        Ok(Recovered {
            tree,
            first,
            length,
            report,
        })
    }
}
