//! What the cases are judged by: a policy, a catalog, and the verdict of the real `evaluate`.

use std::sync::{Arc, LazyLock};

use exeat_policy::{
    Caller, Decision, Effect, Identity, Method, PolicySet, Principal, Request, Source,
    StatementRequest, evaluate, load,
};
use exeat_sql::{Catalog, Context, Relation, RelationKind, read};

const POLICY: &str = r#"
version: 1
roles:
  analyst:
    identities: [{ token: analyst }]
    databases:
      shop:
        as: analyst
        allow:
          - select: public.orders(id, total)
          - call: [count, sum, min, max, avg, abs, round, coalesce, nullif, lower, upper, rank, row_number, now]
  clerk:
    identities: [{ token: clerk }]
    databases:
      shop:
        as: clerk
        allow:
          - select: public.orders
          - insert: public.orders(id, total)
          - update: public.orders(total)
          - delete: public.lines
          - select: public.lines
          - select: public.places(home)
          - call: [public.tax]
          - type: [public.mood]
          - preset: [builtins]
  driver:
    identities: [{ token: driver }]
    databases:
      shop:
        as: driver
        allow:
          - preset: [introspection]
  migrator:
    identities: [{ token: migrator }]
    databases:
      shop:
        as: migrator
        allow:
          - define: public.*
          - statement: [create extension]
"#;

static SET: LazyLock<PolicySet> = LazyLock::new(|| {
    let source = Source {
        name: "policy.yaml".to_owned(),
        text: POLICY.to_owned(),
    };
    load(&[source]).unwrap_or_else(|error| panic!("the fixture policy: {error}"))
});

/// The catalog of the cases.
pub(crate) fn catalog() -> Catalog {
    let mut catalog = Catalog::new(1);
    let tables: [(&str, &str, RelationKind, &[&str]); 9] = [
        (
            "public",
            "orders",
            RelationKind::Table,
            &["id", "total", "ssn"],
        ),
        ("public", "secrets", RelationKind::Table, &["id", "ssn"]),
        ("public", "ORDERS", RelationKind::Table, &["id", "total"]),
        (
            "public",
            "lines",
            RelationKind::Table,
            &["order_id", "sku", "amount"],
        ),
        ("evil", "orders", RelationKind::Table, &["id", "total"]),
        (
            "public",
            "orders_view",
            RelationKind::View,
            &["id", "total", "ssn"],
        ),
        (
            "public",
            "address",
            RelationKind::Composite,
            &["street", "city"],
        ),
        ("public", "places", RelationKind::Table, &["id", "home"]),
        (
            "public",
            "s",
            RelationKind::Sequence,
            &["last_value", "log_cnt", "is_called"],
        ),
    ];
    for (schema, name, kind, columns) in tables {
        let columns = columns.iter().map(|column| Arc::from(*column)).collect();
        catalog.add_relation(Relation {
            schema: schema.into(),
            name: name.into(),
            kind,
            columns,
        });
    }
    // Functions that the cases call as attributes, and enough others.
    for name in [
        "abs",
        "lower",
        "now",
        "pg_ls_dir",
        "pg_read_file",
        "pg_sleep",
        "row_to_json",
        "set_config",
        "to_json",
    ] {
        catalog.add_function("pg_catalog", name);
    }
    for (schema, name) in [
        ("public", "f"),
        ("public", "tax"),
        ("evil", "f"),
        ("evil", "city"),
    ] {
        catalog.add_function(schema, name);
    }
    for (schema, name) in [
        ("public", "mood"),
        ("public", "loud"),
        ("public", "address"),
        ("evil", "street"),
    ] {
        catalog.add_type(schema, name);
    }
    catalog
}

/// The first decision that is not an allow, else the last one.
pub(crate) fn judge(role: &str, sql: &str, catalog: Option<&Catalog>) -> Decision {
    let context = Context {
        catalog,
        ..Context::default()
    };
    let mut last = None;
    for statement in read(sql, &context) {
        let token: Arc<str> = Arc::from(role);
        let principal = Principal {
            role: Arc::from(role),
            identity: Identity::Token(token),
            method: Method::Token,
            expires_at: None,
        };
        let request = Request::Statement(StatementRequest {
            caller: Caller::Known(Arc::new(principal)),
            database: "shop".into(),
            subject: statement.subject,
            catalog: catalog.map_or(0, |catalog| catalog.version),
            exhausted: None,
            at: 0,
        });
        let decision = evaluate(&SET, &request);
        if decision.effect != Effect::Allow {
            return decision;
        }
        last = Some(decision);
    }
    last.unwrap_or_else(|| panic!("a message without a statement"))
}
