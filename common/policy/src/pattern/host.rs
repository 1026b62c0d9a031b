//! Host patterns: a name, or `*.` and a name for one or more labels before it.

use std::sync::Arc;

use super::Refused;
use crate::{AuthorityError, Host};

/// Which names a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HostPattern {
    /// This name.
    Exact(Arc<str>),
    /// Every name with one or more labels before this one, never this one itself.
    Below(Arc<str>),
}

impl HostPattern {
    /// Reads a pattern as it stands in a document.
    pub(crate) fn parse(text: &str) -> Result<Self, Refused> {
        let (below, name) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if text == "*" || text == "*." {
            return Err(Refused::new(format!("`{text}` is every name"))
                .hint("name the hosts; there is no rule for all of them"));
        }
        if name.contains('*') {
            let hint = match text.strip_prefix('*') {
                Some(rest) if !rest.contains('*') => format!(
                    "write `*.{}` for one or more labels before it",
                    rest.trim_start_matches('.')
                ),
                _ => "write `*.` and the rest of the name: one or more labels, at the start only"
                    .to_owned(),
            };
            return Err(Refused::new(format!(
                "`{text}` has a `*` that is not a whole label at the start"
            ))
            .hint(hint));
        }
        let name = canonical_name(name)?;
        Ok(if below {
            Self::Below(name)
        } else {
            Self::Exact(name)
        })
    }

    /// The name that the pattern is, or that it stands below.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Exact(name) | Self::Below(name) => name,
        }
    }

    /// Whether names of unrelated owners stand below: `*.com`, `*.co.uk`, `*.github.io`.
    pub(crate) fn is_public_suffix(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            Self::Below(name) => psl::suffix_str(name) == Some(name),
        }
    }
}

fn canonical_name(text: &str) -> Result<Arc<str>, Refused> {
    match Host::parse(text) {
        Ok(Host::Name(name)) if *name == *text => Ok(name),
        Ok(Host::Name(name)) => Err(Refused::new(format!(
            "`{text}` is not in the one form of names"
        ))
        .hint(format!("write `{name}`"))),
        Ok(Host::Address(_)) => Err(Refused::new(format!("`{text}` is an address, not a name"))
            .hint("write `cidr:` instead of `host:`")),
        Err(AuthorityError::Ipv6) if text.contains(':') => {
            Err(Refused::new(format!("`{text}` is no name"))
                .hint("write the name alone; ports stand in `ports:`, addresses in `cidr:`"))
        }
        Err(error) => {
            let refused = Refused::new(format!("`{text}` is no name: {error}"));
            Err(match idna::domain_to_ascii(text) {
                Ok(ascii) if !text.is_ascii() => refused.hint(format!("write `{ascii}`")),
                _ => refused,
            })
        }
    }
}
