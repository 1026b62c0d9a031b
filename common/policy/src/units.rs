//! Amounts with a unit as the policy writes them: `50/s`, `10GiB/day`, `5s`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// Why a text is no amount.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnitError {
    /// No digits where a number is due, a zero, or a number that is too large.
    #[error("`{0}` does not start with a whole number from 1; write one, or take the key out")]
    Number(String),
    /// An unknown unit.
    #[error("`{0}` is no unit here; use {1}")]
    Unit(String, &'static str),
    /// No `/` and period.
    #[error("`{0}` says no period; write it like {1}")]
    Period(String, &'static str),
}

/// So many in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many, at least 1.
    pub count: u32,
    /// The period: a second, a minute, an hour or a day.
    pub per: Duration,
}

/// So many bytes in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// How many bytes, at least 1.
    pub bytes: u64,
    /// The period: a second, a minute, an hour or a day.
    pub per: Duration,
}

/// A duration written as `5s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Span(pub(crate) Duration);

const PERIODS: &str = "s, min, h or day";
const BYTES: &str = "B, KB, MB, GB, TB, KiB, MiB, GiB or TiB";
const TIMES: &str = "ms, s, min, h or day";
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];
const DURATIONS: [(&str, u64); 5] = [
    ("day", 86_400_000),
    ("h", 3_600_000),
    ("min", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

fn number(text: &str) -> Result<(u64, &str), UnitError> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    match digits.parse::<u64>() {
        Ok(number) if number > 0 => Ok((number, unit.trim_start())),
        _ => Err(UnitError::Number(text.to_owned())),
    }
}

fn period(text: &str) -> Result<Duration, UnitError> {
    match text {
        "s" => Ok(Duration::from_secs(1)),
        "min" => Ok(Duration::from_secs(60)),
        "h" => Ok(Duration::from_secs(3_600)),
        "day" => Ok(Duration::from_secs(86_400)),
        _ => Err(UnitError::Unit(text.to_owned(), PERIODS)),
    }
}

fn period_name(period: Duration) -> &'static str {
    match period.as_secs() {
        1 => "s",
        60 => "min",
        3_600 => "h",
        _ => "day",
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (count, per) = text
            .split_once('/')
            .ok_or_else(|| UnitError::Period(text.to_owned(), "`50/s`"))?;
        let (count, rest) = number(count)?;
        if !rest.is_empty() {
            return Err(UnitError::Number(text.to_owned()));
        }
        let count = u32::try_from(count).map_err(|_| UnitError::Number(text.to_owned()))?;
        Ok(Self {
            count,
            per: period(per)?,
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, period_name(self.per))
    }
}

impl FromStr for Quota {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (bytes, per) = text
            .split_once('/')
            .ok_or_else(|| UnitError::Period(text.to_owned(), "`10GiB/day`"))?;
        let (count, unit) = number(bytes)?;
        let (_, size) = SIZES
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| UnitError::Unit(unit.to_owned(), BYTES))?;
        let bytes = count
            .checked_mul(*size)
            .ok_or_else(|| UnitError::Number(text.to_owned()))?;
        Ok(Self {
            bytes,
            per: period(per)?,
        })
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, size) = SIZES
            .iter()
            .find(|(_, size)| self.bytes.is_multiple_of(*size))
            .unwrap_or(&("B", 1));
        write!(f, "{}{name}/{}", self.bytes / size, period_name(self.per))
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (count, unit) = number(text)?;
        let (_, millis) = DURATIONS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(|| UnitError::Unit(unit.to_owned(), TIMES))?;
        let millis = count
            .checked_mul(*millis)
            .ok_or_else(|| UnitError::Number(text.to_owned()))?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let (name, size) = DURATIONS
            .iter()
            .find(|(_, size)| millis.is_multiple_of(*size))
            .unwrap_or(&("ms", 1));
        write!(f, "{}{name}", millis / size)
    }
}

fn from_text<'de, D: Deserializer<'de>, T: FromStr<Err = UnitError>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

fn schema(description: &str, pattern: &str) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "description": description, "pattern": pattern })
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl schemars::JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schema(
            "So many in each period, like 50/s. Periods: s, min, h, day.",
            "^[1-9][0-9]*/(s|min|h|day)$",
        )
    }
}

impl Serialize for Quota {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quota {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl schemars::JsonSchema for Quota {
    fn schema_name() -> Cow<'static, str> {
        "Quota".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schema(
            "So many bytes in each period, like 10GiB/day.",
            "^[1-9][0-9]* ?([KMGT]i?)?B/(s|min|h|day)$",
        )
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl schemars::JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schema(
            "A duration like 5s. Units: ms, s, min, h, day.",
            "^[1-9][0-9]* ?(ms|s|min|h|day)$",
        )
    }
}
