use super::{Name, Origin};

fn name(schema: Option<&str>) -> Name {
    Name {
        schema: schema.map(Into::into),
        name: "abs".into(),
    }
}

#[test]
fn a_name_says_whose_it_is_by_its_schema_alone() {
    for (schema, origin) in [
        (Some("pg_catalog"), Origin::PostgreSql),
        (Some("information_schema"), Origin::Standard),
        (Some("public"), Origin::Other),
        (Some("pg_temp"), Origin::Other),
        (Some("pg_toast"), Origin::Other),
        (Some("PG_CATALOG"), Origin::Other),
        (None, Origin::Unresolved),
    ] {
        assert_eq!(name(schema).origin(), origin, "{schema:?}");
    }
}
