use exeat_policy::Columns;

use super::*;

fn row(line: &str) -> Vec<String> {
    let mut row: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    row.resize(7, String::new());
    row
}

/// `parts` is a part of `whole`, `seen` a view of `whole`, `held` references `kept`, and `kept` `top`.
fn hooks(more: &str) -> Hooks {
    let names = ["whole", "parts", "seen", "kept", "held", "top", "alone"];
    let relations = names
        .iter()
        .zip(20000..)
        .map(|(name, oid)| row(&format!("r {oid} public {name} r false 0")));
    let rows =
        "x 9 9:9: 150018\n i 20001 20000\n v 20002 20000 0\n g 20003 20004\n g 20005 20003\n";
    let rows = rows.lines().chain(more.lines()).map(row).chain(relations);
    let mut objects = Objects::default();
    objects.replace(&rows.collect::<Vec<_>>());
    Hooks::of(&objects)
}

fn run_by(hooks: &Hooks, access: Access) -> Vec<&'static str> {
    let names = ["whole", "parts", "seen", "kept", "held", "top", "alone"];
    let runs = |name: &&str| {
        hooks.run_by(&RelationAccess {
            relation: Name {
                schema: Some("public".into()),
                name: (*name).into(),
            },
            access,
            columns: Columns::All,
        })
    };
    names.into_iter().filter(runs).collect()
}

#[test]
fn what_leads_to_a_trigger_runs_it() {
    let of_part = hooks("h 20001");
    for access in [Access::Insert, Access::Delete] {
        assert_eq!(run_by(&of_part, access), ["whole", "parts", "seen"]);
    }
    assert!(run_by(&of_part, Access::Select).is_empty());
    assert!(!of_part.events);
}

#[test]
fn a_foreign_key_acts_when_rows_change_and_not_when_they_come() {
    let of_held = hooks("h 20004");
    assert_eq!(run_by(&of_held, Access::Insert), ["held"]);
    for access in [Access::Update, Access::Delete, Access::Truncate] {
        assert_eq!(run_by(&of_held, access), ["kept", "held", "top"]);
    }
}

#[test]
fn a_name_without_a_schema_may_be_any() {
    let hooks = hooks("h 20006\nh 0");
    let access = RelationAccess {
        relation: Name {
            schema: None,
            name: "alone".into(),
        },
        access: Access::Insert,
        columns: Columns::All,
    };
    assert!(hooks.run_by(&access) && hooks.events);
}
