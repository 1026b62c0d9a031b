use exeat_policy::{
    AuditMode, Basis, Decision, Effect, Obligations, PolicyHash, Reason, UnreadableKind,
};

use super::super::verdict::unreadable;
use super::*;

/// A verdict whose text is so long, under a key of its own.
fn entry(number: usize, length: usize) -> (Arc<[u8]>, Arc<Verdict>) {
    let decision = Decision {
        basis: Basis::Default,
        detail: None,
        effect: Effect::Deny,
        obligations: Obligations {
            audit: AuditMode::Written,
            tls: false,
        },
        policy: PolicyHash("0".into()),
        reason: Reason::Unreadable,
        rule: None,
    };
    let subject = unreadable(UnreadableKind::Syntax, "made up");
    let verdict = Verdict::single(1, &vec![b'x'; length], subject, Arc::new(decision));
    (number.to_string().into_bytes().into(), Arc::new(verdict))
}

#[test]
fn a_long_text_is_not_kept_with_what_its_template_serves() {
    let (key, verdict) = entry(1, LONGEST + 1);
    keep(Arc::clone(&key), &verdict);
    let known = find(1, &key).unwrap();
    assert!(known.sql.is_empty());
    let (key, verdict) = entry(2, LONGEST);
    keep(Arc::clone(&key), &verdict);
    assert_eq!(find(1, &key).unwrap().sql.len(), LONGEST);
}

#[test]
fn what_is_kept_never_weighs_more_than_the_most() {
    let mut table = Table::new();
    for number in 0..3 * PLACES {
        let (key, verdict) = entry(number, (number % 3) * (MOST / 1000));
        table.keep(key, verdict);
        assert!(table.bytes <= MOST);
    }
    let kept = table.places.iter().flatten();
    assert_eq!(kept.map(|entry| entry.bytes).sum::<usize>(), table.bytes);
    let (key, verdict) = entry(1, MOST);
    table.keep(key, verdict);
    assert!(table.bytes <= MOST, "what is too large alone is not kept");
}
