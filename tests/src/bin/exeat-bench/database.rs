//! `pgbench -S`: past every pooler, through PgBouncer in both modes, through exeat with policy and audit;
//! then what no cache helps: statements that were never seen, and definitions in a database of many tables.
//!
//! PgBouncer pools; exeat judges every statement and records decision and completion. Nobody uses TLS.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use exeat_tests::database::Database;
use exeat_tests::exeat::{Process, exeat, run_exeat};
use exeat_tests::run::run_with;
use exeat_tests::wait;

use crate::gateway::path_with_sbin;
use crate::report::{Row, Sample, percentile, table};
use crate::{Plan, cpu};

const PASSWORD: &str = "bench-password";

/// Tables of 40 columns beside those of pgbench, for the definitions.
const TABLES: &str = "DO $$ DECLARE c text; BEGIN
    SELECT string_agg('c' || i || ' int', ', ') INTO c FROM generate_series(1, 38) i;
    FOR i IN 1..6500 LOOP EXECUTE format('CREATE TABLE wide.t%s (id int, name text, %s)', i, c); END LOOP;
    END $$";
/// Another text each time.
const COLD: &str = "\\set n random(1, 1000000000)
SELECT aid AS n:n, abalance FROM pgbench_accounts WHERE aid = 1;
";
const DEFINITION: &str = "\\set n random(1, 9223372036854775807)
CREATE TABLE public.d:n (id int PRIMARY KEY, name text);
";

/// A way to the database.
struct Peer {
    name: &'static str,
    port: u16,
    pid: Option<u32>,
}

/// Measures everything and gives the tables.
pub(crate) fn measure(plan: &Plan) -> Result<String> {
    let folder = tempfile::Builder::new().prefix("exeat-bench-").tempdir()?;
    let database = Database::start_with(
        &format!(
            "CREATE ROLE bench LOGIN PASSWORD '{PASSWORD}' SUPERUSER; CREATE DATABASE bench OWNER bench;"
        ),
        &["log_statement=none", "max_connections=300"],
    );
    let scale = pgbench(database.port(), &["-i", "-q", "-s", "10"], folder.path())?;
    if !scale.status.success() {
        bail!("pgbench -i: {}", String::from_utf8_lossy(&scale.stderr));
    }
    let session = PgBouncer::start(folder.path(), "session", database.port())?;
    let transaction = PgBouncer::start(folder.path(), "transaction", database.port())?;
    let exeat = start_exeat(folder.path(), database.port())?;
    let peers = [
        Peer {
            name: "direct",
            port: database.port(),
            pid: None,
        },
        Peer {
            name: "PgBouncer, session",
            port: session.port,
            pid: Some(session.process.id()),
        },
        Peer {
            name: "PgBouncer, transaction",
            port: transaction.port,
            pid: Some(transaction.process.id()),
        },
        Peer {
            name: "Exeat",
            port: exeat.dbproxy().port(),
            pid: Some(exeat.pid()),
        },
    ];
    let mut text = String::new();
    for mode in ["simple", "extended"] {
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
                    "round {} of {}: pgbench -S -M {mode}: {}",
                    round + 1,
                    plan.rounds,
                    peer.name
                );
                let load = [
                    "-S",
                    "-M",
                    mode,
                    "-c",
                    &plan.connections.to_string(),
                    "--sampling-rate=0.1",
                ];
                rows[at].samples.push(
                    sample(peer, &load, plan, &folder.path().join("pgbench")).context(peer.name)?,
                );
            }
        }
        text.push_str(&table(
            &format!("pgbench -S -M {mode}"),
            &rows,
            "PgBouncer, session",
        ));
    }
    database.admin_in("bench", "CREATE SCHEMA wide").exits(0);
    database.admin_in("bench", TABLES).exits(0);
    for (title, script) in [
        ("a statement that was never seen, one session", COLD),
        (
            "CREATE TABLE beside 6,500 tables of 40 columns, one session",
            DEFINITION,
        ),
    ] {
        text.push_str(&uncached(title, script, &peers, plan, folder.path())?);
    }
    exeat.stop();
    Ok(text)
}

/// A script of one session, and what `pgbench -S` of another one sees meanwhile: two tables.
fn uncached(
    title: &str,
    script: &str,
    peers: &[Peer],
    plan: &Plan,
    folder: &Path,
) -> Result<String> {
    let file = folder.join("script.sql");
    fs::write(&file, script)?;
    let file = file.display().to_string();
    let peers: Vec<&Peer> = peers
        .iter()
        .filter(|peer| !peer.name.ends_with("transaction"))
        .collect();
    let row = |peer: &&Peer| Row {
        name: peer.name.to_owned(),
        samples: Vec::new(),
    };
    let mut own: Vec<Row> = peers.iter().map(row).collect();
    let mut others: Vec<Row> = peers.iter().map(row).collect();
    for round in 0..plan.rounds {
        for (at, peer) in peers.iter().enumerate() {
            eprintln!(
                "round {} of {}: {title}: {}",
                round + 1,
                plan.rounds,
                peer.name
            );
            let beside = || {
                sample(
                    peer,
                    &["-S", "-c", "1", "-R", "100"],
                    plan,
                    &folder.join("beside"),
                )
            };
            let (mine, beside) = std::thread::scope(|scope| {
                let beside = scope.spawn(beside);
                let mine = sample(
                    peer,
                    &["-f", &file, "-c", "1"],
                    plan,
                    &folder.join("pgbench"),
                );
                (mine, beside.join())
            });
            own[at].samples.push(mine.context(peer.name)?);
            let beside = beside.map_err(|_| anyhow::anyhow!("pgbench beside {}", peer.name))?;
            others[at].samples.push(beside.context(peer.name)?);
        }
    }
    Ok(table(title, &own, "direct")
        + &table(
            &format!("beside it, 100 cached statements a second: {title}"),
            &others,
            "direct",
        ))
}

/// One run of pgbench, whose logs go into `logs`.
fn sample(peer: &Peer, load: &[&str], plan: &Plan, logs: &Path) -> Result<Sample> {
    fs::remove_dir_all(logs).ok();
    fs::create_dir_all(logs)?;
    let seconds = plan.seconds.to_string();
    let before = peer.pid.map(cpu::seconds);
    let arguments: Vec<&str> = load
        .iter()
        .copied()
        .chain(["-n", "-j", "1", "-T", &seconds, "-l"])
        .collect();
    let done = pgbench(peer.port, &arguments, logs)?;
    let used = peer
        .pid
        .zip(before)
        .map(|(pid, before)| cpu::seconds(pid) - before);
    let output = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() {
        bail!("pgbench: {}", String::from_utf8_lossy(&done.stderr));
    }
    let number = |prefix: &str| -> Option<f64> {
        let line = output.lines().find_map(|line| line.strip_prefix(prefix))?;
        line.split(|c: char| c.is_whitespace() || c == '/')
            .next()?
            .parse()
            .ok()
    };
    let transactions =
        number("number of transactions actually processed: ").context("pgbench's output")?;
    let rate = number("tps = ").context("pgbench's output")?;
    let latencies = latencies(logs)?;
    Ok(Sample {
        rate,
        p50: percentile(&latencies, 0.5),
        p99: percentile(&latencies, 0.99),
        cpu: used.map(|used| used * 1e6 / transactions),
    })
}

/// The sampled transactions' times, microseconds, sorted: the third column of pgbench's log.
fn latencies(folder: &Path) -> Result<Vec<u32>> {
    let mut times = Vec::new();
    for entry in fs::read_dir(folder)? {
        let text = fs::read_to_string(entry?.path())?;
        times.extend(
            text.lines()
                .filter_map(|line| line.split(' ').nth(2)?.parse::<u32>().ok()),
        );
    }
    times.sort_unstable();
    Ok(times)
}

fn pgbench(port: u16, arguments: &[&str], folder: &Path) -> Result<std::process::Output> {
    Command::new("pgbench")
        .args(["-h", "127.0.0.1", "-U", "bench", "-p", &port.to_string()])
        .args(arguments)
        .arg("bench")
        .env("PGPASSWORD", PASSWORD)
        .env("PGSSLMODE", "disable")
        .current_dir(folder)
        .output()
        .context("pgbench: not started; `make bench` installs it")
}

/// Exeat with a SCRAM identity, a policy of a few rules, and its log.
fn start_exeat(folder: &Path, port: u16) -> Result<Process> {
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
    let password = [
        Path::new("identity"),
        Path::new("password"),
        Path::new("bench"),
        Path::new("--stdin"),
    ];
    run_with(&exeat(password.iter().chain(&directory)), PASSWORD).exits(0);
    fs::write(folder.join("password"), PASSWORD)?;
    fs::write(
        folder.join("policy.yaml"),
        "version: 1
roles:
  bench:
    identities: [{ scram: bench }]
    databases:
      bench:
        as: bench
        allow:
          - select: public.pgbench_accounts(aid, abalance)
          - select: public.pgbench_branches(bid)
          - define: public.*
          - preset: [builtins, introspection]
",
    )?;
    let config = folder.join("exeat.yaml");
    fs::write(
        &config,
        format!(
            "version: 1
policy: policy.yaml
identity: {{ store: identity }}
audit: {{ directory: audit }}
dbproxy:
  listeners: [{{ address: 127.0.0.1:0, require_tls: false }}]
  databases:
    bench:
      address: 127.0.0.1:{port}
      tls: {{ mode: disable }}
      users: {{ bench: {{ password: {{ file: password }} }} }}
"
        ),
    )?;
    Ok(Process::start(&config, &folder))
}

/// Debian's PgBouncer.
struct PgBouncer {
    process: Child,
    port: u16,
}

impl PgBouncer {
    fn start(folder: &Path, mode: &str, database: u16) -> Result<Self> {
        let folder = folder.join(mode);
        fs::create_dir_all(&folder)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let path = folder.display();
        fs::write(folder.join("users"), format!("\"bench\" \"{PASSWORD}\"\n"))?;
        fs::write(
            folder.join("pgbouncer.ini"),
            format!(
                "[databases]\nbench = host=127.0.0.1 port={database}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {path}/users\n\
                 pool_mode = {mode}\ndefault_pool_size = 32\nmax_client_conn = 1000\nlogfile = {path}/log\n\
                 ignore_startup_parameters = extra_float_digits\n"
            ),
        )?;
        let mut command = Command::new("pgbouncer");
        command.env("PATH", path_with_sbin()).arg("-q");
        if rustix::process::geteuid().is_root() {
            // It refuses to run as root, and the package brought a user for it.
            for open in [folder.as_path(), folder.parent().unwrap_or(&folder)] {
                fs::set_permissions(open, fs::Permissions::from_mode(0o777))?;
            }
            command.args(["-u", "postgres"]);
        }
        let process = command
            .arg(folder.join("pgbouncer.ini"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("pgbouncer: not started; `make bench` installs it")?;
        let pgbouncer = Self { process, port };
        wait::until_true("pgbouncer listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Ok(pgbouncer)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
