//! From what to what each event leads.

use super::{Asks, Trust};
use crate::guard::Code;
use crate::relay::names::Id;

const PORTAL: Option<Id> = Some(Id::NOTHING);

/// Something that happens to a session.
type Event = fn(&mut Trust);

/// After these events.
fn after(events: &[Event]) -> Trust {
    let mut trust = Trust::new(false);
    events.iter().for_each(|event| event(&mut trust));
    trust
}

fn bound(trust: &mut Trust) {
    trust.code_bound(Code::Run, PORTAL);
}

fn bound_early(trust: &mut Trust) {
    trust.code_bound(Code::Early, PORTAL);
}

fn over(trust: &mut Trust) {
    trust.transaction_over();
}

fn part_ended(trust: &mut Trust) {
    trust.part_ended();
}

fn looked(trust: &mut Trust) {
    trust.looked(false, false);
}

fn found(trust: &mut Trust) {
    trust.looked(true, true);
}

fn seen(trust: &mut Trust) {
    trust.seen(false);
}

#[test]
fn what_happened_says_what_has_to_be_asked() {
    let defined: Event = Trust::defines;
    let ran: Event = Trust::code_ran;
    // Events; what is asked before a text, and before the portal that was bound.
    let cases: &[(&[Event], Asks, Asks)] = &[
        (&[], Asks::Nothing, Asks::Nothing),
        (&[defined], Asks::Definitions, Asks::Definitions),
        (&[defined, seen], Asks::Nothing, Asks::Nothing),
        (
            &[defined, seen, part_ended],
            Asks::Definitions,
            Asks::Definitions,
        ),
        (&[defined, seen, over], Asks::Definitions, Asks::Definitions),
        (
            &[defined, seen, over, seen, over],
            Asks::Nothing,
            Asks::Nothing,
        ),
        (&[ran], Asks::Look, Asks::Look),
        (&[ran, looked], Asks::Nothing, Asks::Nothing),
        (&[ran, found], Asks::Definitions, Asks::Definitions),
        (&[ran, found, seen, over], Asks::Look, Asks::Look),
        // Its end has run what was put off.
        (&[ran, looked, over], Asks::Look, Asks::Look),
        (
            &[ran, looked, over, looked, over],
            Asks::Nothing,
            Asks::Nothing,
        ),
        (&[defined, ran], Asks::Look, Asks::Look),
        (
            &[defined, ran, looked],
            Asks::Definitions,
            Asks::Definitions,
        ),
        (&[ran, defined, looked, seen], Asks::Nothing, Asks::Nothing),
        // Its own Bind changes nothing for a portal, unless its names were settled behind it.
        (&[bound], Asks::Look, Asks::Nothing),
        (&[defined, bound], Asks::Look, Asks::Definitions),
        (&[bound, seen], Asks::Look, Asks::Nothing),
        (&[bound, over], Asks::Look, Asks::Look),
        (&[bound_early], Asks::Look, Asks::Look),
        (&[bound, ran], Asks::Look, Asks::Look),
        (&[ran, bound], Asks::Look, Asks::Look),
    ];
    for (index, (events, text, portal)) in cases.iter().enumerate() {
        let trust = after(events);
        assert_eq!(trust.asks(None), *text, "{index} {trust:?}");
        assert_eq!(trust.asks(PORTAL), *portal, "{index} {trust:?}");
    }
}

#[test]
fn a_session_that_begins_with_code_looks_first() {
    assert_eq!(Trust::new(true).asks(None), Asks::Look);
    assert!(!Trust::new(true).may_run_code_at_its_end());
}

#[test]
fn what_a_transaction_has_done_ends_with_it() {
    let mut trust = after(&[Trust::defines, Trust::code_ran]);
    assert!(trust.may_run_code_at_its_end() && trust.may_lose_definitions());
    assert!(trust.part_ended());
    assert!(trust.transaction_over());
    assert!(!trust.may_run_code_at_its_end() && !trust.may_lose_definitions());
    assert!(!trust.part_ended() && !trust.transaction_over());
}

#[test]
fn only_an_answer_makes_it_trust_more() {
    let mut trust = after(&[Trust::code_ran]);
    for event in [bound, over, part_ended, Trust::defines, seen] {
        event(&mut trust);
        assert_eq!(trust.asks(None), Asks::Look, "{trust:?}");
    }
}
