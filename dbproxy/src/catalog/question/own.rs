//! What a session asks that has defined something itself: only what it can have changed, found by indexes
//! alone, since every definition asks anew.
//!
//! Rows are those of the whole question. What is not named here and older must be asked for otherwise.

use std::collections::BTreeSet;

/// The schema of an object, or its alias, without a join.
fn schema(namespace: &str) -> String {
    format!(
        "(SELECT {} FROM pg_catalog.pg_namespace n WHERE n.oid OPERATOR(pg_catalog.=) {namespace})",
        super::SCHEMA
    )
}

/// The question for these relations and for everything with an OID above `floor`. What has been made since
/// then has such a one, unless the server's 32 bits are through; then it stays unknown, and is refused,
/// until all see it.
pub(crate) fn own_question(floor: u32, named: &BTreeSet<u32>) -> String {
    let named: Vec<String> = named.iter().map(u32::to_string).collect();
    let named = format!("'{{{}}}'::pg_catalog.oid[]", named.join(","));
    let is_new = |oid: &str| format!("{oid} OPERATOR(pg_catalog.>) {floor}::pg_catalog.oid");
    let is_named = |oid: &str| format!("{oid} OPERATOR(pg_catalog.=) ANY ({named})");
    let matters = |oid: &str| format!("({} OR {})", is_new(oid), is_named(oid));
    let named_objects = |kind: &str, table: &str, prefix: &str, more: &str, further: &str| {
        format!(
            "SELECT '{kind}', p.oid::pg_catalog.text, {}, p.{prefix}name::pg_catalog.text, \
             p.xmin::pg_catalog.text, {more}, {further} FROM pg_catalog.{table} p WHERE {}",
            schema(&format!("p.{prefix}namespace")),
            is_new("p.oid"),
        )
    };
    let catalog =
        |table: &str| format!("'pg_catalog.{table}'::pg_catalog.regclass::pg_catalog.oid");
    // What depends on what: objects of one catalog on those of another.
    let depend = |class: &str, object: &str, on: &str| {
        format!(
            "JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) {} \
             AND d.objid OPERATOR(pg_catalog.=) {object} AND d.refclassid OPERATOR(pg_catalog.=) {}",
            catalog(class),
            catalog(on)
        )
    };
    let mut parts = vec![
        super::HEAD.to_owned(),
        format!(
            "SELECT 'r', c.oid::pg_catalog.text, {}, c.relname::pg_catalog.text, \
             c.relkind::pg_catalog.text, c.relrowsecurity::pg_catalog.text, \
             c.reltype::pg_catalog.text FROM pg_catalog.pg_class c WHERE {} AND {}",
            schema("c.relnamespace"),
            super::KINDS,
            matters("c.oid")
        ),
        format!(
            "SELECT 'a', a.attrelid::pg_catalog.text, a.attnum::pg_catalog.text, \
             a.attname::pg_catalog.text, a.atttypid::pg_catalog.text, '', '' \
             FROM pg_catalog.pg_attribute a WHERE {} \
             AND a.attnum OPERATOR(pg_catalog.>) 0::pg_catalog.int2 AND NOT a.attisdropped",
            matters("a.attrelid")
        ),
        named_objects("f", "pg_proc", "pro", "''", "''"),
        named_objects("o", "pg_operator", "opr", "''", "''"),
        named_objects("t", "pg_type", "typ", super::TYPE_KIND, super::TYPE_ELEMENT),
        format!(
            "SELECT 'i', i.inhrelid::pg_catalog.text, i.inhparent::pg_catalog.text, '', '', '', '' \
             FROM pg_catalog.pg_inherits i WHERE {} OR {}",
            matters("i.inhrelid"),
            is_named("i.inhparent")
        ),
        format!(
            "SELECT 'd', k.contypid::pg_catalog.text, d.refobjid::pg_catalog.text, '', '', '', '' \
             FROM pg_catalog.pg_constraint k {} WHERE {}",
            depend("pg_constraint", "k.oid", "pg_proc"),
            is_new("k.contypid")
        ),
        super::written(matters),
        format!(
            "SELECT 'q', c.oid::pg_catalog.text, d.refobjid::pg_catalog.text, '', '', '', '' \
             FROM pg_catalog.pg_class c {} \
             AND d.deptype OPERATOR(pg_catalog.=) ANY (ARRAY['a','i']::pg_catalog.\"char\"[]) \
             WHERE c.relkind OPERATOR(pg_catalog.=) 'S'::pg_catalog.\"char\" AND {}",
            depend("pg_class", "c.oid", "pg_class"),
            matters("c.oid")
        ),
        format!(
            "SELECT DISTINCT 'v', w.ev_class::pg_catalog.text, d.refobjid::pg_catalog.text, \
             d.refobjsubid::pg_catalog.text, '', '', '' FROM pg_catalog.pg_rewrite w {} \
             WHERE {} AND d.refobjid OPERATOR(pg_catalog.<>) w.ev_class",
            depend("pg_rewrite", "w.oid", "pg_class"),
            matters("w.ev_class")
        ),
    ];
    parts.extend(super::nested::parts(&super::Asked {
        relation: &matters,
        made: &is_new,
        changed: &|alias| is_new(&format!("{alias}.oid")),
    }));
    parts.extend(super::hooks::hooks(matters));
    parts.join(" UNION ALL ")
}
