//! From the texts of a policy to a policy that judges: read, check, compile, hash.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::document::entries::Entries;
use crate::document::{Document, IdentityDocument, RoleDocument};
use crate::set::{DatabaseGrant, DatabaseLimits, EgressLimits, Identities, Role};
use crate::{Diagnostics, Identity, PolicyHash, PolicySet, Source};

/// Reads the files of a policy as one policy.
pub fn load(sources: &[Source]) -> Result<PolicySet, Diagnostics> {
    let mut roles = Vec::new();
    for source in sources {
        let document: Document = serde_saphyr::from_str(&source.text)
            .map_err(|error| Diagnostics::plain(format!("{}: {error}", source.name), None))?;
        roles.extend(document.roles.0);
    }
    compile(roles)
}

impl PolicySet {
    /// Reads the canonical form of a policy, as a record keeps it. The hash is the same.
    pub fn from_canonical(text: &str) -> Result<Self, Diagnostics> {
        let document: Document = serde_json::from_str(text)
            .map_err(|error| Diagnostics::plain(error.to_string(), None))?;
        compile(document.roles.0)
    }
}

fn compile(
    roles: Vec<(crate::document::spanned::Spanned<String>, RoleDocument)>,
) -> Result<PolicySet, Diagnostics> {
    let document = Document {
        version: Default::default(),
        roles: Entries(roles),
    };
    let canonical = serde_json::to_string(&document)
        .map_err(|error| Diagnostics::plain(error.to_string(), None))?;
    let hash = Sha256::digest(canonical.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>();
    let mut set = PolicySet {
        hash: PolicyHash(Arc::from(hash)),
        canonical: Arc::from(canonical),
        roles: Vec::new(),
        by_name: HashMap::new(),
        identities: Identities::default(),
        locations: HashMap::new(),
    };
    for (name, document) in document.roles.iter() {
        let name: Arc<str> = Arc::from(name.value.as_str());
        let role = role(&name, document, &mut set.identities)?;
        set.by_name.insert(name, set.roles.len());
        set.roles.push(role);
    }
    Ok(set)
}

fn role(
    name: &Arc<str>,
    document: &RoleDocument,
    claimed: &mut Identities,
) -> Result<Role, Diagnostics> {
    let mut identities = Vec::new();
    for identity in document.identities.iter() {
        let name = name.clone();
        identities.push(match &identity.value {
            IdentityDocument::Spiffe(id) => {
                let id: Arc<str> = Arc::from(id.as_str());
                claimed.spiffe.insert(id.clone(), name);
                Identity::Spiffe(id)
            }
            IdentityDocument::Jwt { issuer, subject } => {
                let (issuer, subject): (Arc<str>, Arc<str>) =
                    (Arc::from(issuer.as_str()), Arc::from(subject.as_str()));
                claimed
                    .jwt
                    .entry(issuer.clone())
                    .or_default()
                    .insert(subject.clone(), name);
                Identity::Jwt { issuer, subject }
            }
            IdentityDocument::Token(token) => {
                let token: Arc<str> = Arc::from(token.as_str());
                claimed.token.insert(token.clone(), name);
                Identity::Token(token)
            }
            IdentityDocument::Scram(scram) => {
                let scram: Arc<str> = Arc::from(scram.as_str());
                claimed.scram.insert(scram.clone(), name);
                Identity::Scram(scram)
            }
            IdentityDocument::Source(network) => {
                let network: ipnet::IpNet = network
                    .parse()
                    .map_err(|_| Diagnostics::plain(format!("`{network}` is no network"), None))?;
                claimed.source.insert(network, name);
                Identity::Source(network.network())
            }
        });
    }
    let limits = document
        .egress
        .as_ref()
        .and_then(|egress| egress.limits.as_ref());
    Ok(Role {
        name: name.clone(),
        labels: document.labels.clone(),
        identities,
        egress_limits: limits.map_or_else(EgressLimits::default, |limits| EgressLimits {
            connects: limits.connects,
            tunnels: limits.tunnels.as_ref().map(|tunnels| tunnels.value),
            bytes: limits.bytes,
        }),
        databases: document
            .databases
            .iter()
            .map(|(database, grant)| {
                let limits = grant
                    .limits
                    .as_ref()
                    .map_or_else(DatabaseLimits::default, |limits| DatabaseLimits {
                        sessions: limits.sessions.as_ref().map(|it| it.value),
                        statements: limits.statements,
                        rows: limits.rows.as_ref().map(|it| it.value),
                        statement_timeout: limits.statement_timeout.map(|it| it.0),
                    });
                let path = Arc::from(format!("roles.{name}.databases.{}", database.value));
                let grant = DatabaseGrant {
                    as_role: Arc::from(grant.as_role.as_str()),
                    limits,
                    path,
                };
                (Arc::from(database.value.as_str()), grant)
            })
            .collect(),
    })
}
