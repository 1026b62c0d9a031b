use super::*;

fn set(name: &str, value: Option<&str>) -> bool {
    is_application_setting(&Setting {
        name: name.into(),
        value: value.map(Into::into),
    })
}

#[test]
fn the_lists_are_sorted_and_have_no_twins() {
    for list in [FUNCTIONS, RELATIONS, PARAMETERS] {
        assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "{list:?}");
    }
}

#[test]
fn the_functions_touch_no_rows_files_or_other_sessions() {
    for name in [
        "nextval",
        "setval",
        "pg_sleep",
        "pg_cancel_backend",
        "pg_terminate_backend",
        "pg_read_file",
        "pg_logical_emit_message",
        "pg_reload_conf",
        "pg_stat_get_activity",
        "pg_blocking_pids",
        "lo_get",
        "lo_import",
        "set_config",
        "query_to_xml",
        "ts_stat",
    ] {
        assert!(!is_application_function(name), "{name}");
    }
    for name in [
        "pg_advisory_xact_lock",
        "pg_notify",
        "txid_current",
        "lastval",
        "pg_export_snapshot",
    ] {
        assert!(is_application_function(name), "{name}");
    }
}

#[test]
fn the_relations_hold_counters_and_no_values_or_other_sessions() {
    for name in [
        "pg_stat_activity",
        "pg_stat_ssl",
        "pg_stat_replication",
        "pg_stat_statements",
        "pg_stats",
        "pg_statistic",
        "pg_locks",
        "pg_prepared_xacts",
        "pg_prepared_statements",
        "pg_stat_sys_tables",
    ] {
        assert!(!is_application_relation(name), "{name}");
    }
    for name in [
        "pg_stat_user_tables",
        "pg_statio_all_tables",
        "pg_stat_gssapi",
    ] {
        assert!(is_application_relation(name), "{name}");
    }
}

#[test]
fn no_parameter_changes_meaning_identity_or_what_is_logged() {
    for name in [
        "role",
        "search_path",
        "session_authorization",
        "client_encoding",
        "session_replication_role",
        "local_preload_libraries",
        "log_statement",
        "log_min_messages",
        "track_activities",
        "temp_file_limit",
        "debug_print_parse",
        "password_encryption",
        "app.tenant",
        "plpgsql.variable_conflict",
    ] {
        assert!(!set(name, Some("on")), "{name}");
    }
    for name in [
        "statement_timeout",
        "lock_timeout",
        "jit",
        "plan_cache_mode",
    ] {
        assert!(set(name, Some("0")) && set(name, None), "{name}");
    }
    assert!(set("transaction_read_only", Some("off")));
}

#[test]
fn memory_has_a_bound() {
    for (value, allowed) in [
        (Some("64MB"), true),
        (Some("256MB"), true),
        (Some("262144"), true),
        (None, true),
        (Some("257MB"), false),
        (Some("1GB"), false),
        (Some("-1"), false),
        (Some("0x40000000"), false),
        (Some("$1"), false),
    ] {
        assert_eq!(set("work_mem", value), allowed, "{value:?}");
        assert_eq!(set("maintenance_work_mem", value), allowed, "{value:?}");
    }
}

#[test]
fn of_other_sessions_only_their_number_is_shown() {
    for (name, hidden) in [
        ("pg_locks", &["pid", "relation", "virtualxid", "mode"][..]),
        (
            "pg_stat_activity",
            &["query", "usename", "pid", "client_addr", "application_name"],
        ),
    ] {
        let columns = application_columns("pg_catalog", name).unwrap();
        assert!(hidden.iter().all(|column| !columns.contains(column)));
        assert_eq!(application_columns("public", name), None);
    }
    assert_eq!(application_columns("pg_catalog", "pg_prepared_xacts"), None);
}
