//! A real PostgreSQL per test, made from a template cluster that is built once per build folder:
//! SCRAM on loopback, TLS with a certificate of its own authority, every statement in its log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::pki::Authority;
use crate::postgres::{Installation, Server};
use crate::run::{Ran, run_with};

/// Who may come how: the superuser over the socket, everybody else over loopback with SCRAM.
const HBA: &str = "\
local all postgres trust
host all all 127.0.0.1/32 scram-sha-256
";

/// A running database server.
pub struct Database {
    server: Server,
    folder: TempDir,
}

impl Database {
    /// Starts one with `sql` run as the superuser. Every statement goes to its log.
    pub fn start(sql: &str) -> Self {
        Self::start_with(sql, &["log_statement=all"])
    }

    /// Starts one with these settings.
    pub fn start_with(sql: &str, settings: &[&str]) -> Self {
        let installation = Installation::find().unwrap();
        let folder = tempfile::Builder::new()
            .prefix("exeat-pg-")
            .tempdir()
            .unwrap();
        installation.folder(folder.path()).unwrap();
        let data = folder.path().join("data");
        copy(&template(&installation), &data, &installation);
        let settings: Vec<String> = ["ssl=on", "log_line_prefix=%d|%u|%a|"]
            .iter()
            .chain(settings)
            .map(|setting| (*setting).to_owned())
            .collect();
        let log = folder.path().join("log");
        let server = installation
            .start(&data, folder.path(), &log, &settings)
            .unwrap();
        let database = Self { server, folder };
        database.admin(sql).exits(0);
        database
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Its socket, over which the superuser may come.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(format!(".s.PGSQL.{}", self.port()))
    }

    /// The root that its certificate is signed by.
    pub fn roots(&self) -> PathBuf {
        self.folder.path().join("data/root.crt")
    }

    /// Runs SQL as the superuser, past the proxy: unaligned rows without headers.
    pub fn admin(&self, sql: &str) -> Ran {
        self.admin_in("postgres", sql)
    }

    /// As [`Self::admin`], in this database.
    pub fn admin_in(&self, database: &str, sql: &str) -> Ran {
        let mut command = psql();
        command
            .args([
                "-h",
                &self.folder.path().to_string_lossy(),
                "-p",
                &self.port().to_string(),
            ])
            .args(["-U", "postgres", "-d", database]);
        run_with(&command, sql)
    }

    /// What the server logged so far, statements included; but not what the proxy only asks about over its
    /// side connections, which the server never runs.
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let mut asked = false;
        let ran = |line: &&str| {
            // An entry goes on in lines that begin with a tab.
            if !line.starts_with('\t') {
                asked = line.contains("|exeat analysis|");
            }
            !asked
        };
        log.lines().filter(ran).collect::<Vec<_>>().join("\n")
    }
}

/// `psql` as scripts use it: no configuration, no pager, unaligned rows without headers, statements
/// from standard input, the first error ends it.
pub fn psql() -> Command {
    let mut command = Command::new("psql");
    command.args([
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-v",
        "VERBOSITY=verbose",
        "-f",
        "-",
    ]);
    for (name, _) in std::env::vars() {
        if name.starts_with("PG") {
            command.env_remove(name);
        }
    }
    command.env("PGCONNECT_TIMEOUT", "20");
    command
}

/// The template cluster of this build folder and this version, made where it does not exist yet.
fn template(installation: &Installation) -> PathBuf {
    let mut postgres = Command::new(installation.bin.join("postgres"));
    let version = postgres.arg("--version").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let major: String = version
        .chars()
        .skip_while(|char| !char.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    let kept = crate::exeat::target_folder().join(format!("postgres-template-{major}"));
    if kept.join("data/root.crt").is_file() {
        return kept.join("data");
    }
    let folder = tempfile::Builder::new()
        .prefix("exeat-template-")
        .tempdir()
        .unwrap();
    installation.folder(folder.path()).unwrap();
    let data = folder.path().join("data");
    installation.initialise(&data, HBA).unwrap();
    let authority = Authority::new("database authority");
    let pair = authority.server(&["localhost", "127.0.0.1"]);
    fs::write(data.join("root.crt"), authority.pem()).unwrap();
    pair.write(&data, "server");
    fs::rename(data.join("server.pem"), data.join("server.crt")).unwrap();
    // Into place in one step: of several tests that make it at once, one wins and all are right.
    let staged = tempfile::Builder::new()
        .prefix("postgres-template-")
        .tempdir_in(crate::exeat::target_folder())
        .unwrap();
    cp(&data, &staged.path().join("data"));
    let staged = staged.keep();
    if fs::rename(&staged, &kept).is_err() {
        fs::remove_dir_all(&staged).ok();
    }
    kept.join("data")
}

/// Copies a cluster for the server's user.
fn copy(from: &Path, to: &Path, installation: &Installation) {
    cp(from, to);
    let mut folders = vec![to.to_owned()];
    while let Some(folder) = folders.pop() {
        installation.own(&folder).unwrap();
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                installation.own(&entry.path()).unwrap();
            }
        }
    }
}

fn cp(from: &Path, to: &Path) {
    let status = Command::new("cp")
        .arg("-R")
        .arg("-p")
        .args([from, to])
        .status()
        .unwrap();
    assert!(status.success(), "copying {} failed", from.display());
}
