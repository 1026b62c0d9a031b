//! A tree's facts as lines of plain words, by name.

use std::collections::{BTreeSet, HashMap};

use exeat_sql::{AttributeSet, QueryTree, RelationUse, SequenceUse};

use crate::names::Names;

/// What a tree says: the command, relations, functions, the rest.
pub fn told(tree: &QueryTree, names: &Names) -> Vec<String> {
    let mut told = vec![format!("is {:?}", tree.command).to_lowercase()];
    told.extend(tree.relations.iter().map(|use_| relation(use_, names)));
    let behind = tree.behind.iter().map(|use_| relation(use_, names));
    told.extend(behind.map(|line| format!("behind {line}")));
    for (word, oids, by) in [
        ("calls", &tree.called, &names.functions),
        ("casts", &tree.casts, &names.functions),
        ("defaults", &tree.defaults, &names.functions),
        ("behind calls", &tree.behind_functions, &names.functions),
        ("operators", &tree.operators, &names.operators),
        ("behind operators", &tree.behind_operators, &names.operators),
        ("types", &tree.types, &names.types),
        ("domains", &tree.domains, &names.types),
        ("looks up", &tree.lookups, &names.types),
    ] {
        told.extend(list(word, oids, by));
    }
    told.extend(tree.sequences.iter().map(|use_| sequence(use_, names)));
    told
}

fn list(word: &str, oids: &BTreeSet<u32>, names: &HashMap<u32, String>) -> Option<String> {
    let mut named: Vec<&str> = oids.iter().map(|oid| names[oid].as_str()).collect();
    named.sort_unstable();
    (!named.is_empty()).then(|| format!("{word} {}", named.join("; ")))
}

/// `select orders(id, total)`; a relation that is no table says what it is.
fn relation(use_: &RelationUse, names: &Names) -> String {
    let kind = match use_.kind {
        b'r' => "",
        b'p' => "partitioned ",
        b'v' => "view ",
        b'm' => "materialized view ",
        other => panic!("relkind {other}"),
    };
    let columns = match &use_.columns {
        AttributeSet::All => "(*)".to_owned(),
        AttributeSet::Named(columns) if columns.is_empty() => String::new(),
        AttributeSet::Named(columns) => {
            let columns = columns
                .iter()
                .map(|column| names.columns[&(use_.relation, *column)].as_str());
            format!("({})", columns.collect::<Vec<_>>().join(", "))
        }
    };
    let access = format!("{:?}", use_.access).to_lowercase();
    format!(
        "{access} {kind}{}{columns}",
        names.relations[&use_.relation]
    )
}

fn sequence(use_: &SequenceUse, names: &Names) -> String {
    let call = format!("{:?}", use_.call).to_lowercase();
    let named = use_.sequence.map_or("?", |oid| &names.relations[&oid]);
    format!("{call} {named}")
}
