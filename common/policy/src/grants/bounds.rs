//! The values of parameters that have a bound, as PostgreSQL reads them.
//!
//! What is not plainly a number (`0x10`, `1.5s`, a bound parameter) has no value here: it must never count
//! as small.

/// An amount of memory in kB; PostgreSQL takes a number without a unit for kB.
pub(crate) fn kilobytes(value: &str) -> Option<u64> {
    let (number, unit) = number(value)?;
    let factor: u64 = match unit {
        "" | "kB" => 1,
        "MB" => 1 << 10,
        "GB" => 1 << 20,
        "TB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// A time in milliseconds; PostgreSQL takes a number without a unit for milliseconds.
pub(crate) fn milliseconds(value: &str) -> Option<u64> {
    let (number, unit) = number(value)?;
    let factor: u64 = match unit {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        // Microseconds are rounded, down to 0 as well.
        _ => return None,
    };
    number.checked_mul(factor)
}

/// A decimal number and what stands after it. A leading zero makes octal numbers.
fn number(value: &str) -> Option<(u64, &str)> {
    let value = value.trim();
    let end = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (digits, unit) = value.split_at_checked(end)?;
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some((digits.parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_postgresql_reads_them() {
        for (value, kb, ms) in [
            ("0", Some(0), Some(0)),
            ("64", Some(64), Some(64)),
            (" 64 ", Some(64), Some(64)),
            ("64kB", Some(64), None),
            ("64 MB", Some(65_536), None),
            ("1GB", Some(1 << 20), None),
            ("2TB", Some(2 << 30), None),
            ("5s", None, Some(5_000)),
            ("2 min", None, Some(120_000)),
            ("1h", None, Some(3_600_000)),
            ("1d", None, Some(86_400_000)),
            ("250ms", None, Some(250)),
            ("1us", None, None),
            ("64mb", None, None),
            ("0x10", None, None),
            ("010", None, None),
            ("1.5s", None, None),
            ("-1", None, None),
            ("+1", None, None),
            ("1e3", None, None),
            ("$1", None, None),
            ("", None, None),
            ("s", None, None),
            ("99999999999999999999", None, None),
            ("18446744073709551615TB", None, None),
            ("18446744073709551615d", None, None),
        ] {
            assert_eq!((kilobytes(value), milliseconds(value)), (kb, ms), "{value}");
        }
    }
}
