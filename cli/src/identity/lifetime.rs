//! `--ttl`: how long something is valid.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// Reads `90s`, `30m`, `1h`, `7d`, `2w`; a day has 24 hours. Months and years have no length.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no lifetime; write it as 30m, 1h or 7d");
    let span: Span = text.parse().map_err(|_error| wrong())?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_error| wrong())?;
    match Duration::try_from(duration) {
        Ok(duration) if duration >= Duration::from_secs(1) => Ok(duration),
        Ok(_) | Err(_) => Err("a lifetime is one second at least".to_owned()),
    }
}

#[cfg(test)]
mod tests;
