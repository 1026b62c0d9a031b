use super::*;

fn rows(text: &str) -> Vec<Vec<String>> {
    text.lines()
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

#[test]
fn gathers_the_columns_of_each_relation_in_order() {
    let snapshot = read(&rows(
        "r public orders r id\nr public orders r total\nr public s S last_value\nf public f\no evil >\nt evil dom 16400",
    ));
    let orders = snapshot.catalog.relation("public", "orders").unwrap();
    let columns: Vec<_> = orders.columns.iter().map(|column| &**column).collect();
    assert_eq!(columns, ["id", "total"]);
    assert_eq!(
        snapshot.catalog.relation("public", "s").unwrap().kind,
        RelationKind::Sequence
    );
    assert_eq!(snapshot.types[&16400].to_string(), "evil.dom");
}

#[test]
fn a_relation_without_columns_is_known() {
    let mut rows = rows("r public empty r");
    rows[0].push(String::new());
    assert!(
        read(&rows)
            .catalog
            .relation("public", "empty")
            .unwrap()
            .columns
            .is_empty()
    );
}

#[test]
fn the_version_follows_the_content() {
    let one = read(&rows("r public orders r id"));
    assert_eq!(one.version, read(&rows("r public orders r id")).version);
    assert_ne!(one.version, read(&rows("r public orders r ide")).version);
    assert_ne!(one.version, 0);
    assert!(one.version < 1 << 53);
}
