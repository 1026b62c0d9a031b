//! The file under the writer: the one seam of the log, through which tests make a disk fail.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};

/// An append-only file.
pub(crate) trait Disk: Send {
    /// Appends; the kernel has the bytes afterwards.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was appended durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl Disk for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Makes the disk of a segment's file.
pub(crate) struct Mount(pub(crate) Box<dyn Fn(File) -> Box<dyn Disk> + Send>);

impl Default for Mount {
    fn default() -> Self {
        Self(Box::new(|file| Box::new(file)))
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mount")
    }
}
