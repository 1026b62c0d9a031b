//! The settings that must stay as they were when the session began: they decide what a judged statement
//! means.

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
            Some((_, pinned)) => pinned == value,
            // Reported for the first time in mid-session.
            None => !PINNED.contains(&name),
        }
    }
}
