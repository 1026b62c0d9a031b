//! New tunnels, and requests in live tunnels: past every proxy, through Squid, through exeat.
//!
//! Squid tunnels blindly and writes its access log. Exeat proves the caller's token, decides by policy,
//! resolves, binds the server name of the ClientHello to the authority, and records decision and close.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exeat_tests::exeat::{Process, run_exeat};
use exeat_tests::wait;

use crate::load::{self, Operation, Route};
use crate::report::{Row, Sample, percentile, table};
use crate::{Plan, cpu, origin};

const HOST: &str = "origin.example";

/// A proxy under load.
struct Peer {
    name: &'static str,
    route: Route,
    pid: Option<u32>,
}

/// Measures everything and gives the tables.
pub(crate) fn measure(plan: &Plan) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("exeat-bench-").tempdir()?;
    let hello = client_hello()?;
    let address = origin::start(hello.len())?;
    let squid = Squid::start(folder.path())?;
    let exeat = start_exeat(folder.path(), address.port())?;
    let token = exeat.1;
    let credentials = STANDARD.encode(format!("bench:{token}"));
    let peers = [
        Peer {
            name: "direct",
            route: Route {
                dial: address,
                connect: None,
                hello: hello.clone(),
            },
            pid: None,
        },
        Peer {
            name: "Squid",
            route: Route {
                dial: squid.address,
                connect: Some(connect(&address.to_string(), "")),
                hello: hello.clone(),
            },
            pid: Some(squid.process.id()),
        },
        Peer {
            name: "Exeat",
            route: Route {
                dial: exeat.0.gateway(),
                connect: Some(connect(
                    &format!("{HOST}:{}", address.port()),
                    &format!("Proxy-Authorization: Basic {credentials}\r\n"),
                )),
                hello,
            },
            pid: Some(exeat.0.pid()),
        },
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut text = String::new();
    for (operation, title) in [
        (Operation::Tunnel, "New tunnels"),
        (Operation::Request, "1 KB answers in live tunnels"),
    ] {
        let mut rows: Vec<Row> = peers
            .iter()
            .map(|peer| Row {
                name: peer.name.to_owned(),
                samples: Vec::new(),
            })
            .collect();
        for round in 0..plan.rounds {
            for turn in 0..peers.len() {
                let at = (round + turn) % peers.len();
                let peer = &peers[at];
                eprintln!(
                    "round {} of {}: {title}: {}",
                    round + 1,
                    plan.rounds,
                    peer.name
                );
                let warm = load::run(
                    &peer.route,
                    operation,
                    plan.connections,
                    Duration::from_millis(300),
                );
                runtime.block_on(warm).with_context(|| peer.name)?;
                let before = peer.pid.map(cpu::seconds);
                let duration = Duration::from_secs(plan.seconds);
                let done = runtime
                    .block_on(load::run(
                        &peer.route,
                        operation,
                        plan.connections,
                        duration,
                    ))
                    .with_context(|| peer.name)?;
                let used = peer
                    .pid
                    .zip(before)
                    .map(|(pid, before)| cpu::seconds(pid) - before);
                rows[at].samples.push(Sample {
                    rate: done.operations as f64 / done.seconds,
                    p50: percentile(&done.latencies, 0.5),
                    p99: percentile(&done.latencies, 0.99),
                    cpu: used.map(|used| used * 1e6 / done.operations as f64),
                });
            }
        }
        text.push_str(&table(title, &rows, "Squid"));
    }
    exeat.0.stop();
    Ok(text)
}

fn connect(authority: &str, credentials: &str) -> Arc<str> {
    format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\r\n").into()
}

/// A real ClientHello of rustls, with the origin's name.
fn client_hello() -> Result<Arc<[u8]>> {
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let mut connection = rustls::ClientConnection::new(Arc::new(config), HOST.try_into()?)?;
    let mut hello = Vec::new();
    connection.write_tls(&mut hello)?;
    Ok(hello.into())
}

/// Exeat with a token identity, a policy of one rule, and its log.
fn start_exeat(folder: &Path, port: u16) -> Result<(Process, String)> {
    let folder = folder.join("exeat");
    fs::create_dir_all(&folder)?;
    let store = folder.join("identity");
    let directory = [Path::new("--directory"), &store];
    run_exeat(
        [Path::new("identity"), Path::new("init")]
            .iter()
            .chain(&directory),
    )
    .exits(0);
    let token = run_exeat(
        [
            Path::new("identity"),
            Path::new("token"),
            Path::new("bench"),
        ]
        .iter()
        .chain(&directory),
    );
    fs::write(
        folder.join("policy.yaml"),
        format!(
            "version: 1
roles:
  bench:
    identities: [{{ token: bench }}]
    egress:
      allow:
        - {{ host: {HOST}, ports: [{port}], networks: [127.0.0.0/8] }}
"
        ),
    )?;
    let config = folder.join("exeat.yaml");
    fs::write(
        &config,
        format!(
            "version: 1
policy: policy.yaml
identity: {{ store: identity }}
audit: {{ directory: audit }}
gateway:
  listeners: [{{ address: 127.0.0.1:0 }}]
  dns: {{ static: {{ {HOST}: [127.0.0.1] }} }}
"
        ),
    )?;
    Ok((Process::start(&config, &folder), token.ok().to_owned()))
}

/// Debian's Squid as a single process without a cache.
struct Squid {
    process: Child,
    address: SocketAddr,
}

impl Squid {
    fn start(folder: &Path) -> Result<Self> {
        let folder = folder.join("squid");
        fs::create_dir_all(&folder)?;
        // Squid gives up root, so its folder is for everybody.
        fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
        if let Some(parent) = folder.parent() {
            fs::set_permissions(parent, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        }
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = folder.join("squid.conf");
        let path = folder.display();
        fs::write(
            &config,
            format!(
                "http_port {address}\nhttp_access allow all\ncache deny all\ncache_mem 8 MB\n\
                 access_log stdio:{path}/access.log\ncache_log {path}/cache.log\npid_filename none\n\
                 coredump_dir {path}\nshutdown_lifetime 0 seconds\nmax_filedescriptors 16384\n"
            ),
        )?;
        let process = Command::new("squid")
            .env("PATH", path_with_sbin())
            .args(["-N", "-f"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("squid: not started; `make bench` installs it")?;
        let squid = Self { process, address };
        wait::until_true("squid listens", || {
            std::net::TcpStream::connect(address).is_ok()
        });
        Ok(squid)
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Servers are in the administrator's folders, which are not on everybody's `PATH`.
pub(crate) fn path_with_sbin() -> String {
    format!(
        "{}:/usr/sbin:/sbin",
        std::env::var("PATH").unwrap_or_default()
    )
}
