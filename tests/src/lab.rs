//! A laboratory: one folder with a policy, a configuration, an identity store made by `exeat
//! identity`, and an audit log; and the process that runs on them.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::audit::Records;
use crate::database::{Database, psql};
use crate::exeat::{Process, exeat};
use crate::origin::Origin;
use crate::run::{Ran, curl, run, run_with};

/// The trust domain of the built-in CA.
pub const TRUST_DOMAIN: &str = "exeat.internal";

/// The folder and what is in it.
pub struct Lab {
    folder: TempDir,
    setup: RefCell<Setup>,
}

/// What the configuration says beyond the usual.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Names that are answered without asking.
    pub fixed: Vec<(String, Vec<String>)>,
    /// The name server to ask.
    pub dns: Option<SocketAddr>,
    /// Lines of `gateway.timeouts`, `name: value`.
    pub timeouts: Vec<String>,
    /// Lines of `dbproxy.timeouts`.
    pub dbproxy_timeouts: Vec<String>,
    /// `unidentified` of both services.
    pub unidentified: Option<usize>,
    /// Entries of `identity.issuers`, in flow style.
    pub issuers: Vec<String>,
    /// Further entries of `identity.trust_domains`, in flow style.
    pub trust_domains: Vec<String>,
    /// The database `shop`: address, root certificates, database roles with their passwords.
    pub database: Option<Upstream>,
    /// `plain`, `commitment` or `none`.
    pub parameters: Option<&'static str>,
    /// `analysis` of the database: `own` where the server is none of PostgreSQL's.
    pub analysis: Option<&'static str>,
    /// `second_wall` of the database.
    pub second_wall: Option<&'static str>,
    /// `runtime.drain_timeout`.
    pub drain: Option<&'static str>,
    /// `audit.segment_bytes`.
    pub segment: Option<&'static str>,
}

/// A database behind the proxy.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Where it listens.
    pub port: u16,
    /// The root of its certificate; `None`: without TLS.
    pub roots: Option<PathBuf>,
    /// Database roles and their passwords; an empty one is none.
    pub users: Vec<(String, String)>,
    /// The role that reads the catalog.
    pub catalog_user: Option<String>,
}

impl Upstream {
    /// The test's database with these database roles.
    pub fn of(database: &Database, users: &[(&str, &str)]) -> Self {
        let users: Vec<(String, String)> = users
            .iter()
            .map(|(name, password)| ((*name).to_owned(), (*password).to_owned()))
            .collect();
        let catalog_user = users.first().map(|(name, _)| name.clone());
        Self {
            port: database.port(),
            roots: Some(database.roots()),
            users,
            catalog_user,
        }
    }
}

impl Lab {
    /// A new folder with a CA and this policy.
    pub fn new(policy: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("exeat-lab-")
            .tempdir()
            .unwrap();
        let lab = Self {
            folder,
            setup: RefCell::default(),
        };
        lab.set_policy(policy);
        lab.identity(["init"]).exits(0);
        std::fs::create_dir(lab.path("issued")).unwrap();
        let names = ["--server", "--dns", "localhost", "--dns", "127.0.0.1"];
        lab.issue("exeat", &names);
        lab
    }

    /// Changes the configuration; a running process is not told.
    pub fn set_up(&self, change: impl FnOnce(&mut Setup)) -> &Self {
        change(&mut self.setup.borrow_mut());
        self
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in the folder, as text.
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes the policy, in one step, as an editor does.
    pub fn set_policy(&self, policy: &str) {
        std::fs::write(self.path("policy.new"), policy).unwrap();
        std::fs::rename(self.path("policy.new"), self.path("policy.yaml")).unwrap();
    }

    /// The CA's certificate.
    pub fn ca(&self) -> PathBuf {
        self.path("identity/ca.pem")
    }

    /// Runs `exeat identity` on the store.
    pub fn identity<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Ran {
        let store = self.text("identity");
        run(exeat(["identity", "--directory", &store]).args(arguments))
    }

    /// A new token for a role.
    #[track_caller]
    pub fn token(&self, role: &str) -> String {
        self.identity(["token", role]).ok().to_owned()
    }

    /// Sets the password with which a role comes to the database.
    #[track_caller]
    pub fn password(&self, role: &str, password: &str) {
        let store = self.text("identity");
        let command = exeat([
            "identity",
            "--directory",
            &store,
            "password",
            role,
            "--stdin",
        ]);
        run_with(&command, &format!("{password}\n")).exits(0);
    }

    /// A certificate of the built-in CA: certificate and key.
    #[track_caller]
    pub fn issue(&self, name: &str, arguments: &[&str]) -> (PathBuf, PathBuf) {
        let out = self.text("issued");
        let fixed = ["issue", name, "--ttl", "1h", "--out", &out];
        self.identity([&fixed[..], arguments].concat()).exits(0);
        (
            self.path(&format!("issued/{name}.pem")),
            self.path(&format!("issued/{name}.key")),
        )
    }

    /// Writes the configuration and gives its path.
    pub fn configuration(&self) -> PathBuf {
        let path = self.path("exeat.yaml");
        std::fs::write(&path, self.render()).unwrap();
        path
    }

    /// Starts the process and waits until it is ready.
    #[track_caller]
    pub fn start(&self) -> Process {
        Process::start(&self.configuration(), self.folder.path())
    }

    /// The same, with its log lines sent there.
    #[track_caller]
    pub fn start_logging_to(&self, lines: Stdio) -> Process {
        Process::start_logging_to(&self.configuration(), self.folder.path(), lines)
    }

    /// Ends the process in order, then checks the whole log: it verifies, and every decision in it
    /// replays to itself with the policy that it names. Gives the records.
    #[track_caller]
    pub fn finish(&self, process: Process) -> Records {
        let status = process.stop();
        assert!(status.success(), "exeat run ended with {status}");
        self.check_log()
    }

    /// As [`Self::finish`], where the process has ended already.
    #[track_caller]
    pub fn check_log(&self) -> Records {
        let log = self.text("audit");
        run(&exeat(["audit", "--log", &log, "verify"])).exits(0);
        run(&exeat(["audit", "--log", &log, "replay"])).exits(0);
        Records::read(&self.path("audit"))
    }

    /// `curl` through the gateway's first listener with a user and a secret.
    pub fn curl(&self, process: &Process, user: &str, secret: &str) -> Command {
        let mut curl = curl();
        curl.arg("--proxy")
            .arg(format!("http://{user}:{secret}@{}", process.gateway()));
        curl
    }

    /// `psql` through the proxy's first listener, over verified TLS, with these further connection
    /// parameters; the statements come from standard input.
    pub fn psql(&self, process: &Process, parameters: &str) -> Command {
        let mut command = psql();
        command.arg(self.conninfo(process, parameters));
        command
    }

    /// A connection string for the proxy's first listener.
    pub fn conninfo(&self, process: &Process, parameters: &str) -> String {
        format!(
            "host=localhost hostaddr=127.0.0.1 port={} dbname=shop sslmode=verify-full sslrootcert={} {parameters}",
            process.dbproxy().port(),
            self.ca().display()
        )
    }

    /// A fixed name for an origin's address.
    pub fn name(&self, name: &str, address: &str) -> &Self {
        self.set_up(|setup| {
            setup
                .fixed
                .push((name.to_owned(), vec![address.to_owned()]))
        })
    }

    fn render(&self) -> String {
        let setup = self.setup.borrow();
        let root = self.folder.path().display();
        let tls = format!(
            "tls: {{ certificate: {root}/issued/exeat.pem, key: {root}/issued/exeat.key, client_certificates: true }}"
        );
        let mut text = format!(
            "version: 1\nnode: lab\npolicy: {root}/policy.yaml\naudit:\n  directory: {root}/audit\nadmin: {{ address: \"127.0.0.1:0\" }}\n"
        );
        if let Some(segment) = setup.segment {
            text = text.replace(
                "/audit\nadmin",
                &format!("/audit\n  segment_bytes: {segment}\nadmin"),
            );
        }
        let mut add = |line: String| writeln!(text, "{line}").unwrap();
        add(format!(
            "runtime: {{ threads: 2, drain_timeout: {} }}",
            setup.drain.unwrap_or("300ms")
        ));
        add(format!("identity:\n  store: {root}/identity"));
        if !setup.trust_domains.is_empty() {
            add("  trust_domains:".to_owned());
        }
        setup
            .trust_domains
            .iter()
            .for_each(|entry| add(format!("    - {entry}")));
        if !setup.issuers.is_empty() {
            add("  issuers:".to_owned());
            setup
                .issuers
                .iter()
                .for_each(|entry| add(format!("    - {entry}")));
        }
        add(format!(
            "gateway:\n  listeners:\n    - address: 127.0.0.1:0\n    - address: 127.0.0.1:0\n      {tls}"
        ));
        add("  dns:\n    timeout: 2s".to_owned());
        if let Some(server) = setup.dns {
            add(format!("    servers: [\"{server}\"]"));
        }
        if !setup.fixed.is_empty() {
            add("    static:".to_owned());
        }
        for (name, addresses) in &setup.fixed {
            let quoted: Vec<String> = addresses
                .iter()
                .map(|address| format!("\"{address}\""))
                .collect();
            add(format!("      {name}: [{}]", quoted.join(", ")));
        }
        if let Some(unidentified) = setup.unidentified {
            add(format!("  unidentified: {unidentified}"));
        }
        if !setup.timeouts.is_empty() {
            add(format!("  timeouts: {{ {} }}", setup.timeouts.join(", ")));
        }
        if let Some(upstream) = &setup.database {
            add(self.render_database(&setup, upstream, &tls));
        }
        text
    }

    fn render_database(&self, setup: &Setup, upstream: &Upstream, tls: &str) -> String {
        let mut text = format!(
            "dbproxy:\n  listeners:\n    - address: 127.0.0.1:0\n      {tls}\n    - address: 127.0.0.1:0\n      require_tls: false\n  databases:\n    shop:\n      address: localhost:{}\n      database: postgres\n",
            upstream.port,
        );
        match &upstream.roots {
            Some(roots) => {
                let roots = roots.display();
                writeln!(text, "      tls: {{ mode: verify_full, roots: [{roots}] }}").unwrap();
            }
            None => writeln!(text, "      tls: {{ mode: disable }}").unwrap(),
        }
        if let Some(user) = &upstream.catalog_user {
            writeln!(text, "      catalog_user: {user}").unwrap();
        }
        if let Some(mode) = setup.analysis {
            writeln!(text, "      analysis: {mode}").unwrap();
        }
        if let Some(mode) = setup.second_wall {
            writeln!(text, "      second_wall: {mode}").unwrap();
        }
        writeln!(text, "      users:").unwrap();
        for (user, password) in &upstream.users {
            if password.is_empty() {
                writeln!(text, "        {user}: {{}}").unwrap();
                continue;
            }
            let file = self.path(&format!("{user}.password"));
            std::fs::write(&file, password).unwrap();
            writeln!(
                text,
                "        {user}: {{ password: {{ file: {} }} }}",
                file.display()
            )
            .unwrap();
        }
        if let Some(parameters) = setup.parameters {
            writeln!(text, "  audit: {{ parameters: {parameters} }}").unwrap();
        }
        if let Some(unidentified) = setup.unidentified {
            writeln!(text, "  unidentified: {unidentified}").unwrap();
        }
        if !setup.dbproxy_timeouts.is_empty() {
            writeln!(
                text,
                "  timeouts: {{ {} }}",
                setup.dbproxy_timeouts.join(", ")
            )
            .unwrap();
        }
        text
    }
}

/// `GET PATH` of the admin listener.
pub fn admin(process: &Process, path: &str) -> Ran {
    let address = process
        .addresses
        .admin
        .expect("the lab's configuration has an admin listener");
    run(curl().arg("--fail").arg(format!("http://{address}{path}")))
}

/// The value of a counter; 0 where it was never counted.
pub fn counted(process: &Process, counter: &str) -> u64 {
    let metrics = admin(process, "/metrics");
    metrics
        .ok()
        .lines()
        .find_map(|line| line.strip_prefix(counter)?.trim().parse().ok())
        .unwrap_or(0)
}

/// An HTTPS origin whose certificate the lab's CA signed, for `name` on loopback.
pub fn origin(lab: &Lab, name: &str) -> Origin {
    let file = name.replace('.', "-");
    let (certificate, key) = lab.issue(&file, &["--server", "--dns", name]);
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let pair = crate::pki::Pair {
        certificate: read(&certificate),
        key: read(&key),
    };
    lab.name(name, "127.0.0.1");
    Origin::tls(name, &pair)
}
