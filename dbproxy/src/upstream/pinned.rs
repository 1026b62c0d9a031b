//! The settings that must stay as they were when the session began: they decide what a judged statement
//! means.

use super::UpstreamError;

/// Settings whose change would change what a judged statement means.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pinned(Vec<(String, String)>);

/// The pinned ones among what servers report.
const PINNED: [&str; 6] = [
    "client_encoding",
    "is_superuser",
    "search_path",
    "server_encoding",
    "session_authorization",
    "standard_conforming_strings",
];

/// What a session is asked for after code of others was run: servers report some of it late or never.
pub(crate) const ASKED: [&str; 4] = [
    "search_path",
    "role",
    "standard_conforming_strings",
    "client_encoding",
];

/// What every session begins with, and stays with. (`search_path` is what names are judged by.)
const VALUES: [(&str, &str); 3] = [
    ("client_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("role", "none"),
];

/// Whether a setting is as every session begins with it.
pub(crate) fn is_as_begun(name: &str, value: &str) -> bool {
    let begun = VALUES.iter().find(|(known, _)| *known == name);
    begun.is_none_or(|(_, begun)| value == *begun) || (name == "client_encoding" && is_utf8(value))
}

/// What every session must begin with.
pub(super) fn check(parameters: &[(String, String)]) -> Result<(), UpstreamError> {
    let reported = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    };
    for (name, value) in VALUES.into_iter().filter(|(name, _)| PINNED.contains(name)) {
        if reported(name) != Some(value) {
            return Err(UpstreamError::NotPinned(name.to_owned()));
        }
    }
    Ok(())
}

/// The name of UTF-8, and the older one: of all spellings that a client sets, servers report this one as
/// it came.
fn is_utf8(encoding: &str) -> bool {
    matches!(encoding, "UTF8" | "UNICODE")
}

impl Pinned {
    /// The pinned settings as the server reported them at the beginning.
    pub(crate) fn of(parameters: &[(String, String)]) -> Self {
        let pinned = parameters
            .iter()
            .filter(|(name, _)| PINNED.contains(&name.as_str()));
        Self(pinned.cloned().collect())
    }

    /// Whether this report leaves everything pinned as it was.
    pub(crate) fn holds(&self, name: &str, value: &str) -> bool {
        match self.0.iter().find(|(pinned, _)| pinned == name) {
            Some((_, pinned)) => {
                pinned == value || (name == "client_encoding" && is_utf8(pinned) && is_utf8(value))
            }
            // Reported for the first time in mid-session.
            None => !PINNED.contains(&name),
        }
    }
}

#[cfg(test)]
mod tests;
