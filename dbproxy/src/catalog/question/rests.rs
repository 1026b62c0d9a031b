//! What is asked about expressions that are kept with a thing: the functions, types, operators and operator classes
//! that they rest on, as PostgreSQL has them in `pg_depend`.

use super::FIRST_NORMAL_OID;

/// Whose code an object of a catalog rests on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::catalog) enum Whose {
    /// Functions and types, whosever, and operators and their classes of somebody's own.
    Any,
    /// Somebody's own; what belongs to an extension is PostgreSQL's own here.
    Own,
}

pub(in crate::catalog) fn oid_of(table: &str) -> String {
    format!("'pg_catalog.{table}'::pg_catalog.regclass::pg_catalog.oid")
}

/// Rows of this kind about what an object of a catalog rests on, its dependency being `d`: what it is about, the
/// OID of a function, a type, an operator or an operator class, and which of these it is (`f`, `t`, `o`, `c`).
pub(in crate::catalog) fn rests(
    (kind, about): (&str, &str),
    from: &str,
    (class, object): (&str, &str),
    whose: Whose,
    wanted: &str,
) -> String {
    let [functions, types, operators, classes] =
        ["pg_proc", "pg_type", "pg_operator", "pg_opclass"].map(oid_of);
    let own = format!(
        "d.refobjid OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e \
         WHERE e.classid OPERATOR(pg_catalog.=) d.refclassid \
         AND e.objid OPERATOR(pg_catalog.=) d.refobjid \
         AND e.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog.\"char\")"
    );
    let whose = match whose {
        Whose::Own => own,
        Whose::Any => format!(
            "(d.refclassid OPERATOR(pg_catalog.=) ANY (ARRAY[{functions}, {types}]) OR {own})"
        ),
    };
    format!(
        "SELECT DISTINCT '{kind}', {about}::pg_catalog.text, d.refobjid::pg_catalog.text, \
         CASE WHEN d.refclassid OPERATOR(pg_catalog.=) {types} THEN 't' \
         WHEN d.refclassid OPERATOR(pg_catalog.=) {operators} THEN 'o' \
         WHEN d.refclassid OPERATOR(pg_catalog.=) {classes} THEN 'c' ELSE 'f' END, '', '', '' \
         FROM pg_catalog.{from} JOIN pg_catalog.pg_depend d \
         ON d.classid OPERATOR(pg_catalog.=) {} AND d.objid OPERATOR(pg_catalog.=) {object} \
         AND d.refclassid OPERATOR(pg_catalog.=) ANY (ARRAY[{functions}, {types}, {operators}, {classes}]) \
         AND {whose} WHERE {wanted}",
        oid_of(class),
    )
}

/// What PostgreSQL runs for a row that is written, and shows nothing of: constraints and generated columns, and
/// the conditions of triggers, whether these are on or not.
/// What a generated column rests on is in its default's name, before PostgreSQL 15 in the column's.
pub(super) fn written() -> [String; 4] {
    let generated = "pg_attrdef f JOIN pg_catalog.pg_attribute b \
         ON b.attrelid OPERATOR(pg_catalog.=) f.adrelid AND b.attnum OPERATOR(pg_catalog.=) f.adnum \
         AND b.attgenerated OPERATOR(pg_catalog.<>) ''::pg_catalog.\"char\"";
    [
        rests(
            ("w", "k.conrelid"),
            "pg_constraint k",
            ("pg_constraint", "k.oid"),
            Whose::Any,
            "k.contype OPERATOR(pg_catalog.=) 'c'::pg_catalog.\"char\" \
             AND k.conrelid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid",
        ),
        rests(
            ("w", "f.adrelid"),
            generated,
            ("pg_attrdef", "f.oid"),
            Whose::Any,
            "true",
        ),
        rests(
            ("w", "f.adrelid"),
            generated,
            ("pg_class", "f.adrelid"),
            Whose::Any,
            "d.objsubid OPERATOR(pg_catalog.=) f.adnum::pg_catalog.int4",
        ),
        rests(
            ("1", "t.tgrelid"),
            "pg_trigger t",
            ("pg_trigger", "t.oid"),
            Whose::Own,
            "NOT t.tgisinternal AND d.refobjid OPERATOR(pg_catalog.<>) t.tgfoid",
        ),
    ]
}

/// What PostgreSQL runs of a type itself, where that is written in a language that can do anything: what reads its
/// modifiers (`2`), wherever a text says some; and, as a cast to `bytea`, what sends its values as bytes.
pub(super) fn of_types() -> [String; 2] {
    let row = |kind: &str, function: &str, fields: &str| {
        format!(
            "SELECT '{kind}', t.oid::pg_catalog.text, {fields}, '', '', '' \
             FROM pg_catalog.pg_type t JOIN pg_catalog.pg_proc p \
             ON p.oid OPERATOR(pg_catalog.=) t.{function}::pg_catalog.oid \
             WHERE t.{function}::pg_catalog.oid OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid \
             AND p.prolang OPERATOR(pg_catalog.<>) ALL ('{{{INTERNAL},{C}}}'::pg_catalog.oid[]) \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e \
             WHERE e.classid OPERATOR(pg_catalog.=) {} AND e.objid OPERATOR(pg_catalog.=) p.oid \
             AND e.deptype OPERATOR(pg_catalog.=) 'e'::pg_catalog.\"char\")",
            oid_of("pg_proc")
        )
    };
    [
        row("2", "typmodin", "p.oid::pg_catalog.text, 'f'"),
        row(
            "k",
            "typsend",
            &format!("'{BYTEA}', p.oid::pg_catalog.text"),
        ),
    ]
}

/// Languages in which whoever may create functions may do anything anyway (`catalog/pg_language.dat`).
const INTERNAL: u32 = 12;
const C: u32 = 13;
/// The type `bytea` (`catalog/pg_type.dat`).
const BYTEA: u32 = 17;

/// What makes the values of a domain, and of what is left out.
pub(super) fn made() -> [String; 4] {
    [
        rests(
            ("d", "k.contypid"),
            "pg_constraint k",
            ("pg_constraint", "k.oid"),
            Whose::Any,
            "k.contypid OPERATOR(pg_catalog.<>) 0::pg_catalog.oid \
             AND d.refobjid OPERATOR(pg_catalog.<>) k.contypid",
        ),
        // The default of a domain.
        rests(
            ("b", "t.oid"),
            "pg_type t",
            ("pg_type", "t.oid"),
            Whose::Own,
            "t.typtype OPERATOR(pg_catalog.=) 'd'::pg_catalog.\"char\" \
             AND d.refobjid OPERATOR(pg_catalog.<>) t.typbasetype",
        ),
        // That of a column; functions and operators in it are hooks.
        rests(
            ("s", "f.adrelid"),
            "pg_attrdef f",
            ("pg_attrdef", "f.oid"),
            Whose::Own,
            &format!("d.refclassid OPERATOR(pg_catalog.=) {}", oid_of("pg_type")),
        ),
        // Those of arguments, and what an aggregate is made of.
        rests(
            ("j", "p.oid"),
            "pg_proc p",
            ("pg_proc", "p.oid"),
            Whose::Own,
            &format!(
                "p.oid OPERATOR(pg_catalog.>=) {FIRST_NORMAL_OID}::pg_catalog.oid AND {ARGUED}"
            ),
        ),
    ]
}

/// Functions that call others without a body.
const ARGUED: &str = "(p.pronargdefaults OPERATOR(pg_catalog.>) 0::pg_catalog.int2 \
     OR p.prokind OPERATOR(pg_catalog.=) 'a'::pg_catalog.\"char\")";
