//! What PostgreSQL brings along: the names of its types, the usual collations, and its operators.
//! Names that are missing here are refused or counted as foreign, never the other way round.

/// Base types, ranges and pseudo-types of `pg_catalog`, and their spellings in SQL. Sorted.
#[rustfmt::skip]
const TYPES: [&str; 104] = [
    "aclitem", "any", "anyarray", "anycompatible", "anycompatiblearray", "anycompatiblemultirange",
    "anycompatiblenonarray", "anycompatiblerange", "anyelement", "anyenum", "anymultirange", "anynonarray",
    "anyrange", "bigint", "bit", "bool", "boolean", "box", "bpchar", "bytea", "char", "cid", "cidr",
    "circle", "cstring", "date", "datemultirange", "daterange", "dec", "decimal", "event_trigger", "float",
    "float4", "float8", "inet", "int", "int2", "int2vector", "int4", "int4multirange", "int4range", "int8",
    "int8multirange", "int8range", "integer", "internal", "interval", "json", "jsonb", "jsonpath",
    "language_handler", "line", "lseg", "macaddr", "macaddr8", "money", "name", "numeric", "nummultirange",
    "numrange", "oid", "oidvector", "path", "pg_lsn", "pg_snapshot", "point", "polygon", "real", "record",
    "refcursor", "regclass", "regcollation", "regconfig", "regdictionary", "regnamespace", "regoper",
    "regoperator", "regproc", "regprocedure", "regrole", "regtype", "smallint", "text", "tid", "time",
    "timestamp", "timestamptz", "timetz", "trigger", "tsmultirange", "tsquery", "tsrange", "tstzmultirange",
    "tstzrange", "tsvector", "txid_snapshot", "unknown", "uuid", "varbit", "varchar", "void", "xid", "xid8",
    "xml",
];

/// Operators of `pg_catalog`. Left out on purpose: `@@@`, which nobody needs. Sorted by bytes.
#[rustfmt::skip]
const OPERATORS: [&str; 74] = [
    "!!", "!=", "!~", "!~*", "!~~", "!~~*", "#", "##", "#-", "#>", "#>>", "%", "&", "&&", "&<", "&<|", "&>",
    "*", "*<", "*<=", "*<>", "*=", "*>", "*>=", "+", "-", "->", "->>", "-|-", "/", "<", "<->", "<<", "<<=",
    "<<|", "<=", "<>", "<@", "<^", "=", ">", ">=", ">>", ">>=", ">^", "?", "?#", "?&", "?-", "?-|", "?|",
    "?||", "@", "@-@", "@>", "@?", "@@", "^", "^@", "|", "|&>", "|/", "|>>", "||", "||/", "~", "~*", "~<=~",
    "~<~", "~=", "~>=~", "~>~", "~~", "~~*",
];

/// Collations that do not depend on what the server was built with.
const COLLATIONS: [&str; 8] = [
    "C",
    "POSIX",
    "default",
    "pg_c_utf8",
    "pg_unicode_fast",
    "ucs_basic",
    "und-x-icu",
    "unicode",
];

/// Whether an unqualified name can only be a type of `pg_catalog`.
pub(crate) fn is_type(name: &str) -> bool {
    TYPES.binary_search(&name).is_ok()
}

/// Whether the name of a column's type is no type but an integer with a sequence. PostgreSQL looks at
/// the unqualified name before any type of that name.
pub(crate) fn is_serial(name: &str) -> bool {
    const SERIALS: [&str; 6] = [
        "bigserial",
        "serial",
        "serial2",
        "serial4",
        "serial8",
        "smallserial",
    ];
    SERIALS.contains(&name)
}

/// Whether a symbol is an operator of `pg_catalog`.
pub(crate) fn is_operator(symbol: &str) -> bool {
    OPERATORS.binary_search(&symbol).is_ok()
}

/// Whether an unqualified name can only be a collation of `pg_catalog`: the fixed ones and those named
/// after a locale (`de_DE`, `en_US.utf8`, `de-x-icu`).
pub(crate) fn is_collation(name: &str) -> bool {
    if COLLATIONS.contains(&name) || name.ends_with("-x-icu") {
        return true;
    }
    let Some((language, rest)) = name.split_once('_') else {
        return false;
    };
    let region = rest.split(['.', '@']).next().unwrap_or("");
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && region.len() == 2
        && region.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(TYPES.is_sorted());
        assert!(OPERATORS.is_sorted());
    }
}
