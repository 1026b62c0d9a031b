//! Reading the log is an event of the log. A reader hands its record to the process that writes the log,
//! over a socket in the log's folder; where no process does, it appends the record itself.
//!
//! Whoever can't record the reading does not get to read: there is no way around it, but for a copy of the
//! log without the secret key, which is read as what it is, a copy.

#[cfg(test)]
mod tests;

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use exeat_policy::AuditMode;
use rustix::net::sockopt::socket_peercred;

use crate::error::AuditError;
use crate::event::{Body, Event, LogRead, Plane};
use crate::key::SECRET_FILE;
use crate::log::{Log, LogOptions, WeakLog};

/// The socket's name in the log's folder.
pub(crate) const SOCKET: &str = "control.sock";
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST_REQUEST: u64 = 64 << 10;
const DONE: &str = "recorded";

/// Who recorded a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The process that writes the log.
    ByWriter,
    /// The reader, as no process writes the log.
    ByReader,
    /// Nobody: the folder is a copy without the log's key.
    Copy,
}

/// Records a reading of the log in a folder, durably, before anything is read.
///
/// # Errors
/// Where it can't be recorded: then nothing may be read.
pub fn record_read(directory: &Path, command: &str, filter: &str) -> Result<Recorded, AuditError> {
    let secret = directory.join(SECRET_FILE);
    match fs::metadata(&secret) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Recorded::Copy),
        known => known.map_err(AuditError::io("look at", &secret))?,
    };
    let own = rustix::process::geteuid().as_raw();
    let read = LogRead {
        command: command.into(),
        filter: filter.into(),
        user: user(own).into(),
    };
    // Between taking the lock and listening, a starting process does neither; and one that stops, either.
    for attempt in 0.. {
        match hand_over(directory, &read) {
            Ok(()) => return Ok(Recorded::ByWriter),
            Err(error) if no_listener(&error) => {}
            Err(error) => {
                return Err(AuditError::io(
                    "hand the record of this reading to",
                    &directory.join(SOCKET),
                )(error));
            }
        }
        match append(directory, &read) {
            Err(AuditError::Locked(_)) if attempt < 100 => {
                thread::park_timeout(Duration::from_millis(20))
            }
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    Ok(Recorded::ByReader)
}

fn no_listener(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn append(directory: &Path, read: &LogRead<'_>) -> Result<(), AuditError> {
    let owner = fs::metadata(directory)
        .map_err(AuditError::io("look at", directory))?
        .uid();
    if owner != rustix::process::geteuid().as_raw() {
        // Files of another user in the folder would keep the service from starting again.
        let why = io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("no service runs, and the folder belongs to {}", user(owner)),
        );
        return Err(AuditError::io("write into", directory)(why));
    }
    let log = Log::open_to_note(LogOptions::new(directory, ""))?;
    let event = Event::now(Plane::Control, None, Body::LogRead(read.clone()));
    let recorded = log
        .append(&event)
        .and_then(|receipt| receipt.wait_blocking(AuditMode::Strict));
    log.close_blocking();
    recorded
}

fn hand_over(directory: &Path, read: &LogRead<'_>) -> io::Result<()> {
    let (_folder, path) = short(directory)?;
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(read)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    match answer.trim_end() {
        DONE => Ok(()),
        "" => Err(io::Error::other(
            "the process that writes the log did not answer",
        )),
        refused => Err(io::Error::other(refused.to_owned())),
    }
}

/// The socket's path by way of the open folder: a socket's path may have 107 bytes only.
fn short(directory: &Path) -> io::Result<(File, PathBuf)> {
    let folder = File::open(directory)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()));
    Ok((folder, path))
}

/// The name of a user of this machine, for people to read.
fn user(uid: u32) -> String {
    let names = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = names.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}

/// The writing process's end of the socket.
#[derive(Debug)]
pub(crate) struct Control {
    directory: PathBuf,
    listener: UnixListener,
    stopped: Arc<AtomicBool>,
}

impl Control {
    /// Listens. INVARIANT: only who holds the log's lock calls this, so a socket that is there is a dead one.
    pub(crate) fn listen(directory: &Path) -> Result<Self, AuditError> {
        let real = directory.join(SOCKET);
        let failed = || AuditError::io("listen on", &real);
        let (_folder, path) = short(directory).map_err(failed())?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed()(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed())?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(failed())?;
        let stopped = Arc::new(AtomicBool::new(false));
        Ok(Self {
            directory: directory.to_owned(),
            listener,
            stopped,
        })
    }

    /// How to stop it.
    pub(crate) fn stopper(&self) -> Stopper {
        Stopper {
            directory: self.directory.clone(),
            stopped: Arc::clone(&self.stopped),
        }
    }

    /// Serves on a thread of its own until it is stopped.
    pub(crate) fn serve(self, log: WeakLog) -> Result<(), AuditError> {
        let path = self.directory.join(SOCKET);
        let serve = move || {
            for stream in self.listener.incoming() {
                if self.stopped.load(Ordering::Acquire) {
                    return;
                }
                let (Ok(stream), Some(log)) = (stream, log.upgrade()) else {
                    continue;
                };
                if let Err(error) = answer(&stream, &log) {
                    tracing::warn!(%error, "a reading of the audit log was not recorded");
                }
            }
        };
        let builder = thread::Builder::new().name("exeat-audit-ctl".to_owned());
        builder
            .spawn(serve)
            .map_err(AuditError::io("serve", &path))?;
        Ok(())
    }
}

fn answer(stream: &UnixStream, log: &Log) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST_REQUEST)).read_line(&mut line)?;
    let mut read: LogRead<'_> = serde_json::from_str(&line)?;
    // Who asks is what the kernel says, not what the message says.
    read.user = user(socket_peercred(stream)?.uid.as_raw()).into();
    let event = Event::now(Plane::Control, None, Body::LogRead(read));
    let recorded = log
        .append(&event)
        .and_then(|receipt| receipt.wait_blocking(AuditMode::Strict));
    let answer = recorded.map_or_else(|error| error.to_string(), |()| DONE.to_owned());
    (&*stream).write_all(format!("{answer}\n").as_bytes())
}

/// Ends a [`Control`].
#[derive(Debug)]
pub(crate) struct Stopper {
    directory: PathBuf,
    stopped: Arc<AtomicBool>,
}

impl Stopper {
    /// Takes the socket away and ends its thread.
    pub(crate) fn stop(&self) {
        if self.stopped.swap(true, Ordering::AcqRel) {
            return;
        }
        let Ok((_folder, path)) = short(&self.directory) else {
            return;
        };
        // Wakes the thread out of its wait; where that fails nobody listens any more.
        drop(UnixStream::connect(&path));
        fs::remove_file(&path).ok();
    }
}
