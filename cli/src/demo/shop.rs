//! The database of the demo: the cluster, the shop's tables and the database roles.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::exit::{Failure, Status};

use super::postgres::{Installation, Server};

/// The shop's schema and rows.
const SCHEMA: &str = include_str!("../../../config/demo/shop.sql");

/// The superuser comes over the socket only; the policy's roles over TLS with SCRAM, and no other way.
const HBA: &str = "\
local all postgres trust
hostssl shop billing_rw,analyst_ro,exeat_catalog 127.0.0.1/32 scram-sha-256
";

/// The database roles of the schema.
pub(crate) const ROLES: [&str; 3] = ["billing_rw", "analyst_ro", "exeat_catalog"];

/// The running database.
#[derive(Debug)]
pub(crate) struct Shop {
    server: Server,
    sockets: PathBuf,
}

impl Shop {
    /// Makes it below `folder`, with this server certificate and one password per role of [`ROLES`].
    pub(crate) fn open(
        folder: &Path,
        certificate: &Path,
        key: &Path,
        passwords: &[(String, String)],
    ) -> Result<Self> {
        let installation = Installation::find()
            .map_err(|error| Failure::new(Status::Unavailable, format!("{error:#}")))?;
        installation.folder(folder)?;
        let data = folder.join("data");
        installation.initialise(&data, HBA)?;
        for (from, name) in [(certificate, "server.crt"), (key, "server.key")] {
            let to = data.join(name);
            fs::copy(from, &to).with_context(|| format!("copying {}", from.display()))?;
            installation.own(&to)?;
        }
        let settings = [
            "ssl=on".to_owned(),
            "password_encryption=scram-sha-256".to_owned(),
        ];
        let server = installation.start(&data, folder, &folder.join("log"), &settings)?;
        let shop = Self {
            server,
            sockets: folder.to_owned(),
        };
        shop.admin("postgres", "CREATE DATABASE shop")?;
        shop.admin("shop", SCHEMA)?;
        for (role, password) in passwords {
            // Made by this process: letters and digits, nothing to quote.
            shop.admin("shop", &format!("ALTER ROLE {role} PASSWORD '{password}'"))?;
        }
        Ok(shop)
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    /// The second wall: what `exeat policy grants` prints for this configuration, run as the superuser.
    pub(crate) fn grant(&self, config: &Path) -> Result<()> {
        let mut grants = Command::new(std::env::current_exe()?);
        grants
            .args(["policy", "grants", "--database", "shop", "--config"])
            .arg(config);
        let printed = grants.output().context("exeat policy grants")?;
        ensure!(
            printed.status.success(),
            "exeat policy grants: {}",
            String::from_utf8_lossy(&printed.stderr).trim()
        );
        self.admin("shop", &String::from_utf8(printed.stdout)?)
    }

    /// Runs SQL as the superuser, past the proxy.
    fn admin(&self, database: &str, sql: &str) -> Result<()> {
        use std::io::Write as _;

        let mut psql = Command::new("psql")
            .args([
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-d",
                database,
                "-f",
                "-",
            ])
            .args(["-p", &self.port().to_string(), "-h"])
            .arg(&self.sockets)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("psql: it can't be started; install the package `postgresql-client`")?;
        if let Some(mut stdin) = psql.stdin.take() {
            stdin.write_all(sql.as_bytes())?;
        }
        let output = psql.wait_with_output()?;
        ensure!(
            output.status.success(),
            "setting up the shop: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }
}
