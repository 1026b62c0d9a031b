use std::time::Duration;

use super::parse;

#[test]
fn reads_what_people_write() {
    for (text, seconds) in [
        ("90s", 90),
        ("30m", 1800),
        ("1h", 3600),
        ("7d", 604_800),
        ("1h 30m", 5400),
    ] {
        assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
}

#[test]
fn refuses_nothing_negative_and_lengths_that_vary() {
    for text in ["", "0s", "-1h", "5", "1mo", "1y", "soon", "100ms"] {
        assert!(parse(text).is_err(), "{text}");
    }
}
