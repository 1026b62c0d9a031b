//! The CPU time of a process and its children, as the kernel counts it (proc(5), `/proc/PID/stat`).

use std::fs;

/// Clock ticks per second of `/proc/PID/stat`; 100 on every Linux (`USER_HZ`).
const TICKS: f64 = 100.0;

/// Seconds of CPU that the process and all its live descendants have used so far.
pub(crate) fn seconds(pid: u32) -> f64 {
    let mut total = 0.0;
    let mut open = vec![pid];
    let parents = parents();
    while let Some(pid) = open.pop() {
        total += own(pid).unwrap_or(0.0);
        open.extend(
            parents
                .iter()
                .filter(|(_, parent)| *parent == pid)
                .map(|(child, _)| *child),
        );
    }
    total
}

/// `utime` and `stime`, all threads of the process.
fn own(pid: u32) -> Option<f64> {
    let fields = stat(pid)?;
    let ticks: f64 = [11, 12]
        .iter()
        .map(|at| fields[*at].parse::<f64>().unwrap_or(0.0))
        .sum();
    Some(ticks / TICKS)
}

/// Every process with its parent.
fn parents() -> Vec<(u32, u32)> {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?[1].parse().ok()?)))
        .collect()
}

/// The fields after the command's name, which may hold spaces: `state`, `ppid`, …
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = text.rsplit_once(") ")?.1;
    let fields: Vec<String> = rest.split_whitespace().map(str::to_owned).collect();
    (fields.len() > 13).then_some(fields)
}
