use super::*;

/// A change of a name to a definition that is called by this number.
fn define(table: &mut Table<u32>, name: &[u8], value: u32, batch: u64) -> Change<u32> {
    let called = Called::AsIs;
    table.change(name, Some(Object { called, value }), batch)
}

fn value(table: &Table<u32>, name: &[u8], batch: u64) -> Known<u32> {
    table.look_up(name, batch).map(|object| object.value)
}

#[test]
fn a_definition_counts_within_its_own_batch_before_it_is_confirmed() {
    let mut table = Table::default();
    let change = define(&mut table, b"s", 1, 0);
    assert_eq!(value(&table, b"s", 0), Known::Is(1));
    assert_eq!(value(&table, b"s", 1), Known::Unsettled);
    table.done(change);
    assert_eq!(value(&table, b"s", 7), Known::Is(1));
}

#[test]
fn a_batch_that_defines_a_name_twice_and_fails_in_the_middle_leaves_the_first() {
    let mut table = Table::default();
    let first = define(&mut table, b"", 1, 0);
    let second = define(&mut table, b"", 2, 0);
    assert_eq!(value(&table, b"", 0), Known::Is(2));
    table.done(first);
    table.not_done(&second);
    assert_eq!(value(&table, b"", 1), Known::Is(1));
}

#[test]
fn what_is_skipped_changes_nothing() {
    let mut table = Table::default();
    let change = define(&mut table, b"s", 1, 0);
    table.done(change);
    let forgotten = table.change(b"s", None, 1);
    assert_eq!(value(&table, b"s", 1), Known::Nothing);
    assert_eq!(value(&table, b"s", 2), Known::Unsettled);
    table.not_done(&forgotten);
    assert_eq!(value(&table, b"s", 2), Known::Is(1));
    let forgotten = table.change(b"s", None, 2);
    table.done(forgotten);
    assert_eq!(value(&table, b"s", 2), Known::Nothing);
    assert_eq!(table.len(), 0);
}

#[test]
fn what_replaces_a_definition_gives_it_back() {
    let mut table = Table::default();
    let mut ids = Id::default();
    let mut object = |value| Object {
        called: Called::Ours(ids.next()),
        value,
    };
    let first = table.change(b"", Some(object(1)), 0);
    assert_eq!(table.done(first), None);
    let second = table.change(b"", Some(object(2)), 1);
    assert_eq!(table.done(second).map(|before| before.value), Some(1));
    assert_eq!(table.lost(b"").map(|before| before.value), Some(2));
    assert_eq!(table.len(), 0);
}

#[test]
fn compares_as_many_bytes_of_a_name_as_the_server() {
    let mut table = Table::default();
    let long = [b'a'; 80];
    define(&mut table, &long, 1, 0);
    assert_eq!(value(&table, &long[..63], 0), Known::Is(1));
    assert_eq!(value(&table, &long[..62], 0), Known::Nothing);
}

#[test]
fn what_is_pending_outlives_the_end_of_a_transaction() {
    let mut table = Table::default();
    let first = define(&mut table, b"", 1, 0);
    table.done(first);
    let second = define(&mut table, b"", 2, 1);
    table.retain(|_| false);
    assert_eq!(value(&table, b"", 1), Known::Is(2));
    table.not_done(&second);
    assert_eq!(value(&table, b"", 1), Known::Nothing);
}

/// A model that knows everything at once: the server's answers are decided when they are given.
#[test]
fn no_name_stays_unsettled_when_all_is_answered() {
    let names: [&[u8]; 3] = [b"", b"a", b"b"];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for _ in 0..2000 {
        let mut table = Table::default();
        let mut server = HashMap::new();
        let mut due = std::collections::VecDeque::new();
        for batch in 0..20 {
            for _ in 0..random(6) {
                let name = names[random(3) as usize];
                let becomes = (random(3) > 0).then(|| random(1000) as u32);
                let object = becomes.map(|value| Object {
                    called: Called::AsIs,
                    value,
                });
                due.push_back((name, becomes, table.change(name, object, batch)));
                assert_eq!(
                    value(&table, name, batch),
                    becomes.map_or(Known::Nothing, Known::Is)
                );
            }
            for _ in 0..random(8) {
                let Some((name, becomes, change)) = due.pop_front() else {
                    break;
                };
                if random(3) == 0 {
                    table.not_done(&change);
                } else {
                    server.insert(name, becomes);
                    table.done(change);
                }
            }
            if due.is_empty() {
                for name in names {
                    let known = server.get(name).copied().flatten();
                    assert_eq!(
                        value(&table, name, batch + 1),
                        known.map_or(Known::Nothing, Known::Is)
                    );
                }
            }
        }
    }
}
