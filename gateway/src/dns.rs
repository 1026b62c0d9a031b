//! Names into addresses. Absolute names only: no search list, no hosts file; static names of the
//! configuration first. Both families are asked at once, and the time is bounded. This file judges
//! nothing: it must never drop, prefer or reorder away an address, because the decision needs them all.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use exeat_service::config;
use futures_util::future::{Either, select};
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{TokioResolver, system_conf};
use tokio::time::timeout;

use crate::metrics;

/// How long the slower family may lag behind the faster one.
const LAG: Duration = Duration::from_millis(250);
/// Names whose answers are kept, per core.
const CACHED: u64 = 4096;
/// The longest that a positive answer is kept, whatever its TTL says.
const MAX_TTL: Duration = Duration::from_secs(3600);
/// The longest that a negative answer is kept.
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(30);
/// The longest chain of aliases.
const MAX_CHAIN: usize = 16;

/// Where names come from.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The servers to ask; empty where static names are all there is.
    servers: Vec<NameServerConfig>,
    /// Names that are answered from here, in canonical form.
    names: HashMap<Box<str>, Vec<IpAddr>>,
    /// For one name, all told.
    timeout: Duration,
}

impl Settings {
    /// The settings of this configuration; without servers, those of the system.
    ///
    /// # Errors
    /// Neither servers nor static names are configured, and the system's can't be read.
    pub(crate) fn new(config: &config::Dns) -> Result<Self, SetupError> {
        let servers = if config.servers.is_empty() {
            match system_conf::read_system_conf() {
                Ok((system, _)) => system.name_servers().to_vec(),
                Err(error) if config.fixed.is_empty() => return Err(SetupError::System(error)),
                Err(_) => Vec::new(),
            }
        } else {
            config.servers.iter().map(server).collect()
        };
        let names = config.fixed.iter();
        Ok(Self {
            servers,
            names: names
                .map(|(name, addresses)| (name.as_str().into(), addresses.clone()))
                .collect(),
            timeout: config.timeout,
        })
    }
}

/// What a name leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Every address, IPv6 first, never empty.
    pub(crate) addresses: Vec<IpAddr>,
    /// The aliases on the way, without the name itself.
    pub(crate) chain: Vec<Box<str>>,
}

/// Why a name leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The name does not exist.
    #[error("the name does not exist")]
    NoName,
    /// It exists and has no address.
    #[error("the name has no address")]
    NoAddress,
    /// The server answers with an error.
    #[error("the name server answers {}", mnemonic(*.0))]
    Server(ResponseCode),
    /// No server answers usefully.
    #[error("no name server gives a usable answer")]
    Unusable,
    /// Nobody answers in time.
    #[error("the name was not resolved in time")]
    Timeout,
}

impl Failure {
    /// The metric label and audit field.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::NoName => "dns_no_name",
            Self::NoAddress => "dns_no_address",
            Self::Server(_) => "dns_server",
            Self::Unusable => "dns_unusable",
            Self::Timeout => "dns_timeout",
        }
    }
}

/// The name of a response code as RFC 9209 §2.3.2 wants it.
pub(crate) fn mnemonic(code: ResponseCode) -> String {
    format!("{code:?}").to_ascii_uppercase()
}

/// Why there is no resolver.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The system's configuration gives no servers.
    #[error("the system's name servers can't be read: {0}")]
    System(#[source] NetError),
    /// The resolver refuses its configuration.
    #[error("the name servers can't be used: {0}")]
    Refused(#[source] NetError),
}

/// The resolver of one core.
pub(crate) struct Dns {
    resolver: TokioResolver,
    names: HashMap<Box<str>, Vec<IpAddr>>,
    timeout: Duration,
}

impl Dns {
    /// A resolver with an empty cache.
    ///
    /// # Errors
    /// The resolver refuses its configuration.
    pub(crate) fn new(settings: &Settings) -> Result<Self, SetupError> {
        let config = ResolverConfig::from_name_servers(settings.servers.clone());
        let resolver = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options(settings.timeout))
            .build()
            .map_err(SetupError::Refused)?;
        Ok(Self {
            resolver,
            names: settings.names.clone(),
            timeout: settings.timeout,
        })
    }

    /// Resolves a canonical name, in at most the configured time.
    ///
    /// # Errors
    /// There is no address to judge.
    pub(crate) async fn resolve(&self, name: &str) -> Result<Answer, Failure> {
        if let Some(addresses) = self.names.get(name) {
            return Ok(Answer {
                addresses: addresses.clone(),
                chain: Vec::new(),
            });
        }
        let mut absolute = Name::from_ascii(name).map_err(|_| Failure::NoName)?;
        absolute.set_fqdn(true);
        let started = Instant::now();
        let answer = timeout(self.timeout, self.both(absolute)).await;
        metrics::resolved(started.elapsed());
        answer.unwrap_or(Err(Failure::Timeout))
    }

    /// Asks for both families. One that fails or lags does not keep the other from being used; its
    /// addresses are then neither judged nor dialled.
    async fn both(&self, name: Name) -> Result<Answer, Failure> {
        let six = std::pin::pin!(self.family(&name, RecordType::AAAA));
        let four = std::pin::pin!(self.family(&name, RecordType::A));
        let (six, four) = match select(six, four).await {
            Either::Left((six, four)) => {
                let four = lagging(six.is_ok(), four).await;
                (six, four)
            }
            Either::Right((four, six)) => {
                let six = lagging(four.is_ok(), six).await;
                (six, four)
            }
        };
        match (six, four) {
            (Ok(six), Ok(four)) => Ok(merge(six, four)),
            (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
            (Err(six), Err(four)) => Err(worse(six, four)),
        }
    }

    async fn family(&self, name: &Name, family: RecordType) -> Result<Answer, Failure> {
        let lookup = self
            .resolver
            .lookup(name.clone(), family)
            .await
            .map_err(|error| failure(&error))?;
        follow(name, &lookup)
    }
}

async fn lagging(
    other_is_ok: bool,
    family: impl Future<Output = Result<Answer, Failure>>,
) -> Result<Answer, Failure> {
    if other_is_ok {
        timeout(LAG, family).await.unwrap_or(Err(Failure::Timeout))
    } else {
        family.await
    }
}

/// Takes the addresses that the name itself leads to, alias by alias, out of the answer section.
/// Records that belong to other names are no answer, wherever they stand.
fn follow(name: &Name, lookup: &Lookup) -> Result<Answer, Failure> {
    let mut answer = Answer::default();
    let mut current = name;
    for _ in 0..MAX_CHAIN {
        let mut alias = None;
        for record in lookup
            .answers()
            .iter()
            .filter(|record| &record.name == current)
        {
            match &record.data {
                RData::A(address) => answer.addresses.push(IpAddr::V4(address.0)),
                RData::AAAA(address) => answer.addresses.push(IpAddr::V6(address.0)),
                RData::CNAME(target) => alias = Some(&target.0),
                _ => {}
            }
        }
        if !answer.addresses.is_empty() {
            return Ok(answer);
        }
        current = alias.ok_or(Failure::NoAddress)?;
        answer.chain.push(text(current));
    }
    Err(Failure::Unusable)
}

fn text(name: &Name) -> Box<str> {
    let text = name.to_ascii().to_ascii_lowercase();
    text.strip_suffix('.').unwrap_or(&text).into()
}

fn merge(mut six: Answer, four: Answer) -> Answer {
    six.addresses.extend(four.addresses);
    for alias in four.chain {
        if !six.chain.contains(&alias) {
            six.chain.push(alias);
        }
    }
    six
}

/// The failure to report where both families failed: what a server said counts more than silence.
fn worse(six: Failure, four: Failure) -> Failure {
    match (six, four) {
        (Failure::Timeout | Failure::Unusable, four) => four,
        (six, Failure::NoAddress | Failure::Timeout | Failure::Unusable) => six,
        (_, four) => four,
    }
}

fn failure(error: &NetError) -> Failure {
    match error {
        NetError::Timeout => Failure::Timeout,
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Failure::NoName,
            ResponseCode::NoError => Failure::NoAddress,
            code => Failure::Server(code),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => Failure::Server(*code),
        _ => Failure::Unusable,
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ProtocolConfig::Udp, ProtocolConfig::Tcp]
        .map(|protocol| {
            let mut connection = ConnectionConfig::new(protocol);
            connection.port = address.port();
            connection
        })
        .to_vec();
    NameServerConfig::new(address.ip(), true, connections)
}

fn options(timeout: Duration) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.use_hosts_file = ResolveHosts::Never;
    options.timeout = (timeout / 2).min(Duration::from_secs(2));
    options.attempts = 2;
    options.cache_size = CACHED;
    options.positive_max_ttl = Some(MAX_TTL);
    options.negative_max_ttl = Some(MAX_NEGATIVE_TTL);
    options.preserve_intermediates = true;
    options.edns0 = true;
    options
}

#[cfg(test)]
mod tests;
