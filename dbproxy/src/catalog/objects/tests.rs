use super::*;

/// Rows of an answer, `-` for an empty field.
pub(super) fn rows(text: &str) -> Vec<Vec<String>> {
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
    let applied = objects.replace(&rows(SHOP));
    assert!(applied.changed && !applied.gone);
    assert_eq!((applied.moment.since, applied.moment.major), (4, 15));
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
fn a_row_that_is_written_runs_its_constraints_and_the_checks_of_their_types() {
    let mut objects = shop();
    objects.apply(&rows(
        "d 50000 30000\nw 20000 1397 f\nw 20000 50000 t\nw 20010 30000 f",
    ));
    let orders = Name {
        schema: Some("public".into()),
        name: "orders".into(),
    };
    let other = Name {
        schema: Some("evil".into()),
        ..orders.clone()
    };
    let runs = |name: &Name| objects.written(&BTreeSet::from([name]));
    assert_eq!(runs(&orders), BTreeSet::from([1397, 30000]));
    assert_eq!(runs(&other), BTreeSet::new());
}

#[test]
fn a_constant_runs_the_checks_within_it_and_not_those_of_its_own_domain() {
    let mut objects = shop();
    // An array of the domain, a domain over that, a range of it and its multirange.
    objects.apply(&rows(
        "d 50000 30000
         t 50001 evil array 700 b 50000
         t 50002 evil over 700 d 50001
         t 50003 evil span 700 r 50000
         t 50004 evil spans 700 m 50003",
    ));
    for (of, runs) in [
        (50000, false),
        (50001, true),
        (50002, true),
        (50003, true),
        (50004, true),
    ] {
        assert_eq!(!objects.checks_of_constants([of]).is_empty(), runs, "{of}");
        assert!(!objects.checks([of]).is_empty(), "{of}");
    }
}

#[test]
fn the_same_rows_again_change_nothing() {
    let mut objects = shop();
    assert!(!objects.apply(&rows(SHOP)).changed);
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
        ("what a written row runs", "w 20000 30000 f"),
        ("a sequence's table", "q 20010 20099"),
        ("a view's query", "v 20040 20000 1"),
        ("a cast", "c pg_cast 4 9"),
    ] {
        let mut objects = shop();
        assert!(objects.apply(&rows(row)).changed, "{what}");
    }
}

#[test]
fn what_is_gone_is_noticed_by_its_number_and_found_in_the_listing() {
    let mut objects = shop();
    assert!(objects.apply(&rows("n r 1")).gone);
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
    objects.apply(&rows("c pg_namespace 3 9"));
    assert!(!objects.apply(&rows("c pg_namespace 3 9")).renamed);
    assert!(objects.apply(&rows("c pg_namespace 3 10")).renamed);
}

#[test]
fn rows_that_are_not_understood_are_left_out() {
    let mut objects = shop();
    let strange = rows("r x public orders r\na 20000 z id\nz 1 2 3\nf 30000");
    objects.apply(&strange);
    assert_eq!(objects.relation(20000).unwrap().columns.len(), 2);
}

#[test]
fn of_what_was_named_and_has_no_row_nothing_stays() {
    let mut objects = shop();
    let named = objects.named(&["s".into()]);
    assert_eq!(
        named,
        BTreeSet::from([20000, 20010]),
        "a part goes with its parent"
    );
    objects.apply_named(
        &rows("x 5 5:5: 150018\nr 20010 public s2 S false 0"),
        &named,
    );
    assert!(objects.relation(20000).is_none());
    assert!(objects.relation_of_row(20002).is_none());
    assert!(objects.parents(20000).next().is_none());
    let catalog = objects.catalog(7);
    assert_eq!(catalog.version, 7);
    assert!(catalog.relation("public", "orders").is_none());
    assert!(catalog.relation("public", "s").is_none());
    assert!(catalog.relation("public", "s2").is_some());
    assert_eq!(
        objects.checks([50000]).len(),
        1,
        "what was not asked about stays"
    );
}

#[test]
fn names_follow_what_has_them() {
    let mut objects = shop();
    let old = objects.clone();
    // The names of two relations change places with a third, and a function has another one beside it.
    objects.apply(&rows(
        "r 20000 public s r false 20002\nr 20010 public orders S false 0\nf 30001 public f 9\nt 20020 public n 9 e 0",
    ));
    let catalog = objects.catalog(1);
    assert_eq!(
        catalog.relation("public", "s").unwrap().kind,
        RelationKind::Table
    );
    assert_eq!(
        catalog.relation("public", "orders").unwrap().kind,
        RelationKind::Sequence
    );
    objects.keep_listed(&rows("l r 20000\nl f 30001\nl t 20020"));
    let catalog = objects.catalog(2);
    assert!(catalog.relation("public", "orders").is_none());
    let listed = serde_json::to_value(&catalog).unwrap();
    assert_eq!(listed["functions"].as_array().unwrap().len(), 1);
    assert_eq!(listed["operators"].as_array().unwrap().len(), 0);
    assert_eq!(listed["types"].as_array().unwrap().len(), 1);
    assert_eq!(
        old.catalog(1)
            .relation("public", "orders")
            .unwrap()
            .columns
            .len(),
        2
    );
    assert_eq!(objects.highest(), 50000, "what is gone had a number too");
}

#[test]
fn casts_are_found_by_what_values_are_made_of() {
    let mut objects = shop();
    let casts = "
        a 20000 3 mood 60000
        k 60000 23 30001
        k 60000 114 30002
        k 23 50000 30003";
    objects.replace(&rows(&format!("{SHOP}{casts}")));
    // Of the type, and of the row that has a column of it.
    for of in [60000, 20002] {
        assert_eq!(objects.casts([of]), BTreeSet::from([30001, 30002]));
        assert_eq!(objects.casts_to(Made::Json, [of]), BTreeSet::from([30002]));
    }
    assert_eq!(objects.casts([50000]), BTreeSet::from([30003]));
    assert!(objects.casts([23, 114]).is_empty());
}

#[test]
fn what_compares_and_what_plans_run_is_found_through_what_nests_it() {
    let mut objects = Objects::default();
    objects.replace(&rows(
        "x 4294967300 5:5: 150018
        r 20000 public t r false 20002
        a 20000 1 ca 50001
        r 20010 public plain r false 20012
        a 20010 1 id 23
        f 30000 public comp_cmp 700
        f 30001 public json_cmp 700
        f 30002 public imm 700
        f 30003 public takes 700
        o 30004 public ### 700
        t 50000 public comp 700 c 0
        t 50001 public _comp 700 b 50000
        t 50002 public of_comp 700 d 50001
        m 50000 30000
        m 114 30001
        p 20000 30002 f
        y 1070
        z 30003 50001 f
        z 30004 50000 o",
    ));
    let all = |oids: BTreeSet<u32>| oids.into_iter().collect::<Vec<_>>();
    for of in [50000, 50001, 50002, 20002] {
        assert_eq!(all(objects.comparisons_of_own([of])), [30000], "{of}");
        assert_eq!(all(objects.comparisons([of])), [30000, 30001], "{of}");
    }
    assert!(objects.comparisons_of_own([23, 20012]).is_empty());
    assert!(objects.compares(1070) && !objects.compares(96));
    let name = |name: &str| Name {
        schema: Some("public".into()),
        name: name.into(),
    };
    let (t, plain) = (name("t"), name("plain"));
    assert_eq!(all(objects.planned(&BTreeSet::from([&t]))), [30002]);
    assert_eq!(all(objects.written(&BTreeSet::from([&t]))), [30002]);
    assert!(objects.planned(&BTreeSet::from([&plain])).is_empty());
    assert_eq!(all(objects.operand_types(&[name("takes")], &[])), [50001]);
    assert_eq!(all(objects.operand_types(&[], &[name("###")])), [50000]);
    // What has changed since: all that is asked for as a whole is there again, what is not stays.
    let applied = objects.apply(&rows("x 4294967301 6:6: 150018\nm 50000 30000\ny 1071"));
    assert!(applied.changed);
    assert!(objects.comparisons([23]).is_empty());
    assert!(objects.planned(&BTreeSet::from([&t])).is_empty());
    assert!(objects.compares(1070) && objects.compares(1071));
}
