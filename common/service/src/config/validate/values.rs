//! Single values: addresses, durations, sizes, secrets.

use std::net::SocketAddr;
use std::time::Duration;

use exeat_identity::Secret;

use super::super::raw::{self, At, SecretSource};
use super::super::units;
use super::Judge;
use crate::keepalive::Keepalive;

/// Enough for a fleet that reconnects at once, and files for as many are left.
const UNIDENTIFIED: usize = 4096;
const MOST_UNIDENTIFIED: usize = 1_000_000;
/// What systems take is 32,767 seconds.
const LONGEST_KEEPALIVE: Duration = Duration::from_secs(9 * 3600);

impl Judge<'_> {
    /// A duration of at least a millisecond, or the default.
    pub(super) fn duration(&mut self, given: Option<&At<String>>, default: Duration) -> Duration {
        let Some(given) = given else { return default };
        match units::duration(&given.value) {
            Some(duration) if !duration.is_zero() => duration,
            Some(_) => {
                self.problem(
                    &given.span,
                    "a deadline of zero lets nothing through",
                    "write a time such as 10s, or leave the key out",
                );
                default
            }
            None => {
                self.problem(
                    &given.span,
                    format!("`{}` is no duration", given.value),
                    "write a whole number and one of ms, s, m, h, d, e.g. 10s",
                );
                default
            }
        }
    }

    /// How many connections may be unidentified at once, or the default.
    pub(super) fn unidentified(&mut self, given: Option<&At<usize>>) -> usize {
        let Some(given) = given else {
            return UNIDENTIFIED;
        };
        if !(1..=MOST_UNIDENTIFIED).contains(&given.value) {
            self.problem(
                &given.span,
                format!("unidentified must be between 1 and {MOST_UNIDENTIFIED}"),
                format!("leave it out for {UNIDENTIFIED}"),
            );
            return UNIDENTIFIED;
        }
        given.value
    }

    /// How connections are kept alive, what is not given by default.
    pub(super) fn keepalive(&mut self, raw: &raw::Keepalive) -> Keepalive {
        let default = Keepalive::default();
        let mut seconds = |given: Option<&At<String>>, default: Duration| {
            let duration = self.duration(given, default);
            let whole = duration.subsec_nanos() == 0 && duration <= LONGEST_KEEPALIVE;
            if let Some(given) = given.filter(|_| !whole) {
                self.problem(
                    &given.span,
                    "the system keeps connections alive in whole seconds, at most 9 hours",
                    "write a time such as 60s",
                );
            }
            duration
        };
        let idle = seconds(raw.idle.as_ref(), default.idle);
        let interval = seconds(raw.interval.as_ref(), default.interval);
        let count = raw
            .count
            .as_ref()
            .map_or(default.count, |count| count.value);
        if let Some(given) = raw.count.as_ref().filter(|_| !(1..=127).contains(&count)) {
            self.problem(
                &given.span,
                "count must be between 1 and 127",
                format!("leave it out for {}", default.count),
            );
        }
        Keepalive {
            idle,
            interval,
            count,
        }
    }

    /// A size, or the default.
    pub(super) fn bytes(&mut self, given: Option<&At<String>>, default: u64) -> u64 {
        let Some(given) = given else { return default };
        units::bytes(&given.value).unwrap_or_else(|| {
            self.problem(
                &given.span,
                format!("`{}` is no size", given.value),
                "write a whole number and one of B, kB, MB, GB, KiB, MiB, GiB, e.g. 64MiB",
            );
            default
        })
    }

    /// An address to listen on that no other listener has.
    pub(super) fn listening(&mut self, given: &At<String>) -> Option<SocketAddr> {
        let Ok(address) = given.value.parse::<SocketAddr>() else {
            self.problem(
                &given.span,
                format!("`{}` is no address to listen on", given.value),
                "write an IP address and a port, e.g. 127.0.0.1:3128 or [::]:3128",
            );
            return None;
        };
        if address.port() != 0 && self.addresses.insert(address, ()).is_some() {
            self.problem(
                &given.span,
                format!("{address} is used by another listener"),
                "give each listener its own port",
            );
        }
        Some(address)
    }

    /// The secret itself, read now, so that a missing one stops the start and not the first session.
    pub(super) fn secret(&mut self, source: &At<SecretSource>) -> Option<Secret<String>> {
        let read = match &source.value {
            SecretSource::File(path) => {
                let path = self.path(path);
                std::fs::read_to_string(&path).map_err(|error| {
                    format!(
                        "the secret's file {} can't be read: {error}",
                        path.display()
                    )
                })
            }
            SecretSource::Env(name) => std::env::var(name)
                .map_err(|_| format!("the environment variable {name} is not set, or is no UTF-8")),
        };
        match read {
            Ok(text) => {
                let secret = text.strip_suffix('\n').unwrap_or(&text);
                let secret = secret.strip_suffix('\r').unwrap_or(secret);
                if secret.is_empty() {
                    self.problem(
                        &source.span,
                        "the secret is empty",
                        "write it to the file, or set the variable",
                    );
                    return None;
                }
                Some(Secret::new(secret.to_owned()))
            }
            Err(message) => {
                self.problem(
                    &source.span,
                    message,
                    "create it, readable for the user that runs exeat only",
                );
                None
            }
        }
    }
}
