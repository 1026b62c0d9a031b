//! What is asked of `pg_catalog`: everything at first, afterwards what has changed since.
//!
//! Rows have seven text columns: what the row is about, then what there is to know; `objects` reads them.
//! Every name, cast and operator is qualified: nothing depends on a search path. The session's own temporary
//! schema is called by its alias, those of others are left out.

use std::collections::BTreeSet;
use std::sync::LazyLock;

mod hooks;
mod own;
mod raw;
mod rests;
mod steps;

pub(crate) use own::own_question;
pub(super) use own::{prepare_own, prepared_own};
pub(crate) use raw::together;
pub(super) use rests::{Whose, oid_of, rests};
pub(super) use steps::{COMMIT, Step, begin, columns_of, ended_since, prepare, steps};

use super::nested;
use steps::READ;

/// PostgreSQL's `FirstNormalObjectId`: lower OIDs are its own.
pub(crate) const FIRST_NORMAL_OID: u32 = 16384;

/// The state of the server's transactions: while it stays the same and nothing is in progress, nothing can
/// have changed. And how often the catalog was written by then, see [`written`].
pub(crate) static STATE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text, {}, '', '', '', '', ''",
        written()
    )
});

/// The catalogs whose rows say what statements mean, as a table `t(c)`.
pub(crate) const MEANT: &str = "pg_catalog.unnest(ARRAY['pg_catalog.pg_class', 'pg_catalog.pg_attribute', \
    'pg_catalog.pg_namespace', 'pg_catalog.pg_proc', 'pg_catalog.pg_type', 'pg_catalog.pg_operator', \
    'pg_catalog.pg_cast', 'pg_catalog.pg_rewrite', 'pg_catalog.pg_inherits', 'pg_catalog.pg_policy', \
    'pg_catalog.pg_constraint', 'pg_catalog.pg_attrdef', 'pg_catalog.pg_trigger', \
    'pg_catalog.pg_authid', 'pg_catalog.pg_auth_members', 'pg_catalog.pg_sequence']\
    ::pg_catalog.regclass[]) t(c)";

/// How many rows of [`MEANT`] all sessions have written, as far as they have told: a session tells at the end of a
/// transaction, once a second at most, or later. Nothing before PostgreSQL 15, where it takes a while to be told
/// (<https://www.postgresql.org/docs/current/monitoring-stats.html>).
pub(crate) fn written() -> String {
    format!(
        "CASE WHEN pg_catalog.current_setting('server_version_num')::pg_catalog.int4 \
         OPERATOR(pg_catalog.<) 150000 THEN '' \
         ELSE (SELECT pg_catalog.sum(pg_catalog.pg_stat_get_tuples_inserted(t.c) \
         OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_tuples_updated(t.c) \
         OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_tuples_deleted(t.c)) FROM {MEANT})::pg_catalog.text END"
    )
}

/// The first part of every question: the moment that it is asked at.
const HEAD: &str = "SELECT 'x'::pg_catalog.text, \
    pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.text, \
    pg_catalog.pg_current_snapshot()::pg_catalog.text, \
    pg_catalog.current_setting('server_version_num'), ''::pg_catalog.text, ''::pg_catalog.text, \
    ''::pg_catalog.text";

/// What a type is, and the type of its elements or below it.
const TYPE_KIND: &str = "p.typtype::pg_catalog.text";
const TYPE_ELEMENT: &str = "CASE p.typtype::pg_catalog.text WHEN 'd' THEN p.typbasetype \
    WHEN 'r' THEN (SELECT g.rngsubtype FROM pg_catalog.pg_range g \
    WHERE g.rngtypid OPERATOR(pg_catalog.=) p.oid) \
    WHEN 'm' THEN (SELECT g.rngtypid FROM pg_catalog.pg_range g \
    WHERE g.rngmultitypid OPERATOR(pg_catalog.=) p.oid) \
    ELSE p.typelem END::pg_catalog.text";

/// Schemas whose objects matter.
const SEEN: &str = "(n.oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() \
    OR n.nspname::pg_catalog.text OPERATOR(pg_catalog.!~) '^pg_(toast|temp)')";

/// The schema's name, or its alias.
pub(crate) const SCHEMA: &str = "CASE WHEN n.oid OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() \
    THEN 'pg_temp' ELSE n.nspname::pg_catalog.text END";

/// Kinds of relations that matter.
const KINDS: &str = "c.relkind OPERATOR(pg_catalog.=) ANY \
    (ARRAY['r','p','v','m','f','S','c','i','I']::pg_catalog.\"char\"[])";

/// The number of no column, for whole rows.
pub(crate) const WHOLE_ROW: i16 = i16::MAX;

/// Whether the rule `w` uses a whole row, whichever: it is on the record as if it used the columns that it
/// names besides, or none (`find_expr_references_walker` of `dependency.c`).
const WHOLE_ROWS: &str = "(pg_catalog.strpos(w.ev_action::pg_catalog.text, ':varattno 0 ') \
     OPERATOR(pg_catalog.>) 0)";

/// Tables of the catalog of which nothing is kept, but whose changes change what statements mean.
const WATCHED: [&str; 6] = [
    "pg_auth_members",
    "pg_cast",
    "pg_policy",
    "pg_attrdef",
    "pg_rewrite",
    NAMESPACES,
];

/// What decides whether policies apply to who reads a relation, and whose rights a view reads with.
fn rights(table: &str) -> String {
    format!(
        "pg_catalog.concat_ws(' ', {table}.relrowsecurity, {table}.relforcerowsecurity, {table}.relowner, \
         {table}.reloptions)"
    )
}

/// Where this one changes, everything may be called by another name.
pub(super) const NAMESPACES: &str = "pg_namespace";

/// Which rows are asked for.
#[derive(Clone, Copy)]
enum Since {
    Ever,
    /// What this transaction and later ones have changed.
    Transaction(u32),
    /// The same, with the age of the transaction as the first parameter, and without those of [`READ`].
    Parameter,
}

impl Since {
    /// Whether the row of a catalog, by its alias, is asked for.
    fn changed(self, table: &str) -> String {
        let age = format!("pg_catalog.age({table}.xmin) OPERATOR(pg_catalog.<=)");
        match self {
            Self::Ever => "true".to_owned(),
            Self::Transaction(xid) => format!("({age} pg_catalog.age('{xid}'::pg_catalog.xid))"),
            // Looked up in a hash table, where there is something to look up. In order: the server would look up
            // every row, which costs more than its age.
            Self::Parameter => format!(
                "(CASE WHEN {age} $1 THEN NOT ({table}.xmin OPERATOR(pg_catalog.=) ANY (\
                 SELECT pg_catalog.unnest(pg_catalog.current_setting('{READ}')::pg_catalog.xid[]))) \
                 ELSE false END)"
            ),
        }
    }

    /// Whether the row of `pg_class` is: what is temporary is in no shared snapshot.
    fn relation(self) -> String {
        format!(
            "({} OR c.relnamespace OPERATOR(pg_catalog.=) (SELECT pg_catalog.pg_my_temp_schema()))",
            self.changed("c")
        )
    }
}

/// The question for everything, or for what transactions since `since` have changed.
pub(crate) fn question(since: Option<u32>) -> String {
    let since = since.map_or(Since::Ever, Since::Transaction);
    let wanted = if matches!(since, Since::Ever) {
        "true".to_owned()
    } else {
        // An array, so that the columns are found by their index.
        format!(
            "a.attrelid OPERATOR(pg_catalog.=) ANY (ARRAY(\
             SELECT b.attrelid FROM pg_catalog.pg_attribute b WHERE {} UNION \
             SELECT c.oid FROM pg_catalog.pg_class c WHERE {}))",
            since.changed("b"),
            since.relation(),
        )
    };
    let mut parts = vec![HEAD.to_owned(), columns(&wanted)];
    parts.extend(objects(since));
    parts.join(" UNION ALL ")
}

/// The part about columns.
fn columns(wanted: &str) -> String {
    format!(
        "SELECT 'a', a.attrelid::pg_catalog.text, a.attnum::pg_catalog.text, \
         a.attname::pg_catalog.text, a.atttypid::pg_catalog.text, '', '' \
         FROM pg_catalog.pg_attribute a \
         JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) a.attrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
         WHERE {KINDS} AND {SEEN} AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 \
         AND NOT a.attisdropped AND {wanted}"
    )
}

/// The parts about all else.
fn objects(since: Since) -> Vec<String> {
    let changed = |table: &str| since.changed(table);
    let relation = since.relation();
    let mut parts = vec![
        format!(
            "SELECT 'r', {oid}, {SCHEMA}, c.relname::pg_catalog.text, c.relkind::pg_catalog.text, \
             {rights}, c.reltype::pg_catalog.text \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
             ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
             WHERE {KINDS} AND {SEEN} AND {relation}",
            oid = "c.oid::pg_catalog.text",
            rights = rights("c"),
        ),
        named_objects("f", "pg_proc", "pro", ["''", "''"], &changed("p")),
        named_objects(
            "o",
            "pg_operator",
            "opr",
            ["p.oprcode::pg_catalog.oid::pg_catalog.text", "''"],
            &changed("p"),
        ),
        named_objects(
            "t",
            "pg_type",
            "typ",
            [TYPE_KIND, TYPE_ELEMENT],
            &format!(
                "p.oid OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid AND ({} OR \
                 p.typnamespace OPERATOR(pg_catalog.=) (SELECT pg_catalog.pg_my_temp_schema()))",
                changed("p")
            ),
        ),
        format!(
            "SELECT 'i', i.inhrelid::pg_catalog.text, i.inhparent::pg_catalog.text, '', '', '', '' \
             FROM pg_catalog.pg_inherits i WHERE {}",
            changed("i")
        ),
        // Those of extensions are PostgreSQL's own as far as rights go: every column of such a type casts.
        format!(
            "SELECT 'k', k.castsource::pg_catalog.text, k.casttarget::pg_catalog.text, \
             k.castfunc::pg_catalog.text, k.castcontext::pg_catalog.text, '', '' FROM pg_catalog.pg_cast k \
             WHERE k.castfunc OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
             WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid \
             AND d.objid OPERATOR(pg_catalog.=) k.castfunc \
             AND d.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog.\"char\")"
        ),
        // A sequence whose owner is another has a new row in pg_sequence; 0 where it has none any more.
        format!(
            "SELECT 'q', c.oid::pg_catalog.text, COALESCE((SELECT d.refobjid FROM pg_catalog.pg_depend d \
             WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid \
             AND d.objid OPERATOR(pg_catalog.=) c.oid \
             AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid \
             AND d.deptype OPERATOR(pg_catalog.=) ANY (ARRAY['a','i']::pg_catalog.\"char\"[]) LIMIT 1), \
             0::pg_catalog.oid)::pg_catalog.text, '', '', '', '' \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_sequence s ON s.seqrelid OPERATOR(pg_catalog.=) c.oid \
             WHERE c.relkind OPERATOR(pg_catalog.=) 'S'::pg_catalog.\"char\" AND ({} OR {})",
            changed("c"),
            changed("s")
        ),
        format!(
            "SELECT 'q', i.indexrelid::pg_catalog.text, i.indrelid::pg_catalog.text, '', '', '', '' \
             FROM pg_catalog.pg_index i \
             WHERE i.indexrelid OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid AND {} \
             AND EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
             ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
             WHERE c.oid OPERATOR(pg_catalog.=) i.indexrelid AND {SEEN} OFFSET 0)",
            changed("i")
        ),
        format!(
            "SELECT '3', s.stxrelid::pg_catalog.text, {SCHEMA}, s.stxname::pg_catalog.text, '', '', '' \
             FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n \
             ON n.oid OPERATOR(pg_catalog.=) s.stxnamespace WHERE {SEEN}"
        ),
        format!(
            "SELECT DISTINCT 'v', w.ev_class::pg_catalog.text, d.refobjid::pg_catalog.text, \
             CASE WHEN {WHOLE_ROWS} THEN '{WHOLE_ROW}' ELSE d.refobjsubid::pg_catalog.text END, '', '', '' \
             FROM pg_catalog.pg_rewrite w \
             JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) w.ev_class \
             JOIN pg_catalog.pg_depend d \
             ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass::pg_catalog.oid \
             AND d.objid OPERATOR(pg_catalog.=) w.oid \
             AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid \
             WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['v','m']::pg_catalog.\"char\"[]) \
             AND c.oid OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid \
             AND d.refobjid OPERATOR(pg_catalog.<>) c.oid AND ({} OR {})",
            changed("w"),
            changed("c")
        ),
    ];
    parts.extend(rests::written());
    parts.extend(rests::made());
    parts.extend(rests::of_types());
    parts.extend(hooks::hooks());
    parts.extend(nested::parts(&changed));
    parts.extend(WATCHED.iter().map(|table| {
        format!(
            "SELECT 'c', '{table}', pg_catalog.count(*)::pg_catalog.text, \
             pg_catalog.sum(w.xmin::pg_catalog.text::pg_catalog.int8)::pg_catalog.text, '', '', '' \
             FROM pg_catalog.{table} w{}",
            if *table == NAMESPACES {
                " WHERE w.nspname::pg_catalog.text OPERATOR(pg_catalog.!~) '^pg_(toast|temp)'"
            } else {
                ""
            }
        )
    }));
    // Whose policies apply.
    parts.push(
        "SELECT 'c', 'pg_roles', pg_catalog.count(*)::pg_catalog.text, \
         pg_catalog.sum(pg_catalog.hashtext(pg_catalog.concat_ws(' ', w.oid, w.rolsuper, w.rolinherit, \
         w.rolbypassrls)))::pg_catalog.text, '', '', '' FROM pg_catalog.pg_roles w"
            .to_owned(),
    );
    parts.push(
        "SELECT 'c', 'pg_database', '', w.datdba::pg_catalog.text, '', '', '' \
         FROM pg_catalog.pg_database w \
         WHERE w.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
            .to_owned(),
    );
    parts.extend(listed().iter().map(|(kind, _, from)| {
        format!(
            "SELECT 'n', '{kind}', pg_catalog.count(*)::pg_catalog.text, '', '', '', '' FROM {from}"
        )
    }));
    parts
}

/// The question for everything, and the one for what is new where everything is, for tests.
pub(crate) fn questions() -> [String; 2] {
    [
        question(None),
        own_question(FIRST_NORMAL_OID - 1, &BTreeSet::new()),
    ]
}

/// What exists, without anything about it: asked for where something is gone.
pub(crate) fn listing() -> String {
    let list = |(kind, key, from): &(&str, &str, String)| {
        format!(
            "SELECT 'l'::pg_catalog.text, '{kind}'::pg_catalog.text, {key}, '', '', '', '' FROM {from}"
        )
    };
    let lists: Vec<String> = listed().iter().map(list).collect();
    lists.join(" UNION ALL ")
}

/// What is counted, so that it is noticed when something goes: a row's kind, its key, and where it is from.
fn listed() -> [(&'static str, &'static str, String); 5] {
    // No join: all of a catalog is counted each time.
    let seen = |namespace: &str| {
        format!(
            "{namespace} OPERATOR(pg_catalog.=) ANY (ARRAY(\
             SELECT n.oid FROM pg_catalog.pg_namespace n WHERE {SEEN}))"
        )
    };
    let named = |table: &str, namespace: &str, wanted: &str| {
        let seen = seen(&format!("p.{namespace}"));
        format!("pg_catalog.{table} p WHERE {seen}{wanted}")
    };
    [
        (
            "r",
            "c.oid::pg_catalog.text",
            format!(
                "pg_catalog.pg_class c WHERE {KINDS} AND {}",
                seen("c.relnamespace")
            ),
        ),
        (
            "f",
            "p.oid::pg_catalog.text",
            named("pg_proc", "pronamespace", ""),
        ),
        (
            "o",
            "p.oid::pg_catalog.text",
            named("pg_operator", "oprnamespace", ""),
        ),
        (
            "t",
            "p.oid::pg_catalog.text",
            named(
                "pg_type",
                "typnamespace",
                &format!(" AND p.oid OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid"),
            ),
        ),
        (
            "i",
            "i.inhrelid::pg_catalog.text OPERATOR(pg_catalog.||) ' ' \
             OPERATOR(pg_catalog.||) i.inhparent::pg_catalog.text",
            "pg_catalog.pg_inherits i".to_owned(),
        ),
    ]
}

/// Objects that have a name, a schema and an OID, and when they were last changed.
fn named_objects(kind: &str, table: &str, prefix: &str, more: [&str; 2], wanted: &str) -> String {
    let [more, further] = more;
    format!(
        "SELECT '{kind}', p.oid::pg_catalog.text, {SCHEMA}, p.{prefix}name::pg_catalog.text, \
         p.xmin::pg_catalog.text, {more}, {further} FROM pg_catalog.{table} p \
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.{prefix}namespace \
         WHERE {SEEN} AND {wanted}"
    )
}
