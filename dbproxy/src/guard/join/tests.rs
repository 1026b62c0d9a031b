use exeat_policy::{Access, Columns, Facts, Name, RelationAccess, Subject};
use exeat_sql::Context;

use super::beyond;
use crate::analysis::Reached;

fn facts(sql: &str) -> Facts {
    let context = Context {
        catalog: None,
        search_path: &["public".into()],
        asks: true,
    };
    match &exeat_sql::read(sql, &context)[0].subject {
        Subject::Readable(facts) => Facts::clone(facts),
        Subject::Unreadable(why) => panic!("{sql}: {why:?}"),
    }
}

fn access(schema: &str, name: &str, access: Access) -> RelationAccess {
    RelationAccess {
        relation: Name {
            schema: Some(schema.into()),
            name: name.into(),
        },
        access,
        columns: Columns::All,
    }
}

#[test]
fn what_cascade_reaches_counts_as_if_it_were_named() {
    let reached = Reached {
        relations: vec![
            access("public", "pv", Access::Define),
            access("staging", "base", Access::Define),
        ],
        behind: vec![access("staging", "p1", Access::Define)],
        ..Reached::default()
    };
    let both = beyond(&facts("DROP TABLE staging.base CASCADE"), &reached);
    assert_eq!(
        both.relations,
        [
            access("public", "pv", Access::Define),
            access("staging", "base", Access::Define)
        ]
    );
    assert_eq!(both.behind, [access("staging", "p1", Access::Define)]);
}

#[test]
fn a_cascade_that_reaches_nothing_is_what_it_names() {
    let ours = facts("TRUNCATE public.a CASCADE");
    assert_eq!(beyond(&ours, &Reached::default()), ours);
}
