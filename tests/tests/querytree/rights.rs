//! PostgreSQL checks what a tree says, and nothing else: a role with just these rights may run the
//! statement, and without any one of them may not.

use std::collections::BTreeSet;

use exeat_policy::Access;
use exeat_sql::{AttributeSet, QueryTree, SequenceCall};

use crate::asking::Asking;
use crate::names::Names;

/// Own objects have OIDs from here on; PostgreSQL's own may be used by everybody here.
const OWN: u32 = 16_384;

/// `insufficient_privilege`.
const REFUSED: &str = "42501";

/// What is in no tree: the functions of an operator and of a generated column.
const UNTOLD: &str = "GRANT EXECUTE ON FUNCTION same(pair, pair), add_up(int, int) TO asker";

/// Takes each right away in turn; how many there were, or what PostgreSQL checks otherwise than the tree
/// says. `None` where the statement can't be run alone, whatever the rights (parameters, a cursor, values
/// that are none), or says only when it runs which sequence it means.
pub fn try_without_each(
    asking: &mut Asking,
    names: &Names,
    sql: &str,
) -> Option<Result<usize, String>> {
    let tree = asking.ask(sql).ok()?;
    if tree.sequences.iter().any(|use_| use_.sequence.is_none()) {
        return None;
    }
    let rights = rights(&tree, names);
    match asking.outcome(sql, &granting(rights.iter())).as_deref() {
        None => {}
        Some(REFUSED) => return Some(Err(format!("{sql}: refused with {rights:#?}"))),
        Some(_) => return None,
    }
    for right in &rights {
        let fewer = granting(rights.iter().filter(|other| *other != right));
        let outcome = asking.outcome(sql, &fewer);
        if outcome.as_deref() != Some(REFUSED) {
            return Some(Err(format!("{sql}: {outcome:?} without {right}")));
        }
    }
    Some(Ok(rights.len()))
}

fn granting<'a>(rights: impl Iterator<Item = &'a String>) -> String {
    let grants = rights.map(|right| format!("GRANT {right} TO asker"));
    let grants: Vec<String> = grants.chain([UNTOLD.to_owned()]).collect();
    grants.join("; ")
}

/// What the tree says, as what is granted for it.
fn rights(tree: &QueryTree, names: &Names) -> BTreeSet<String> {
    let mut rights = BTreeSet::new();
    for use_ in &tree.relations {
        let relation = &names.relations[&use_.relation];
        if use_.relation < OWN {
            continue;
        }
        let verb = match use_.access {
            Access::Select => "SELECT",
            Access::Insert => "INSERT",
            Access::Update | Access::Lock => "UPDATE",
            Access::Delete => "DELETE",
            other => panic!("{other:?}"),
        };
        match &use_.columns {
            AttributeSet::Named(columns) if !columns.is_empty() => {
                rights.extend(columns.iter().map(|column| {
                    let column = &names.columns[&(use_.relation, *column)];
                    format!("{verb} (\"{}\") ON {relation}", column.replace('"', "\"\""))
                }));
            }
            // The right on any column will do, and the one on the relation is one on all of them.
            _ => drop(rights.insert(format!("{verb} ON {relation}"))),
        }
    }
    let functions = [
        &tree.called,
        &tree.casts,
        &tree.defaults,
        &tree.behind_functions,
    ];
    for function in functions.into_iter().flatten() {
        if *function >= OWN {
            rights.insert(format!("EXECUTE ON ROUTINE {}", names.functions[function]));
        }
    }
    for use_ in &tree.sequences {
        if let (Some(sequence), SequenceCall::Nextval) = (use_.sequence, use_.call) {
            rights.insert(format!("USAGE ON SEQUENCE {}", names.relations[&sequence]));
        }
    }
    rights
}
