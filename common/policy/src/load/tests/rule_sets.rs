//! Rule sets: lists of database rules that several roles use.

use std::sync::Arc;

use super::*;
use crate::{Access, Columns, Effect, Facts, Name, RelationAccess, Verb};

const SETS: &str = "version: 1
rule_sets:
  readers:
    allow:
      - select: public.orders
      - preset: [builtins]
    deny:
      - select: public.orders(card)
    mask: { public.customers.email: email }
roles:
  a:
    identities: [{ token: a }]
    databases:
      shop:
        as: x
        use: [readers]
        allow:
          - select: public.customers
          - select: public.orders
";

fn policy(text: &str) -> PolicySet {
    load(&[source("p.yaml", text)]).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The effect and the path of the rule for reading a column as role `a`.
fn reads(policy: &PolicySet, relation: &str, column: &str) -> (Effect, Option<String>) {
    let facts = Facts {
        verb: Verb::Select,
        label: "select".into(),
        relations: vec![RelationAccess {
            relation: Name {
                schema: Some("public".into()),
                name: relation.into(),
            },
            access: Access::Select,
            columns: Columns::Named([column.into()].into()),
        }],
        functions: Vec::new(),
        operators: Vec::new(),
        types: Vec::new(),
        settings: Vec::new(),
        confirmation: crate::Confirmation::Confirmed,
        behind: Vec::new(),
        behind_functions: Vec::new(),
        sequences: Vec::new(),
    };
    let principal = crate::Principal {
        role: "a".into(),
        identity: crate::Identity::Token("a".into()),
        method: crate::Method::Token,
        expires_at: None,
    };
    let request = crate::Request::Statement(crate::StatementRequest {
        at: 0,
        caller: crate::Caller::Known(Arc::new(principal)),
        catalog: 0,
        database: "shop".into(),
        exhausted: None,
        subject: crate::Subject::Readable(Arc::new(facts)),
    });
    let decision = crate::evaluate(policy, &request);
    (
        decision.effect,
        decision.rule.map(|rule| rule.path.to_string()),
    )
}

#[test]
fn a_database_has_the_rules_of_the_sets_that_it_uses() {
    let policy = policy(SETS);
    let own = |at: usize| Some(format!("roles.a.databases.shop.allow[{at}]"));
    // Where both say it, the database's own rule is named.
    assert_eq!(reads(&policy, "orders", "id"), (Effect::Allow, own(1)));
    assert_eq!(reads(&policy, "customers", "id"), (Effect::Allow, own(0)));
    assert_eq!(
        reads(&policy, "orders", "card"),
        (Effect::Deny, Some("rule_sets.readers.deny[0]".into()))
    );
    assert_eq!(reads(&policy, "customers", "email").0, Effect::Deny);
    assert_eq!(reads(&policy, "other", "id").0, Effect::Deny);
    let at = |path: &str| policy.location(path).map(ToString::to_string);
    assert_eq!(at("rule_sets.readers").as_deref(), Some("p.yaml:3:3"));
    assert_eq!(
        at("rule_sets.readers.deny[0]").as_deref(),
        Some("p.yaml:8:9")
    );
    assert_eq!(policy.rules(), 5);
}

#[test]
fn a_rule_of_a_set_is_named_by_its_set() {
    let text = SETS.replace("          - select: public.orders\n", "");
    assert_eq!(
        reads(&policy(&text), "orders", "id"),
        (Effect::Allow, Some("rule_sets.readers.allow[0]".into()))
    );
}

#[test]
fn the_canonical_form_keeps_sets_and_does_not_know_where_they_stand() {
    let set = policy(SETS);
    let again = PolicySet::from_canonical(set.canonical()).unwrap_or_else(|it| panic!("{it}"));
    assert_eq!(again.hash(), set.hash());
    assert_eq!(
        reads(&again, "orders", "card"),
        reads(&set, "orders", "card")
    );
    let (head, tail) = SETS.split_at(SETS.find("roles:").unwrap());
    let sets = head.strip_prefix("version: 1\n").unwrap();
    let turned = format!("version: 1\n{tail}{sets}");
    assert_eq!(policy(&turned).hash(), set.hash());
    let split = load(&[
        source("roles.yaml", &format!("version: 1\n{tail}")),
        source("sets.yaml", &format!("{head}roles: {{}}\n")),
    ])
    .unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(split.hash(), set.hash());
    // A policy without sets has the hash that it always had.
    assert!(
        !policy(&egress("host: a.example"))
            .canonical()
            .contains("rule_sets")
    );
}

#[test]
fn what_one_role_denies_is_no_mistake_of_a_set() {
    let text = SETS.replace(
        "        allow:\n          - select: public.customers\n          - select: public.orders\n",
        "        deny:\n          - select: public.*\n",
    );
    assert_eq!(
        reads(&policy(&text), "orders", "id"),
        (Effect::Deny, Some("roles.a.databases.shop.deny[0]".into()))
    );
}

#[test]
fn sets_that_can_never_be_or_never_match_are_errors() {
    let roles = |uses: &str| {
        format!(
            "roles:\n  a:\n    identities: [{{ token: a }}]\n    databases: {{ d: {{ as: x, use: {uses} }} }}\n"
        )
    };
    let with =
        |set: &str, uses: &str| format!("version: 1\nrule_sets:\n  s: {set}\n{}", roles(uses));
    for (text, line, message, hint) in [
        (
            with("{ allow: [{ select: public.t }] }", "[t]"),
            7,
            "there is no rule set `t`",
            "did you mean `s`?",
        ),
        (
            with("{ allow: [{ select: public.t }] }", "[s, s]"),
            7,
            "a second time",
            "keep one",
        ),
        (
            with("{ allow: [{ select: public.t }] }", "[]"),
            7,
            "an empty list",
            "name a rule set",
        ),
        (
            with("{ allow: [{ call: [set_config] }] }", "[s]"),
            3,
            "can never match",
            "",
        ),
        (
            with(
                "{ allow: [{ select: public.t }], deny: [{ select: public.* }] }",
                "[s]",
            ),
            3,
            "can never match",
            "rule_sets.s.deny[0]",
        ),
        (with("{}", "[s]"), 3, "has no rules", "take it out"),
        (
            with("{ use: [s], allow: [{ select: public.t }] }", "[s]"),
            3,
            "unknown key `use`",
            "",
        ),
        (
            with("{ mask: { t.email: email } }", "[s]"),
            3,
            "is no column",
            "",
        ),
    ] {
        let all = problems(&text);
        assert!(
            all.iter().any(|(at, _, said, hinted)| *at == line
                && said.contains(message)
                && hinted.contains(hint)),
            "{text}: {all:?}"
        );
    }
    let near = SETS.replace("use: [readers]", "use: [reders]");
    assert!(
        problems(&near)
            .iter()
            .any(|(.., hint)| hint.contains("did you mean `readers`?"))
    );
    let twice = load(&[
        source("p", SETS),
        source(
            "q",
            &SETS.replace("  a:", "  b:").replace("token: a", "token: b"),
        ),
    ]);
    assert!(
        twice
            .unwrap_err()
            .to_string()
            .contains("rule set `readers` stands here a second time")
    );
}

#[test]
fn a_set_that_nobody_uses_is_checked_and_told() {
    let unused = SETS.replace("        use: [readers]\n", "");
    let all = problems(&unused);
    assert!(
        matches!(all.as_slice(), [(3, 3, said, _)] if said.contains("no database uses the rule set `readers`")),
        "{all:?}"
    );
    let wrong = unused.replace(
        "select: public.orders\n      - preset",
        "select: orders\n      - preset",
    );
    assert!(
        problems(&wrong)
            .iter()
            .any(|(line, _, said, _)| *line == 5 && said.contains("says no schema"))
    );
    // A policy that was in force is read back all the same.
    let canonical = policy(SETS)
        .canonical()
        .replace("\"use\":[\"readers\"],", "");
    assert!(PolicySet::from_canonical(&canonical).is_ok());
}
