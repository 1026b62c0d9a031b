//! What a document may not say, and what is said about it.

use super::*;
use crate::{Assurance, Identity};

const HEAD: &str = "version: 1\nroles:\n  a:\n    identities: [{ token: a }]\n";

fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.into(),
        text: text.into(),
    }
}

fn problems(text: &str) -> Vec<(usize, usize, String, String)> {
    let Err(diagnostics) = load(&[source("p.yaml", text)]) else {
        panic!("this holds:\n{text}")
    };
    let place = |item: &crate::Diagnostic| {
        item.location
            .as_ref()
            .map_or((0, 0), |at| (at.line, at.column))
    };
    diagnostics
        .iter()
        .map(|item| {
            (
                place(item).0,
                place(item).1,
                item.message.clone(),
                item.hint.clone().unwrap_or_default(),
            )
        })
        .collect()
}

/// One problem: its line and column, a part of the message, a part of the hint.
#[track_caller]
fn refused(text: &str, line: usize, column: usize, message: &str, hint: &str) {
    let all = problems(text);
    let [(at_line, at_column, said, hinted)] = all.as_slice() else {
        panic!("{all:#?}")
    };
    assert!(
        said.contains(message) && hinted.contains(hint),
        "{said} / {hinted}"
    );
    assert_eq!((*at_line, *at_column), (line, column), "{said}");
}

fn egress(rules: &str) -> String {
    format!("{HEAD}    egress:\n      allow:\n        - {rules}\n")
}

fn grants(rules: &str) -> String {
    format!("{HEAD}    databases:\n      d:\n        as: x\n        allow:\n          - {rules}\n")
}

#[test]
fn the_sample_policies_hold() {
    for text in [
        include_str!("../../../../config/policy.yaml"),
        include_str!("../../../../config/demo/policy.yaml"),
    ] {
        let set =
            load(&[source("policy.yaml", text)]).unwrap_or_else(|problems| panic!("{problems}"));
        let again = PolicySet::from_canonical(set.canonical())
            .unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(
            (again.hash(), again.canonical()),
            (set.hash(), set.canonical())
        );
    }
}

#[test]
fn the_published_schema_is_the_one_of_the_types() {
    let published = include_str!("../../../../config/policy.schema.json");
    assert_eq!(
        published,
        schema(),
        "run `exeat policy schema > config/policy.schema.json`"
    );
}

#[test]
fn unknown_keys_are_errors_with_the_word_that_was_meant() {
    refused(
        "version: 1\nrolls: {}\nroles: {}\n",
        2,
        1,
        "unknown key `rolls`",
        "did you mean `roles`?",
    );
    refused(
        &format!("{HEAD}    egres: {{}}\n"),
        5,
        5,
        "unknown key `egres`",
        "did you mean `egress`?",
    );
    refused(
        &egress("hots: a.example\n          host: b.example"),
        7,
        11,
        "unknown key `hots`",
        "did you mean `host`?",
    );
    refused(
        &egress("host: b.example\n          colour: red"),
        8,
        11,
        "unknown key `colour`",
        "expected one of `host`",
    );
    refused(
        &grants("selct: public.t"),
        9,
        13,
        "unknown word `selct`",
        "did you mean `select`?",
    );
    refused(
        "version: 1\nroles:\n  a:\n    identities: [{ tokn: a }]\n",
        4,
        20,
        "unknown word `tokn`",
        "did you mean `token`?",
    );
    refused(
        "version: 1\nroles:\n  a:\n    identities: [{ jwt: { issuer: i, sub: s, subject: s } }]\n",
        4,
        38,
        "unknown key `sub`",
        "",
    );
    refused(
        &grants("preset: [builtin]"),
        9,
        22,
        "unknown word `builtin`",
        "did you mean `builtins`?",
    );
    refused(
        &format!("{HEAD}    egress:\n      deny:\n        - {{ host: a.example, tls: false }}\n"),
        7,
        30,
        "unknown key `tls`",
        "`host`, `cidr`, `ports`",
    );
}

#[test]
fn wrong_types_are_errors() {
    refused(
        "version: one\nroles: {}\n",
        1,
        10,
        "expected a number up to 4294967295, found `one`",
        "",
    );
    refused("version: 1\nroles: []\n", 2, 8, "expected a mapping", "");
    refused(
        &egress("host: 10"),
        7,
        17,
        "expected a string",
        "put it in quotes",
    );
    refused(
        &egress("host: true"),
        7,
        17,
        "expected a string",
        "put it in quotes",
    );
    refused(
        &egress("host: a.example\n          ports: 443"),
        8,
        18,
        "expected a list",
        "",
    );
    refused(
        &egress("host: a.example\n          ports: [http]"),
        8,
        19,
        "found `http`",
        "",
    );
    refused(
        &egress("host: a.example\n          ports: [0443]"),
        8,
        19,
        "leading zero",
        "",
    );
    refused(
        &egress("host: a.example\n          ports: [65536]"),
        8,
        19,
        "found the number 65536",
        "",
    );
    refused(
        &egress("host: a.example\n          ports: [-1]"),
        8,
        19,
        "found the number -1",
        "",
    );
    refused(
        &egress("host: a.example\n          tls: 'no'"),
        8,
        16,
        "found `no`",
        "",
    );
    refused(
        &format!("{HEAD}    egress:\n      allow:\n"),
        6,
        12,
        "found nothing",
        "",
    );
    refused(
        &format!("{HEAD}    labels: {{ env: 1 }}\n"),
        5,
        20,
        "expected a string",
        "put it in quotes",
    );
    refused(
        &format!("{HEAD}    egress: {{ mode: reports }}\n"),
        5,
        21,
        "unknown word `reports`",
        "did you mean `report`?",
    );
    refused(
        &format!("{HEAD}    assurance: password\n"),
        5,
        16,
        "unknown word `password`",
        "`source`, `token`",
    );
    refused(
        &format!("{HEAD}    egress: {{ limits: {{ connects: 50 }} }}\n"),
        5,
        35,
        "expected a string",
        "",
    );
    refused(
        &format!("{HEAD}    egress: {{ limits: {{ connects: 50/week }} }}\n"),
        5,
        35,
        "`week` is no unit",
        "",
    );
    refused(
        &format!("{HEAD}    egress: {{ limits: {{ tunnels: 0 }} }}\n"),
        5,
        34,
        "a limit of no tunnels",
        "",
    );
    refused(
        &grants("{ select: public.t, insert: public.t }"),
        9,
        13,
        "expected one key, found 2",
        "one list item for each",
    );
    refused(&grants("select"), 9, 13, "expected a value", "");
}

#[test]
fn missing_keys_are_errors() {
    refused("roles: {}\n", 1, 1, "`version` is missing", "");
    refused("version: 1\n", 1, 1, "`roles` is missing", "");
    refused(
        "version: 1\nroles:\n  a:\n    labels: {}\n",
        4,
        5,
        "`identities` is missing",
        "",
    );
    refused(
        "version: 1\nroles:\n  a: { identities: [] }\n",
        3,
        20,
        "has no identities",
        "",
    );
    refused("", 1, 1, "the file is empty", "version: 1");
    refused("# only this\n", 2, 1, "the file is empty", "");
    refused(
        "version: 2\nroles: {}\n",
        1,
        10,
        "version 2 is not known",
        "reads version 1",
    );
    refused(
        &egress("ports: [443]"),
        7,
        11,
        "a rule about nothing",
        "`host:` or `cidr:`",
    );
    refused(
        &egress("{ host: a.example, cidr: 10.0.0.0/8 }"),
        7,
        36,
        "`host` and `cidr`",
        "",
    );
}

#[test]
fn yaml_is_read_as_it_looks() {
    refused("version: 1\nroles: *other\n", 2, 8, "unknown anchor", "");
    refused("version: &v 1\nroles: {}\n", 1, 13, "an anchor", "plainly");
    refused("version: !!int 1\nroles: {}\n", 1, 16, "a tag", "plainly");
    refused(
        "version: 1\nroles: {}\n---\nversion: 1\nroles: {}\n",
        3,
        1,
        "second YAML document",
        "",
    );
    refused(
        "version: 1\nversion: 1\nroles: {}\n",
        2,
        1,
        "`version` stands here a second time",
        "line 1",
    );
    refused(
        &format!("{HEAD}  a:\n    identities: [{{ token: b }}]\n"),
        5,
        3,
        "`a` stands here a second time",
        "line 3",
    );
    assert_eq!(problems("version: 1\nroles: {\n").len(), 1);
    assert_eq!(problems("\t\n").len(), 1);
    assert_eq!(problems(&"[".repeat(10_000)).len(), 1);
}

#[test]
fn an_identity_belongs_to_one_role() {
    let two = |a: &str, b: &str| {
        format!("version: 1\nroles:\n  a: {{ identities: [{a}] }}\n  b: {{ identities: [{b}] }}\n")
    };
    for identity in [
        "{ token: x }",
        "{ scram: x }",
        "{ spiffe: 'spiffe://d/x' }",
        "{ source: 10.0.0.0/8 }",
        "{ jwt: { issuer: i, subject: s } }",
    ] {
        refused(
            &two(identity, identity),
            4,
            21,
            "claimed by the roles `a` and `b`",
            "line 3",
        );
    }
    assert!(
        load(&[source(
            "p",
            &two("{ source: 10.0.0.0/8 }", "{ source: 10.0.0.0/16 }")
        )])
        .is_ok()
    );
    assert!(load(&[source("p", &two("{ token: x }", "{ scram: x }"))]).is_ok());
    refused(
        "version: 1\nroles:\n  a: { identities: [{ token: x }, { token: x }] }\n",
        3,
        35,
        "in role `a` twice",
        "",
    );
}

#[test]
fn identities_have_their_form() {
    let one =
        |identity: &str| format!("version: 1\nroles:\n  a:\n    identities: [{{ {identity} }}]\n");
    for id in [
        "spiffe://d",
        "spiffe://d/",
        "spiffe:///x",
        "spiffe://D/x",
        "http://d/x",
        "spiffe://d/x/",
        "spiffe://d/../x",
        "spiffe://d/x?y",
        "spiffe://d:1/x",
        "spiffe://d/ü",
    ] {
        refused(
            &one(&format!("spiffe: '{id}'")),
            4,
            18,
            "is no SPIFFE ID",
            "",
        );
    }
    refused(
        &one("source: 10.0.0.1/8"),
        4,
        18,
        "bits set after its prefix",
        "10.0.0.0/8",
    );
    refused(&one("source: 0.0.0.0/0"), 4, 18, "every address", "");
    refused(&one("source: ten"), 4, 18, "is no network", "");
    refused(
        &one("source: '::ffff:10.0.0.0/104'"),
        4,
        18,
        "IPv4 written as IPv6",
        "",
    );
    refused(&one("token: 'a b'"), 4, 18, "is no name for a token", "");
    refused(
        &one("jwt: { issuer: '', subject: s }"),
        4,
        18,
        "empty issuer",
        "",
    );
}

#[test]
fn names_of_roles_and_databases_are_plain_words() {
    for name in ["'a b'", "\"a\\n\"", "'-a'", "''", "'a:b'", "ä", "a/b"] {
        let text = format!("version: 1\nroles:\n  {name}: {{ identities: [{{ token: x }}] }}\n");
        refused(&text, 3, 3, "is no name for a role", "letters, digits");
    }
    refused(
        &format!("{HEAD}    databases: {{ 'my db': {{ as: x }} }}\n"),
        5,
        18,
        "is no name for a database",
        "",
    );
    refused(
        &format!("{HEAD}    databases: {{ d: {{ as: '' }} }}\n"),
        5,
        27,
        "no name of a database role",
        "",
    );
}

#[test]
fn wildcards_over_public_suffixes_are_errors() {
    for host in [
        "*.com",
        "*.co.uk",
        "*.github.io",
        "*.example",
        "*.s3.amazonaws.com",
        "*.internal",
    ] {
        refused(
            &egress(&format!("host: '{host}'")),
            7,
            17,
            "is a public suffix",
            "public_suffix: true",
        );
        assert!(
            load(&[source(
                "p",
                &egress(&format!("{{ host: '{host}', public_suffix: true }}"))
            )])
            .is_ok()
        );
    }
    for host in [
        "*.example.com",
        "*.bbc.co.uk",
        "*.me.github.io",
        "*.queue.example",
        "com",
        "co.uk",
    ] {
        assert!(
            load(&[source("p", &egress(&format!("host: '{host}'")))]).is_ok(),
            "{host}"
        );
    }
    refused(
        &egress("{ host: a.example, public_suffix: true }"),
        7,
        45,
        "on a host that is none",
        "",
    );
    refused(&egress("host: '*'"), 7, 17, "is every name", "");
    refused(
        &egress("{ host: '*', public_suffix: true }"),
        7,
        19,
        "is every name",
        "",
    );
}

#[test]
fn a_star_is_a_whole_label_at_the_start() {
    for host in [
        "a.*.test",
        "*a.test",
        "*.*.test",
        "a.*",
        "a*",
        "**.a.test",
        "*.a.*",
    ] {
        refused(
            &egress(&format!("host: '{host}'")),
            7,
            17,
            "not a whole label at the start",
            "write `*.",
        );
    }
}

#[test]
fn hosts_are_written_in_their_one_form() {
    refused(
        &egress("host: API.example.com"),
        7,
        17,
        "one form of names",
        "write `api.example.com`",
    );
    refused(
        &egress("host: api.example.com."),
        7,
        17,
        "one form of names",
        "write `api.example.com`",
    );
    refused(
        &egress("host: bücher.example"),
        7,
        17,
        "is no name",
        "write `xn--bcher-kva.example`",
    );
    refused(&egress("host: 10.0.0.1"), 7, 17, "is an address", "`cidr:`");
    refused(
        &egress("host: 'api.example.com:443'"),
        7,
        17,
        "is no name",
        "`ports:`",
    );
    refused(
        &egress("host: 'https://api.example.com'"),
        7,
        17,
        "is no name",
        "",
    );
    refused(&egress("host: 127.1"), 7, 17, "expected a string", "");
    refused(&egress("host: 127.0.1"), 7, 17, "is no name", "");
    refused(&egress("host: ''"), 7, 17, "is no name", "");
    refused(&egress("host: a..example"), 7, 17, "is no name", "");
}

#[test]
fn rules_that_can_never_match_are_errors() {
    refused(
        &egress("{ host: a.example, ports: [] }"),
        7,
        37,
        "empty list of ports",
        "",
    );
    refused(
        &egress("{ host: a.example, ports: [0] }"),
        7,
        38,
        "port 0",
        "",
    );
    refused(
        &egress("{ host: a.example, ports: [443, 443] }"),
        7,
        37,
        "a port stands here twice",
        "",
    );
    for host in [
        "localhost",
        "x.localhost",
        "a.onion",
        "a.invalid",
        "localhost.localdomain",
    ] {
        refused(
            &egress(&format!("host: {host}")),
            7,
            17,
            "can never match",
            "",
        );
    }
    let shadowed =
        |allow: &str, deny: &str| format!("{}      deny:\n        - {deny}\n", egress(allow));
    for (allow, deny) in [
        ("host: a.example", "host: a.example"),
        ("host: a.b.example", "host: '*.b.example'"),
        ("host: '*.b.example'", "host: '*.b.example'"),
        ("host: '*.a.b.example'", "host: '*.b.example'"),
        ("cidr: 10.1.0.0/16", "cidr: 10.0.0.0/8"),
        (
            "{ host: a.example, ports: [1, 2] }",
            "{ host: a.example, ports: [2, 1, 3] }",
        ),
    ] {
        let all = problems(&shadowed(allow, deny));
        assert!(
            matches!(all.as_slice(), [(7, _, said, hint)] if said.contains("a deny rule covers all") && hint.contains("deny[0]")),
            "{all:?}"
        );
    }
    for (allow, deny) in [
        ("host: b.example", "host: '*.b.example'"),
        ("host: '*.b.example'", "host: a.b.example"),
        ("host: '*.b.example'", "host: '*.a.b.example'"),
        ("cidr: 10.0.0.0/8", "cidr: 10.1.0.0/16"),
        (
            "{ host: a.example, ports: [1, 2] }",
            "{ host: a.example, ports: [2] }",
        ),
    ] {
        assert!(
            load(&[source("p", &shadowed(allow, deny))]).is_ok(),
            "{allow} {deny}"
        );
    }
}

#[test]
fn the_same_rule_twice_is_an_error() {
    let twice = |a: &str, b: &str| format!("{}        - {b}\n", egress(a));
    refused(
        &twice("host: a.example", "host: a.example"),
        8,
        17,
        "on port 443 stands here a second time",
        "line 7",
    );
    refused(
        &twice("host: a.example", "{ host: a.example, ports: [80, 443] }"),
        8,
        19,
        "on port 443",
        "line 7",
    );
    refused(
        &twice("cidr: 10.0.0.0/8", "cidr: 10.0.0.0/8"),
        8,
        17,
        "a second time",
        "",
    );
    assert!(
        load(&[source(
            "p",
            &twice("host: a.example", "{ host: a.example, ports: [80] }")
        )])
        .is_ok()
    );
    assert!(
        load(&[source(
            "p",
            &twice(
                "host: a.example",
                "{ host: a.example, tls: false, assurance: certificate }"
            )
        )])
        .is_ok()
    );
}

#[test]
fn opened_networks_are_private_ones() {
    let networks = |list: &str| egress(&format!("{{ host: a.example, networks: {list} }}"));
    assert!(
        load(&[source(
            "p",
            &networks("[10.0.0.0/8, 'fd00::/8', 169.254.169.254]")
        )])
        .is_ok()
    );
    refused(&networks("[]"), 7, 40, "empty list of networks", "");
    refused(
        &networks("[93.184.216.0/24]"),
        7,
        41,
        "not set aside for private use",
        "",
    );
    refused(
        &networks("[0.0.0.0/1]"),
        7,
        41,
        "not set aside for private use",
        "",
    );
    refused(&networks("[10.0.0.1/8]"), 7, 41, "bits set", "");
    refused(
        &networks("[10.0.0.0/8, 10.0.0.0/8]"),
        7,
        53,
        "stands here twice",
        "",
    );
    refused(
        &egress("{ cidr: 10.0.0.0/8, networks: [10.0.0.0/8] }"),
        7,
        41,
        "`networks` in a rule with `cidr`",
        "",
    );
}

#[test]
fn relation_patterns_have_one_spelling() {
    for (pattern, message, hint) in [
        ("orders", "says no schema", "public.orders"),
        ("shop.public.orders", "too many parts", ""),
        ("public.Orders", "capital letters", "`\"Orders\"`"),
        (
            "public.orders()",
            "empty list of columns",
            "leave the brackets out",
        ),
        (
            "public.orders(*)",
            "`*` is no column",
            "leave the brackets out",
        ),
        ("public.orders(a, a)", "stands here twice", ""),
        ("public.orders(a", "no `)`", ""),
        ("public.orders(a) b", "can't be read", ""),
        ("public.*(a)", "takes no columns", ""),
        ("'*.orders'", "is no name", ""),
        ("public.1a", "is no name", ""),
        ("'public.\"a'", "not closed", ""),
        ("public.", "is no name", ""),
        ("pg_catalog.*", "password hashes", "preset: [introspection]"),
    ] {
        let all = problems(&grants(&format!("select: {pattern}")));
        assert!(
            matches!(all.as_slice(), [(9, 21, said, hinted)] if said.contains(message) && hinted.contains(hint)),
            "{all:?}"
        );
    }
    for pattern in [
        "public.orders",
        "public.orders( id ,total )",
        "'public.\"ORDERS\"(\"Id\")'",
        "'\"My Schema\".\"a.b\"'",
        "public.*",
        "pg_catalog.pg_class",
        "public.straße",
    ] {
        assert!(
            load(&[source("p", &grants(&format!("select: {pattern}")))]).is_ok(),
            "{pattern}"
        );
    }
}

#[test]
fn database_rules_that_can_never_match_are_errors() {
    for (rule, message) in [
        ("delete: public.t(a)", "columns in a rule about whole rows"),
        ("update: pg_catalog.pg_settings", "only ever read"),
        ("define: pg_catalog.*", "only ever read"),
        ("call: [set_config]", "goes around the reading"),
        ("call: [pg_catalog.query_to_xml]", "goes around the reading"),
        ("call: []", "an empty list"),
        ("set: [role]", "`role` is pinned"),
        ("set: [search_path]", "`search_path` is pinned"),
        ("set: [client_encoding]", "`client_encoding` is pinned"),
        ("set: [Work_Mem]", "is no parameter"),
        ("statement: [select]", "no kind of statement"),
        ("statement: [lisen]", "no kind of statement"),
        ("operator: ['<->']", "is no name"),
        ("type: [status]", "says no schema"),
        ("call: [lower, lower]", "a second time"),
        ("preset: [builtins, builtins]", "a second time"),
    ] {
        let all = problems(&grants(rule));
        assert!(
            matches!(all.as_slice(), [(9, _, said, _)] if said.contains(message)),
            "{rule}: {all:?}"
        );
    }
    let shadowed =
        |allow: &str, deny: &str| format!("{}        deny:\n          - {deny}\n", grants(allow));
    for (allow, deny) in [
        ("select: public.t", "select: public.t"),
        ("select: public.t(a, b)", "select: public.t(a, b, c)"),
        ("select: public.t(a)", "select: public.*"),
        ("insert: public.*", "insert: public.*"),
        ("call: [f]", "call: [pg_catalog.f]"),
        ("set: [jit]", "set: [jit]"),
        ("statement: [listen]", "statement: [listen]"),
    ] {
        let all = problems(&shadowed(allow, deny));
        assert!(
            matches!(all.as_slice(), [(9, _, said, _)] if said.contains("can never match")),
            "{allow} {deny}: {all:?}"
        );
    }
    assert!(
        load(&[source(
            "p",
            &shadowed("select: public.t", "select: public.t(a)")
        )])
        .is_ok()
    );
    assert!(
        load(&[source(
            "p",
            &shadowed("select: public.t(a, b)", "select: public.t(a)")
        )])
        .is_ok()
    );
    refused(
        &format!(
            "{}          - select: public.t(a)\n",
            grants("select: public.t(a, b)")
        ),
        10,
        21,
        "an earlier rule already says this",
        "",
    );
    refused(
        &format!("{HEAD}    databases: {{ d: {{ as: x, mask: {{ t.email: email }} }} }}\n"),
        5,
        38,
        "is no column",
        "schema.table.column",
    );
}

#[test]
fn one_run_shows_many_problems_in_the_order_of_the_text() {
    let text = "version: 1
roles:
  a:
    identities: [{ tokn: a }, { token: a }]
    egress:
      alow: []
      allow:
        - host: '*.com'
        - hots: b.example
        - host: c.example
          ports: [0]
    databases:
      shop:
        allow:
          - selct: public.t
  b:
    identities: [{ token: a }]
    lables: {}
";
    let all = problems(text);
    let lines: Vec<usize> = all.iter().map(|(line, ..)| *line).collect();
    assert_eq!(lines, [4, 6, 9, 14, 15, 18], "{all:#?}");
}

#[test]
fn problems_of_checking_are_collected_over_all_files() {
    let one = source("one.yaml", &egress("host: '*.com'"));
    let two = source(
        "two.yaml",
        "version: 1\nroles:\n  a: { identities: [{ token: b }] }\n  c: { identities: [{ token: a }] }\n",
    );
    let Err(diagnostics) = load(&[one, two]) else {
        panic!()
    };
    let said: Vec<String> = diagnostics
        .iter()
        .map(|item| format!("{} {}", item.location.as_ref().unwrap(), item.message))
        .collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("one.yaml:7:17"));
    assert!(said[1].starts_with("two.yaml:3:3 role `a` stands here a second time"));
    assert!(said[2].starts_with("two.yaml:4:21 this identity is claimed by the roles `a` and `c`"));
    assert!(
        diagnostics
            .iter()
            .nth(1)
            .unwrap()
            .hint
            .as_ref()
            .unwrap()
            .contains("one.yaml, line 3")
    );
}

#[test]
fn the_split_into_files_white_space_and_order_do_not_change_the_hash() {
    let a = "  a: { identities: [{ token: a }], labels: { x: '1', y: '2' } }\n";
    let b = "  b:\n    identities:\n      - token: b # comment\n    labels: { y: '2', x: '1' }\n";
    let hash = |texts: &[String]| {
        let sources: Vec<Source> = texts.iter().map(|text| source("p", text)).collect();
        load(&sources).unwrap().hash().to_string()
    };
    let head = "version: 1\nroles:\n";
    let together = hash(&[format!("{head}{a}{b}")]);
    assert_eq!(hash(&[format!("{head}{b}{a}")]), together);
    assert_eq!(
        hash(&[format!("{head}{a}"), format!("{head}{b}")]),
        together
    );
    assert_eq!(
        hash(&[format!("{head}{b}"), format!("{head}{a}")]),
        together
    );
    assert_ne!(hash(&[format!("{head}{a}")]), together);
    assert_eq!(together.len(), 64);
}

#[test]
fn rules_know_their_place() {
    let set = load(&[source("dir/p.yaml", &egress("host: a.example"))]).unwrap();
    let at = |path: &str| set.location(path).map(ToString::to_string);
    assert_eq!(at("roles.a").as_deref(), Some("dir/p.yaml:3:3"));
    assert_eq!(
        at("roles.a.egress.allow[0]").as_deref(),
        Some("dir/p.yaml:7:11")
    );
    assert_eq!(at("roles.a.egress.allow[1]"), None);
    assert_eq!(set.rules(), 1);
}

#[test]
fn a_canonical_form_that_does_not_hold_is_refused() {
    for text in [
        "",
        "{",
        "null",
        "[]",
        "{\"version\":1}",
        "{\"version\":2,\"roles\":{}}",
        "{\"version\":1,\"roles\":{\"a\":{\"identities\":[],\"x\":1}}}",
    ] {
        assert!(PolicySet::from_canonical(text).is_err(), "{text}");
    }
    assert!(load(&[]).is_err());
}

#[test]
fn a_role_shows_what_it_is() {
    let text = include_str!("../../../../config/policy.yaml");
    let set = load(&[source("p", text)]).unwrap();
    let role = set.role("billing-fn").unwrap();
    assert_eq!(role.labels().get("data").map(String::as_str), Some("pci"));
    assert!(
        role.identities()
            .contains(&Identity::Token("billing-fn".into()))
    );
    assert_eq!(role.egress_limits().tunnels, Some(200));
    assert_eq!(role.egress_limits().connects.unwrap().count, 50);
    let shop = role.database("shop").unwrap();
    assert_eq!(&*shop.as_role, "shop_billing");
    assert_eq!(shop.limits.rows, Some(10_000));
    assert_eq!(
        shop.limits.statement_timeout,
        Some(std::time::Duration::from_secs(5))
    );
    assert_eq!(
        role.databases()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["shop"]
    );
    assert!(set.role("nobody").is_none() && role.database("nothing").is_none());
    assert!(Assurance::Certificate > Assurance::Jwt && Assurance::Token > Assurance::Source);
}

proptest::proptest! {
    #[test]
    fn loading_never_panics(text in "\\PC{0,200}") {
        let _ = load(&[source("p", &text)]);
    }

    #[test]
    fn loading_a_damaged_policy_never_panics(at in 0usize..1000, byte in 32u8..127, cut: bool) {
        let mut text = include_str!("../../../../config/policy.yaml").as_bytes().to_vec();
        if cut { text.truncate(at); } else if let Some(slot) = text.get_mut(at) { *slot = byte; }
        let text = String::from_utf8_lossy(&text).into_owned();
        if let Err(problems) = load(&[source("p", &text)]) {
            assert!(!problems.is_empty());
            problems.render(true);
        }
    }
}
