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
    /// A setting without a value.
    #[error("the startup option \"{0}\" has no value")]
    NoValue(String),
}

/// The settings in the order given; a name may come twice.
pub(crate) fn settings(options: &str) -> Result<Vec<(String, String)>, OptionsError> {
    let mut found = Vec::new();
    let mut words = words(options).into_iter();
    while let Some(word) = words.next() {
        let setting = if let Some(long) = word.strip_prefix("--") {
            long.to_owned()
        } else if word == "-c" {
            words.next().ok_or(OptionsError::NoValue(word))?
        } else if let Some(short) = word.strip_prefix("-c") {
            short.to_owned()
        } else {
            return Err(OptionsError::Switch(word));
        };
        let Some((name, value)) = setting.split_once('=') else {
            return Err(OptionsError::NoValue(setting));
        };
        // PostgreSQL's ParseLongOption turns dashes of the name into underscores.
        let name = name.replace('-', "_").to_ascii_lowercase();
        if name.is_empty() {
            return Err(OptionsError::NoValue(setting));
        }
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
