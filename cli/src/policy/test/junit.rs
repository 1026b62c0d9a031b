//! Outcomes as JUnit XML, the form that CI systems read.

use std::fmt::Write;

use super::cases::Outcome;

/// The whole document.
pub(super) fn xml(outcomes: &[Outcome]) -> String {
    let failed = outcomes
        .iter()
        .filter(|outcome| outcome.failure.is_some())
        .count();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string can't fail.
    let _ = writeln!(
        text,
        "<testsuites tests=\"{0}\" failures=\"{failed}\">\n  <testsuite name=\"exeat policy\" tests=\"{0}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\">",
        outcomes.len()
    );
    for outcome in outcomes {
        let _ = write!(
            text,
            "    <testcase classname=\"{}\" name=\"{}\"",
            escape(&outcome.file),
            escape(&outcome.name)
        );
        match &outcome.failure {
            None => text.push_str("/>\n"),
            Some(failure) => {
                let first = failure.lines().next().unwrap_or_default();
                let _ = writeln!(
                    text,
                    ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                    escape(first),
                    escape(failure)
                );
            }
        }
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// XML 1.0 has no way to write most control characters, so they become a sign.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
