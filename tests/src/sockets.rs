//! TCP connections of this machine as the kernel lists them.

use crate::wait;

/// The established ones: local port, remote port, and whether the keepalive timer runs.
fn connections() -> Vec<(u16, u16, bool)> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port = |at: usize| u16::from_str_radix(fields.get(at)?.rsplit_once(':')?.1, 16).ok();
        let established = *fields.get(3)? == "01";
        established.then_some((port(1)?, port(2)?, fields.get(5)?.starts_with("02:")))
    };
    table.lines().skip(1).filter_map(row).collect()
}

/// Waits until every connection that was accepted on this port is kept alive by who accepted it.
#[track_caller]
pub fn until_accepted_is_kept_alive(port: u16) {
    wait::until_true("what was accepted is kept alive", || {
        kept(|row| row.0 == port)
    });
}

/// Waits until every connection to this port is kept alive by who dialled it.
#[track_caller]
pub fn until_dialled_is_kept_alive(port: u16) {
    wait::until_true("what was dialled is kept alive", || {
        kept(|row| row.1 == port)
    });
}

fn kept(is_one: impl Fn(&(u16, u16, bool)) -> bool) -> bool {
    let rows = connections();
    let mut rows = rows.iter().filter(|row| is_one(row)).peekable();
    rows.peek().is_some() && rows.all(|row| row.2)
}
