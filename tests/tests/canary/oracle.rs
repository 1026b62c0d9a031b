//! What is wrong with an answer: a canary in it, or a difference between two worlds that only differ in what is
//! forbidden. The second finds what no search for a text finds: a letter of a secret, its length, whether it is there.

use exeat_tests::wire::Message;

/// Why an answer is a finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// These canaries came back, by their tags.
    Canary(String),
    /// The two worlds answer differently.
    Difference,
    /// Traces moved.
    Trace(String),
    /// The session ended or did not answer.
    Silence,
}

/// Whether the proxy refused something of it: PostgreSQL's own errors have no decision.
pub fn denied(answer: &[Message]) -> bool {
    answer.iter().any(|message| {
        message.kind == 'E'
            && message
                .field('D')
                .is_some_and(|detail| detail.contains("Decision: "))
    })
}

/// Whether PostgreSQL refused it.
pub fn failed(answer: &[Message]) -> bool {
    answer.iter().any(|message| message.kind == 'E')
}

/// The canaries in an answer of several messages, each once.
pub fn canaries(answer: &[Message]) -> Option<String> {
    let mut found: Vec<String> = answer
        .iter()
        .flat_map(|message| tags(&message.body))
        .collect();
    found.sort();
    found.dedup();
    (!found.is_empty()).then(|| found.join(", "))
}

/// Tags of canaries in bytes, whatever their case and also backwards or in hexadecimal digits.
fn tags(bytes: &[u8]) -> Vec<String> {
    // Most messages are short and have none: a look at the letters first, since tests are not optimised.
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let mut found = Vec::new();
    for (at, _) in text.match_indices("cnry") {
        // Only to name the finding: `cnry`, six digits, `-`, the tag.
        let rest: String = text[at..].chars().skip(11).take(18).collect();
        let end = rest
            .find(|letter: char| !(letter.is_ascii_alphanumeric() || "._ ".contains(letter)))
            .unwrap_or(rest.len());
        found.push(rest[..end].to_owned());
    }
    // Where it is plain to see too, that names it better.
    for other in ["yrnc", "636e7279", "y25yeq"] {
        if found.is_empty() && text.contains(other) {
            found.push(format!("as {other}"));
        }
    }
    found
}

/// Words of statements whose answer may differ between two databases or two moments by its nature.
const OF_THE_MOMENT: &[&str] = &[
    "pg_backend_pid",
    "pg_stat",
    "pg_locks",
    "pg_database",
    "_port",
    "xmin",
    "xmax",
    "txid",
    "pg_cursors",
    "now",
    "clock",
    "time",
    "random",
    "uuid",
    "current",
    "age",
    "user",
    "catalog",
    "pg_prepared",
    "pg_settings",
    "xact",
    "frozenxid",
    "relfilenode",
    "minmxid",
    "pg_class",
];

/// Whether the answers of two worlds differ where they must not.
pub fn differ(sql: &str, one: &[Message], other: &[Message]) -> bool {
    if denied(one) && denied(other) {
        return false;
    }
    if differ_at_all(one, other) {
        let sql = sql.to_ascii_lowercase();
        // Spelled in a way that the words above don't show.
        let hidden = sql.contains("u&\"") || sql.contains('\\');
        return !hidden && !OF_THE_MOMENT.iter().any(|word| sql.contains(word));
    }
    false
}

/// Whether two answers differ in anything but the name of the world.
pub fn differ_at_all(one: &[Message], other: &[Message]) -> bool {
    one.len() != other.len()
        || one.iter().zip(other).any(|(one, other)| {
            one.kind != other.kind
                || (one.body != other.body && neutral(&one.body) != neutral(&other.body))
        })
}

/// A body with the letter of a world's name taken out.
fn neutral(body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    for at in 2..body.len() {
        if body[at - 2] == b'w' && body[at - 1].is_ascii_digit() && matches!(body[at], b'a' | b'b')
        {
            body[at] = b'-';
        }
    }
    body
}
