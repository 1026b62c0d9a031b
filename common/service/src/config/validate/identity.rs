//! The `identity` part: trust domains, issuers, the store.

use std::collections::BTreeSet;

use exeat_identity::{Issuer, Jwks, Settings, TrustDomain, TrustDomainName};

use super::super::raw::{self, At};
use super::Judge;

impl Judge<'_> {
    pub(super) fn identity(&mut self, raw: raw::Identity) -> Settings {
        let mut names = BTreeSet::new();
        let mut trust_domains = Vec::new();
        for At { value: domain, .. } in raw.trust_domains {
            let name = TrustDomainName::parse(&domain.name.value);
            if name.is_err() {
                self.problem(
                    &domain.name.span,
                    format!("`{}` is no trust domain", domain.name.value),
                    "write it as it stands in spiffe://<trust domain>/…: lower-case letters, digits, `.`, `-`, `_`",
                );
            } else if !names.insert(domain.name.value.clone()) {
                self.problem(
                    &domain.name.span,
                    "this trust domain is configured twice",
                    "list all its roots in one entry",
                );
            }
            if domain.roots.value.is_empty() {
                self.problem(
                    &domain.roots.span,
                    "a trust domain without roots accepts no certificate",
                    "name its root certificates",
                );
            }
            let (roots, crls) = (self.paths(&domain.roots.value), self.paths(&domain.crls));
            trust_domains.extend(name.ok().map(|name| TrustDomain { name, roots, crls }));
        }

        let mut urls = BTreeSet::new();
        let mut issuers = Vec::new();
        for At { value: issuer, .. } in raw.issuers {
            if !is_url(&issuer.issuer.value) {
                self.problem(
                    &issuer.issuer.span,
                    "an issuer is an https URL",
                    "write it exactly as it stands in the `iss` claim",
                );
            } else if !urls.insert(issuer.issuer.value.clone()) {
                self.problem(
                    &issuer.issuer.span,
                    "this issuer is configured twice",
                    "keep one entry with all its audiences",
                );
            }
            if issuer.audience.value.iter().all(String::is_empty) {
                self.problem(
                    &issuer.audience.span,
                    "without an audience, tokens that were made for others would be accepted",
                    "name the audience that callers ask their issuer for, e.g. [exeat]",
                );
            }
            let jwks = match issuer.jwks.value {
                raw::Jwks::Discovery => Jwks::Discovery,
                raw::Jwks::File(path) => Jwks::File(self.path(&path)),
                raw::Jwks::Url(url) => {
                    if !is_url(&url) {
                        self.problem(
                            &issuer.jwks.span,
                            "keys are fetched over https only",
                            "write an https URL, or `file:`",
                        );
                    }
                    Jwks::Url(url)
                }
            };
            if let Some(ca) = issuer.ca.as_ref().filter(|_| matches!(jwks, Jwks::File(_))) {
                self.problem(
                    &ca.span,
                    "the roots do nothing where the keys are in a file",
                    "drop `ca`",
                );
            }
            let ca = issuer.ca.map(|ca| self.path(&ca.value));
            issuers.push(Issuer {
                issuer: issuer.issuer.value,
                audience: issuer.audience.value,
                jwks,
                ca,
            });
        }
        let store = raw.store.map(|store| self.path(&store.value));
        Settings {
            trust_domains,
            issuers,
            store,
        }
    }
}

/// An https URL with a host; plain http on loopback only, where nobody can sit in between.
fn is_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let loopback = ["127.0.0.1", "[::1]", "localhost"].iter().any(|name| {
        host.strip_prefix(name)
            .is_some_and(|port| port.is_empty() || port.starts_with(':'))
    });
    !host.is_empty() && !host.contains('@') && (scheme == "https" || (scheme == "http" && loopback))
}
