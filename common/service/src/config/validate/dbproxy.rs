//! The `dbproxy` part: listeners, databases, deadlines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::raw::{self, At};
use super::super::{
    Database, Dbproxy, DbproxyListener, DbproxyTimeouts, Parameters, SecondWall, StatementLimits,
    UpstreamTls, User,
};
use super::Judge;

const HANDSHAKE: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(1800);
const SMALLEST_LIMIT: usize = 4 << 10;
const MOST_TEXT: usize = 16 << 20;
const MOST_MESSAGE: usize = 256 << 20;
const MOST_MEMORY: usize = 2 << 30;

impl Judge<'_> {
    pub(super) fn dbproxy(&mut self, raw: raw::Dbproxy) -> Dbproxy {
        if raw.listeners.value.is_empty() {
            self.problem(
                &raw.listeners.span,
                "a proxy without listeners does nothing",
                "add one, or drop `dbproxy`",
            );
        }
        if raw.databases.value.is_empty() {
            self.problem(
                &raw.databases.span,
                "a proxy without databases does nothing",
                "add one, or drop `dbproxy`",
            );
        }
        let listeners = raw
            .listeners
            .value
            .iter()
            .filter_map(|listener| self.dbproxy_listener(listener))
            .collect();
        let databases = raw
            .databases
            .value
            .iter()
            .filter_map(|(name, database)| {
                Some((
                    Arc::from(name.as_str()),
                    self.database(name, &database.value)?,
                ))
            })
            .collect();
        let parameters = match raw.audit.parameters {
            raw::Parameters::Plain => Parameters::Plain,
            raw::Parameters::Commitment => Parameters::Commitment,
            raw::Parameters::None => Parameters::None,
        };
        let timeouts = DbproxyTimeouts {
            handshake: self.duration(raw.timeouts.handshake.as_ref(), HANDSHAKE),
            connect: self.duration(raw.timeouts.connect.as_ref(), CONNECT),
            idle: self.duration(raw.timeouts.idle.as_ref(), IDLE),
        };
        Dbproxy {
            listeners,
            databases,
            parameters,
            unidentified: self.unidentified(raw.unidentified.as_ref()),
            limits: self.statement_limits(&raw.limits),
            timeouts,
            keepalive: self.keepalive(&raw.keepalive),
        }
    }

    /// A message is held whole in memory while it is read.
    fn statement_limits(&mut self, raw: &raw::StatementLimits) -> StatementLimits {
        let default = StatementLimits::default();
        let mut size = |name: &str, given: Option<&At<String>>, default: usize, most: usize| {
            let Some(given) = given else { return default };
            let bytes = self.bytes(Some(given), default as u64);
            match usize::try_from(bytes) {
                Ok(bytes) if (SMALLEST_LIMIT..=most).contains(&bytes) => bytes,
                _ => {
                    self.problem(
                        &given.span,
                        format!("{name} must be between 4KiB and {}MiB", most >> 20),
                        format!("leave it out for {}MiB", default >> 20),
                    );
                    default
                }
            }
        };
        let text = size("text", raw.text.as_ref(), default.text, MOST_TEXT);
        let message = size(
            "message",
            raw.message.as_ref(),
            default.message,
            MOST_MESSAGE,
        );
        let memory = size("memory", raw.memory.as_ref(), default.memory, MOST_MEMORY);
        let large = [&raw.message, &raw.memory].into_iter().flatten().next();
        if let Some(given) = large.filter(|_| message > memory) {
            self.problem(
                &given.span,
                "a single message may be larger than what all may hold together",
                "raise `memory`, or lower `message`",
            );
        }
        StatementLimits {
            text,
            message,
            memory,
        }
    }

    fn dbproxy_listener(&mut self, raw: &raw::DbproxyListener) -> Option<DbproxyListener> {
        let require_tls = raw.require_tls.as_ref().is_none_or(|require| require.value);
        if require_tls && raw.tls.is_none() {
            self.problem(
                &raw.address.span,
                "this listener requires TLS, but has no certificate: it would refuse everybody",
                "add `tls: { certificate: …, key: … }`, or `require_tls: false` on a network that you trust",
            );
        }
        let tls = raw.tls.as_ref().map(|tls| self.tls(tls));
        Some(DbproxyListener {
            address: self.listening(&raw.address)?,
            tls,
            require_tls,
        })
    }

    fn database(&mut self, name: &str, raw: &raw::Database) -> Option<Database> {
        let upstream = self.upstream(&raw.address);
        if raw.users.value.is_empty() {
            self.problem(
                &raw.users.span,
                "a database without users: no `as` of a policy could connect",
                "add the database role that the policy names in `as`",
            );
        }
        if let Some(user) = raw
            .catalog_user
            .as_ref()
            .filter(|user| !raw.users.value.contains_key(&user.value))
        {
            self.problem(
                &user.span,
                format!("`{}` is not among the users", user.value),
                "add it to `users`, with its password",
            );
        }
        let mut users = BTreeMap::new();
        for (name, user) in &raw.users.value {
            let password = user
                .password
                .as_ref()
                .and_then(|source| self.secret(source));
            users.insert(Arc::from(name.as_str()), User { password });
        }
        if let Some(path) = raw
            .search_path
            .as_ref()
            .filter(|path| path.value.is_empty())
        {
            self.problem(
                &path.span,
                "an empty search path finds no table",
                "leave it out for [public]",
            );
        }
        let search_path = match &raw.search_path {
            Some(path) => path
                .value
                .iter()
                .map(|schema| Arc::from(schema.as_str()))
                .collect(),
            None => vec![Arc::from("public")],
        };
        let (host, port) = upstream?;
        Some(Database {
            host,
            port,
            database: raw
                .database
                .as_ref()
                .map_or(name, |database| &database.value)
                .to_owned(),
            tls: self.upstream_tls(raw.tls.as_ref()),
            users,
            catalog_user: raw
                .catalog_user
                .as_ref()
                .map(|user| Arc::from(user.value.as_str())),
            search_path,
            analysis: raw.analysis.unwrap_or_default(),
            second_wall: match raw.second_wall {
                raw::SecondWall::Require => SecondWall::Require,
                raw::SecondWall::Warn => SecondWall::Warn,
                raw::SecondWall::Off => SecondWall::Off,
            },
        })
    }

    fn upstream_tls(&mut self, raw: Option<&raw::UpstreamTls>) -> UpstreamTls {
        match raw {
            None => UpstreamTls::VerifyFull { roots: Vec::new() },
            Some(raw::UpstreamTls {
                mode: raw::UpstreamTlsMode::VerifyFull,
                roots,
            }) => {
                if let Some(roots) = roots.as_ref().filter(|roots| roots.value.is_empty()) {
                    self.problem(
                        &roots.span,
                        "without roots no certificate verifies",
                        "leave it out for the system's roots",
                    );
                }
                UpstreamTls::VerifyFull {
                    roots: roots
                        .as_ref()
                        .map(|roots| self.paths(&roots.value))
                        .unwrap_or_default(),
                }
            }
            Some(raw::UpstreamTls {
                mode: raw::UpstreamTlsMode::Disable,
                roots,
            }) => {
                if let Some(roots) = roots {
                    self.problem(
                        &roots.span,
                        "roots do nothing when TLS is disabled",
                        "drop them, or write `mode: verify_full`",
                    );
                }
                UpstreamTls::Disable
            }
        }
    }

    /// Splits `host:port`, `[v6]:port`.
    fn upstream(&mut self, given: &At<String>) -> Option<(String, u16)> {
        let split = given.value.rsplit_once(':').and_then(|(host, port)| {
            let port = port.parse().ok().filter(|port| *port != 0)?;
            let literal = host
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            let host = literal.unwrap_or(host);
            let ok = !host.is_empty()
                && (literal.is_some() || !host.contains(':'))
                && !host.contains(char::is_whitespace);
            ok.then(|| (host.to_owned(), port))
        });
        if split.is_none() {
            self.problem(
                &given.span,
                format!("`{}` is no address of a server", given.value),
                "write a host name or an address, and a port, e.g. db.internal:5432",
            );
        }
        split
    }
}
