//! The `options` parameter of a start-up packet, read exactly as PostgreSQL reads it, or refused.
//!
//! PostgreSQL splits it at white space (a backslash takes the next character as it is), then reads the
//! words as the command line of a backend. Only settings (`-c name=value`, `--name=value`) pass here.

/// Why an `options` parameter is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OptionsError {
    /// A switch other than `-c` and `--`.
    #[error("command-line switch \"{0}\" is not accepted in the startup options")]
    Switch(String),
    /// A setting without a value, as PostgreSQL words it.
    #[error("{0} requires a value")]
    NoValue(String),
}

impl OptionsError {
    /// The SQLSTATE of the answer: PostgreSQL has none for a switch that it would take.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Switch(_) => "42501",
            Self::NoValue(_) => "42601",
        }
    }
}

/// The settings in the order given; a name may come twice.
pub(crate) fn settings(options: &str) -> Result<Vec<(String, String)>, OptionsError> {
    let mut found = Vec::new();
    let mut words = words(options).into_iter();
    while let Some(word) = words.next() {
        let (switch, setting) = if let Some(long) = word.strip_prefix("--") {
            ("--", long.to_owned())
        } else if word == "-c" {
            ("-c ", words.next().ok_or(OptionsError::NoValue(word))?)
        } else if let Some(short) = word.strip_prefix("-c") {
            ("-c ", short.to_owned())
        } else {
            return Err(OptionsError::Switch(word));
        };
        let without_value = || OptionsError::NoValue(format!("{switch}{setting}"));
        let (name, value) = setting.split_once('=').ok_or_else(without_value)?;
        if name.is_empty() {
            return Err(without_value());
        }
        // PostgreSQL's ParseLongOption turns dashes of the name into underscores.
        let name = name.replace('-', "_");
        found.push((name, value.to_owned()));
    }
    Ok(found)
}

/// `pg_split_opts` of PostgreSQL.
fn words(options: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = options.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let word = word.get_or_insert_default();
                if let Some(escaped) = characters.next() {
                    word.push(escaped);
                }
            }
            // isspace() in the C locale.
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests;
