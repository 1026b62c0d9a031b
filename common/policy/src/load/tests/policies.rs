use super::*;
use crate::{Assurance, Identity};

#[test]
fn the_sample_policies_hold() {
    for text in [
        include_str!("../../../../../config/policy.yaml"),
        include_str!("../../../../../config/demo/policy.yaml"),
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
    let published = include_str!("../../../../../config/policy.schema.json");
    assert_eq!(
        published,
        schema(),
        "run `exeat policy schema > config/policy.schema.json`"
    );
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
fn a_policy_that_was_in_force_is_read_back_whatever_is_a_slip_today() {
    let text = r#"{"version":1,"roles":{"a":{
        "identities":[{"scram":"a"},{"source":"0.0.0.0/1"}],
        "egress":{"allow":[
            {"host":"*.amazonaws.com","assurance":"certificate"},
            {"host":"a.example","public_suffix":true},
            {"cidr":"8.0.0.0/5"}]},
        "databases":{"d":{"as":"x","assurance":"jwt",
            "allow":[{"select":"public.t(email)"}],
            "deny":[{"select":"public.t(ssn)"}],
            "mask":{"public.t.email":"email","public.t.ssn":"null","public.t.other":"null"}}}}}}"#;
    let set = PolicySet::from_canonical(text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(set.rules(), 5);
    let again = PolicySet::from_canonical(set.canonical()).unwrap();
    assert_eq!(again.hash(), set.hash());
    // Whoever writes it today is told.
    assert!(problems(text).len() >= 6);
}

#[test]
fn a_role_shows_what_it_is() {
    let text = include_str!("../../../../../config/policy.yaml");
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
        let mut text = include_str!("../../../../../config/policy.yaml").as_bytes().to_vec();
        if cut { text.truncate(at); } else if let Some(slot) = text.get_mut(at) { *slot = byte; }
        let text = String::from_utf8_lossy(&text).into_owned();
        if let Err(problems) = load(&[source("p", &text)]) {
            assert!(!problems.is_empty());
            problems.render(true);
        }
    }
}

/// The sketch of the design, word by word.
const SKETCH: &str = r#"
version: 1
roles:
  billing-fn:
    identities:
      - spiffe: spiffe://corp.example/ns/billing/sa/charge
      - jwt: { issuer: https://oidc.corp.example, subject: "system:serviceaccount:billing:charge" }
      - token: billing-fn
    labels: { env: prod, data: pci }
    egress:
      mode: enforce                     # or report
      allow:
        - host: api.stripe.com          # port 443 and TLS unless said otherwise
        - host: "*.queue.example"       # one or more labels, never the apex
          ports: [443, 8443]
      deny:
        - host: blocked.queue.example
      limits: { connects: 50/s, tunnels: 200, bytes: 10GiB/day }
    databases:
      shop:
        as: billing_rw
        mode: enforce
        allow:
          - select: public.orders(id, total, status)
          - insert: public.payments
          - call: [lower, coalesce, now]
        mask: { public.customers.email: email }
        limits: { sessions: 10, statements: 500/s, rows: 10000, statement_timeout: 5s }
        audit: strict
"#;

#[test]
fn the_sketch_of_the_design_holds() {
    let set = load(&[source("p", SKETCH)]).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(set.rules(), 6);
}

#[test]
fn places_in_large_files_are_found_at_once() {
    let mut text = String::from(
        "version: 1\nroles:\n  a:\n    identities: [{ token: a }]\n    egress:\n      allow:\n",
    );
    for at in 0..20_000 {
        text.push_str(&format!("        - host: h{at}.example\n"));
    }
    let set = load(&[source("p", &text)]).unwrap();
    let last = set.location("roles.a.egress.allow[19999]").unwrap();
    assert_eq!((last.line, last.column), (20_006, 11));
}

#[test]
fn of_very_many_problems_the_first_are_shown_and_the_rest_counted() {
    let mut text = String::from(
        "version: 1\nroles:\n  a:\n    identities: [{ token: a }]\n    egress:\n      allow:\n",
    );
    for at in 0..250 {
        text.push_str(&format!("        - host: H{at}.example\n"));
    }
    let problems = load(&[source("p", &text)]).unwrap_err();
    assert_eq!(problems.len(), 250);
    assert!(problems.to_string().ends_with("and 150 more"));
}
