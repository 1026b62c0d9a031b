use exeat_policy::{Name, Subject};

use super::{FUNCTIONS, WORDS};
use crate::{Context, read};

#[test]
fn the_lists_are_sorted() {
    assert!(FUNCTIONS.is_sorted());
    assert!(WORDS.is_sorted());
}

#[test]
fn a_definition_calls_what_it_will_run() {
    let texts = |names: &[Name]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    for (sql, functions, types) in [
        (
            "CREATE CAST (s.t AS text) WITH FUNCTION s.f(s.t) AS IMPLICIT",
            &["s.f"][..],
            &["s.t"][..],
        ),
        ("CREATE CAST (s.t AS text) WITH INOUT", &[], &["s.t"]),
        (
            "CREATE OPERATOR s.=== (leftarg = box, rightarg = s.t, procedure = s.f, restrict = eqsel, join = eqjoinsel, hashes)",
            &["eqjoinsel", "eqsel", "s.f"],
            &["s.t"],
        ),
        (
            "CREATE OPERATOR === (rightarg = box, function = f)",
            &["f"],
            &[],
        ),
        (
            "CREATE OPERATOR === (rightarg = box, FUNCTION = 'f')",
            &["f"],
            &[],
        ),
        (
            "CREATE AGGREGATE s.a (int) (sfunc = s.f, stype = s.t, finalfunc = g, initcond = '0', parallel = safe, finalfunc_modify = read_only)",
            &["g", "s.f"],
            &["s.t"],
        ),
        (
            "CREATE AGGREGATE a (basetype = int, sfunc = f, stype = int8)",
            &["f"],
            &[],
        ),
        (
            "CREATE TYPE b (input = f_in, output = s.f_out, like = s.l, alignment = char, storage = plain)",
            &["f_in", "s.f_out"],
            &["s.l"],
        ),
        (
            "CREATE TYPE r AS RANGE (subtype = text, collation = \"C\", subtype_diff = s.d, canonical = c, subtype_opclass = o)",
            &["c", "s.d"],
            &[],
        ),
        (
            "CREATE OPERATOR CLASS oc FOR TYPE s.t USING btree AS OPERATOR 1 <, FUNCTION 1 s.cmp(s.t, s.t)",
            &["s.cmp"],
            &["s.t"],
        ),
        (
            "ALTER OPERATOR FAMILY o USING btree ADD FUNCTION 1 s.cmp(int, int)",
            &["s.cmp"],
            &[],
        ),
        (
            "CREATE CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM s.f",
            &["s.f"],
            &[],
        ),
        (
            "CREATE LANGUAGE l HANDLER h INLINE i VALIDATOR v",
            &["h", "i", "v"],
            &[],
        ),
        (
            "CREATE FOREIGN DATA WRAPPER w HANDLER h VALIDATOR v",
            &["h", "v"],
            &[],
        ),
        ("CREATE ACCESS METHOD m TYPE INDEX HANDLER h", &["h"], &[]),
        (
            "CREATE TEXT SEARCH PARSER p (start = f, gettoken = g, end = e, lextypes = l)",
            &["e", "f", "g", "l"],
            &[],
        ),
        (
            "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW WHEN (new.a > f(1)) EXECUTE FUNCTION s.trg('x')",
            &["f", "s.trg"],
            &[],
        ),
        (
            "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION trg()",
            &["trg"],
            &[],
        ),
        (
            "CREATE POLICY p ON t USING (f(a)) WITH CHECK (g(b))",
            &["f", "g"],
            &[],
        ),
        (
            "CREATE TABLE x (a int DEFAULT d(), b int GENERATED ALWAYS AS (g(a)) STORED, CHECK (f(a) > 0))",
            &["d", "f", "g"],
            &[],
        ),
        ("CREATE INDEX i ON t (f(a)) WHERE g(b)", &["f", "g"], &[]),
        (
            "ALTER TABLE t ALTER a TYPE int USING f(a), ALTER b SET DEFAULT g()",
            &["f", "g"],
            &[],
        ),
        (
            "CREATE TABLE p PARTITION OF q FOR VALUES FROM (f(1)) TO (MAXVALUE)",
            &["f"],
            &[],
        ),
        (
            "CREATE DOMAIN d AS int DEFAULT g() CHECK (f(value))",
            &["f", "g"],
            &[],
        ),
        // These name a function without running it.
        ("DROP FUNCTION s.f(int)", &[], &[]),
        ("ALTER FUNCTION s.f(int) STABLE", &[], &[]),
        ("GRANT EXECUTE ON FUNCTION s.f(int) TO x", &[], &[]),
        ("COMMENT ON FUNCTION s.f(int) IS 'x'", &[], &[]),
    ] {
        let statements = read(sql, &Context::default());
        let Subject::Readable(facts) = &statements[0].subject else {
            panic!("{sql}: {statements:?}");
        };
        assert_eq!(texts(&facts.functions), functions, "{sql}");
        assert_eq!(texts(&facts.types), types, "{sql}");
        assert!(!facts.relations.is_empty(), "{sql}");
    }
}
