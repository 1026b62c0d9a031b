//! The second wall's questions get the judge's answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::{
    Access, Columns, Confirmation, Facts, Name, PolicySet, RelationAccess, Source, Verb, load,
};

fn policy(mode: &str, rules: &str) -> PolicySet {
    let text = format!(
        "version: 1\nroles:\n  r:\n    identities: [{{ token: r }}]\n    databases:\n      shop:\n        as: r\n        mode: {mode}\n        allow:\n          - select: public.orders(id)\n          - select: staging.*\n          - call: [lower]\n{rules}"
    );
    load(&[Source {
        name: "p".to_owned(),
        text,
    }])
    .unwrap()
}

fn reading(schema: &str, name: &str, columns: Option<&[&str]>) -> Facts {
    Facts {
        relations: vec![RelationAccess {
            relation: Name {
                schema: Some(schema.into()),
                name: name.into(),
            },
            access: Access::Select,
            columns: columns.map_or(Columns::All, |columns| {
                Columns::Named(
                    columns
                        .iter()
                        .map(|column| Arc::from(*column))
                        .collect::<BTreeSet<_>>(),
                )
            }),
        }],
        ..calling(&[])
    }
}

fn calling(functions: &[&str]) -> Facts {
    let name = |name: &&str| Name {
        schema: Some("pg_catalog".into()),
        name: (*name).into(),
    };
    Facts {
        verb: Verb::Select,
        label: "select".into(),
        relations: Vec::new(),
        functions: functions.iter().map(name).collect(),
        operators: Vec::new(),
        types: Vec::new(),
        settings: Vec::new(),
        confirmation: Confirmation::Analysed,
        behind: Vec::new(),
        behind_functions: Vec::new(),
        sequences: Vec::new(),
    }
}

#[test]
fn lets_what_the_rules_allow_and_nothing_else() {
    let policy = policy(
        "enforce",
        "        deny:\n          - select: staging.secret\n        mask: { staging.people.email: email }\n",
    );
    let grant = policy.role("r").unwrap().database("shop").unwrap();
    assert!(grant.enforces());
    for (facts, lets) in [
        (reading("public", "orders", Some(&["id"])), true),
        (reading("public", "orders", Some(&["total"])), false),
        (reading("public", "orders", None), false),
        (reading("staging", "anything", None), true),
        (reading("staging", "secret", Some(&[])), false),
        (reading("staging", "people", Some(&["name"])), true),
        (reading("staging", "people", Some(&["email"])), false),
        (reading("staging", "people", None), false),
        (calling(&["lower"]), true),
        (calling(&["upper"]), false),
    ] {
        assert_eq!(grant.lets(facts.clone()), lets, "{facts:?}");
    }
}

#[test]
fn a_role_that_is_only_reported_is_not_enforced() {
    let policy = policy("report", "");
    assert!(
        !policy
            .role("r")
            .unwrap()
            .database("shop")
            .unwrap()
            .enforces()
    );
}
