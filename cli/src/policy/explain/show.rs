//! An answer for a person at a terminal.

use std::io::Write;

use exeat_policy::{Basis, Effect};

use super::answer::{Answer, Judged};

/// Prints each decision: the effect and why, the rule and its place, and what to add.
pub(super) fn show(out: &mut impl Write, answer: &Answer<'_>) -> anyhow::Result<()> {
    let several = answer.decisions().len() > 1;
    for (at, judged) in answer.decisions().iter().enumerate() {
        if several {
            writeln!(
                out,
                "{}{}: {}",
                if at == 0 { "" } else { "\n" },
                at + 1,
                answer.text_of(judged)
            )?;
        }
        one(out, judged)?;
    }
    if several && !answer.allowed() {
        writeln!(
            out,
            "\nall or nothing: none of the {} statements would run",
            answer.decisions().len()
        )?;
    }
    Ok(())
}

fn one(out: &mut impl Write, judged: &Judged) -> anyhow::Result<()> {
    let word = match (judged.effect, judged.basis) {
        (Effect::Allow, Basis::Report) => "allow (report mode; it would be denied)",
        (Effect::Allow, Basis::Observe) => "allow (observe mode; it would be denied)",
        (Effect::Allow, _) => "allow",
        (Effect::Deny, _) => "deny",
    };
    writeln!(out, "{word}")?;
    writeln!(out, "  reason  {}: {}", judged.reason, judged.message)?;
    if let Some(detail) = &judged.detail {
        writeln!(out, "  detail  {detail}")?;
    }
    if let Some(error) = &judged.error {
        write!(out, "  error   {}: {}", error.code, error.message)?;
        match error.position {
            Some(position) => writeln!(out, " (at character {position})")?,
            None => writeln!(out)?,
        }
    }
    if judged.waits {
        writeln!(
            out,
            "  waits   the service judges it when those before it have run; this is by what names mean now"
        )?;
    }
    let none = judged.no_rule_in.as_ref();
    let none = none.map(|place| format!("none of {place}"));
    if let Some(rule) = judged.rule.as_ref().or(none.as_ref()) {
        match &judged.location {
            Some(location) => writeln!(out, "  rule    {rule} ({location})")?,
            None => writeln!(out, "  rule    {rule}")?,
        }
    }
    if let Some(obligations) = &judged.obligations
        && judged.effect == Effect::Allow
    {
        let audit = serde_json::to_value(obligations.audit)?;
        let tls = if obligations.tls {
            ", tls required inside"
        } else {
            ""
        };
        writeln!(
            out,
            "  with    audit {}{tls}",
            audit.as_str().unwrap_or_default()
        )?;
    }
    writeln!(out, "  policy  {}", judged.policy)?;
    if let Some(advice) = judged
        .advice
        .as_deref()
        .or((judged.effect == Effect::Deny).then_some(judged.hint))
    {
        writeln!(
            out,
            "  to do   {advice}{}",
            if judged.add.is_some() { ":" } else { "" }
        )?;
    }
    if let Some(add) = &judged.add {
        writeln!(out)?;
        for line in add.lines() {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}
