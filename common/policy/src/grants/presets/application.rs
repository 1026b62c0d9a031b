//! `application`: what ordinary programs send beside the statements on their tables. It holds `builtins`
//! and `introspection` too.
//!
//! INVARIANT: no function here reads or changes rows, files or other sessions, waits for a time that it is
//! given, or runs SQL that it is given. What locks, locks numbers (advisory locks); what tells, tells a
//! channel. A snapshot that is handed on shows its taker what the giver sees at that moment, by the taker's own
//! rules. No relation here holds values of rows, what other sessions run, or who they are: counters of tables
//! and indexes, how many sessions and transactions there are, how a session's own connection is authenticated. No parameter here changes what a statement means, as whom it runs, what is logged or audited,
//! or lets code be loaded; custom parameters (`app.tenant`) are not here, because row security may trust
//! them. The lists are sorted: look-ups rely on it.

use crate::Setting;
use crate::grants::PG_CATALOG;
use crate::grants::bounds::kilobytes;

#[cfg(test)]
mod tests;

#[rustfmt::skip]
const FUNCTIONS: &[&str] = &[
    "inet_client_addr", "inet_client_port", "inet_server_addr", "inet_server_port", "lastval", "pg_advisory_lock",
    "pg_advisory_lock_shared", "pg_advisory_unlock", "pg_advisory_unlock_all", "pg_advisory_unlock_shared",
    "pg_advisory_xact_lock", "pg_advisory_xact_lock_shared", "pg_backend_pid", "pg_current_snapshot",
    "pg_current_xact_id", "pg_current_xact_id_if_assigned", "pg_export_snapshot", "pg_notify", "pg_snapshot_xip", "pg_snapshot_xmax",
    "pg_snapshot_xmin", "pg_stat_get_analyze_count", "pg_stat_get_autoanalyze_count", "pg_stat_get_autovacuum_count",
    "pg_stat_get_blocks_fetched", "pg_stat_get_blocks_hit", "pg_stat_get_dead_tuples", "pg_stat_get_ins_since_vacuum",
    "pg_stat_get_last_analyze_time", "pg_stat_get_last_autoanalyze_time", "pg_stat_get_last_autovacuum_time",
    "pg_stat_get_last_vacuum_time", "pg_stat_get_lastscan", "pg_stat_get_live_tuples", "pg_stat_get_mod_since_analyze",
    "pg_stat_get_numscans", "pg_stat_get_tuples_deleted", "pg_stat_get_tuples_fetched",
    "pg_stat_get_tuples_hot_updated", "pg_stat_get_tuples_inserted", "pg_stat_get_tuples_newpage_updated",
    "pg_stat_get_tuples_returned", "pg_stat_get_tuples_updated", "pg_stat_get_vacuum_count", "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared", "pg_try_advisory_xact_lock", "pg_try_advisory_xact_lock_shared",
    "pg_visible_in_snapshot", "pg_xact_status", "setseed", "txid_current", "txid_current_if_assigned",
    "txid_current_snapshot", "txid_snapshot_xip", "txid_snapshot_xmax", "txid_snapshot_xmin", "txid_status",
    "txid_visible_in_snapshot",
];

/// Counters of tables and indexes, and the caller's own connection: GUIs and ORMs look there for sizes and lists.
#[rustfmt::skip]
const RELATIONS: &[&str] = &[
    "pg_stat_all_indexes", "pg_stat_all_tables", "pg_stat_gssapi", "pg_stat_user_indexes", "pg_stat_user_tables",
    "pg_statio_all_indexes", "pg_statio_all_sequences", "pg_statio_all_tables", "pg_statio_user_indexes",
    "pg_statio_user_sequences", "pg_statio_user_tables",
];

/// Of what other sessions do: how many there are, and the numbers of their transactions.
#[rustfmt::skip]
const COLUMNS: &[(&str, &[&str])] = &[
    ("pg_locks", &["transactionid"]),
    ("pg_stat_activity", &["datid", "datname", "state"]),
];

/// Parameters that may have any value: time-outs, how plans are made, how values look. Row security hides
/// rows, or refuses the statements of which it would: neither way shows more, and `pg_dump` asks for the second.
#[rustfmt::skip]
const PARAMETERS: &[&str] = &[
    "check_function_bodies", "client_connection_check_interval", "constraint_exclusion", "cpu_index_tuple_cost",
    "cpu_operator_cost", "cpu_tuple_cost", "cursor_tuple_fraction", "default_statistics_target", "default_tablespace",
    "default_text_search_config", "default_toast_compression", "default_transaction_read_only",
    "effective_cache_size", "effective_io_concurrency", "enable_async_append", "enable_bitmapscan",
    "enable_distinct_reordering", "enable_gathermerge", "enable_group_by_reordering", "enable_hashagg",
    "enable_hashjoin", "enable_incremental_sort", "enable_indexonlyscan", "enable_indexscan", "enable_material",
    "enable_memoize", "enable_mergejoin", "enable_nestloop", "enable_parallel_append", "enable_parallel_hash",
    "enable_partition_pruning", "enable_partitionwise_aggregate", "enable_partitionwise_join",
    "enable_presorted_aggregate", "enable_self_join_elimination", "enable_seqscan", "enable_sort", "enable_tidscan",
    "force_parallel_mode", "from_collapse_limit", "geqo", "geqo_effort", "geqo_generations", "geqo_pool_size",
    "geqo_seed", "geqo_selection_bias", "geqo_threshold", "gin_fuzzy_search_limit",
    "idle_in_transaction_session_timeout", "idle_session_timeout", "jit", "jit_above_cost", "jit_inline_above_cost",
    "jit_optimize_above_cost", "join_collapse_limit", "lc_monetary", "lc_numeric", "lc_time", "lock_timeout",
    "max_parallel_workers_per_gather", "min_parallel_index_scan_size", "min_parallel_table_scan_size",
    "parallel_leader_participation", "parallel_setup_cost", "parallel_tuple_cost", "plan_cache_mode",
    "quote_all_identifiers", "random_page_cost", "recursive_worktable_factor", "restrict_nonsystem_relation_kind",
    "row_security", "seq_page_cost", "statement_timeout", "synchronize_seqscans", "synchronous_commit", "tcp_keepalives_count",
    "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_user_timeout", "transaction_read_only",
    "transaction_snapshot", "transaction_timeout", "xmlbinary",
];

/// Memory that a step of a statement may take: more than [`MEMORY`] needs a `set` rule.
const BOUNDED: &[&str] = &["maintenance_work_mem", "work_mem"];

/// 256 MB, in kB.
const MEMORY: u64 = 256 * 1024;

/// Whether `application` adds a function of `pg_catalog`.
pub(crate) fn is_application_function(name: &str) -> bool {
    FUNCTIONS.binary_search(&name).is_ok()
}

/// The columns of a relation of `pg_catalog` that `application` lets be read, where it is not all of them.
pub(crate) fn application_columns(schema: &str, name: &str) -> Option<&'static [&'static str]> {
    let found = COLUMNS.iter().find(|(known, _)| *known == name);
    found
        .filter(|_| schema == PG_CATALOG)
        .map(|(_, columns)| *columns)
}

/// Whether `application` lets a relation of `pg_catalog` be read.
pub(crate) fn is_application_relation(name: &str) -> bool {
    RELATIONS.binary_search(&name).is_ok()
}

/// Whether `application` lets a parameter be set to this.
pub(crate) fn is_application_setting(setting: &Setting) -> bool {
    let name = &*setting.name;
    if BOUNDED.contains(&name) {
        let value = setting.value.as_deref();
        return value.is_none_or(|value| kilobytes(value).is_some_and(|kb| kb <= MEMORY));
    }
    PARAMETERS.binary_search(&name).is_ok()
}
