//! Roles and the identities that they claim.

use std::collections::HashMap;
use std::sync::Arc;

use super::Checker;
use crate::Identity;
use crate::document::spanned::{Place, Spanned};
use crate::document::{Document, IdentityDocument, RoleDocument};
use crate::pattern::network;
use crate::set::{EgressLimits, Identities, Role};

/// Who claimed an identity first, to name it when another role claims it too.
type Claims = HashMap<String, (Arc<str>, Place)>;

impl Checker<'_> {
    pub(super) fn roles(&mut self, document: &Document) -> (Vec<Role>, Identities) {
        let mut seen: HashMap<&str, &Place> = HashMap::new();
        let mut claims = Claims::new();
        let mut identities = Identities::default();
        let mut roles = Vec::with_capacity(document.roles.0.len());
        for (name, role) in document.roles.iter() {
            if let Some(first) = seen.get(name.as_str()) {
                let line = self.line(first, &name.place);
                self.problem(
                    &name.place,
                    format!("role `{}` stands here a second time", name.value),
                    format!("it already stands in {line}; a role stands in one place"),
                );
                continue;
            }
            seen.insert(name, &name.place);
            self.plain_name(name, "role");
            roles.push(self.role(name, role, &mut claims, &mut identities));
        }
        roles.sort_by(|a, b| a.name.cmp(&b.name));
        (roles, identities)
    }

    fn role(
        &mut self,
        name: &Spanned<String>,
        document: &RoleDocument,
        claims: &mut Claims,
        identities: &mut Identities,
    ) -> Role {
        let path = self.path(format!("roles.{}", name.value), &name.place);
        let name: Arc<str> = Arc::from(name.as_str());
        if document.identities.is_empty() {
            self.problem(
                &document.identities.place,
                format!("role `{name}` has no identities"),
                "nobody can be this role; list one under `identities`",
            );
        }
        let own: Vec<Identity> = document
            .identities
            .iter()
            .filter_map(|identity| self.claim(&name, identity, claims, identities))
            .collect();
        let proofs = self.proofs(document);
        let egress = document.egress.as_ref();
        let limits = egress.and_then(|egress| egress.limits.as_ref());
        let tunnels = limits.and_then(|limits| limits.tunnels.as_ref());
        Role {
            labels: document.labels.clone(),
            identities: own,
            assurance: document.assurance.as_ref().map(|asked| asked.value),
            egress_limits: limits.map_or_else(EgressLimits::default, |limits| EgressLimits {
                connects: limits.connects,
                tunnels: tunnels.and_then(|tunnels| self.positive(tunnels, "tunnels")),
                bytes: limits.bytes,
            }),
            egress: egress
                .map(|egress| self.egress(&path, egress, proofs))
                .unwrap_or_default(),
            databases: document
                .databases
                .iter()
                .map(|(database, grant)| {
                    self.plain_name(database, "database");
                    (
                        Arc::from(database.as_str()),
                        self.database(&path, database, grant, proofs.database),
                    )
                })
                .collect(),
            name,
        }
    }

    pub(super) fn positive<T: Copy + Default + PartialEq>(
        &self,
        limit: &Spanned<T>,
        what: &str,
    ) -> Option<T> {
        if limit.value == T::default() {
            self.problem(
                &limit.place,
                format!("a limit of no {what}"),
                "take the rules out instead, or raise the limit",
            );
            return None;
        }
        Some(limit.value)
    }

    fn claim(
        &self,
        role: &Arc<str>,
        document: &Spanned<IdentityDocument>,
        claims: &mut Claims,
        identities: &mut Identities,
    ) -> Option<Identity> {
        let place = &document.place;
        let (key, identity, source) = self.identity(document)?;
        if let Some((owner, first)) = claims.get(&key) {
            let line = self.line(first, place);
            let message = if owner == role {
                format!("this identity stands in role `{role}` twice")
            } else {
                format!("this identity is claimed by the roles `{owner}` and `{role}`")
            };
            self.problem(
                place,
                message,
                format!("it already stands in {line}; an identity belongs to one role"),
            );
            return None;
        }
        claims.insert(key, (role.clone(), place.clone()));
        identities.insert(&identity, source, role.clone());
        Some(identity)
    }

    fn identity(
        &self,
        document: &Spanned<IdentityDocument>,
    ) -> Option<(String, Identity, Option<ipnet::IpNet>)> {
        let place = &document.place;
        let text = |text: &str| Arc::<str>::from(text);
        Some(match &document.value {
            IdentityDocument::Spiffe(id) => {
                self.spiffe(id, place)?;
                (format!("spiffe {id}"), Identity::Spiffe(text(id)), None)
            }
            IdentityDocument::Jwt { issuer, subject } => {
                if issuer.is_empty() || subject.is_empty() {
                    self.problem(
                        place,
                        "an empty issuer or subject",
                        "write the `iss` and `sub` claims as the token has them",
                    );
                    return None;
                }
                let identity = Identity::Jwt {
                    issuer: text(issuer),
                    subject: text(subject),
                };
                // A length keeps two pairs apart whose texts run together alike.
                (
                    format!("jwt {} {issuer} {subject}", issuer.len()),
                    identity,
                    None,
                )
            }
            IdentityDocument::Token(name) => {
                self.plain_name(&document.at(name.clone()), "token")
                    .then_some(())?;
                (format!("token {name}"), Identity::Token(text(name)), None)
            }
            IdentityDocument::Scram(name) => {
                self.plain_name(&document.at(name.clone()), "SCRAM verifier")
                    .then_some(())?;
                (format!("scram {name}"), Identity::Scram(text(name)), None)
            }
            IdentityDocument::Source(cidr) => {
                let network = self.refused(place, network(cidr))?;
                self.narrow(place, &network);
                (
                    format!("source {network}"),
                    Identity::Source(network.network()),
                    Some(network),
                )
            }
        })
    }

    /// SPIFFE ID, sections 2.1 and 2.2 of the standard: lower-case trust domain, plain path segments.
    fn spiffe(&self, id: &str, place: &Place) -> Option<()> {
        let valid = id.len() <= 2048
            && id
                .strip_prefix("spiffe://")
                .and_then(|rest| rest.split_once('/'))
                .is_some_and(|(domain, path)| {
                    let domain_bytes = |b: u8| {
                        b.is_ascii_lowercase()
                            || b.is_ascii_digit()
                            || matches!(b, b'.' | b'-' | b'_')
                    };
                    let path_bytes =
                        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
                    let segment = |part: &str| {
                        !matches!(part, "" | "." | "..") && part.bytes().all(path_bytes)
                    };
                    !domain.is_empty()
                        && domain.bytes().all(domain_bytes)
                        && path.split('/').all(segment)
                });
        if !valid {
            self.problem(
                place,
                format!("`{id}` is no SPIFFE ID"),
                "write it like spiffe://corp.example/ns/billing/sa/charge: a lower-case trust domain, then a path of letters, digits, `.`, `-`, `_`",
            );
        }
        valid.then_some(())
    }
}

impl Identities {
    fn insert(&mut self, identity: &Identity, source: Option<ipnet::IpNet>, role: Arc<str>) {
        match identity {
            Identity::Spiffe(id) => {
                self.spiffe.insert(id.clone(), role);
            }
            Identity::Jwt { issuer, subject } => {
                self.jwt
                    .entry(issuer.clone())
                    .or_default()
                    .insert(subject.clone(), role);
            }
            Identity::Token(name) => {
                self.token.insert(name.clone(), role);
            }
            Identity::Scram(name) => {
                self.scram.insert(name.clone(), role);
            }
            Identity::Source(address) => {
                self.source
                    .insert(source.unwrap_or_else(|| ipnet::IpNet::from(*address)), role);
            }
        }
    }
}
