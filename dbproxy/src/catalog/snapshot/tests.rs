use super::*;

/// Rows of an answer, `-` for an empty field.
fn rows(text: &str) -> Vec<Vec<String>> {
    let row = |line: &str| {
        let field = |field: &str| if field == "-" { "" } else { field }.to_owned();
        let mut row: Vec<String> = line.split_whitespace().map(field).collect();
        row.resize(7, String::new());
        row
    };
    text.split(';').map(row).collect()
}

const ORDERS: &str = "x 5 5:5: 150018; r 20000 public orders r false 20002; \
    a 20000 1 id 23 -; t 20002 public orders 700 c 0";

fn first() -> Snapshot {
    let mut objects = Objects::default();
    let applied = objects.replace(&rows(ORDERS));
    Snapshot::new(objects, applied)
}

/// What comes after this answer about what is new.
fn then(known: &Snapshot, news: &str) -> Snapshot {
    let mut objects = known.objects.clone();
    let news = format!("Z 2200 public; {news}");
    let applied = objects.apply_named(&rows(&news), &BTreeSet::new());
    known.after(objects, applied)
}

const MADE: &str = "R 20010 2200 made r false 20012; a 20010 1 id 23 -; R 20014 2200 made_pkey i false 0; \
    Y 20012 2200 made 700 c 0; Y 20011 2200 _made 700 b 20012; R 20020 2200 made_id_seq S false 0";

/// Whether what a text means that means this name is the same since then.
fn same(now: &Snapshot, since: &Snapshot, meant: &str) -> bool {
    now.same_since(|name| name == meant)
        .any(|version| version == since.version)
}

#[test]
fn a_table_that_was_made_is_told_with_what_comes_with_it() {
    let before = first();
    let after = then(&before, MADE);
    for made in ["_made", "made", "made_id_seq", "made_pkey"] {
        assert!(!same(&after, &before, made), "{made}");
    }
    assert!(same(&after, &before, "other"));
    let further = then(
        &after,
        "R 20030 2200 more r false 20032; Y 20032 2200 more 700 c 0",
    );
    assert!(!same(&further, &after, "more"));
    assert!(same(&further, &after, "made"));
    for made in ["made", "more"] {
        assert!(!same(&further, &before, made), "{made}");
    }
    assert!(same(&further, &before, "other"));
}

#[test]
fn whatever_else_has_changed_is_not_told_by_names() {
    let before = first();
    for news in [
        // Another column, another kind, code, what leads to it.
        "R 20000 2200 orders r false 20002; a 20000 1 id 23 -; a 20000 2 more 23 -",
        "R 20010 2200 made v false 20012",
        "R 20010 2200 made p false 20012",
        "F 20010 2200 f 700 23 23",
        "O 20010 2200 ### 700 23 23",
        "R 20010 2200 made r false 20012; i 20010 20000",
        "R 20010 2200 made r false 20012; T 20011 20010 false O",
        "R 20010 2200 made r false 20012; K 20011 20010 0 f 20000 ca",
        "Y 20002 2200 orders 701 c 0",
        "h 0",
    ] {
        assert!(!same(&then(&before, news), &before, "other"), "{news}");
    }
    assert!(!same(&first(), &before, "other"));
}

#[test]
fn what_is_longer_ago_is_not_known_any_more() {
    let before = first();
    let mut now = then(&before, MADE);
    for oid in 0..TRAIL {
        assert!(same(&now, &before, "other"));
        let oid = 30_000 + oid;
        now = then(&now, &format!("R {oid} 2200 t{oid} r false 0"));
    }
    assert!(!same(&now, &before, "other"));
}
