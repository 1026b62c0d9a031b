use super::LOOK;
use crate::upstream::ASKED;

#[test]
fn a_look_asks_for_the_pinned_settings_in_their_order() {
    let asked: Vec<&str> = LOOK
        .split("pg_catalog.current_setting('")
        .skip(1)
        .filter_map(|rest| rest.split('\'').next())
        .filter(|name| !["track_counts", "server_version_num"].contains(name))
        .collect();
    assert_eq!(asked, ASKED);
}
