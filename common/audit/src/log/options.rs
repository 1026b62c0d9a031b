//! What the log needs to know.

use std::path::PathBuf;
use std::time::Duration;

/// Options of [`crate::Log::open`].
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The log's folder.
    pub directory: PathBuf,
    /// The size at which a segment is sealed and the next one started.
    pub segment_bytes: u64,
    /// This node's name, which is part of the log's name in its checkpoints.
    pub node: String,
    /// How many bytes may wait for the writer; `append` fails beyond.
    pub queue_bytes: usize,
    /// How long a record that nobody waits for may stay in memory or unsynced.
    pub linger: Duration,
    /// The longest time between two checkpoints while records arrive.
    pub checkpoint_every: Duration,
}

impl LogOptions {
    /// The usual options for a folder.
    pub fn new(directory: impl Into<PathBuf>, node: impl Into<String>) -> Self {
        Self {
            directory: directory.into(),
            segment_bytes: 64 << 20,
            node: node.into(),
            queue_bytes: 32 << 20,
            linger: Duration::from_millis(50),
            checkpoint_every: Duration::from_secs(1),
        }
    }
}
