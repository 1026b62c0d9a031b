//! The `gateway` part: listeners, DNS, deadlines.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use exeat_policy::Authority;

use super::super::raw::{self, At};
use super::super::{Dns, Gateway, GatewayListener, GatewayTimeouts};
use super::Judge;

const DNS_TIMEOUT: Duration = Duration::from_secs(5);
const HANDSHAKE: Duration = Duration::from_secs(10);
const CLIENT_HELLO: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(600);

impl Judge<'_> {
    pub(super) fn gateway(&mut self, raw: raw::Gateway) -> Gateway {
        if raw.listeners.value.is_empty() {
            self.problem(
                &raw.listeners.span,
                "a gateway without listeners does nothing",
                "add one, or drop `gateway`",
            );
        }
        let listeners = raw
            .listeners
            .value
            .iter()
            .filter_map(|listener| {
                let tls = listener.tls.as_ref().map(|tls| self.tls(tls));
                Some(GatewayListener {
                    address: self.listening(&listener.address)?,
                    tls,
                })
            })
            .collect();
        let timeouts = GatewayTimeouts {
            handshake: self.duration(raw.timeouts.handshake.as_ref(), HANDSHAKE),
            client_hello: self.duration(raw.timeouts.client_hello.as_ref(), CLIENT_HELLO),
            connect: self.duration(raw.timeouts.connect.as_ref(), CONNECT),
            idle: self.duration(raw.timeouts.idle.as_ref(), IDLE),
        };
        Gateway {
            listeners,
            dns: self.dns(&raw.dns),
            unidentified: self.unidentified(raw.unidentified.as_ref()),
            timeouts,
            keepalive: self.keepalive(&raw.keepalive),
        }
    }

    fn dns(&mut self, raw: &raw::Dns) -> Dns {
        if let Some(servers) = raw
            .servers
            .as_ref()
            .filter(|servers| servers.value.is_empty())
        {
            self.problem(
                &servers.span,
                "an empty list of servers can't resolve anything",
                "leave it out for the system's servers",
            );
        }
        let given = raw.servers.iter().flat_map(|servers| &servers.value);
        let servers = given.filter_map(|server| self.dns_server(server)).collect();
        let mut fixed = BTreeMap::new();
        for (name, addresses) in &raw.fixed {
            if !is_canonical(name) {
                self.problem(
                    &addresses.span,
                    format!("`{name}` is not the canonical form of a name, so no request would ever match it"),
                    "write the name in lower case, without a trailing dot",
                );
            }
            if addresses.value.is_empty() {
                self.problem(
                    &addresses.span,
                    "a name without addresses",
                    "list its addresses, or drop the name",
                );
            }
            let list = addresses
                .value
                .iter()
                .filter_map(|address| self.address(address))
                .collect();
            fixed.insert(name.clone(), list);
        }
        Dns {
            servers,
            fixed,
            timeout: self.duration(raw.timeout.as_ref(), DNS_TIMEOUT),
        }
    }

    fn dns_server(&mut self, given: &At<String>) -> Option<SocketAddr> {
        let parsed = given.value.parse().or_else(|_| {
            given
                .value
                .parse()
                .map(|ip: IpAddr| SocketAddr::new(ip, 53))
        });
        if parsed.is_err() {
            self.problem(
                &given.span,
                format!("`{}` is no address of a DNS server", given.value),
                "write an IP address, with a port where it is not 53",
            );
        }
        parsed.ok()
    }

    fn address(&mut self, given: &At<String>) -> Option<IpAddr> {
        let parsed = given.value.parse();
        if parsed.is_err() {
            self.problem(
                &given.span,
                format!("`{}` is no IP address", given.value),
                "write an IPv4 or IPv6 address",
            );
        }
        parsed.ok()
    }
}

/// Whether the name is already what an authority's host would be.
fn is_canonical(name: &str) -> bool {
    matches!(Authority::new(name, 443), Ok(authority) if matches!(&authority.host, exeat_policy::Host::Name(host) if **host == *name))
}
