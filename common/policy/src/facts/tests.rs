use super::{
    Access, Columns, Confirmation, Facts, Name, Origin, RelationAccess, SequenceAccess,
    SequenceUse, Setting, UnreadableKind, Verb,
};

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

/// Something in every list, by this name.
fn full(verb: Verb, word: &str) -> Facts {
    let access = |access| RelationAccess {
        relation: name(Some(word)),
        access,
        columns: Columns::All,
    };
    Facts {
        relations: vec![access(Access::Select)],
        functions: vec![name(Some(word))],
        operators: vec![name(Some(word))],
        types: vec![name(Some(word))],
        settings: vec![Setting {
            name: word.into(),
            value: None,
        }],
        confirmation: Confirmation::Analysed,
        behind: vec![access(Access::Update)],
        behind_functions: vec![name(Some(word))],
        sequences: vec![SequenceUse {
            access: SequenceAccess::Next,
            owner: None,
            sequence: Some(name(Some(word))),
        }],
        ..Facts::nothing(verb, word.into())
    }
}

#[test]
fn joined_facts_touch_what_either_touches_and_stay_what_they_are() {
    let (one, other) = (full(Verb::Execute, "b"), full(Verb::Select, "a"));
    let mut both = one.clone();
    both.join(&other);
    assert_eq!((both.verb, &*both.label), (Verb::Execute, "b"));
    assert_eq!(
        both.relations,
        [&other.relations[..], &one.relations].concat()
    );
    assert_eq!(
        both.functions,
        [&other.functions[..], &one.functions].concat()
    );
    assert_eq!(
        both.operators,
        [&other.operators[..], &one.operators].concat()
    );
    assert_eq!(both.types, [&other.types[..], &one.types].concat());
    assert_eq!(both.settings, [&other.settings[..], &one.settings].concat());
    assert_eq!(both.behind, [&other.behind[..], &one.behind].concat());
    assert_eq!(both.behind_functions.len(), 2);
    assert_eq!(
        both.sequences,
        [&other.sequences[..], &one.sequences].concat()
    );
    // What is there is not there twice.
    let before = both.clone();
    both.join(&one);
    both.join(&other);
    assert_eq!(both, before);
}

#[test]
fn records_from_before_there_were_two_kinds_of_unresolved_names_are_read() {
    for (word, kind) in [
        ("unresolved", UnreadableKind::UnresolvedRelation),
        ("unresolved_relation", UnreadableKind::UnresolvedRelation),
        ("unresolved_column", UnreadableKind::UnresolvedColumn),
    ] {
        let read: UnreadableKind = serde_json::from_str(&format!("\"{word}\"")).unwrap();
        assert_eq!(read, kind, "{word}");
    }
}
