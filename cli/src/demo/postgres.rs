//! A throw-away PostgreSQL of the system's own binaries: a new cluster in a folder that the caller
//! gives, on a free loopback port, gone with its handle. Shared with the end-to-end tests.
//!
//! PostgreSQL refuses to run as root, so where the caller is root it runs as the package's own user.
//! It must never touch an existing cluster or a running service.

use std::cmp::Reverse;
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::leash::{Account, Leash};

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);

/// What a throw-away cluster does without: it need not survive a power cut.
const SETTINGS: [&str; 6] = [
    "listen_addresses=127.0.0.1",
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=64MB",
    "max_connections=200",
    "timezone=UTC",
];

/// Where the server's programs are, and whom they run as.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    pub(crate) bin: PathBuf,
    account: Account,
}

impl Installation {
    /// Looks on `PATH`, then where the packages put it.
    pub(crate) fn find() -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let bin = std::env::split_paths(&path)
            .chain(packaged())
            .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
            .context("PostgreSQL: no initdb and postgres on PATH or in the usual places; install the package `postgresql`")?;
        let account = if id(&["-u"])? == 0 {
            let why = "PostgreSQL: it refuses to run as root, and there is no user `postgres` to run it as; install the package `postgresql`, or run as another user";
            Some((
                id(&["-u", "postgres"]).context(why)?,
                id(&["-g", "postgres"]).context(why)?,
            ))
        } else {
            None
        };
        Ok(Self { bin, account })
    }

    /// Makes a folder that the server may write to and others may pass through.
    pub(crate) fn folder(&self, path: &Path) -> Result<()> {
        fs::create_dir_all(path)
            .with_context(|| format!("creating the folder {}", path.display()))?;
        self.own(path)?;
        Ok(fs::set_permissions(path, Permissions::from_mode(0o700))?)
    }

    /// Gives a file or folder to the server's user.
    pub(crate) fn own(&self, path: &Path) -> Result<()> {
        if let Some((user, group)) = self.account {
            chown(path, Some(user), Some(group))
                .with_context(|| format!("giving {} to the server", path.display()))?;
        }
        Ok(())
    }

    /// Makes a new cluster in `data`, a folder of this installation's, with the superuser `postgres`
    /// and these lines as `pg_hba.conf`.
    pub(crate) fn initialise(&self, data: &Path, hba: &str) -> Result<()> {
        use std::os::unix::process::CommandExt as _;

        let mut initdb = Command::new(self.bin.join("initdb"));
        initdb
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
            .args(["--locale=C.UTF-8", "--no-sync", "--wal-segsize=1", "-D"])
            .arg(data)
            .current_dir("/");
        if let Some((user, group)) = self.account {
            initdb.uid(user).gid(group);
        }
        let output = initdb.output().context("running initdb")?;
        if !output.status.success() {
            bail!(
                "initdb: {}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(fs::write(data.join("pg_hba.conf"), hba)?)
    }

    /// Starts the server on `data`, with its socket in `sockets` and its log in `log`; `settings`
    /// are `name=value`. Returns when it accepts connections.
    pub(crate) fn start(
        &self,
        data: &Path,
        sockets: &Path,
        log: &Path,
        settings: &[String],
    ) -> Result<Server> {
        // A free port may be taken by another between the look and the start: look again.
        let mut last = None;
        for _ in 0..5 {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let mut command = Command::new(self.bin.join("postgres"));
            command.env("LC_ALL", "C.UTF-8").arg("-D").arg(data);
            for setting in SETTINGS
                .iter()
                .copied()
                .chain(settings.iter().map(String::as_str))
            {
                command.args(["-c", setting]);
            }
            command.args(["-p", &port.to_string(), "-k"]).arg(sockets);
            let mut leash = Leash::start(&command, self.account, "QUIT", log)?;
            match await_ready(&mut leash, data) {
                Ok(()) => {
                    return Ok(Server {
                        port,
                        _leash: leash,
                    });
                }
                Err(error) => last = Some(error),
            }
        }
        let error = last.context("PostgreSQL: not started")?;
        Err(error.context(format!(
            "PostgreSQL did not start; its log is {}",
            log.display()
        )))
    }
}

/// The folders that distributions put the server's programs in, the newest version first.
fn packaged() -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (parent, inner) in [("/usr/lib/postgresql", "bin"), ("/usr", "bin")] {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let version = name.to_string_lossy();
            let version = version.strip_prefix("pgsql-").unwrap_or(&version);
            if let Ok(version) = version.parse() {
                found.push((version, entry.path().join(inner)));
            }
        }
    }
    found.sort_by_key(|(version, _)| Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// A number that `id` prints.
fn id(arguments: &[&str]) -> Result<u32> {
    let output = Command::new("id")
        .args(arguments)
        .output()
        .context("running id")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

/// Waits until the server says in its pid file that it is ready.
fn await_ready(leash: &mut Leash, data: &Path) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < START {
        if let Some(status) = leash.ended()? {
            bail!("PostgreSQL ended at once: {status}");
        }
        let state = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        if state
            .lines()
            .nth(7)
            .is_some_and(|line| line.trim() == "ready")
        {
            return Ok(());
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    bail!("PostgreSQL was not ready after {} s", START.as_secs())
}

/// A running server. Dropping it ends it, its sessions with it.
#[derive(Debug)]
pub(crate) struct Server {
    port: u16,
    _leash: Leash,
}

impl Server {
    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}
