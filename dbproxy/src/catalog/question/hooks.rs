//! What is asked about the code that a write runs without naming it.
//!
//! What belongs to an extension is PostgreSQL's own here, except its triggers and rules.

use super::FIRST_NORMAL_OID;

/// The parts of a question: relations that run code of somebody's own when they are written, 0 where
/// definitions do, and foreign keys that act on the rows which reference others.
pub(super) fn hooks() -> Vec<String> {
    let catalog =
        |table: &str| format!("'pg_catalog.{table}'::pg_catalog.regclass::pg_catalog.oid");
    let row = |relation: &str, from: &str, wanted: &str| {
        format!(
            "SELECT DISTINCT 'h', {relation}::pg_catalog.text, '', '', '', '', '' \
             FROM {from} WHERE {wanted}"
        )
    };
    let user =
        |oid: &str| format!("{oid} OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid");
    // Objects of this catalog that call a function, an operator or an index's functions of somebody's own.
    let calling = |relation: &str, (table, class): (&str, &str), object: &str| {
        let from = format!(
            "pg_catalog.{table} JOIN pg_catalog.pg_depend d \
             ON d.classid OPERATOR(pg_catalog.=) {} AND d.objid OPERATOR(pg_catalog.=) {object} \
             AND d.refclassid OPERATOR(pg_catalog.=) ANY (ARRAY[{}, {}, {}]) \
             AND d.refobjid OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid",
            catalog(class),
            catalog("pg_proc"),
            catalog("pg_operator"),
            catalog("pg_opclass"),
        );
        // A domain's check is that of no relation.
        let own = "NOT EXISTS (SELECT FROM pg_catalog.pg_depend e \
             WHERE e.classid OPERATOR(pg_catalog.=) d.refclassid \
             AND e.objid OPERATOR(pg_catalog.=) d.refobjid \
             AND e.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog.\"char\")";
        row(relation, &from, &format!("{} AND {own}", user(relation)))
    };
    let acts = |action: &str| {
        format!("k.{action} OPERATOR(pg_catalog.=) ANY (ARRAY['c','n','d']::pg_catalog.\"char\"[])")
    };
    vec![
        row(
            "t.tgrelid",
            "pg_catalog.pg_trigger t",
            "NOT t.tgisinternal AND t.tgenabled OPERATOR(pg_catalog.<>) 'D'::pg_catalog.\"char\"",
        ),
        row(
            "w.ev_class",
            "pg_catalog.pg_rewrite w",
            &format!(
                "w.ev_type OPERATOR(pg_catalog.<>) '1'::pg_catalog.\"char\" AND {}",
                user("w.ev_class")
            ),
        ),
        calling("k.conrelid", ("pg_constraint k", "pg_constraint"), "k.oid"),
        calling("a.adrelid", ("pg_attrdef a", "pg_attrdef"), "a.oid"),
        calling("i.indrelid", ("pg_index i", "pg_class"), "i.indexrelid"),
        calling("p.polrelid", ("pg_policy p", "pg_policy"), "p.oid"),
        calling(
            "q.partrelid",
            ("pg_partitioned_table q", "pg_class"),
            "q.partrelid",
        ),
        events(),
        format!(
            "SELECT DISTINCT 'g', k.confrelid::pg_catalog.text, k.conrelid::pg_catalog.text, \
             '', '', '', '' FROM pg_catalog.pg_constraint k \
             WHERE k.contype OPERATOR(pg_catalog.=) 'f'::pg_catalog.\"char\" \
             AND ({} OR {})",
            acts("confdeltype"),
            acts("confupdtype"),
        ),
    ]
}

/// The part about definitions.
pub(super) fn events() -> String {
    "SELECT DISTINCT 'h', '0', '', '', '', '', '' FROM pg_catalog.pg_event_trigger v \
     WHERE v.evtenabled OPERATOR(pg_catalog.<>) 'D'::pg_catalog.\"char\""
        .to_owned()
}
