//! What no rule can allow in a database, because the proxy could no longer tell what statements mean:
//! parameters that change meaning, and PostgreSQL's own ways around the proxy's reading. And the
//! parameters that need no rule.

use crate::{Access, Setting};

/// Parameters that may be set to anything by anybody: they change how values look, never who sees what.
const HARMLESS: &[&str] = &[
    "application_name",
    "bytea_output",
    "client_min_messages",
    "constraints",
    "datestyle",
    "default_transaction_deferrable",
    "default_transaction_isolation",
    "extra_float_digits",
    "intervalstyle",
    "timezone",
    "transaction_deferrable",
    "transaction_isolation",
];

/// Parameters that may be set in the one direction that takes rights away.
const READ_ONLY: &[&str] = &["default_transaction_read_only", "transaction_read_only"];

/// Parameters that change what a statement means or as whom it runs.
const PINNED: &[&str] = &[
    "role",
    "session_authorization",
    "search_path",
    "standard_conforming_strings",
    "escape_string_warning",
    "backslash_quote",
    "client_encoding",
    "session_preload_libraries",
    "local_preload_libraries",
    "shared_preload_libraries",
    "dynamic_library_path",
    "session_replication_role",
    "allow_system_table_mods",
    "transform_null_equals",
    "array_nulls",
    "xmloption",
    "default_table_access_method",
    "all",
];

/// Pinned parameters and the one value that changes nothing of what the reader takes for granted: the
/// one that PostgreSQL has from the start. `pg_dump` and pools write them out.
const STANDARD: &[(&str, &str)] = &[
    ("default_table_access_method", "heap"),
    ("session_replication_role", "origin"),
    ("xmloption", "content"),
];

/// Functions that set parameters, or run SQL that stands in a string or a cursor.
const NEVER: &[&str] = &[
    "set_config",
    "query_to_xml",
    "query_to_xmlschema",
    "query_to_xml_and_xmlschema",
    "cursor_to_xml",
    "cursor_to_xmlschema",
    "table_to_xml",
    "table_to_xmlschema",
    "table_to_xml_and_xmlschema",
    "schema_to_xml",
    "schema_to_xmlschema",
    "schema_to_xml_and_xmlschema",
    "database_to_xml",
    "database_to_xmlschema",
    "database_to_xml_and_xmlschema",
    "ts_rewrite",
    "ts_stat",
];

/// Whether a parameter may be set this way without any rule.
pub(crate) fn harmless(setting: &Setting) -> bool {
    if listed(HARMLESS, &setting.name) {
        return true;
    }
    // The name of a parameter that is read comes with Bind, and is looked at there.
    if setting.is_read_by_bind() {
        return true;
    }
    let is = |name: &str| setting.name.eq_ignore_ascii_case(name);
    // Of strings only the standard reading is the reader's.
    let one_way =
        listed(READ_ONLY, &setting.name) || is("standard_conforming_strings") || is("array_nulls");
    match setting.value.as_deref() {
        Some(value) if one_way => is_on(value),
        Some(value) if is("transform_null_equals") => is_off(value),
        // A role may be called NONE: only this spelling is nobody's.
        Some(value) if is("role") => value == "none",
        Some(value) if is("client_encoding") => utf8(value),
        Some(value) => STANDARD
            .iter()
            .any(|(name, standard)| is(name) && value.eq_ignore_ascii_case(standard)),
        // RESET goes back to what the session started with, which the proxy pinned in the startup packet;
        // what it did not pin there is what it was, because nothing could change it.
        None => one_way || pinned(&setting.name),
    }
}

fn is_on(value: &str) -> bool {
    ["on", "true", "yes", "1"]
        .iter()
        .any(|on| value.eq_ignore_ascii_case(on))
}

fn is_off(value: &str) -> bool {
    ["off", "false", "no", "0"]
        .iter()
        .any(|off| value.eq_ignore_ascii_case(off))
}

/// PostgreSQL compares the names of parameters without case.
fn listed(list: &[&str], name: &str) -> bool {
    list.iter().any(|listed| listed.eq_ignore_ascii_case(name))
}

fn utf8(value: &str) -> bool {
    let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    plain.eq_ignore_ascii_case("utf8") || plain.eq_ignore_ascii_case("unicode")
}

/// Whether a parameter is pinned: no rule opens it.
pub(crate) fn pinned(name: &str) -> bool {
    listed(PINNED, name)
}

/// Whether a function of PostgreSQL's own is out of reach for every rule.
pub(crate) fn never_called(name: &str) -> bool {
    NEVER.contains(&name)
}

/// Whether an access to a system catalog is out of reach: `pg_settings` has a rule that sets
/// parameters on UPDATE, and a write to any other catalog rewrites what names mean.
pub(crate) fn catalog_write(schema: &str, access: Access) -> bool {
    access != Access::Select && matches!(schema, "pg_catalog" | "information_schema")
}
