//! The question for what has changed as small steps, each of which costs the server a few milliseconds: prepared
//! once for a connection, and run within one transaction, so that all of them see the same moment.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{HEAD, Since, columns, objects};
use crate::catalog::moment::Moment;

/// So many pages of `pg_attribute`, the greatest of the catalogs, are gone through at a time.
const PAGES: u64 = 256;

/// Ends the transaction.
pub(in crate::catalog) const COMMIT: &str = "COMMIT";

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::catalog) enum Step {
    /// Its rows are rows of the question.
    Rows(String),
    /// Its rows are relations whose columns have changed.
    Columns(String),
}

/// The setting of a transaction that says which transactions need not be read again.
pub(super) const READ: &str = "exeat.read";

/// Begins the transaction, given what is known. Its row: the age of the transaction since which is asked, and the
/// pages of `pg_attribute`.
pub(in crate::catalog) fn begin(known: &Moment) -> String {
    let read: Vec<String> = known.read.iter().map(u32::to_string).collect();
    let (since, read) = (known.since, read.join(","));
    format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
         SELECT pg_catalog.age('{since}'::pg_catalog.xid)::pg_catalog.text, \
         (pg_catalog.pg_relation_size('pg_catalog.pg_attribute'::pg_catalog.regclass) \
         OPERATOR(pg_catalog./) pg_catalog.current_setting('block_size')::pg_catalog.int8)::pg_catalog.text, \
         pg_catalog.set_config('{READ}', '{{{read}}}', true)"
    )
}

/// The transactions since this one that have ended and written what is read: such a row shows that its transaction
/// has ended, and all that it wrote with it. (A snapshot of the server's does not tell the parts of a transaction
/// that is open from transactions that have ended.)
pub(in crate::catalog) fn ended_since(since: u32) -> String {
    let age = format!("pg_catalog.age('{since}'::pg_catalog.xid)");
    let of = |catalog: &str| {
        format!(
            "SELECT w.xmin FROM pg_catalog.{catalog} w \
             WHERE pg_catalog.age(w.xmin) OPERATOR(pg_catalog.<=) {age}"
        )
    };
    let catalogs = [
        "pg_class",
        "pg_proc",
        "pg_type",
        "pg_operator",
        "pg_rewrite",
    ]
    .map(of);
    format!(
        "SELECT DISTINCT e.xmin::pg_catalog.text FROM ({}) e",
        catalogs.join(" UNION ALL ")
    )
}

/// Prepares all of them for a connection, one by one: a server that logs statements logs with each what it was
/// prepared with.
pub(in crate::catalog) fn prepare() -> Vec<String> {
    let parts = objects(Since::Parameter).into_iter().enumerate();
    let parts = parts.map(|(at, part)| format!("PREPARE part_{at}(pg_catalog.int4) AS {part}"));
    let of = columns("a.attrelid OPERATOR(pg_catalog.=) ANY ($1)");
    let changed = Since::Parameter.changed("b");
    let others = [
        format!("PREPARE columns(pg_catalog.oid[]) AS {of}"),
        format!(
            "PREPARE changed(pg_catalog.int4, pg_catalog.tid, pg_catalog.tid) AS \
             SELECT DISTINCT b.attrelid::pg_catalog.text FROM pg_catalog.pg_attribute b \
             WHERE b.ctid OPERATOR(pg_catalog.>=) $2 AND b.ctid OPERATOR(pg_catalog.<) $3 AND {changed}"
        ),
    ];
    parts.chain(others).collect()
}

/// The steps of a connection for which so many were prepared, given the row of [`begin`].
pub(in crate::catalog) fn steps(prepared: usize, age: &str, pages: u64) -> Vec<Step> {
    // The last two are about columns.
    let parts =
        (0..prepared.saturating_sub(2)).map(|at| Step::Rows(format!("EXECUTE part_{at}({age})")));
    // What is written behind the last page is not seen by this transaction.
    let ranges = (0..=pages).step_by(PAGES as usize);
    let ranges = ranges.map(|from| changed(age, from..from + PAGES));
    [Step::Rows(HEAD.to_owned())]
        .into_iter()
        .chain(parts)
        .chain(ranges)
        .collect()
}

fn changed(age: &str, pages: Range<u64>) -> Step {
    let Range { start, end } = pages;
    Step::Columns(format!(
        "EXECUTE changed({age}, '({start},0)', '({end},0)')"
    ))
}

/// The last step, about the columns of these relations.
pub(in crate::catalog) fn columns_of(relations: &BTreeSet<String>) -> String {
    let relations: Vec<&str> = relations.iter().map(String::as_str).collect();
    format!("EXECUTE columns('{{{}}}')", relations.join(","))
}
