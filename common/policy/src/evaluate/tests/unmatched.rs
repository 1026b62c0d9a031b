//! Which part of the policy a denial without a rule names.

use super::*;

fn named(policy: &PolicySet, request: &Request) -> (Reason, Option<String>) {
    let decision = evaluate(policy, request);
    let place = decision.no_rule_in(request);
    assert!(
        place
            .as_ref()
            .is_none_or(|it| policy.location(it).is_some()),
        "{place:?} stands nowhere"
    );
    (decision.reason, place)
}

#[test]
fn what_has_no_rule_is_named() {
    let shop = policy(ANALYST);
    for (request, reason, place) in [
        (
            statement_request(select("public.secrets", None)),
            Reason::RelationNotAllowed,
            SHOP,
        ),
        (
            statement_request(select("public.orders", None)),
            Reason::ColumnNotAllowed,
            SHOP,
        ),
        (
            session(principal("analyst", Method::Token), "other"),
            Reason::DatabaseNotAllowed,
            "roles.analyst",
        ),
    ] {
        assert_eq!(named(&shop, &request), (reason, Some(place.to_owned())));
    }
    let report = grants("mode: report\nallow: []");
    let request = statement_request(select("public.t", None));
    assert_eq!(named(&report, &request).1.as_deref(), Some(SHOP));
    let request = Request::Connection(to("other.example.com:443"));
    assert_eq!(
        named(&policy(FIXTURE), &request),
        (Reason::HostNotAllowed, Some("roles.fn-a".to_owned()))
    );
}

#[test]
fn where_something_else_decides_nothing_is() {
    let shop = grants(
        "allow:\n  - select: public.t\ndeny:\n  - select: public.u\nmask: { public.t.email: email }",
    );
    for (facts, reason) in [
        (select("public.t", Some(&["id"])), Reason::Allowed),
        (select("public.t", Some(&["email"])), Reason::ColumnMasked),
        (select("public.u", None), Reason::DeniedByRule),
        (set("role", Some("postgres")), Reason::SettingNotAllowed),
    ] {
        assert_eq!(named(&shop, &statement_request(facts)), (reason, None));
    }
    // The rule for the host, which lacks the port, is named already.
    let request = Request::Connection(to("api.example.com:80"));
    assert_eq!(
        named(&policy(FIXTURE), &request),
        (Reason::PortNotAllowed, None)
    );
}
