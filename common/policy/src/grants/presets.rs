//! The presets: fixed lists, so that what they allow is read here and nowhere else.
//!
//! INVARIANT: no function here writes, sleeps, locks, signals, reads files, sets parameters, or runs
//! SQL that it is given; no relation here holds values of users' tables (statistics), password
//! hashes, connection strings, or what other sessions run. The lists are sorted: look-ups rely on it.

mod application;
#[cfg(test)]
mod tests;

pub(crate) use application::{
    application_columns, is_application_function, is_application_relation, is_application_setting,
};

/// `builtins`: PostgreSQL's own functions and aggregates, special syntax (`coalesce`, `extract`) by its name.
#[rustfmt::skip]
const BUILTINS: &[&str] = &[
    "abbrev", "abs", "acos", "acosd", "acosh", "age", "any_value", "area", "array_agg", "array_append", "array_cat",
    "array_dims", "array_fill", "array_length", "array_lower", "array_ndims", "array_position", "array_positions",
    "array_prepend", "array_remove", "array_replace", "array_reverse", "array_sample", "array_shuffle", "array_sort",
    "array_to_json", "array_to_string", "array_to_tsvector", "array_upper", "ascii", "asin", "asind", "asinh", "atan",
    "atan2", "atan2d", "atand", "atanh", "avg", "bit", "bit_and", "bit_count", "bit_length", "bit_or", "bit_xor",
    "bool", "bool_and", "bool_or", "bound_box", "box", "bpchar", "broadcast", "btrim", "cardinality", "casefold",
    "cbrt", "ceil", "ceiling", "center", "char", "char_length", "character_length", "chr", "cidr", "circle",
    "clock_timestamp", "coalesce", "concat", "concat_ws", "convert", "convert_from", "convert_to", "corr", "cos",
    "cosd", "cosh", "cot", "cotd", "count", "covar_pop", "covar_samp", "crc32", "crc32c", "cume_dist",
    "current_catalog", "current_database", "current_date", "current_role", "current_schema", "current_time",
    "current_timestamp", "current_user", "date", "date_add", "date_bin", "date_part", "date_subtract", "date_trunc",
    "datemultirange", "daterange", "decode", "degrees", "dense_rank", "diagonal", "diameter", "div", "encode",
    "enum_first", "enum_last", "enum_range", "erf", "erfc", "every", "exp", "extract", "factorial", "family",
    "first_value", "float4", "float8", "floor", "format", "gamma", "gcd", "gen_random_uuid", "generate_series",
    "generate_subscripts", "get_bit", "get_byte", "get_current_ts_config", "greatest", "grouping", "hashtext",
    "hashtextextended", "height", "host", "hostmask", "inet_merge", "inet_same_family", "initcap", "int2", "int4",
    "int4multirange", "int4range", "int8", "int8multirange", "int8range", "interval", "is_normalized", "isclosed",
    "isempty", "isfinite", "ishorizontal", "isopen", "isparallel", "isperp", "isvertical", "json", "json_agg",
    "json_agg_strict", "json_array", "json_array_elements", "json_array_elements_text", "json_array_length",
    "json_arrayagg", "json_build_array", "json_build_object", "json_each", "json_each_text", "json_exists",
    "json_extract_path", "json_extract_path_text", "json_object", "json_object_agg", "json_object_agg_strict",
    "json_object_agg_unique", "json_object_agg_unique_strict", "json_object_keys", "json_objectagg",
    "json_populate_record", "json_populate_recordset", "json_query", "json_scalar", "json_serialize",
    "json_strip_nulls", "json_table", "json_to_record", "json_to_recordset", "json_typeof", "json_value", "jsonb_agg",
    "jsonb_agg_strict", "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_array_length",
    "jsonb_build_array", "jsonb_build_object", "jsonb_each", "jsonb_each_text", "jsonb_extract_path",
    "jsonb_extract_path_text", "jsonb_insert", "jsonb_object", "jsonb_object_agg", "jsonb_object_agg_strict",
    "jsonb_object_agg_unique", "jsonb_object_agg_unique_strict", "jsonb_object_keys", "jsonb_path_exists",
    "jsonb_path_exists_tz", "jsonb_path_match", "jsonb_path_match_tz", "jsonb_path_query", "jsonb_path_query_array",
    "jsonb_path_query_array_tz", "jsonb_path_query_first", "jsonb_path_query_first_tz", "jsonb_path_query_tz",
    "jsonb_populate_record", "jsonb_populate_recordset", "jsonb_pretty", "jsonb_set", "jsonb_set_lax",
    "jsonb_strip_nulls", "jsonb_to_record", "jsonb_to_recordset", "jsonb_typeof", "justify_days", "justify_hours",
    "justify_interval", "lag", "last_value", "lcm", "lead", "least", "left", "length", "lgamma", "like_escape",
    "line", "ln", "localtime", "localtimestamp", "log", "log10", "lower", "lower_inc", "lower_inf", "lpad", "lseg",
    "ltrim", "macaddr", "macaddr8", "macaddr8_set7bit", "make_date", "make_interval", "make_time", "make_timestamp",
    "make_timestamptz", "masklen", "max", "md5", "merge_action", "min", "min_scale", "mod", "mode", "money",
    "multirange", "name", "netmask", "network", "normalize", "now", "npoints", "nth_value", "ntile", "nullif",
    "num_nonnulls", "num_nulls", "numeric", "nummultirange", "numnode", "numrange", "octet_length", "oid", "overlaps",
    "overlay", "parse_ident", "path", "percent_rank", "percentile_cont", "percentile_disc", "pg_collation_for",
    "pg_column_size", "pg_size_bytes", "pg_size_pretty", "pg_typeof",
    "pg_wal_lsn_diff", "phraseto_tsquery", "pi", "plainto_tsquery", "point", "polygon", "popen", "position", "pow",
    "power", "querytree", "quote_ident", "quote_literal", "quote_nullable", "radians", "radius", "random",
    "random_normal", "range_agg", "range_intersect_agg", "range_merge", "rank", "regexp_count", "regexp_instr",
    "regexp_like", "regexp_match", "regexp_matches", "regexp_replace", "regexp_split_to_array",
    "regexp_split_to_table", "regexp_substr", "regr_avgx", "regr_avgy", "regr_count", "regr_intercept", "regr_r2",
    "regr_slope", "regr_sxx", "regr_sxy", "regr_syy", "repeat", "replace", "reverse", "right", "round", "row",
    "row_number", "row_to_json", "rpad", "rtrim", "scale", "session_user", "set_bit", "set_byte", "set_masklen",
    "setweight", "sha224", "sha256", "sha384", "sha512", "sign", "similar_to_escape", "sin", "sind", "sinh", "slope",
    "split_part", "sqrt", "starts_with", "statement_timestamp", "stddev", "stddev_pop", "stddev_samp", "string_agg",
    "string_to_array", "string_to_table", "strip", "strpos", "substr", "substring", "sum", "system_user", "tan",
    "tand", "tanh", "text", "time", "timeofday", "timestamp", "timestamptz", "timetz", "timezone", "to_ascii",
    "to_bin", "to_char", "to_date", "to_hex", "to_json", "to_jsonb", "to_number", "to_oct", "to_timestamp",
    "to_tsquery", "to_tsvector", "transaction_timestamp", "translate", "trim", "trim_array", "trim_scale", "trunc",
    "ts_delete", "ts_filter", "ts_headline", "ts_lexize", "ts_rank", "ts_rank_cd", "tsmultirange", "tsquery_phrase",
    "tsrange", "tstzmultirange", "tstzrange", "tsvector_to_array", "unistr", "unnest", "upper", "upper_inc",
    "upper_inf", "user", "uuid_extract_timestamp", "uuid_extract_version", "uuidv4", "uuidv7", "var_pop", "var_samp",
    "varbit", "varchar", "variance", "version", "websearch_to_tsquery", "width", "width_bucket", "xid", "xml",
];

/// `introspection`: what psql's backslash commands, JDBC, Npgsql, SQLAlchemy and others call, and what pools
/// call to give up the locks that a session still holds.
#[rustfmt::skip]
const INTROSPECTION_FUNCTIONS: &[&str] = &[
    "abs", "acldefault", "aclexplode", "age", "array_agg", "array_append", "array_cat", "array_dims", "array_length",
    "array_lower", "array_ndims", "array_position", "array_positions", "array_prepend", "array_remove",
    "array_to_string", "array_upper", "bool", "bool_and", "bool_or", "bpchar", "btrim", "cardinality", "ceil",
    "ceiling", "char", "char_length", "character_length", "clock_timestamp", "coalesce", "col_description", "concat",
    "concat_ws", "count", "current_catalog", "current_database", "current_date", "current_role", "current_schema",
    "current_schemas", "current_setting", "current_timestamp", "current_user", "date", "date_part", "dense_rank",
    "encode", "every", "extract", "first_value", "float4", "float8", "floor", "format", "format_type",
    "generate_series", "generate_subscripts", "getdatabaseencoding", "getpgusername", "greatest",
    "has_any_column_privilege", "has_column_privilege", "has_database_privilege",
    "has_foreign_data_wrapper_privilege", "has_function_privilege", "has_language_privilege",
    "has_parameter_privilege", "has_schema_privilege", "has_sequence_privilege", "has_server_privilege",
    "has_table_privilege", "has_tablespace_privilege", "has_type_privilege", "initcap", "int2", "int4", "int8",
    "interval", "json_agg", "json_array_elements", "json_array_elements_text", "json_build_object", "json_object_agg",
    "json_object_keys", "jsonb_agg", "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_build_object", "lag",
    "last_value", "lead", "least", "left", "length", "lower", "ltrim", "max", "md5", "min", "mod", "name", "now",
    "nullif", "numeric", "obj_description", "octet_length", "oid", "oidvectortypes", "overlay",
    "pg_advisory_unlock_all", "pg_backend_pid", "pg_basetype", "pg_char_to_encoding", "pg_client_encoding",
    "pg_collation_is_visible", "pg_column_is_updatable", "pg_conf_load_time", "pg_conversion_is_visible",
    "pg_database_size", "pg_describe_object", "pg_encoding_to_char", "pg_function_is_visible",
    "pg_get_catalog_foreign_keys", "pg_get_constraintdef", "pg_get_expr", "pg_get_function_arg_default",
    "pg_get_function_arguments", "pg_get_function_identity_arguments", "pg_get_function_result",
    "pg_get_function_sqlbody", "pg_get_functiondef", "pg_get_indexdef", "pg_get_keywords",
    "pg_get_partition_constraintdef", "pg_get_partkeydef", "pg_get_publication_tables",
    "pg_get_replica_identity_index", "pg_get_ruledef", "pg_get_serial_sequence", "pg_get_statisticsobjdef",
    "pg_get_statisticsobjdef_columns", "pg_get_triggerdef", "pg_get_userbyid", "pg_get_viewdef", "pg_has_role",
    "pg_identify_object", "pg_index_column_has_property", "pg_index_has_property", "pg_indexam_has_property",
    "pg_indexes_size", "pg_is_in_recovery", "pg_is_other_temp_schema", "pg_is_wal_replay_paused", "pg_jit_available",
    "pg_last_wal_receive_lsn", "pg_last_wal_replay_lsn", "pg_last_xact_replay_timestamp", "pg_listening_channels",
    "pg_my_temp_schema",
    "pg_opclass_is_visible", "pg_operator_is_visible", "pg_opfamily_is_visible", "pg_options_to_table",
    "pg_partition_ancestors", "pg_partition_root", "pg_partition_tree", "pg_postmaster_start_time",
    "pg_relation_filenode", "pg_relation_is_publishable", "pg_relation_is_updatable", "pg_relation_size",
    "pg_sequence_parameters", "pg_settings_get_flags", "pg_show_all_settings", "pg_size_pretty",
    "pg_statistics_obj_is_visible", "pg_table_is_visible", "pg_table_size", "pg_tablespace_location",
    "pg_tablespace_size", "pg_total_relation_size", "pg_ts_config_is_visible", "pg_ts_dict_is_visible",
    "pg_ts_parser_is_visible", "pg_ts_template_is_visible", "pg_type_is_visible", "pg_typeof", "pg_wal_lsn_diff",
    "position", "quote_ident", "quote_literal", "rank", "regclass", "regexp_match", "regexp_matches",
    "regexp_replace", "regexp_split_to_array", "regexp_split_to_table", "replace", "reverse", "right", "round",
    "row_number", "row_security_active", "row_to_json", "rtrim", "session_user", "shobj_description", "split_part",
    "statement_timestamp", "string_agg", "string_to_array", "strpos", "substr", "substring", "sum", "text",
    "timestamp", "timestamptz", "to_char", "to_json", "to_jsonb", "to_regclass", "to_regcollation", "to_regnamespace",
    "to_regoper", "to_regoperator", "to_regproc", "to_regprocedure", "to_regrole", "to_regtype", "to_regtypemod",
    "translate", "trim", "ts_token_type", "txid_current_if_assigned", "unnest", "upper", "user", "varchar",
    "version",
];

/// `introspection`: the catalog tables and views that they read. What a session itself has prepared and opened is
/// its own: psql completes the names of it, in transactions too.
#[rustfmt::skip]
const PG_CATALOG_RELATIONS: &[&str] = &[
    "pg_aggregate", "pg_am", "pg_amop", "pg_amproc", "pg_attrdef", "pg_auth_members",
    "pg_available_extension_versions", "pg_available_extensions", "pg_cast", "pg_class", "pg_collation",
    "pg_constraint", "pg_conversion", "pg_cursors", "pg_database", "pg_default_acl", "pg_depend", "pg_description", "pg_enum",
    "pg_event_trigger", "pg_extension", "pg_group", "pg_index", "pg_indexes", "pg_inherits",
    "pg_init_privs", "pg_language", "pg_largeobject_metadata", "pg_matviews", "pg_namespace", "pg_opclass",
    "pg_operator", "pg_opfamily", "pg_parameter_acl", "pg_partitioned_table", "pg_policies", "pg_policy",
    "pg_prepared_statements", "pg_proc",
    "pg_publication", "pg_publication_namespace", "pg_publication_rel", "pg_publication_tables", "pg_range",
    "pg_rewrite", "pg_rules", "pg_seclabel", "pg_seclabels", "pg_sequence", "pg_settings", "pg_shdepend",
    "pg_shdescription", "pg_shseclabel", "pg_statistic_ext", "pg_tables", "pg_tablespace", "pg_timezone_abbrevs",
    "pg_timezone_names", "pg_transform", "pg_trigger", "pg_ts_config", "pg_ts_config_map", "pg_ts_dict",
    "pg_ts_parser", "pg_ts_template", "pg_type", "pg_views",
];

/// `introspection`: of catalogs that hold options and settings, which may be addresses or passwords, all else; of
/// columns all but the value that rows have which are older than the column (`attmissingval`).
#[rustfmt::skip]
const PG_CATALOG_COLUMNS: &[(&str, &[&str])] = &[
    ("pg_attribute", &[
        "attacl", "attalign", "attbyval", "attcacheoff", "attcollation", "attcompression", "attgenerated", "atthasdef",
        "atthasmissing", "attidentity", "attinhcount", "attisdropped", "attislocal", "attlen", "attname", "attndims",
        "attnotnull", "attnum", "attoptions", "attrelid", "attstattarget", "attstorage", "atttypid", "atttypmod",
        "cmax", "cmin", "ctid", "tableoid", "xmax", "xmin",
    ]),
    ("pg_foreign_data_wrapper", &["fdwacl", "fdwhandler", "fdwname", "fdwowner", "fdwvalidator", "oid", "tableoid"]),
    ("pg_foreign_server", &["oid", "srvacl", "srvfdw", "srvname", "srvowner", "srvtype", "srvversion", "tableoid"]),
    ("pg_foreign_table", &["ctid", "ftrelid", "ftserver", "tableoid", "xmin"]),
    ("pg_roles", &[
        "oid", "rolbypassrls", "rolcanlogin", "rolconnlimit", "rolcreatedb", "rolcreaterole", "rolinherit", "rolname",
        "rolpassword", "rolreplication", "rolsuper", "rolvaliduntil",
    ]),
    ("pg_subscription", &["oid", "subdbid", "subenabled", "subname", "subowner", "subpublications", "tableoid"]),
    ("pg_user", &["passwd", "usebypassrls", "usecreatedb", "usename", "userepl", "usesuper", "usesysid", "valuntil"]),
    ("pg_user_mappings", &["srvid", "srvname", "umid", "umuser", "usename"]),
];

/// `introspection`: the functions beside the standard's views; drivers unfold keys with the first.
#[rustfmt::skip]
const INFORMATION_SCHEMA_FUNCTIONS: &[&str] = &[
    "_pg_char_max_length", "_pg_char_octet_length", "_pg_datetime_precision", "_pg_expandarray", "_pg_index_position",
    "_pg_interval_type", "_pg_numeric_precision", "_pg_numeric_precision_radix", "_pg_numeric_scale", "_pg_truetypid",
    "_pg_truetypmod",
];

/// `introspection`: the standard's views.
#[rustfmt::skip]
const INFORMATION_SCHEMA_RELATIONS: &[&str] = &[
    "applicable_roles", "attributes", "character_sets", "check_constraint_routine_usage", "check_constraints",
    "collations", "column_domain_usage", "column_privileges", "column_udt_usage", "columns",
    "constraint_column_usage", "constraint_table_usage", "data_type_privileges", "domain_constraints",
    "domain_udt_usage", "domains", "element_types", "enabled_roles", "information_schema_catalog_name",
    "key_column_usage", "parameters", "referential_constraints", "role_column_grants", "role_routine_grants",
    "role_table_grants", "routine_privileges", "routines", "schemata", "sequences", "sql_features",
    "sql_implementation_info", "sql_sizing", "table_constraints", "table_privileges", "tables",
    "triggered_update_columns", "triggers", "udt_privileges", "usage_privileges", "user_defined_types",
    "view_column_usage", "view_routine_usage", "view_table_usage", "views",
];

/// Whether `builtins` holds a function of `pg_catalog`.
pub(crate) fn is_builtin(name: &str) -> bool {
    BUILTINS.binary_search(&name).is_ok()
}

/// Whether `introspection` holds a function of `pg_catalog`.
pub(crate) fn is_introspection_function(name: &str) -> bool {
    INTROSPECTION_FUNCTIONS.binary_search(&name).is_ok()
}

/// Whether `introspection` holds a function of `information_schema`.
pub(crate) fn is_standard_function(name: &str) -> bool {
    INFORMATION_SCHEMA_FUNCTIONS.binary_search(&name).is_ok()
}

/// The columns of a relation that `introspection` lets be read, where it is not all of them.
pub(crate) fn introspection_columns(schema: &str, name: &str) -> Option<&'static [&'static str]> {
    let found = PG_CATALOG_COLUMNS.binary_search_by_key(&name, |(name, _)| name);
    let (_, columns) = PG_CATALOG_COLUMNS.get(found.ok()?)?;
    (schema == "pg_catalog").then_some(columns)
}

/// Whether `introspection` lets a relation be read.
pub(crate) fn is_introspection_relation(schema: &str, name: &str) -> bool {
    match schema {
        "pg_catalog" => PG_CATALOG_RELATIONS.binary_search(&name).is_ok(),
        "information_schema" => INFORMATION_SCHEMA_RELATIONS.binary_search(&name).is_ok(),
        _ => false,
    }
}
