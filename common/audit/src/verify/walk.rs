//! The walk over all leaves that `verify` makes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Fault, Report, VerifyError};
use crate::canonical;
use crate::checkpoint::Checkpoint;
use crate::context;
use crate::decode::{Joined, Joiner};
use crate::error::AuditError;
use crate::event::{Body, Event};
use crate::files;
use crate::hash::sha256;
use crate::segment::{Lines, MAX_LEAF};
use crate::tiles;
use crate::tree::{FullTile, Hash, TILE_WIDTH, Tree, leaf_hash};

pub(super) struct Walk<'a> {
    directory: &'a Path,
    newest: Checkpoint,
    /// By size.
    checkpoints: Vec<Checkpoint>,
    /// How many of them were compared.
    compared: usize,
    tree: Tree,
    /// The hashes that the lowest tile on disk gives for the leaves at hand.
    expected: Option<Vec<Hash>>,
    /// The first leaf that differs from its tile: the tree or the tile is wrong, which the next checkpoint
    /// decides.
    suspect: Option<Fault>,
    full: Vec<FullTile>,
    policies: HashSet<String>,
    report: Report,
}

/// Where a leaf lies.
struct Place<'a> {
    segment: &'a str,
    offset: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        directory: &'a Path,
        newest: Checkpoint,
        checkpoints: Vec<Checkpoint>,
    ) -> Self {
        let report = Report {
            records: 0,
            leaves: 0,
            segments: 0,
            bytes: 0,
            root: newest.root,
            checkpoint: newest.clone(),
            checkpoints: 0,
            unsigned: 0,
            torn: 0,
            missing_tiles: 0,
            policies: 0,
        };
        Self {
            directory,
            newest,
            checkpoints,
            compared: 0,
            tree: Tree::default(),
            expected: None,
            suspect: None,
            full: Vec::new(),
            policies: HashSet::new(),
            report,
        }
    }

    pub(super) fn run(mut self) -> Result<Report, VerifyError> {
        self.compare_checkpoints()?;
        let segments = files::segments(self.directory)?;
        for (nth, &first) in segments.iter().enumerate() {
            let path = files::segment(self.directory, first);
            let name = path
                .strip_prefix(self.directory)
                .unwrap_or(&path)
                .display()
                .to_string();
            let at = self.tree.size();
            if first != at {
                return Err(self.blame(Fault::at(at).because(format!(
                    "leaves {at} to {first} are missing: `{name}` does not continue the segment before it"
                ))));
            }
            self.segment(&path, &name, nth + 1 == segments.len())?;
            self.report.segments += 1;
        }
        let held = self.tree.size();
        if let Some(missing) = self.checkpoints.get(self.compared) {
            let why = format!(
                "it and what follows is missing: a signed checkpoint covers {} leaves, the segments hold {held}",
                missing.size
            );
            return Err(self.blame(Fault::at(held).because(why)));
        }
        self.report.leaves = held;
        self.report.root = self.tree.root();
        self.report.unsigned = held - self.newest.size;
        self.report.policies = u64::try_from(self.policies.len()).unwrap_or(0);
        Ok(self.report)
    }

    /// What is reported: an earlier leaf that differs from its tile comes first.
    fn blame(&mut self, fault: Box<Fault>) -> VerifyError {
        VerifyError::Bad(self.suspect.take().map_or(fault, Box::new))
    }

    fn segment(&mut self, path: &PathBuf, name: &str, last: bool) -> Result<(), VerifyError> {
        let mut lines = Lines::open(path).map_err(AuditError::io("read", path))?;
        let mut joiner = Joiner::default();
        while let Some((offset, leaf)) = lines.next().map_err(AuditError::io("read", path))? {
            let place = Place {
                segment: name,
                offset,
            };
            self.hash(leaf, &place)?;
            if let Err(what) = self.look(leaf, &mut joiner) {
                return Err(self.blame(fault(self.tree.size() - 1, leaf, &place).because(what)));
            }
            self.compare_checkpoints()?;
        }
        let length = fs::metadata(path)
            .map_err(AuditError::io("read", path))?
            .len();
        let torn = length.saturating_sub(lines.offset());
        if torn > 0 && !last {
            let place = Place {
                segment: name,
                offset: lines.offset(),
            };
            let what = format!("the segment ends with {torn} bytes that are no whole leaf");
            return Err(self.blame(fault(self.tree.size(), b"", &place).because(what)));
        }
        self.report.torn = torn;
        self.report.bytes += length;
        Ok(())
    }

    /// Adds a leaf to the tree, and compares its hash with the tile on disk.
    fn hash(&mut self, leaf: &[u8], place: &Place<'_>) -> Result<(), VerifyError> {
        let hash = leaf_hash(leaf);
        let sequence = self.tree.size();
        let column = usize::try_from(sequence % 256).unwrap_or(0);
        if column == 0 {
            let left = self.newest.size.saturating_sub(sequence);
            let width = usize::try_from(left).unwrap_or(TILE_WIDTH).min(TILE_WIDTH);
            self.expected = tiles::read(self.directory, 0, sequence / 256, width);
        }
        if sequence < self.newest.size {
            let expected = self.expected.as_ref().and_then(|hashes| hashes.get(column));
            if expected.is_some_and(|expected| *expected != hash) && self.suspect.is_none() {
                let next = self
                    .expected
                    .as_ref()
                    .and_then(|hashes| hashes.get(column + 1));
                let what = match next {
                    Some(next) if *next == hash => {
                        "it is not what was written here: the record of this place was removed, or moved"
                    }
                    _ => "it is not what was written here: it was changed, inserted, or moved",
                };
                self.suspect = Some(*fault(sequence, leaf, place).because(what.to_owned()));
            }
        }
        let full = &mut self.full;
        let kept = self.tree.append(hash, |tile| {
            full.push(tile);
            Ok::<(), VerifyError>(())
        });
        kept?;
        Ok(())
    }

    /// Looks at a leaf itself.
    fn look(&mut self, leaf: &[u8], joiner: &mut Joiner) -> Result<(), String> {
        if leaf.len() > MAX_LEAF {
            return Err(format!("it is {} bytes long", leaf.len()));
        }
        let value: Value =
            serde_json::from_slice(leaf).map_err(|error| format!("it is no JSON: {error}"))?;
        let form = canonical::to_string(&value).map_err(|error| error.to_string())?;
        if form.as_bytes() != leaf {
            return Err("it is not in canonical form".to_owned());
        }
        match joiner.accept(leaf).map_err(|error| error.to_string())? {
            Joined::Event(event) => {
                self.report.records += 1;
                self.policy(&event)
            }
            Joined::Context(hash, value) => {
                let form = canonical::to_string(&value).map_err(|error| error.to_string())?;
                match context::hash(form.as_bytes()) == hash {
                    true => Ok(()),
                    false => Err("the context is not what its hash says".to_owned()),
                }
            }
            Joined::Piece => Ok(()),
        }
    }

    /// The policy that an event names must be kept, and be what its hash says.
    fn policy(&mut self, event: &Event<'_>) -> Result<(), String> {
        let hash = match &event.body {
            Body::Decision(decided) => &*decided.decision.policy.0,
            Body::PolicyActivated(policy) => &*policy.hash.0,
            _ => return Ok(()),
        };
        if self.policies.contains(hash) {
            return Ok(());
        }
        if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("the policy that it names has no proper hash".to_owned());
        }
        let file = format!("{}/{hash}.json", files::POLICIES);
        let text = fs::read(self.directory.join(&file)).map_err(|error| {
            format!("the policy that it names (`{file}`) can't be read: {error}")
        })?;
        let digest: String = sha256([&text])
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if digest != hash {
            return Err(format!(
                "the policy that it names (`{file}`) was changed: its hash is {digest}"
            ));
        }
        self.policies.insert(hash.to_owned());
        Ok(())
    }

    /// Compares the root with the checkpoints of this size.
    fn compare_checkpoints(&mut self) -> Result<(), VerifyError> {
        while let Some(checkpoint) = self.checkpoints.get(self.compared)
            && checkpoint.size == self.tree.size()
        {
            if checkpoint.root != self.tree.root() {
                let good = self
                    .compared
                    .checked_sub(1)
                    .and_then(|at| self.checkpoints.get(at));
                let good = good.map_or(0, |checkpoint| checkpoint.size);
                let what = format!(
                    "it or one of the records up to {} is not what was signed: the root over {} leaves differs from the checkpoint's",
                    checkpoint.size.saturating_sub(1),
                    checkpoint.size
                );
                return Err(self.blame(Fault::at(good).because(what)));
            }
            self.compared += 1;
            self.report.checkpoints += 1;
        }
        // All leaves so far are what was signed, so where a tile says otherwise the tile is wrong.
        if self.report.checkpoints > 0 && self.signed_so_far() {
            if let Some(suspect) = self.suspect.take() {
                let what =
                    "its hash in the tiles is not that of the record, which is what was signed";
                return Err(suspect.because(what.to_owned()).into());
            }
            self.compare_tiles()?;
        }
        Ok(())
    }

    fn signed_so_far(&self) -> bool {
        let last = self
            .compared
            .checked_sub(1)
            .and_then(|at| self.checkpoints.get(at));
        last.is_some_and(|checkpoint| checkpoint.size == self.tree.size())
    }

    fn compare_tiles(&mut self) -> Result<(), VerifyError> {
        for tile in std::mem::take(&mut self.full) {
            let level = usize::from(tile.level);
            match tiles::read(self.directory, level, tile.index, TILE_WIDTH) {
                Some(hashes) if hashes == tile.hashes => {}
                Some(_) => {
                    let name = tiles::path(&tile.level.to_string(), tile.index, None);
                    let what = format!("`{}` is not what the signed leaves give", name.display());
                    return Err(Fault::whole(what).into());
                }
                None => self.report.missing_tiles += 1,
            }
        }
        Ok(())
    }
}

/// A fault of the leaf at a place; the id is read off it as far as that goes.
fn fault(sequence: u64, leaf: &[u8], place: &Place<'_>) -> Fault {
    let value: Option<Value> = serde_json::from_slice(leaf).ok();
    let id = value
        .as_ref()
        .and_then(|value| value.get("id")?.as_str().map(str::to_owned));
    Fault {
        sequence: Some(sequence),
        segment: Some(place.segment.to_owned()),
        offset: Some(place.offset),
        id,
        what: String::new(),
    }
}
