use super::*;

/// Rows of an answer, `-` for an empty field.
fn rows(text: &str) -> Vec<Vec<String>> {
    let row = |line: &str| {
        let mut row: Vec<String> = line
            .split_whitespace()
            .map(|field| if field == "-" { "" } else { field }.to_owned())
            .collect();
        row.resize(7, String::new());
        row
    };
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(row)
        .collect()
}

const SHOP: &str = "
    x 4294967300 5:5: 150018
    r 20000 public orders r false 20002
    a 20000 2 total 1700
    a 20000 1 id 20
    r 20010 public s S false 0
    a 20010 1 last_value 20
    f 30000 public f 700
    f 1397 pg_catalog abs 1
    o 40000 evil > 700
    t 20002 public orders 700 c 0
    t 50000 evil dom 700 d 0
    d 50000 30000
    i 20000 20010
    q 20010 20000
    c pg_cast 3 9
    n r 2
    n f 2
    n o 1
    n t 2
    n i 1";

fn shop() -> Objects {
    let mut objects = Objects::default();
    let applied = objects.apply(&rows(SHOP), true);
    assert!(applied.changed && !applied.gone);
    assert_eq!((applied.since, applied.major), (4, 15));
    objects
}

#[test]
fn gathers_what_belongs_together() {
    let objects = shop();
    let orders = objects.relation(20000).unwrap();
    let columns: Vec<_> = orders.columns.iter().map(|(_, name, _)| &**name).collect();
    assert_eq!(columns, ["id", "total"]);
    assert_eq!(
        objects.function(1397).unwrap().to_string(),
        "pg_catalog.abs"
    );
    assert_eq!(objects.operator(40000).unwrap().to_string(), "evil.>");
    assert_eq!(
        objects.user_type(50000).unwrap().name.to_string(),
        "evil.dom"
    );
    assert_eq!(objects.relation_of_row(20002), Some(20000));
    assert_eq!(
        objects.checks([50000]).into_iter().collect::<Vec<_>>(),
        [30000]
    );
    assert!(objects.checks([20002, 23]).is_empty());
    assert_eq!(objects.owner(20010), Some(20000));
    assert_eq!(objects.children(20010).collect::<Vec<_>>(), [20000]);
    assert_eq!(objects.parents(20000).collect::<Vec<_>>(), [20010]);
}

#[test]
fn the_same_rows_again_change_nothing() {
    let mut objects = shop();
    assert!(!objects.apply(&rows(SHOP), false).changed);
}

#[test]
fn each_kind_of_change_is_seen() {
    for (what, row) in [
        ("a new relation", "r 20020 public new r false 20022"),
        ("a relation's name", "r 20000 public orders2 r false 20002"),
        ("row security", "r 20000 public orders r true 20002"),
        ("a column's name", "a 20000 1 ident 20"),
        ("a column's type", "a 20000 1 id 25"),
        ("a function made anew", "f 30000 public f 701"),
        ("an operator", "o 40001 evil < 701"),
        ("a type", "t 50000 evil dom 701 d 0"),
        ("a part of a table", "i 20030 20000"),
        ("a domain's check", "d 50000 1397"),
        ("a sequence's table", "q 20010 20099"),
        ("a view's query", "v 20040 20000 1"),
        ("a cast", "c pg_cast 4 9"),
    ] {
        let mut objects = shop();
        assert!(objects.apply(&rows(row), false).changed, "{what}");
    }
}

#[test]
fn what_is_gone_is_noticed_by_its_number_and_found_in_the_listing() {
    let mut objects = shop();
    assert!(objects.apply(&rows("n r 1"), false).gone);
    objects.keep_listed(&rows(
        "l r 20000\nl f 30000\nl f 1397\nl o 40000\nl t 20002\nl t 50000",
    ));
    assert!(objects.relation(20000).is_some());
    assert!(objects.relation(20010).is_none());
    assert!(objects.parents(20000).next().is_none());
}

#[test]
fn a_renamed_schema_is_noticed() {
    let mut objects = shop();
    objects.apply(&rows("c pg_namespace 3 9"), false);
    assert!(!objects.apply(&rows("c pg_namespace 3 9"), false).renamed);
    assert!(objects.apply(&rows("c pg_namespace 3 10"), false).renamed);
}

#[test]
fn rows_that_are_not_understood_are_left_out() {
    let mut objects = shop();
    let strange = rows("r x public orders r\na 20000 z id\nz 1 2 3\nf 30000");
    objects.apply(&strange, false);
    assert_eq!(objects.relation(20000).unwrap().columns.len(), 2);
}
