//! `exeat policy …` as a user runs it: the real binary on files of its own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const POLICY: &str = "\
version: 1
roles:
  fn-a:
    identities:
      [{ token: fn-a }, { spiffe: spiffe://exeat.internal/role/fn-a }]
    egress:
      allow:
        - host: api.example.com
        - { host: plain.example, ports: [80], tls: false }
        - { host: strong.example, assurance: certificate }
      deny:
        - host: blocked.example
  analyst:
    identities:
      - token: analyst
    databases:
      shop:
        as: analyst_ro
        allow:
          - select: public.orders(id, total)
          - call: [count]
";

struct Stage(tempfile::TempDir);

impl Stage {
    fn set() -> Self {
        let stage = Self(tempfile::tempdir().unwrap());
        stage.write("policy.yaml", POLICY);
        stage
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_exeat"));
        command
            .arg("policy")
            .args(arguments)
            .current_dir(self.0.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        outcome(self.command(arguments).output().unwrap())
    }

    fn explain(&self, arguments: &[&str]) -> (i32, String, String) {
        let all: Vec<&str> = ["explain", "--policy", "policy.yaml"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        self.run(&all)
    }

    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let all: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let (status, out, _) = self.explain(&all);
        (status, serde_json::from_str(&out).unwrap())
    }

    fn lines(&self, arguments: &[&str], input: &[u8]) -> (i32, Vec<Value>) {
        let mut child = self
            .command(&["explain", "--policy", "policy.yaml"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let (status, out, _) = outcome(child.wait_with_output().unwrap());
        (
            status,
            out.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        )
    }
}

fn outcome(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn check_prints_ok_with_the_hash() {
    let (status, out, _) = Stage::set().run(&["check", "policy.yaml"]);
    assert_eq!(status, 0);
    assert!(out.starts_with("ok: 2 roles, 6 rules, policy "), "{out}");
    assert_eq!(out.trim_end().rsplit(' ').next().unwrap().len(), 64);
}

#[test]
fn check_of_a_folder_leaves_the_cases_out() {
    let stage = Stage::set();
    stage.write("policy.test.yaml", "cases: []\n");
    stage.write(
        "more.yml",
        "version: 1\nroles:\n  b:\n    identities: [{ token: b }]\n",
    );
    let (status, out, _) = stage.run(&["check", "."]);
    assert_eq!((status, out.starts_with("ok: 3 roles")), (0, true), "{out}");
}

#[test]
fn check_shows_every_problem_and_ends_with_ex_config() {
    let stage = Stage::set();
    stage.write("bad.yaml", "version: 1\nroles:\n  a:\n    identities: [{ token: a }]\n    egres: {}\n    egress: { allow: [{ host: '*.com' }] }\n");
    let (status, out, err) = stage.run(&["check", "bad.yaml"]);
    assert_eq!((status, out.as_str()), (78, ""));
    assert!(err.starts_with("exeat: policy: 1 problem"), "{err}");
    assert!(
        err.contains("--> bad.yaml:5:5")
            && err.contains("^^^^^")
            && err.contains("did you mean `egress`?"),
        "{err}"
    );
    let (status, _, err) = stage.run(&["check", "missing.yaml"]);
    assert_eq!(status, 66);
    assert!(err.starts_with("exeat: policy: missing.yaml: "), "{err}");
    assert_eq!(stage.run(&["check"]).0, 64);
}

#[test]
fn explain_says_allow_with_the_rule_and_its_line() {
    let stage = Stage::set();
    let (status, out, _) = stage.explain(&["--role", "fn-a", "--to", "API.example.com:443"]);
    assert_eq!(status, 0);
    assert!(out.starts_with("allow\n"), "{out}");
    assert!(
        out.contains("roles.fn-a.egress.allow[0] (policy.yaml:8:11)"),
        "{out}"
    );
}

#[test]
fn explain_says_deny_with_the_rule_to_add() {
    let stage = Stage::set();
    let (status, out, _) = stage.explain(&["--role", "fn-a", "--to", "new.example:8443"]);
    assert_eq!(status, 1);
    assert!(
        out.starts_with("deny\n") && out.contains("host_not_allowed"),
        "{out}"
    );
    assert!(
        out.contains("- host: new.example\n") && out.contains("ports: [8443]"),
        "{out}"
    );
    assert!(
        out.contains("rule    none of roles.fn-a (policy.yaml:"),
        "{out}"
    );
    let (status, out, _) = stage.explain(&[
        "--role",
        "analyst",
        "--database",
        "shop",
        "--sql",
        "SELECT ssn FROM public.orders",
    ]);
    assert_eq!(status, 1);
    assert!(out.contains("- select: public.orders(ssn)"), "{out}");
    assert!(
        out.contains("rule    none of roles.analyst.databases.shop (policy.yaml:"),
        "{out}"
    );
}

#[test]
fn explain_prints_one_json_object() {
    let (status, answer) = Stage::set().json(&["--role", "fn-a", "--to", "blocked.example:443"]);
    assert_eq!(status, 1);
    assert_eq!(answer["decision"], "deny");
    assert_eq!(answer["reason"], "denied_by_rule");
    assert_eq!(answer["status"], 403);
    assert_eq!(answer["rule"], "roles.fn-a.egress.deny[0]");
    assert_eq!(answer["location"], "policy.yaml:12:11");
    assert_eq!(answer["decisions"][0]["basis"], "deny_rule");
    assert_eq!(answer["policy"].as_str().unwrap().len(), 64);
}

#[test]
fn explain_judges_addresses_http_and_proof_when_they_are_given() {
    let stage = Stage::set();
    let to = |more: &[&str]| {
        let all: Vec<&str> = ["--role", "fn-a"].iter().chain(more).copied().collect();
        stage.json(&all).1["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        to(&["--to", "api.example.com:443", "--address", "93.184.216.34"]),
        "allowed"
    );
    assert_eq!(
        to(&[
            "--to",
            "api.example.com:443",
            "--address",
            "93.184.216.34",
            "--address",
            "10.0.0.1"
        ]),
        "address_not_public"
    );
    assert_eq!(
        to(&["--to", "api.example.com:443", "--http"]),
        "tls_required"
    );
    assert_eq!(to(&["--to", "plain.example:80", "--http"]), "allowed");
    assert_eq!(to(&["--to", "strong.example:443"]), "allowed");
    assert_eq!(
        to(&["--to", "strong.example:443", "--assurance", "token"]),
        "assurance_too_low"
    );
}

#[test]
fn a_malformed_authority_is_a_denial_with_status_400() {
    let (status, answer) = Stage::set().json(&["--role", "fn-a", "--to", "127.1:443"]);
    assert_eq!(
        (status, &answer["reason"], &answer["status"]),
        (1, &"authority_malformed".into(), &400.into())
    );
}

#[test]
fn an_unknown_role_is_denied() {
    let (status, answer) = Stage::set().json(&["--role", "nobody", "--to", "api.example.com:443"]);
    assert_eq!((status, &answer["reason"]), (1, &"identity_unknown".into()));
}

#[test]
fn several_statements_are_all_or_nothing() {
    let stage = Stage::set();
    let sql = "SELECT id FROM public.orders; SELECT ssn FROM public.orders; SELECT 1";
    let (status, answer) = stage.json(&["--role", "analyst", "--database", "shop", "--sql", sql]);
    assert_eq!(
        (status, &answer["decision"], &answer["sqlstate"]),
        (1, &"deny".into(), &"42501".into())
    );
    let effects: Vec<&str> = answer["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["effect"].as_str().unwrap())
        .collect();
    assert_eq!(effects, ["allow", "deny", "allow"]);
    let (_, out, _) = stage.explain(&["--role", "analyst", "--database", "shop", "--sql", sql]);
    assert!(out.contains("none of the 3 statements would run"), "{out}");
    let (_, answer) = stage.json(&[
        "--role",
        "analyst",
        "--database",
        "shop",
        "--sql",
        "SELEC 1",
    ]);
    assert_eq!(
        (&answer["reason"], &answer["sqlstate"]),
        (&"unreadable".into(), &"42601".into())
    );
    let (_, answer) = stage.json(&[
        "--role",
        "analyst",
        "--database",
        "other",
        "--sql",
        "SELECT 1",
    ]);
    assert_eq!(answer["reason"], "database_not_allowed");
}

#[test]
fn each_line_of_standard_input_is_one_question() {
    let stage = Stage::set();
    let (status, answers) = stage.lines(
        &["--role", "fn-a", "--to", "-"],
        b"api.example.com:443\r\nevil.test:443\n\n\"a\\nb:443\"\n\"open\n\xff:443\n",
    );
    assert_eq!(status, 1);
    let reasons: Vec<&str> = answers
        .iter()
        .map(|it| it["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        [
            "allowed",
            "host_not_allowed",
            "authority_malformed",
            "authority_malformed",
            "authority_malformed",
            "authority_malformed"
        ]
    );
    assert_eq!(answers[3]["question"]["to"], "a\nb:443");
    let (status, _) = stage.lines(
        &["--role", "fn-a", "--to", "-"],
        b"api.example.com:443\napi.example.com.:443",
    );
    assert_eq!(status, 0);
}

#[test]
fn a_statement_with_line_breaks_is_a_json_string() {
    let stage = Stage::set();
    let sql = ["--role", "analyst", "--database", "shop", "--sql", "-"];
    let (status, answers) = stage.lines(&sql, b"SELECT count(*) FROM public.orders\n\"SELECT id -- x\\nFROM public.orders\"\nSELECT 1 -- \xff\n\n");
    assert_eq!(status, 1);
    let reasons: Vec<&str> = answers
        .iter()
        .map(|it| it["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["allowed", "allowed", "unreadable", "allowed"]);
    assert_eq!(answers[2]["sqlstate"], "42601");
}

#[test]
fn a_catalog_tells_what_a_star_is() {
    let stage = Stage::set();
    let catalog = |columns: &str| {
        format!(
            "{{\"version\":1,\"relations\":[{{\"schema\":\"public\",\"name\":\"orders\",\"kind\":\"table\",\"columns\":[{columns}]}}]}}"
        )
    };
    stage.write("narrow.json", catalog("\"id\",\"total\""));
    stage.write("wide.json", catalog("\"id\",\"total\",\"ssn\""));
    stage.write("bad.json", "{}");
    let with = |more: &[&str]| {
        let all: Vec<&str> = [
            "--role",
            "analyst",
            "--database",
            "shop",
            "--sql",
            "SELECT * FROM public.orders",
        ]
        .iter()
        .chain(more)
        .copied()
        .collect();
        stage.explain(&all).0
    };
    assert_eq!(with(&["--catalog", "narrow.json"]), 0);
    assert_eq!(with(&["--catalog", "wide.json"]), 1);
    assert_eq!(with(&[]), 1);
    let path = ["--search-path", "app, public"];
    assert_eq!(with(&["--catalog", "narrow.json", path[0], path[1]]), 0);
    assert_eq!(with(&["--catalog", "bad.json"]), 78);
    assert_eq!(with(&["--catalog", "missing.json"]), 66);
}

#[test]
fn names_without_a_schema_are_looked_for_in_the_search_path() {
    let stage = Stage::set();
    let reason = |more: &[&str]| {
        let question = ["--role", "analyst", "--database", "shop", "--sql"];
        let sql = ["SELECT id FROM orders"];
        let all = question.iter().chain(&sql).chain(more);
        let (_, answer) = stage.json(&all.copied().collect::<Vec<_>>());
        let detail = answer["decisions"][0]["detail"].as_str().unwrap_or("");
        format!("{} {detail}", answer["reason"].as_str().unwrap())
    };
    assert_eq!(reason(&[]), "allowed ");
    assert_eq!(reason(&["--search-path", "public,app"]), "allowed ");
    for path in [
        &["--search-path", "app,public"][..],
        &["--search-path", "app", "--search-path", "public"],
    ] {
        let said = reason(path);
        assert!(
            said.starts_with("relation_not_allowed") && said.contains("app.orders"),
            "{said}"
        );
    }
    let (status, ..) = stage.explain(&[
        "--role",
        "fn-a",
        "--to",
        "a.example:443",
        "--search-path",
        "a",
    ]);
    assert_eq!(status, 64);
}

#[test]
fn a_catalog_is_read_from_a_configured_database_only() {
    let stage = Stage::set();
    let catalog = |config: &str| {
        let arguments = ["catalog", "--config", config, "--database", "shop"];
        let (status, _, err) = stage.run(&arguments);
        (status, err)
    };
    assert_eq!(catalog("missing.yaml").0, 66);
    stage.write("exeat.yaml", "policy: [policy.yaml]\n");
    let (status, err) = catalog("exeat.yaml");
    assert_eq!(status, 78, "{err}");
}

#[test]
fn an_unusable_policy_ends_explain_and_test_with_ex_config() {
    let stage = Stage::set();
    stage.write("policy.yaml", "version: 1\nroles: { a: {} }\n");
    stage.write("policy.test.yaml", "cases: []\n");
    assert_eq!(
        stage.explain(&["--role", "a", "--to", "a.example:443"]).0,
        78
    );
    assert_eq!(stage.run(&["test", "policy.yaml"]).0, 78);
}

#[test]
fn explain_wants_one_kind_of_question() {
    let stage = Stage::set();
    assert_eq!(stage.explain(&["--role", "fn-a"]).0, 64);
    assert_eq!(
        stage.explain(&["--role", "fn-a", "--sql", "SELECT 1"]).0,
        64
    );
    assert_eq!(
        stage
            .explain(&[
                "--role",
                "fn-a",
                "--to",
                "a.example:443",
                "--database",
                "shop",
                "--sql",
                "SELECT 1"
            ])
            .0,
        64
    );
}

const CASES: &str = "\
cases:
  - name: api
    role: fn-a
    to: api.example.com:443
    addresses: [93.184.216.34]
    tls: api.example.com
    expect: allow
    rule: roles.fn-a.egress.allow[0]
  - name: blocked
    role: fn-a
    to: blocked.example:443
    expect: deny
    reason: denied_by_rule
  - name: no address
    role: fn-a
    to: 127.1:443
    expect: deny
    reason: authority_malformed
  - name: plain http
    role: fn-a
    to: plain.example:80
    protocol: http
    expect: allow
  - name: weak proof
    role: fn-a
    to: strong.example:443
    assurance: token
    expect: deny
    reason: assurance_too_low
  - name: orders
    role: analyst
    database: shop
    sql: SELECT id FROM public.orders
    expect: allow
  - name: secrets
    role: analyst
    database: shop
    sql: SELECT id FROM public.orders; SELECT 1 FROM public.secrets
    expect: deny
    reason: relation_not_allowed
    detail: select on public.secrets
";

#[test]
fn the_cases_beside_a_policy_are_run() {
    let stage = Stage::set();
    stage.write("policy.test.yaml", CASES);
    for path in ["policy.yaml", "policy.test.yaml", "."] {
        let (status, out, err) = stage.run(&["test", path]);
        assert_eq!(status, 0, "{out}{err}");
        assert!(out.ends_with("7 cases, 0 failed\n"), "{out}");
    }
}

#[test]
fn a_case_that_fails_says_what_was_decided_instead() {
    let stage = Stage::set();
    stage.write(
        "wrong.test.yaml",
        "policy: policy.yaml\ncases:\n  - { name: 'a <b> & c', role: fn-a, to: 'evil.test:443', expect: allow, rule: 'roles.fn-a.egress.allow[0]' }\n  - { name: d, role: fn-a, to: 'api.example.com:443', expect: allow }\n",
    );
    let (status, out, _) = stage.run(&["test", "--quiet", "--junit", "out.xml", "wrong.test.yaml"]);
    assert_eq!(status, 1);
    assert!(
        out.contains("FAIL wrong.test.yaml: a <b> & c")
            && out.contains("expected allow, got deny")
            && out.contains("host_not_allowed"),
        "{out}"
    );
    assert!(
        out.ends_with("2 cases, 1 failed\n") && !out.contains("ok "),
        "{out}"
    );
    let xml = std::fs::read_to_string(stage.0.path().join("out.xml")).unwrap();
    assert!(
        xml.contains("<testsuites tests=\"2\" failures=\"1\">"),
        "{xml}"
    );
    assert!(
        xml.contains("name=\"a &lt;b&gt; &amp; c\"")
            && xml.contains("<failure message=\"expected allow, got deny\">"),
        "{xml}"
    );
}

#[test]
fn a_case_file_is_read_strictly() {
    let stage = Stage::set();
    stage.write(
        "policy.test.yaml",
        "cases:\n  - { name: a, role: fn-a, too: 'a.example:443', expect: allow }\n",
    );
    let (status, _, err) = stage.run(&["test", "policy.yaml"]);
    assert_eq!(status, 78);
    assert!(
        err.contains("unknown key `too`") && err.contains("did you mean `to`?"),
        "{err}"
    );
    stage.write(
        "policy.test.yaml",
        "cases:\n  - { name: a, role: fn-a, to: 'a.example:443' }\n",
    );
    let (status, _, err) = stage.run(&["test", "policy.yaml"]);
    assert_eq!(status, 78);
    assert!(
        err.contains("`expect` is missing")
            && err.contains("policy.test.yaml:2:5")
            && err.contains("help: add the key `expect` here"),
        "{err}"
    );
    stage.write(
        "policy.test.yaml",
        "cases:\n  - { name: a, role: fn-a, to: 'a.example:443', sql: SELECT 1, expect: allow }\n",
    );
    let (status, out, _) = stage.run(&["test", "policy.yaml"]);
    assert_eq!(
        (status, out.contains("`to`, or `database` and `sql`")),
        (1, true),
        "{out}"
    );
    std::fs::remove_file(stage.0.path().join("policy.test.yaml")).unwrap();
    assert_eq!(stage.run(&["test", "policy.yaml"]).0, 66);
}

#[test]
fn the_schema_is_the_published_one() {
    let (status, out, _) = Stage::set().run(&["schema"]);
    assert_eq!(
        (status, out.as_str()),
        (0, include_str!("../../config/policy.schema.json"))
    );
}
