//! The worlds: databases that are the same in all that a policy allows and differ in all that it does not, the
//! proxy before them, and the traces that a forbidden act leaves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Mutex;

use exeat_tests::database::Database;
use exeat_tests::exeat::Process;
use exeat_tests::lab::{Lab, Upstream};
use exeat_tests::wire::{Message, Wire, sqlstate};

/// The roles of `roles.yaml`, in the order of their source addresses.
pub const ROLES: [&str; 7] = [
    "columns", "broad", "definer", "writer", "masked", "views", "tenant",
];

/// Files beside this one, read when the tests run.
pub fn beside(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/canary");
    std::fs::read_to_string(path.join(name)).unwrap()
}

/// What moved in a world, by name; a value that differs from an earlier one is a trace.
pub type Traces = BTreeMap<String, String>;

/// The database server with its worlds, and the proxy.
pub struct Worlds {
    process: Process,
    /// Its folder has to stay; a lab can't be shared by threads without a lock.
    lab: Mutex<Lab>,
    pub database: Database,
}

/// The name of a world: a pair for each worker, `a` and `b` by the letter.
pub fn world(worker: usize, letter: char) -> String {
    format!("w{worker}{letter}")
}

impl Worlds {
    /// Starts everything, with a pair of worlds for each of so many workers.
    pub fn start(workers: usize) -> Self {
        let mut roles = String::new();
        for role in ROLES {
            let power = if role == "tenant" { "" } else { "SUPERUSER" };
            writeln!(roles, "CREATE ROLE app_{role} LOGIN {power} PASSWORD 'pw';").unwrap();
        }
        roles.push_str("CREATE DATABASE world;");
        let settings = [
            "autovacuum=off",
            "max_prepared_transactions=4",
            "wal_level=minimal",
            "max_wal_senders=0",
        ];
        let database = Database::start_with(&roles, &settings);
        database.admin_in("world", &beside("world.sql")).exits(0);
        let names: Vec<String> = (0..workers)
            .flat_map(|worker| ['a', 'b'].map(|letter| world(worker, letter)))
            .collect();
        for name in &names {
            database
                .admin(&format!("CREATE DATABASE {name} TEMPLATE world"))
                .exits(0);
            let letter = name.chars().last().unwrap().to_string();
            database
                .admin_in(name, &beside("fill.sql").replace("{w}", &letter))
                .exits(0);
        }
        database.admin("COPY (SELECT 'cnryffffff-file') TO PROGRAM 'cat > canary_file.txt'");
        let lab = Lab::new(&policy(&names));
        let users: Vec<(String, String)> = ROLES
            .iter()
            .map(|role| (format!("app_{role}"), "pw".to_owned()))
            .collect();
        lab.set_up(|setup| {
            setup.database = Some(Upstream {
                port: database.port(),
                roots: None,
                users,
                catalog_user: Some("app_columns".to_owned()),
            });
        });
        let process = start(&lab, &names);
        Self {
            process,
            lab: Mutex::new(lab),
            database,
        }
    }

    /// A session of a role through the proxy.
    pub fn session(&self, role: &str, world: &str) -> Wire {
        let at = ROLES.iter().position(|known| *known == role).unwrap();
        let source = Ipv4Addr::new(127, 0, 1, u8::try_from(at).unwrap() + 1);
        let mut wire = Wire::connect_from(source, self.process.addresses.dbproxy[1]);
        let answer = wire.start(&[("user", role), ("database", world)], "");
        assert_eq!(sqlstate(&answer), None, "{answer:?}");
        wire
    }

    /// A session of the superuser past the proxy.
    pub fn direct(&self, world: &str) -> Wire {
        Wire::past_the_proxy(&self.database, world)
    }

    /// A session past the proxy as the database role of a policy role, for what traces know by the role.
    pub fn direct_as(&self, role: &str, world: &str) -> Wire {
        let mut wire = self.direct(world);
        wire.query(&format!("SET SESSION AUTHORIZATION app_{role}"));
        wire
    }

    /// Ends the proxy in order. Its log is not checked here: it holds tens of thousands of records.
    pub fn finish(self) {
        let status = self.process.stop();
        assert!(status.success(), "exeat run ended with {status}");
        drop(self.lab);
    }
}

/// The policy: each role from an address of its own, with its rules in each world.
fn policy(worlds: &[String]) -> String {
    let mut text = "version: 1\nroles:\n".to_owned();
    for (at, role) in ROLES.iter().enumerate() {
        writeln!(
            text,
            "  {role}:\n    identities: [{{ source: 127.0.1.{}/32 }}]\n    databases:",
            at + 1
        )
        .unwrap();
        for world in worlds {
            writeln!(text, "      {world}:\n        audit: written\n        limits: {{ statement_timeout: 5s }}").unwrap();
            for line in rules(role) {
                writeln!(text, "      {line}").unwrap();
            }
        }
    }
    text
}

/// The lines of `roles.yaml` below a role.
fn rules(role: &str) -> Vec<String> {
    let policies = beside("roles.yaml");
    let head = format!("{role}:");
    let lines = policies
        .lines()
        .skip_while(move |line| *line != head)
        .skip(1);
    lines
        .take_while(|line| line.starts_with(' '))
        .map(str::to_owned)
        .collect()
}

/// Starts the proxy with a database for each world: the lab's only one, as often as there are worlds.
fn start(lab: &Lab, worlds: &[String]) -> Process {
    let text = std::fs::read_to_string(lab.configuration()).unwrap();
    let (before, block) = text.split_once("    shop:\n").unwrap();
    let body: Vec<&str> = block
        .lines()
        .take_while(|line| line.starts_with("      "))
        .collect();
    let after: Vec<&str> = block.lines().skip(body.len()).collect();
    let mut all = before.to_owned();
    for world in worlds {
        let body = body
            .join("\n")
            .replace("database: postgres", &format!("database: {world}"));
        writeln!(all, "    {world}:\n{body}").unwrap();
    }
    all.push_str(&after.join("\n"));
    let path = lab.path("worlds.yaml");
    std::fs::write(&path, all).unwrap();
    Process::start(&path, &lab.path(""))
}

/// Looks at the traces of one world.
pub struct Watch {
    wire: Wire,
    sql: String,
}

impl Watch {
    pub fn new(worlds: &Worlds, world: &str) -> Self {
        let mut wire = worlds.direct(world);
        for channel in ["canary", "x", "y"] {
            wire.query(&format!("LISTEN {channel}"));
        }
        let sequences = rows(&wire.query(
            "SELECT format('SELECT %L, last_value::text || is_called FROM %s', c.oid::regclass, c.oid::regclass) FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relkind = 'S' AND (nspname IN ('trace', 'hidden') OR relname = 'counter')",
        ));
        let others = [
            "SELECT 'large objects', count(*)::text || ' ' || coalesce(sum(length(lo_get(oid))), 0) FROM pg_largeobject_metadata",
            "SELECT 'settings of roles', coalesce(string_agg(setconfig::text, ',' ORDER BY setdatabase, setrole), '') FROM pg_db_role_setting",
            "SELECT 'roles', string_agg(rolname || rolsuper, ',' ORDER BY rolname) FROM pg_roles",
            "SELECT 'databases', string_agg(datname, ',' ORDER BY datname) FROM pg_database",
            "SELECT 'advisory locks', count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            "SELECT 'prepared transactions', count(*)::text FROM pg_prepared_xacts WHERE database = current_database()",
            "SELECT 'files', string_agg(f, ',' ORDER BY f) FROM pg_ls_dir('.') f WHERE f LIKE 'canary%'",
            "SELECT 'grants', md5(string_agg(relacl::text, ',' ORDER BY oid)) FROM pg_class WHERE relnamespace::regnamespace::text IN ('public', 'hidden')",
        ];
        let all: Vec<String> = sequences
            .into_iter()
            .map(|row| row.join(""))
            .chain(others.map(str::to_owned))
            .collect();
        Self {
            wire,
            sql: all.join(" UNION ALL "),
        }
    }

    /// How everything is now. Notifications that came count, each once.
    pub fn look(&mut self) -> Traces {
        let answer = self.wire.query(&self.sql);
        assert_eq!(sqlstate(&answer), None, "{answer:?}");
        let mut traces: Traces = rows(&answer)
            .into_iter()
            .map(|mut row| (row.remove(0), row.remove(0)))
            .collect();
        for message in answer.iter().filter(|message| message.kind == 'A') {
            let text = String::from_utf8_lossy(&message.body[4..]).into_owned();
            traces.insert(format!("notification {text:?}"), "came".to_owned());
        }
        traces
    }
}

/// What differs between two looks.
pub fn moved(before: &Traces, after: &Traces) -> Vec<String> {
    after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value))
        .map(|(name, _)| name.clone())
        .collect()
}

/// The rows of an answer, as text.
pub fn rows(answer: &[Message]) -> Vec<Vec<String>> {
    answer
        .iter()
        .filter(|message| message.kind == 'D')
        .map(|message| {
            let mut rest = &message.body[2..];
            let mut row = Vec::new();
            while let Some((length, tail)) = rest.split_first_chunk::<4>() {
                let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
                row.push(String::from_utf8_lossy(&tail[..length]).into_owned());
                rest = &tail[length..];
            }
            row
        })
        .collect()
}
