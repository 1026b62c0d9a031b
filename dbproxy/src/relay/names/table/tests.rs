use super::*;

fn define(table: &mut Table<u32>, name: &[u8], value: u32, batch: u64) -> Before<u32> {
    table.define(name, value, batch).unwrap().unwrap()
}

#[test]
fn a_definition_counts_within_its_own_batch_before_it_is_confirmed() {
    let mut table = Table::default();
    define(&mut table, b"s", 1, 0);
    assert_eq!(table.look_up(b"s", 0), Known::Is(&1));
    assert_eq!(table.look_up(b"s", 1), Known::Unsettled);
}

#[test]
fn a_confirmed_definition_counts_in_every_batch() {
    let mut table = Table::default();
    let before = define(&mut table, b"s", 1, 0);
    table.confirm(&before);
    assert_eq!(table.look_up(b"s", 7), Known::Is(&1));
}

#[test]
fn a_taken_name_means_what_the_server_makes_of_it() {
    let mut table = Table::default();
    let before = define(&mut table, b"s", 1, 0);
    table.confirm(&before);
    let refused = define(&mut table, b"s", 2, 1);
    assert_eq!(table.look_up(b"s", 2), Known::Unsettled);
    table.restore(refused);
    assert_eq!(table.look_up(b"s", 2), Known::Is(&1));
    let accepted = define(&mut table, b"s", 3, 2);
    table.confirm(&accepted);
    assert_eq!(table.look_up(b"s", 3), Known::Is(&3));
}

#[test]
fn what_has_no_name_is_replaced_and_comes_back_when_the_server_skips() {
    let mut table = Table::default();
    let before = define(&mut table, b"", 1, 0);
    table.confirm(&before);
    let before = define(&mut table, b"", 2, 1);
    assert_eq!(table.look_up(b"", 1), Known::Is(&2));
    table.restore(before);
    assert_eq!(table.look_up(b"", 2), Known::Is(&1));
}

#[test]
fn a_forgotten_name_is_unsettled_until_the_server_says_so() {
    let mut table = Table::default();
    let before = define(&mut table, b"s", 1, 0);
    table.confirm(&before);
    let before = table.forget(b"s", 1).unwrap().unwrap();
    assert_eq!(table.look_up(b"s", 1), Known::Nothing);
    assert_eq!(table.look_up(b"s", 2), Known::Unsettled);
    assert!(table.define(b"s", 3, 2).is_err());
    table.confirm(&before);
    assert_eq!(table.look_up(b"s", 2), Known::Nothing);
    assert_eq!(table.len(), 0);
}

#[test]
fn definitions_of_a_skipped_batch_are_taken_back_newest_first() {
    let mut table = Table::default();
    let first = define(&mut table, b"", 1, 0);
    let second = define(&mut table, b"", 2, 0);
    table.restore(second);
    table.restore(first);
    assert_eq!(table.look_up(b"", 0), Known::Nothing);
}

#[test]
fn compares_as_many_bytes_of_a_name_as_the_server() {
    let mut table = Table::default();
    let long = [b'a'; 80];
    define(&mut table, &long, 1, 0);
    assert_eq!(table.look_up(&long[..63], 0), Known::Is(&1));
    assert_eq!(table.look_up(&long[..62], 0), Known::Nothing);
}

#[test]
fn all_names_come_back_when_forgetting_them_failed() {
    let mut table = Table::default();
    let before = define(&mut table, b"s", 1, 0);
    table.confirm(&before);
    let before = table.forget_all();
    assert_eq!(table.look_up(b"s", 1), Known::Nothing);
    table.restore(before);
    assert_eq!(table.look_up(b"s", 1), Known::Is(&1));
}
