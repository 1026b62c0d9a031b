use exeat_sql::{Context, read};

use super::*;

#[test]
fn a_name_is_put_where_the_statement_names_one() {
    for (text, edited_to) in [
        ("EXECUTE s(1)", "EXECUTE  N (1)"),
        ("execute\"S\"\"x\"(1)", "execute N (1)"),
        ("DEALLOCATE PREPARE Old", "DEALLOCATE PREPARE  N "),
        ("FETCH ALL IN \"a b\"", "FETCH ALL IN  N "),
        ("MOVE 5 c", "MOVE 5  N "),
        ("CLOSE\"c\"", "CLOSE N "),
        (
            "DECLARE c CURSOR FOR SELECT 1",
            "DECLARE  N  CURSOR FOR SELECT 1",
        ),
        (
            "PREPARE  p (int) AS SELECT $1",
            "PREPARE   N  (int) AS SELECT $1",
        ),
        ("SELECT 1; CLOSE c", "SELECT 1; CLOSE  N "),
    ] {
        let statements = read(text, &Context::default());
        let place = statements.last().and_then(|it| it.prepared_at.clone());
        let edit = (place.unwrap_or_default(), super::super::Id::NOTHING);
        let mut out = Vec::new();
        edited(text.as_bytes(), &[edit], &mut out);
        let out = String::from_utf8(out).unwrap().replace("exeat_0", "N");
        assert_eq!(out.trim_end(), edited_to.trim_end(), "{text}");
    }
}

#[test]
fn what_names_none_has_no_place_for_one() {
    for text in ["SELECT s", "DEALLOCATE ALL", "CLOSE ALL", "EXECUTE"] {
        assert_eq!(
            read(text, &Context::default())[0].prepared_at,
            None,
            "{text}"
        );
    }
}
