//! Times as people type them: `1h` for an hour ago, a date, or RFC 3339.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::id::UnixMicros;

/// A time that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no time: write `90s`, `30m`, `1h` or `7d` for that long ago, a date like 2026-01-31 (UTC), or RFC 3339 like 2026-01-31T08:00:00Z"
)]
pub struct TimeError(String);

/// Reads a time; `now` is what "ago" counts from.
///
/// # Errors
/// Where it is none of the forms.
pub fn parse_time(text: &str, now: UnixMicros) -> Result<UnixMicros, TimeError> {
    ago(text, now)
        .or_else(|| {
            text.parse::<Timestamp>()
                .ok()
                .map(Timestamp::as_microsecond)
        })
        .or_else(|| {
            let date: Date = text.parse().ok().filter(|_| text.len() == 10)?;
            Some(
                date.to_zoned(TimeZone::UTC)
                    .ok()?
                    .timestamp()
                    .as_microsecond(),
            )
        })
        .ok_or_else(|| TimeError(text.to_owned()))
}

fn ago(text: &str, now: UnixMicros) -> Option<UnixMicros> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    let digits = text
        .strip_suffix(unit)
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let count: i64 = digits.parse().ok()?;
    now.checked_sub(count.checked_mul(seconds)?.checked_mul(1_000_000)?)
}
