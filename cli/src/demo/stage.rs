//! Everything that the demo starts and makes, in one folder, and what the tour needs to know of it.
//!
//! The pieces are made by the commands that a user would type: `exeat identity …`, `exeat run`.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

use crate::exit::{Failure, Status};

use super::identities::Identities;
use super::leash::Leash;
use super::shop::{ROLES, Shop};
use super::stop::Stop;
use super::{origins, services, step};

/// The policy as the repository has it; its port is where the origins listen, if it is free.
const POLICY: &str = include_str!("../../../config/demo/policy.yaml");
const PORT: u16 = 8443;

/// The set stage. Dropping it ends every process and removes the folder.
#[derive(Debug)]
pub(crate) struct Stage {
    // The order of the fields is the order of the end: the services before the database.
    _services: Leash,
    _shop: Shop,
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Stage {
    /// Makes everything.
    pub(crate) fn set(stop: &Stop) -> Result<Self> {
        for (program, package) in [
            ("curl", "curl"),
            ("psql", "postgresql-client"),
            ("openssl", "openssl"),
        ] {
            let found = Command::new(program).arg("--version").output().is_ok();
            if !found {
                let why = format!("{program}: not found on PATH; install the package `{package}`");
                return Err(Failure::new(Status::Unavailable, why).into());
            }
        }
        step::heading("the stage");
        let folder = tempfile::Builder::new()
            .prefix("exeat-demo-")
            .tempdir()
            .context("a temporary folder")?;
        let root = folder.path();
        passable(root)?;
        let store = Identities::create(root.join("identity"))?;
        let passwords = ROLES
            .iter()
            .map(|role| Ok(((*role).to_owned(), password(root, role)?)))
            .collect::<Result<Vec<_>>>()?;
        let (certificate, key) = store.server("database", &["localhost"])?;
        let shop = Shop::open(&root.join("postgres"), &certificate, &key, &passwords)?;
        line(
            "database",
            &format!(
                "PostgreSQL on 127.0.0.1:{}, schema config/demo/shop.sql",
                shop.port()
            ),
        );
        let port = outside(&store)?;
        line(
            "outside",
            &format!(
                "https://api.payments.example:{port} and https://reports.partners.example:{port}, on loopback"
            ),
        );
        let (billing_token, analyst_token) = (store.token("billing-fn")?, store.token("analyst")?);
        let (client, client_key) = store.client("billing-fn")?;
        line(
            "identities",
            "billing-fn: a certificate and a token; analyst: a token",
        );
        store.server("exeat", &["localhost", "127.0.0.1"])?;
        let policy = root.join("policy.yaml");
        fs::write(
            &policy,
            POLICY.replace(&PORT.to_string(), &port.to_string()),
        )?;
        let config = root.join("exeat.yaml");
        fs::write(&config, services::configuration(root, shop.port()))?;
        shop.grant(&config)?;
        line(
            "grants",
            "what `exeat policy grants` prints: the policy, as privileges of the database roles",
        );
        if stop.asked() {
            bail!("demo: interrupted while the stage was set; nothing is left");
        }
        let (services, ready) = services::start(root)?;
        line(
            "gateway",
            &format!(
                "http://{} and https://localhost:{}",
                ready.plain,
                ready.tls.port()
            ),
        );
        line(
            "dbproxy",
            &format!("localhost:{}, database shop", ready.dbproxy.port()),
        );
        line("admin", &format!("http://{}/metrics", ready.admin));
        line("folder", &root.display().to_string());
        anstream::println!();
        let database = format!(
            "host=localhost port={} dbname=shop sslmode=verify-full sslrootcert={}",
            ready.dbproxy.port(),
            store.root().display()
        );
        let variables = vec![
            ("CA", store.root().display().to_string()),
            ("POLICY", policy.display().to_string()),
            ("AUDIT", root.join("audit").display().to_string()),
            ("COPY", root.join("copy").display().to_string()),
            ("ADMIN", ready.admin.to_string()),
            ("PORT", port.to_string()),
            (
                "BILLING_PROXY",
                format!("http://billing-fn:{billing_token}@{}", ready.plain),
            ),
            (
                "ANALYST_PROXY",
                format!("http://analyst:{analyst_token}@{}", ready.plain),
            ),
            (
                "TLS_PROXY",
                format!("https://localhost:{}", ready.tls.port()),
            ),
            ("NO_PROXY_USER", format!("http://{}", ready.plain)),
            ("BILLING_CERT", client.display().to_string()),
            ("BILLING_KEY", client_key.display().to_string()),
            (
                "BILLING_DB",
                format!(
                    "{database} user=billing-fn sslcert={} sslkey={}",
                    client.display(),
                    client_key.display()
                ),
            ),
            (
                "ANALYST_DB",
                format!("{database} user=analyst password={analyst_token}"),
            ),
        ];
        write_env(root, &variables)?;
        Ok(Self {
            _services: services,
            _shop: shop,
            folder,
            variables,
        })
    }

    /// The variables of the tour's commands; `PATH` finds this very binary first.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, String)> {
        let fixed = [
            ("PATH", path_with_this_binary()),
            ("PAGER", "cat".to_owned()),
            ("PGCONNECT_TIMEOUT", "20".to_owned()),
        ];
        self.variables
            .iter()
            .map(|(name, value)| (*name, value.clone()))
            .chain(fixed)
    }

    /// Prints lines to paste into another terminal.
    pub(crate) fn print_what_to_try(&self) {
        let env = self.folder.path().join("env");
        step::heading("it stays up: try it from another terminal");
        let lines = [
            format!(". {}", env.display()),
            "curl --cacert \"$CA\" --proxy \"$ANALYST_PROXY\" https://reports.partners.example:$PORT/".to_owned(),
            "curl --cacert \"$CA\" --proxy \"$ANALYST_PROXY\" https://api.payments.example:$PORT/".to_owned(),
            "psql \"$ANALYST_DB\"                  # then: SELECT id, total FROM orders;  SELECT email FROM customers;".to_owned(),
            "exeat audit --log \"$AUDIT\" tail -f      # every decision, as it is made".to_owned(),
            "$EDITOR \"$POLICY\"                   # a change takes effect within a second, on live sessions too".to_owned(),
            "exeat policy explain --policy \"$POLICY\" --role analyst --database shop --sql 'SELECT email FROM customers'".to_owned(),
            "curl -s \"http://$ADMIN/sessions\"".to_owned(),
        ];
        for text in lines {
            step::command("$", &text);
        }
        anstream::println!(
            "\n Ctrl-C ends everything and removes {}\n",
            self.folder.path().display()
        );
    }
}

/// The origins, on the policy's port where it is free.
fn outside(store: &Identities) -> Result<u16> {
    let names = [
        "api.payments.example",
        "reports.partners.example",
        "legacy.partners.example",
    ];
    let (certificate, key) = store.server("outside", &names)?;
    let chain = CertificateDer::pem_file_iter(&certificate)?.collect::<Result<Vec<_>, _>>()?;
    let tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(&key)?)?;
    let tls = Arc::new(tls);
    let first = |port| {
        origins::serve(
            "api.payments.example",
            SocketAddr::from(([127, 0, 0, 1], port)),
            Arc::clone(&tls),
        )
    };
    let port = first(PORT).or_else(|_taken| first(0))?.port();
    origins::serve(
        "reports.partners.example",
        SocketAddr::from(([127, 0, 0, 2], port)),
        Arc::clone(&tls),
    )?;
    Ok(port)
}

/// A new password, in a file that only this user reads.
fn password(root: &Path, role: &str) -> Result<String> {
    use std::io::Read as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut random = [0_u8; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    let password: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = root.join(format!("{role}.password"));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    std::io::Write::write_all(&mut file, password.as_bytes())?;
    Ok(password)
}

/// The variables for a user's own shell.
fn write_env(root: &Path, variables: &[(&str, String)]) -> Result<()> {
    let mut text: String = variables
        .iter()
        .map(|(name, value)| format!("export {name}='{value}'\n"))
        .collect();
    text.push_str(&format!("export PATH='{}'\n", path_with_this_binary()));
    Ok(fs::write(root.join("env"), text)?)
}

fn path_with_this_binary() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let own = std::env::current_exe()
        .ok()
        .and_then(|binary| Some(text(binary.parent()?)));
    own.map_or(path.clone(), |own| format!("{own}:{path}"))
}

/// Others (the database's user) may pass through, and see nothing.
fn passable(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    Ok(fs::set_permissions(
        folder,
        fs::Permissions::from_mode(0o711),
    )?)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn line(name: &str, what: &str) {
    anstream::println!("   {name:<11} {what}");
}
