use super::*;

#[test]
fn a_rule_beside_its_list_is_an_error_with_the_place_that_was_meant() {
    refused(
        &format!("{HEAD}    databases:\n      d:\n        as: x\n        define: [public]\n"),
        8,
        9,
        "unknown key `define`",
        "write it in the list, allow: [{ define: … }]",
    );
    refused(
        &format!("{HEAD}    egress:\n      host: a.example\n"),
        6,
        7,
        "unknown key `host`",
        "write it in the list, allow: [{ host: … }]",
    );
    refused(
        &grants("define: [public]"),
        9,
        21,
        "expected a string, found a list",
        "for several, write as many entries",
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
        "put it in brackets: [443]",
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
        "write `true` or `false`",
    );
    refused(
        &egress("host: a.example\n          tls: none"),
        8,
        16,
        "expected `true` or `false`, found `none`",
        "write `true` or `false`",
    );
    refused(
        &egress("host: ''"),
        7,
        17,
        "is no name",
        "write a name like `api.example.com`",
    );
    refused(
        &format!("{HEAD}    egress:\n      allow:\n"),
        6,
        12,
        "found nothing",
        "write a value, or take the key out",
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
        "`week` is no unit here",
        "use s, min, h or day",
    );
    refused(
        &format!("{HEAD}    egress: {{ limits: {{ connects: 0/s }} }}\n"),
        5,
        35,
        "does not start with a whole number from 1",
        "write one, or take the key out",
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
    refused(
        "roles: {}\n",
        1,
        1,
        "`version` is missing",
        "add the key `version`",
    );
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
    refused(
        "version: 1\nroles:\n  a: { identities: [{ jwt: { issuer: i } }] }\n",
        3,
        28,
        "`subject` is missing",
        "add the key `subject` here",
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
    refused(
        "version: 1\nroles: *other\n",
        2,
        8,
        "unknown anchor",
        "write the value out",
    );
    refused("version: &v 1\nroles: {}\n", 1, 10, "an anchor", "plainly");
    refused("version: !!int 1\nroles: {}\n", 1, 10, "a tag", "plainly");
    // The value of an anchor may stand lines below it.
    for text in [
        "version: 1\nroles: &x\n\n  a: { identities: [{ token: a }] }\n",
        "version: 1\nroles: !x\n  # and more\n  a: { identities: [{ token: a }] }\n",
        "version: 1\nroles: &x { a: { identities: [{ token: a }] } }\n",
        "version: 1\nroles: &x\n",
    ] {
        refused(text, 2, 8, "an anchor", "plainly");
    }
    refused(
        "version: 1\nroles:\n\ta: { identities: [{ token: a }] }\n",
        3,
        2,
        "tab",
        "indented with spaces only",
    );
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
