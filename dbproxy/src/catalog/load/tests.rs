use super::*;

#[test]
fn a_state_is_quiet_where_no_transaction_is_in_progress() {
    for (state, quiet) in [
        ("750:750:", true),
        ("750:751:750", false),
        ("750:752:750,751", false),
        ("750:751:", false),
        ("", false),
    ] {
        assert_eq!(is_quiet(state) && !state.is_empty(), quiet, "{state}");
    }
}
