//! The built-in CA, its certificates and tokens, made as a user makes them: by `exeat identity`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

/// The built-in CA and token store, through the commands.
#[derive(Debug)]
pub(crate) struct Identities {
    folder: PathBuf,
}

impl Identities {
    /// A new store in this folder.
    pub(crate) fn create(folder: PathBuf) -> Result<Self> {
        let store = Self { folder };
        store.identity(&["init"])?;
        Ok(store)
    }

    /// The root certificate.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Where issued certificates and keys go.
    fn issued(&self) -> PathBuf {
        self.folder.join("issued")
    }

    /// A certificate that proves this role, and its key.
    pub(crate) fn client(&self, role: &str) -> Result<(PathBuf, PathBuf)> {
        self.issue(role, &[])
    }

    /// A certificate for a listener with these names, and its key; the files are named `name`.
    pub(crate) fn server(&self, name: &str, names: &[&str]) -> Result<(PathBuf, PathBuf)> {
        let mut arguments = vec!["--server"];
        for name in names {
            arguments.extend(["--dns", name]);
        }
        self.issue(name, &arguments)
    }

    fn issue(&self, name: &str, arguments: &[&str]) -> Result<(PathBuf, PathBuf)> {
        let out = self.issued();
        fs::create_dir_all(&out)?;
        let fixed = ["issue", name, "--ttl", "12h", "--out", &text(&out)];
        self.identity(&[&fixed, arguments].concat())?;
        Ok((
            out.join(format!("{name}.pem")),
            out.join(format!("{name}.key")),
        ))
    }

    /// A new token for this role.
    pub(crate) fn token(&self, role: &str) -> Result<String> {
        Ok(self.identity(&["token", role])?.trim().to_owned())
    }

    fn identity(&self, arguments: &[&str]) -> Result<String> {
        let folder = text(&self.folder);
        exeat(&[&["identity", "--directory", &folder], arguments].concat())
    }
}

/// Runs a command of this binary and gives what it printed.
fn exeat(arguments: &[&str]) -> Result<String> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .output()?;
    ensure!(
        output.status.success(),
        "exeat {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
