//! Host patterns: a name, or `*.` and a name for one or more labels before it.

use std::sync::Arc;

use psl::Psl as _;

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

    /// How names of unrelated owners stand below, if they do: `*.com`, `*.github.io`, `*.amazonaws.com`.
    ///
    /// A wildcard also covers what stands deeper: `*.amazonaws.com` is every bucket of everybody. So
    /// the name need not be a suffix; one below it is enough (`s3.amazonaws.com`, and `*.kawasaki.jp`,
    /// which the list writes as a wildcard itself). This refuses names of one owner who keeps a corner
    /// for strangers too (`*.windows.net`, `*.salesforce.com`): the wildcard covers that corner, only
    /// the author knows whether it is meant, and saying so takes one key.
    pub(crate) fn strangers(&self) -> Option<&'static str> {
        let Self::Below(name) = self else {
            return None;
        };
        if psl::suffix_str(name) == Some(name) {
            Some("is a public suffix")
        } else if suffixes_below(name) {
            Some("has public suffixes below it")
        } else {
            None
        }
    }
}

/// Whether the Public Suffix List has a rule for anything below this name. It is a tree of labels from
/// the right, and asks for one label more only where it goes on below the last one.
fn suffixes_below(name: &str) -> bool {
    let mut asked = false;
    let mut labels = name.rsplit('.').map(str::as_bytes);
    psl::List.find(std::iter::from_fn(|| {
        labels.next().or_else(|| {
            asked = true;
            None
        })
    }));
    asked
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
                _ => refused.hint("write a name like `api.example.com`, or `*.example.com`"),
            })
        }
    }
}
