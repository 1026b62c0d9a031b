use super::*;

const LISTS: &[&[&str]] = &[
    BUILTINS,
    INTROSPECTION_FUNCTIONS,
    INFORMATION_SCHEMA_FUNCTIONS,
    PG_CATALOG_RELATIONS,
    INFORMATION_SCHEMA_RELATIONS,
];

#[test]
fn the_lists_are_sorted_and_have_no_twins() {
    for list in LISTS {
        assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "{list:?}");
    }
}

#[test]
fn the_functions_have_no_side_effects() {
    let dangerous = [
        "set_config",
        "pg_sleep",
        "pg_sleep_for",
        "pg_advisory_lock",
        "pg_terminate_backend",
        "pg_cancel_backend",
        "pg_reload_conf",
        "pg_read_file",
        "pg_read_binary_file",
        "pg_ls_dir",
        "pg_stat_file",
        "lo_import",
        "lo_export",
        "lo_get",
        "lo_put",
        "lo_from_bytea",
        "loread",
        "lowrite",
        "nextval",
        "setval",
        "lastval",
        "currval",
        "pg_logical_emit_message",
        "pg_stat_reset",
        "pg_switch_wal",
        "pg_promote",
        "pg_export_snapshot",
        "query_to_xml",
        "table_to_xml",
        "schema_to_xml",
        "database_to_xml",
        "cursor_to_xml",
        "ts_stat",
        "ts_rewrite",
        "txid_current",
        "pg_current_xact_id",
        "setseed",
        "pg_notify",
        "dblink",
        "crosstab",
        "xpath",
        "pg_create_restore_point",
        "pg_rotate_logfile",
        "pg_backup_start",
        "pg_file_settings",
        "pg_hba_file_rules",
        "pg_stat_get_activity",
        "pg_show_all_file_settings",
        "binary_upgrade_set_next_pg_type_oid",
        "inet_server_addr",
    ];
    for name in dangerous {
        assert!(
            !is_builtin(name) && !is_introspection_function(name),
            "{name}"
        );
    }
}

#[test]
fn the_relations_hold_no_values_secrets_or_sessions() {
    let dangerous = [
        "pg_authid",
        "pg_shadow",
        "pg_statistic",
        "pg_stats",
        "pg_stats_ext",
        "pg_stats_ext_exprs",
        "pg_statistic_ext_data",
        "pg_stat_activity",
        "pg_stat_statements",
        "pg_file_settings",
        "pg_hba_file_rules",
        "pg_ident_file_mappings",
        "pg_largeobject",
        "pg_subscription",
        "pg_user_mapping",
        "pg_user_mappings",
        "pg_foreign_server",
        "pg_sequences",
        "pg_locks",
        "pg_prepared_xacts",
        "pg_db_role_setting",
        "pg_roles",
        "pg_user",
        "pg_authid",
        "pg_shadow",
        "pg_replication_slots",
    ];
    for name in dangerous {
        assert!(!is_introspection_relation("pg_catalog", name), "{name}");
    }
    assert!(!is_introspection_relation("public", "pg_class"));
    for shown in ["pg_class", "pg_cursors", "pg_prepared_statements"] {
        assert!(is_introspection_relation("pg_catalog", shown), "{shown}");
    }
    assert!(is_introspection_relation("information_schema", "columns"));
    assert!(!is_introspection_relation(
        "information_schema",
        "user_mapping_options"
    ));
}

#[test]
fn look_ups_by_name_are_introspection() {
    for name in [
        "to_regclass",
        "to_regcollation",
        "to_regnamespace",
        "to_regoper",
        "to_regoperator",
        "to_regproc",
        "to_regprocedure",
        "to_regrole",
        "to_regtype",
        "to_regtypemod",
        "regclass",
        "pg_show_all_settings",
        "pg_get_function_arg_default",
        "pg_relation_size",
        "pg_size_pretty",
        "pg_listening_channels",
    ] {
        assert!(is_introspection_function(name), "{name}");
    }
    assert!(is_standard_function("_pg_expandarray"));
    assert!(!is_standard_function("pg_sleep"));
}

#[test]
fn of_catalogs_with_options_all_else_is_shown() {
    let names: Vec<_> = PG_CATALOG_COLUMNS.iter().map(|(name, _)| *name).collect();
    assert!(names.is_sorted());
    for (name, hidden) in [
        ("pg_attribute", "attmissingval"),
        ("pg_attribute", "attfdwoptions"),
        ("pg_foreign_data_wrapper", "fdwoptions"),
        ("pg_foreign_table", "ftoptions"),
        ("pg_foreign_server", "srvoptions"),
        ("pg_roles", "rolconfig"),
        ("pg_user", "useconfig"),
        ("pg_subscription", "subconninfo"),
        ("pg_user_mappings", "umoptions"),
    ] {
        assert!(!is_introspection_relation("pg_catalog", name));
        let columns = introspection_columns("pg_catalog", name).unwrap();
        assert!(columns.is_sorted() && !columns.contains(&hidden), "{name}");
        assert_eq!(introspection_columns("public", name), None);
    }
    assert_eq!(introspection_columns("pg_catalog", "pg_user_mapping"), None);
}
