//! Files of the store: read with a cap, replaced whole, and never readable by others.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const PRIVATE: u32 = 0o600;
const PRIVATE_DIRECTORY: u32 = 0o700;

/// Reads a whole file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("more than {limit} bytes"),
        ));
    }
    Ok(bytes)
}

/// Makes a folder that only its owner enters; one that exists is left as it is.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_DIRECTORY)
        .create(path)
}

/// Opens a lock file.
pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(PRIVATE)
        .open(path)
}

/// Replaces a file by a rename, with mode 0600 from its first byte on; durable when this returns.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let staged = stage(path, bytes)?;
    fs::rename(&staged, path).inspect_err(|_error| discard(&staged))?;
    sync_directory(path)
}

/// Like [`replace`], but refuses where the file exists.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let staged = stage(path, bytes)?;
    // A hard link fails where the target exists; a rename would overwrite it.
    let linked = fs::hard_link(&staged, path);
    discard(&staged);
    linked?;
    sync_directory(path)
}

fn stage(path: &Path, bytes: &[u8]) -> io::Result<std::path::PathBuf> {
    let mut random = [0_u8; 9];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_unspecified| io::Error::other("the system's random generator failed"))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let staged = path.with_file_name(format!(".{name}.{}", URL_SAFE_NO_PAD.encode(random)));
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(PRIVATE)
        .open(&staged)?;
    keep_owner(&file, path);
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .inspect_err(|_error| discard(&staged))?;
    Ok(staged)
}

/// A store that belongs to the service's user stays readable for it when root changes it. Whoever may
/// not give files away leaves their own name on it.
fn keep_owner(file: &File, path: &Path) {
    if let Ok(before) = fs::symlink_metadata(path) {
        fchown(file, Some(before.uid()), Some(before.gid())).ok();
    }
}

fn discard(staged: &Path) {
    // The file holds what its target would hold, with the same mode; a leftover is untidy, not unsafe.
    fs::remove_file(staged).ok();
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
