//! Names as SQL. No SQL of the second wall holds a name that did not come through here.

use super::right::{Object, Text};

/// A name in double quotes.
pub(crate) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A string.
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        // Whatever `standard_conforming_strings` says.
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

/// A name in a comment of one line.
pub(crate) fn comment(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

/// Who gets or loses something; nobody's name is PUBLIC.
pub(crate) fn grantee(role: &Text) -> String {
    if role.is_empty() {
        "PUBLIC".to_owned()
    } else {
        name(role)
    }
}

/// What stands behind ON.
pub(crate) fn object(object: &Object, database: &str) -> String {
    let pair = |schema: &str, thing: &str| format!("{}.{}", name(schema), name(thing));
    match object {
        Object::Database => format!("DATABASE {}", name(database)),
        Object::Schema(schema) => format!("SCHEMA {}", name(schema)),
        Object::Relation(schema, relation) | Object::Column(schema, relation, _) => {
            format!("TABLE {}", pair(schema, relation))
        }
        Object::Sequence(schema, sequence) => format!("SEQUENCE {}", pair(schema, sequence)),
        Object::Function(schema, function, arguments) => {
            format!("ROUTINE {}({arguments})", pair(schema, function))
        }
        Object::Type(schema, of) => format!("TYPE {}", pair(schema, of)),
        Object::Later(_, _, kind) => kind.word().to_owned(),
    }
}
