//! What a session asks that has defined something itself: only what it can have changed, found by indexes
//! alone, since every definition asks anew.
//!
//! Each part reads one catalog, so that it costs the server next to nothing to plan; `raw` puts the rows
//! together and gives those of the whole question. What is not named here and older must be asked for
//! otherwise.

use std::collections::BTreeSet;

/// The question for these relations and for everything with an OID above `floor`. What has been made since
/// then has such a one, unless the server's 32 bits are through; then it stays unknown, and is refused,
/// until all see it.
pub(crate) fn own_question(floor: u32, named: &BTreeSet<u32>) -> String {
    let floor = format!("{floor}::pg_catalog.oid");
    let named = (!named.is_empty()).then(|| array(named));
    about(&floor, named.as_deref())
}

/// Prepares the same question for a connection that asks it often. Planned once for whatever it is about, so by
/// indexes: what it is about is always little.
pub(in crate::catalog) fn prepare_own() -> [String; 3] {
    [
        "SET enable_seqscan = off".to_owned(),
        "SET plan_cache_mode = force_generic_plan".to_owned(),
        format!(
            "PREPARE own(pg_catalog.oid, pg_catalog.oid[]) AS {}",
            about("$1", Some("$2"))
        ),
    ]
}

/// Asks it.
pub(in crate::catalog) fn prepared_own(floor: u32, named: &BTreeSet<u32>) -> String {
    format!("EXECUTE own({floor}, {})", array(named))
}

fn array(oids: &BTreeSet<u32>) -> String {
    let oids: Vec<String> = oids.iter().map(u32::to_string).collect();
    format!("'{{{}}}'::pg_catalog.oid[]", oids.join(","))
}

fn about(floor: &str, named: Option<&str>) -> String {
    let is_new = |oid: &str| format!("{oid} OPERATOR(pg_catalog.>) {floor}");
    let is_named = |oid: &str| {
        named.map_or_else(String::new, |named| {
            format!(" OR {oid} OPERATOR(pg_catalog.=) ANY ({named})")
        })
    };
    let matters = |oid: &str| format!("({}{})", is_new(oid), is_named(oid));
    let part = |kind: &str, columns: [&str; 6], table: &str, wanted: &str| {
        let columns: Vec<String> = columns
            .iter()
            .map(|column| match column.starts_with('\'') {
                true => (*column).to_owned(),
                false => format!("{column}::pg_catalog.text"),
            })
            .collect();
        format!(
            "SELECT '{kind}', {} FROM pg_catalog.{table} o WHERE {wanted}",
            columns.join(", ")
        )
    };
    // The rules of views are changed in place.
    let ruled = named.map_or_else(String::new, |named| {
        format!(
            " OR o.objid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT w.oid FROM pg_catalog.pg_rewrite w \
             WHERE w.ev_class OPERATOR(pg_catalog.=) ANY ({named})))"
        )
    });
    let extended = "EXISTS (SELECT FROM pg_catalog.pg_depend e \
         WHERE e.classid OPERATOR(pg_catalog.=) o.refclassid \
         AND e.objid OPERATOR(pg_catalog.=) o.refobjid \
         AND e.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog.\"char\")";
    let on = format!(
        "pg_catalog.concat_ws(' ', o.refclassid, o.refobjid, o.refobjsubid, o.deptype, {extended})"
    );
    [
        super::HEAD.to_owned(),
        format!(
            "SELECT 'Z', n.oid::pg_catalog.text, {}, '', '', '', '' FROM pg_catalog.pg_namespace n",
            super::SCHEMA
        ),
        part(
            "R",
            [
                "o.oid",
                "o.relnamespace",
                "o.relname",
                "o.relkind",
                &super::rights("o"),
                "o.reltype",
            ],
            "pg_class",
            &matters("o.oid"),
        ),
        part(
            "a",
            ["o.attrelid", "o.attnum", "o.attname", "o.atttypid", "o.attgenerated", "''"],
            "pg_attribute",
            &format!(
                "{} AND o.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT o.attisdropped",
                matters("o.attrelid")
            ),
        ),
        part(
            "F",
            [
                "o.oid",
                "o.pronamespace",
                "o.proname",
                "o.xmin",
                "o.proargtypes",
                "pg_catalog.concat_ws(' ', o.prorettype, o.pronargdefaults, o.prokind)",
            ],
            "pg_proc",
            &is_new("o.oid"),
        ),
        part(
            "O",
            [
                "o.oid",
                "o.oprnamespace",
                "o.oprname",
                "o.xmin",
                "pg_catalog.concat_ws(' ', o.oprleft, o.oprright, o.oprresult)",
                "o.oprcode::pg_catalog.oid",
            ],
            "pg_operator",
            &is_new("o.oid"),
        ),
        part(
            "Y",
            [
                "o.oid",
                "o.typnamespace",
                "o.typname",
                "o.xmin",
                "o.typtype",
                "CASE WHEN o.typtype OPERATOR(pg_catalog.=) 'd'::pg_catalog.\"char\" THEN o.typbasetype ELSE o.typelem END",
            ],
            "pg_type",
            &is_new("o.oid"),
        ),
        part(
            "G",
            ["o.rngtypid", "o.rngsubtype", "o.rngmultitypid", "''", "''", "''"],
            "pg_range",
            &is_new("o.rngtypid"),
        ),
        part(
            "i",
            ["o.inhrelid", "o.inhparent", "''", "''", "''", "''"],
            "pg_inherits",
            &format!("{}{}", matters("o.inhrelid"), is_named("o.inhparent")),
        ),
        part(
            "K",
            [
                "o.oid",
                "o.conrelid",
                "o.contypid",
                "o.contype",
                "o.confrelid",
                "pg_catalog.concat(o.confdeltype, o.confupdtype)",
            ],
            "pg_constraint",
            &is_new("o.oid"),
        ),
        part(
            "A",
            ["o.oid", "o.adrelid", "o.adnum", "''", "''", "''"],
            "pg_attrdef",
            &is_new("o.oid"),
        ),
        part(
            "W",
            ["o.oid", "o.ev_class", "o.ev_type", &super::WHOLE_ROWS.replace("w.", "o."), "''", "''"],
            "pg_rewrite",
            &format!("{}{}", is_new("o.oid"), is_named("o.ev_class")),
        ),
        part(
            "T",
            ["o.oid", "o.tgrelid", "o.tgisinternal", "o.tgenabled", "o.tgfoid", "''"],
            "pg_trigger",
            &format!("{}{}", is_new("o.oid"), is_named("o.tgrelid")),
        ),
        part(
            "P",
            ["o.oid", "o.polrelid", "''", "''", "''", "''"],
            "pg_policy",
            &is_new("o.oid"),
        ),
        part(
            "X",
            [
                "o.indexrelid",
                "o.indrelid",
                "''",
                "''",
                "''",
                "''",
            ],
            "pg_index",
            &is_new("o.indexrelid"),
        ),
        part(
            "Q",
            ["o.partrelid", "''", "''", "''", "''", "''"],
            "pg_partitioned_table",
            &is_new("o.partrelid"),
        ),
        part(
            "D",
            ["o.classid", "o.objid", "o.objsubid", &on, "''", "''"],
            "pg_depend",
            &format!(
                "o.classid OPERATOR(pg_catalog.=) ANY ('{{{}}}'::pg_catalog.oid[]) \
                 AND ({}{}{ruled})",
                super::raw::CLASSES.map(|class| class.to_string()).join(","),
                is_new("o.objid"),
                is_named("o.objid"),
            ),
        ),
        super::hooks::events(),
    ]
    .join(" UNION ALL ")
}
