use super::{
    AttributeSet, Command, QueryTree, QueryTreeError, SequenceCall, TEXT_LIMIT, query_tree, shape,
};

/// A QUERY of PostgreSQL 15 with these target entries and range table.
fn query(targets: &str, table: &str) -> String {
    format!(
        "{{QUERY :commandType 1 :querySource 0 :canSetTag true :utilityStmt <> :resultRelation 0 :hasAggs false \
         :hasWindowFuncs false :hasTargetSRFs false :hasSubLinks false :hasDistinctOn false :hasRecursive false \
         :hasModifyingCTE false :hasForUpdate false :hasRowSecurity false :isReturn false :cteList <> :rtable {table} \
         :jointree {{FROMEXPR :fromlist <> :quals <>}} :targetList {targets} :override 0 :onConflict <> \
         :returningList <> :groupClause <> :groupDistinct false :groupingSets <> :havingQual <> :windowClause <> \
         :distinctClause <> :sortClause <> :limitOffset <> :limitCount <> :limitOption 0 :rowMarks <> \
         :setOperations <> :constraintDeps <> :withCheckOptions <> :mergeActionList <> :mergeUseOuterJoin false \
         :stmt_location 0 :stmt_len 0}}"
    )
}

/// A target entry with this name for this expression.
fn entry(name: &str, expression: &str) -> String {
    format!(
        "{{TARGETENTRY :expr {expression} :resno 1 :resname {name} :ressortgroupref 0 :resorigtbl 0 :resorigcol 0 :resjunk false}}"
    )
}

fn call(function: &str, arguments: &str) -> String {
    format!(
        "{{FUNCEXPR :funcid {function} :funcresulttype 20 :funcretset false :funcvariadic false :funcformat 0 \
         :funccollid 0 :inputcollid 0 :args {arguments} :location 7}}"
    )
}

fn constant(of: u32, bytes: &str) -> String {
    format!(
        "{{CONST :consttype {of} :consttypmod -1 :constcollid 0 :constlen 4 :constbyval true :constisnull false \
         :location 7 :constvalue {bytes}}}"
    )
}

/// Lines as PostgreSQL's `format_node_dump` makes them.
fn wrapped(dump: &str) -> Vec<u8> {
    let mut rest = dump.as_bytes();
    let mut lines = Vec::new();
    while rest.len() > 78 {
        let (line, next) = if rest[78] == b' ' {
            (78, 79)
        } else {
            let space = (1..78).rev().find(|at| rest[*at] == b' ');
            space.map_or((78, 78), |at| (at, at + 1))
        };
        lines.extend_from_slice(&rest[..line]);
        lines.push(b'\n');
        rest = &rest[next..];
    }
    lines.extend_from_slice(rest);
    lines.push(b'\n');
    lines
}

fn read(dump: &str) -> Result<QueryTree, QueryTreeError> {
    query_tree(15, &wrapped(dump), b"<>\n")
}

/// A tree whose one column has this name, as PostgreSQL writes it.
fn named(name: &str) -> Result<QueryTree, QueryTreeError> {
    let targets = format!("({})", entry(name, &call("1397", "<>")));
    read(&query(&targets, "<>"))
}

#[test]
fn the_shapes_of_every_major_version_can_be_read() {
    for major in shape::MAJORS {
        assert!(shape::of(major).is_ok(), "{major}");
    }
    for major in [0, 13, 19, u16::MAX] {
        let error = query_tree(major, b"<>", b"<>").unwrap_err();
        assert_eq!(error, QueryTreeError::Version { major });
    }
}

#[test]
fn a_name_is_no_node_whatever_it_holds() {
    let mut names: Vec<String> = [
        r"x\}\ \{FUNCEXPR\ :funcid\ 2",
        r"\{FUNCEXPR\ :funcid\ 2\ \}",
        r"\(o\ 16409\)",
        r"\<>",
        r"\<\>",
        "\"\"",
        "\\\"a\\\"",
        r"\\",
        r"a\\",
        r"\\\}",
        ":funcid",
        ":resorigtbl",
        r"\-1",
        r"\0",
        "a\\\nb",
        "a\\\tb",
        "é",
    ]
    .map(str::to_owned)
    .to_vec();
    // Of every length around that of a line, so that breaks fall everywhere within them.
    for length in 1..=63 {
        names.push("a".repeat(length));
        names.push(r"\ ".repeat(length));
        names.push("é".repeat(length / 2 + 1));
        names.push(format!(r"{}\ :funcid\ 7", "b".repeat(length)));
    }
    for name in names {
        let tree = named(&name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(tree.called, [1397].into(), "{name}");
    }
}

#[test]
fn a_name_that_a_line_breaks_in_two_never_becomes_something_else() {
    // Braces are escaped, so 63 of them are 126 bytes without a space.
    for character in [r"\{", r"\}", r"\(", r"\)", r"\\", "a", ":", "é"] {
        for before in 0..=20 {
            for count in 1..=63 {
                let name = format!("{}{}", "a".repeat(before), character.repeat(count));
                match named(&name) {
                    Ok(tree) => assert_eq!(tree.called, [1397].into(), "{name}"),
                    Err(error) => assert!(name.len() >= 78, "{name}: {error}"),
                }
            }
        }
    }
}

#[test]
fn a_name_that_says_what_a_node_says_is_never_taken_for_it() {
    let long = "a".repeat(78);
    for tail in [
        ":resorigtbl",
        ":ressortgroupref",
        ":resname",
        r"\}",
        r"\}\ \{CONST",
    ] {
        match named(&format!("{long}{tail}")) {
            Ok(tree) => assert_eq!(tree.called, [1397].into(), "{tail}"),
            Err(error) => assert!(!matches!(error, QueryTreeError::Version { .. })),
        }
    }
}

fn kind_of(error: &QueryTreeError) -> &'static str {
    match error {
        QueryTreeError::Version { .. } => "version",
        QueryTreeError::TooLong { .. } => "too_long",
        QueryTreeError::Incomplete => "incomplete",
        QueryTreeError::Ambiguous => "ambiguous",
        QueryTreeError::Utility => "utility",
        QueryTreeError::Node { .. } => "node",
        QueryTreeError::Field { .. } => "field",
        QueryTreeError::Value { .. } => "value",
        QueryTreeError::Stray { .. } => "stray",
    }
}

#[test]
fn what_does_not_stand_in_the_shapes_is_an_error() {
    let whole = query(&format!("({})", entry("x", &call("1397", "<>"))), "<>");
    assert!(read(&whole).is_ok());
    for (from, to, kind) in [
        ("{FUNCEXPR", "{FUNKEXPR", "node"),
        ("{FUNCEXPR", "{funcexpr", "node"),
        ("{FUNCEXPR", "{JSONEXPR", "node"),
        (":funcid 1397", ":funcid 0", "value"),
        (":funcid 1397", ":funcid -1", "value"),
        (":funcid 1397", ":funcid 4294967296", "value"),
        (":funcid 1397", ":funcid <>", "value"),
        (":funcid 1397", ":funcid {CONST}", "value"),
        (":funcid 1397 ", "", "field"),
        (":funcid 1397", ":funcid 1397 :more 1", "field"),
        (":funcformat 0", ":funcformat 4", "value"),
        (":funcretset false", ":funcretset 0", "value"),
        (":commandType 1", ":commandType 0", "value"),
        (":commandType 1", ":commandType 8", "value"),
        (":querySource 0", ":querySource 5", "value"),
        (
            ":isReturn false",
            ":isReturn false :hasGroupRTE false",
            "field",
        ),
        (":utilityStmt <>", ":utilityStmt ?", "utility"),
        (":utilityStmt <>", ":utilityStmt {CREATESTMT}", "utility"),
        (":args <>", ":args (1 2)", "stray"),
        (":args <>", ":args (o 1 2)", "stray"),
        (":args <>", ":args 1", "stray"),
        (":constraintDeps <>", ":constraintDeps (i 1)", "value"),
        (":constraintDeps <>", ":constraintDeps (o x)", "value"),
        (":stmt_len 0}", ":stmt_len 0", "field"),
        (":stmt_len 0}", ":stmt_len 0}}", "incomplete"),
        (":stmt_len 0}", ":stmt_len 0} {", "incomplete"),
        ("{QUERY", "({QUERY", "stray"),
        ("{QUERY", "{", "node"),
    ] {
        assert!(whole.contains(from), "{from}");
        let error = read(&whole.replacen(from, to, 1)).expect_err(to);
        assert_eq!(kind_of(&error), kind, "{from} -> {to}: {error}");
    }
}

#[test]
fn a_text_that_ends_anywhere_is_an_error() {
    let text = wrapped(&query(
        &format!("({})", entry("x", &call("1397", "<>"))),
        "<>",
    ));
    let whole = text.len() - 1;
    for end in 0..whole {
        assert!(query_tree(15, &text[..end], b"<>").is_err(), "{end}");
        assert!(
            end == 0 || query_tree(15, &text, &text[..end]).is_err(),
            "{end}"
        );
    }
    assert!(query_tree(15, &text, b"").is_err());
    assert!(query_tree(15, b"<>", b"<>").is_err());
}

#[test]
fn an_error_holds_nothing_of_the_statement() {
    let secret = "sesame";
    for text in [
        format!("{{{secret} :a 1}}"),
        query(secret, "<>"),
        query(&format!("({})", entry("x", &call(secret, "<>"))), "<>"),
        query(&format!("({})", entry(&format!("x {secret}"), "<>")), "<>"),
    ] {
        let error = read(&text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
}

#[test]
fn depth_and_length_are_bounded() {
    let depth = 200_000;
    let nested = format!("{}{}", "(".repeat(depth), ")".repeat(depth));
    let targets = format!("({})", entry("x", &call("1397", &nested)));
    assert!(read(&query(&targets, "<>")).is_ok());
    let long = " ".repeat(TEXT_LIMIT + 1);
    let error = query_tree(15, long.as_bytes(), b"<>").unwrap_err();
    assert_eq!(kind_of(&error), "too_long");
    // Calls within calls, as deep as the limit lets them be.
    let mut expression = String::new();
    let inner = call("1397", "(");
    let inner = inner.strip_suffix(" :location 7}").unwrap();
    for _ in 0..20_000 {
        expression.push_str(inner);
    }
    expression.push_str(&") :location 7}".repeat(20_000));
    let targets = format!("({})", entry("x", &expression));
    assert_eq!(read(&query(&targets, "<>")).unwrap().called, [1397].into());
}

#[test]
fn a_sequence_is_named_by_its_constant_in_either_byte_order() {
    for (bytes, sequence) in [
        ("4 [ 1 64 0 0 0 0 0 0 ]", Some(16385)),
        ("4 [ -1 -1 0 0 0 0 0 0 ]", Some(65535)),
        ("4 [ 255 255 0 0 0 0 0 0 ]", Some(65535)),
        ("4 [ 0 0 0 0 0 0 64 1 ]", Some(16385)),
        ("4 [ 1 64 0 0 ]", Some(16385)),
    ] {
        let argument = format!("({})", constant(2205, bytes));
        let targets = format!("({})", entry("x", &call("1574", &argument)));
        let tree = read(&query(&targets, "<>")).unwrap();
        assert_eq!(tree.sequences.len(), 1);
        assert_eq!(tree.sequences[0].sequence, sequence, "{bytes}");
        assert_eq!(tree.sequences[0].call, SequenceCall::Nextval);
        assert!(tree.lookups.is_empty());
    }
    for bytes in [
        "4 [ 1 0 0 0 1 0 0 0 ]",
        "4 [ 1 ]",
        "4 [ 300 0 0 0 ]",
        "4 [ 1 0 0 0",
        "4 x",
        "[ 1 ]",
    ] {
        let argument = format!("({})", constant(2205, bytes));
        let targets = format!("({})", entry("x", &call("1574", &argument)));
        assert!(read(&query(&targets, "<>")).is_err(), "{bytes}");
    }
}

/// A relation in the range table of PostgreSQL 15 with this request.
fn relation(request: &str) -> String {
    format!(
        "({{RANGETBLENTRY :alias <> :eref {{ALIAS :aliasname t :colnames (\"id\" \"a\\ b\")}} :rtekind 0 :relid 16408 :relkind r \
         :rellockmode 1 :tablesample <> :lateral false :inh true :inFromCl true {request} :extraUpdatedCols (b) :securityQuals <>}})"
    )
}

#[test]
fn a_request_is_read_bit_by_bit() {
    use exeat_policy::Access;

    let named = |columns: &[i16]| AttributeSet::Named(columns.iter().copied().collect());
    for (request, expected) in [
        (
            "0 :checkAsUser 0 :selectedCols (b) :insertedCols (b) :updatedCols (b)",
            vec![],
        ),
        (
            "2 :checkAsUser 0 :selectedCols (b 1 6 8 1607) :insertedCols (b) :updatedCols (b)",
            vec![(Access::Select, named(&[-6, -1, 1, 1600]))],
        ),
        (
            "2 :checkAsUser 0 :selectedCols (b 7 9) :insertedCols (b) :updatedCols (b)",
            vec![(Access::Select, AttributeSet::All)],
        ),
        (
            "6 :checkAsUser 0 :selectedCols (b 8) :insertedCols (b) :updatedCols (b)",
            vec![(Access::Select, named(&[1])), (Access::Lock, named(&[]))],
        ),
        (
            "15 :checkAsUser 0 :selectedCols (b) :insertedCols (b 8) :updatedCols (b 9)",
            vec![
                (Access::Select, named(&[])),
                (Access::Insert, named(&[1])),
                (Access::Update, named(&[2])),
                (Access::Delete, named(&[])),
            ],
        ),
    ] {
        let tree = read(&query(
            "<>",
            &relation(&format!(":requiredPerms {request}")),
        ))
        .unwrap();
        let told = tree
            .relations
            .iter()
            .map(|use_| (use_.access, use_.columns.clone()));
        assert_eq!(told.collect::<Vec<_>>(), expected, "{request}");
        assert_eq!(tree.command, Command::Select);
        assert!(tree.relations.iter().all(|use_| use_.kind == b'r'));
    }
    for request in [
        "16 :checkAsUser 0 :selectedCols (b) :insertedCols (b) :updatedCols (b)",
        "-1 :checkAsUser 0 :selectedCols (b) :insertedCols (b) :updatedCols (b)",
        "2 :checkAsUser 0 :selectedCols (b 0) :insertedCols (b) :updatedCols (b)",
        "2 :checkAsUser 0 :selectedCols (b 99999) :insertedCols (b) :updatedCols (b)",
        "2 :checkAsUser 0 :selectedCols (i 8) :insertedCols (b) :updatedCols (b)",
        "2 :checkAsUser 0 :selectedCols <> :insertedCols (b) :updatedCols (b)",
        "2 :selectedCols (b) :insertedCols (b) :updatedCols (b)",
    ] {
        let tree = read(&query(
            "<>",
            &relation(&format!(":requiredPerms {request}")),
        ));
        assert!(tree.is_err(), "{request}");
    }
}
