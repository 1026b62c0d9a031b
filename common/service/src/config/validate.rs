//! Raw → validated. Every rule about what a configuration may say is here; each violation is
//! collected, so that one run names them all. What would silently do nothing is refused.

mod dbproxy;
mod gateway;
mod identity;
mod values;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::raw::{self, At};
use super::{Admin, Audit, Config, Runtime, Tls};

const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
const SEGMENT_BYTES: u64 = 64 << 20;
const SMALLEST_SEGMENT: u64 = 64 << 10;
const MOST_THREADS: usize = 1024;

/// Judges a file: what it found so far, and where the file lies.
struct Judge<'a> {
    folder: &'a Path,
    list: Vec<Diagnostic>,
    /// Listening addresses so far, to find the one that is used twice.
    addresses: BTreeMap<std::net::SocketAddr, ()>,
    /// Whether any root could vouch for a client's certificate.
    roots: bool,
    /// Whether any listener asks for client certificates.
    client_certificates: bool,
}

/// Gives the validated configuration, or everything that is wrong with it.
pub(super) fn validate(raw: raw::Config, path: &Path, text: &str) -> Result<Config, Diagnostics> {
    let mut judge = Judge {
        folder: path.parent().unwrap_or(Path::new("")),
        list: Vec::new(),
        addresses: BTreeMap::new(),
        roots: !raw.identity.trust_domains.is_empty() || raw.identity.store.is_some(),
        client_certificates: false,
    };
    if raw.version.value != 1 {
        judge.problem(
            &raw.version.span,
            "this version reads configurations of version 1 only",
            "write `version: 1`",
        );
    }
    if raw.gateway.is_none() && raw.dbproxy.is_none() {
        judge.problem(
            &(0..0),
            "neither `gateway` nor `dbproxy` is configured",
            "add one of them: without a service nothing runs",
        );
    }
    let first_trust_domain = raw
        .identity
        .trust_domains
        .first()
        .map(|domain| domain.span.clone());
    let config = Config {
        file: path.to_owned(),
        node: judge.node(raw.node.as_ref()).into(),
        policy: judge.policy(&raw.policy),
        runtime: judge.runtime(&raw.runtime),
        identity: judge.identity(raw.identity),
        audit: judge.audit(&raw.audit),
        admin: raw.admin.as_ref().and_then(|admin| judge.admin(admin)),
        gateway: raw.gateway.map(|gateway| judge.gateway(gateway)),
        dbproxy: raw.dbproxy.map(|dbproxy| judge.dbproxy(dbproxy)),
    };
    if let Some(span) = first_trust_domain.filter(|_| !judge.client_certificates) {
        judge.problem(
            &span,
            "no listener asks for client certificates, so this trust domain does nothing",
            "set `client_certificates: true` in the `tls` of a listener, or drop the trust domain",
        );
    }
    if judge.list.is_empty() {
        Ok(config)
    } else {
        judge.list.sort_by_key(|diagnostic| diagnostic.span.start);
        Err(Diagnostics::new(path, text, judge.list))
    }
}

impl Judge<'_> {
    fn problem(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.list.push(Diagnostic {
            span: span.clone(),
            message: message.into(),
            hint: hint.into(),
        });
    }

    fn path(&self, text: &str) -> PathBuf {
        self.folder.join(text)
    }

    fn paths(&self, list: &[String]) -> Vec<PathBuf> {
        list.iter().map(|path| self.path(path)).collect()
    }

    fn node(&mut self, given: Option<&At<String>>) -> String {
        match given {
            Some(node)
                if node.value.is_empty()
                    || node
                        .value
                        .chars()
                        .any(|c| c.is_control() || c.is_whitespace()) =>
            {
                self.problem(
                    &node.span,
                    "a node's name has at least one character and no white space",
                    "write a short name, e.g. `gateway-1`",
                );
                String::new()
            }
            Some(node) => node.value.clone(),
            None => rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
        }
    }

    fn policy(&mut self, policy: &At<raw::OneOrMany>) -> Vec<PathBuf> {
        let paths = match &policy.value {
            raw::OneOrMany::One(path) => vec![self.path(path)],
            raw::OneOrMany::Many(paths) => self.paths(paths),
        };
        if paths.is_empty() {
            self.problem(
                &policy.span,
                "no policy: everything would be denied",
                "name a policy file or folder",
            );
        }
        paths
    }

    fn runtime(&mut self, runtime: &raw::Runtime) -> Runtime {
        let threads = match &runtime.threads {
            Some(threads) if !(1..=MOST_THREADS).contains(&threads.value) => {
                self.problem(
                    &threads.span,
                    format!("threads must be between 1 and {MOST_THREADS}"),
                    "leave it out for one per core",
                );
                1
            }
            Some(threads) => threads.value,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        Runtime {
            threads,
            drain_timeout: self.duration(runtime.drain_timeout.as_ref(), DRAIN_TIMEOUT),
        }
    }

    fn audit(&mut self, audit: &raw::Audit) -> Audit {
        let segment_bytes = self.bytes(audit.segment_bytes.as_ref(), SEGMENT_BYTES);
        if let Some(given) = audit
            .segment_bytes
            .as_ref()
            .filter(|_| segment_bytes < SMALLEST_SEGMENT)
        {
            self.problem(
                &given.span,
                "segments this small make more files than records",
                "write 64KiB or more",
            );
        }
        Audit {
            directory: self.path(&audit.directory),
            segment_bytes,
        }
    }

    fn admin(&mut self, admin: &raw::Admin) -> Option<Admin> {
        let address = self.listening(&admin.address)?;
        let token = admin.token.as_ref().and_then(|source| self.secret(source));
        if admin.token.is_none() && !address.ip().is_loopback() {
            self.problem(
                &admin.address.span,
                "the admin listener is reachable from other machines, and nothing authenticates its callers",
                "listen on 127.0.0.1, or add `token: { file: … }`",
            );
        }
        Some(Admin { address, token })
    }

    fn tls(&mut self, tls: &raw::Tls) -> Tls {
        let asked = tls.client_certificates.as_ref().filter(|asked| asked.value);
        if let Some(asked) = asked {
            self.client_certificates = true;
            if !self.roots {
                self.problem(
                    &asked.span,
                    "client certificates are asked for, but no trust domain could accept one",
                    "name the built-in CA's folder in `identity.store`, or add a trust domain to `identity.trust_domains`",
                );
            }
        }
        Tls {
            certificate: self.path(&tls.certificate),
            key: self.path(&tls.key),
            client_certificates: asked.is_some(),
        }
    }
}
