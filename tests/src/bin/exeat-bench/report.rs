//! Medians over the rounds, ratios to a peer, and the table that shows them.

use std::fmt::Write as _;

use crate::Plan;

/// One measurement of one peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Operations per second.
    pub(crate) rate: f64,
    /// Latency, microseconds: median and 99th percentile.
    pub(crate) p50: f64,
    /// See `p50`.
    pub(crate) p99: f64,
    /// CPU time of the proxy's process per operation, microseconds; `None` where there is no proxy.
    pub(crate) cpu: Option<f64>,
}

/// A peer with its samples.
pub(crate) struct Row {
    /// Its name and what it did.
    pub(crate) name: String,
    /// One per round.
    pub(crate) samples: Vec<Sample>,
}

/// What the figures are of.
pub(crate) fn heading(plan: &Plan) -> String {
    format!(
        "{} rounds in turns, {} s each, {} connections, {} cores shared by load, proxy and server; medians.\n",
        plan.rounds,
        plan.seconds,
        plan.connections,
        std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
    )
}

/// A table of `rows`; ratios are to the row named `peer`.
pub(crate) fn table(title: &str, rows: &[Row], peer: &str) -> String {
    let mut text = format!(
        "\n### {title}\n\n| | per second | to {peer} | p50 µs | p99 µs | proxy CPU µs per operation | to {peer} |\n|---|---:|---:|---:|---:|---:|---:|\n"
    );
    let base = rows.iter().find(|row| row.name == peer);
    for row in rows {
        let rate = median(row, |sample| Some(sample.rate));
        let cpu = median(row, |sample| sample.cpu);
        let base_rate = base.and_then(|row| median(row, |sample| Some(sample.rate)));
        let base_cpu = base.and_then(|row| median(row, |sample| sample.cpu));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.name,
            show(rate, 0),
            ratio(rate, base_rate),
            show(median(row, |sample| Some(sample.p50)), 0),
            show(median(row, |sample| Some(sample.p99)), 0),
            show(cpu, 1),
            ratio(cpu, base_cpu),
        );
    }
    text
}

fn median(row: &Row, field: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<f64> = row.samples.iter().filter_map(field).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

fn show(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

fn ratio(value: Option<f64>, base: Option<f64>) -> String {
    match (value, base) {
        (Some(value), Some(base)) if base > 0.0 => format!("{:.2} ×", value / base),
        _ => "-".to_owned(),
    }
}

/// The value below which this share of the sorted values lies.
pub(crate) fn percentile(sorted: &[u32], share: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let at = (sorted.len() as f64 * share) as usize;
    f64::from(sorted[at.min(sorted.len() - 1)])
}
