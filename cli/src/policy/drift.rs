//! `exeat policy drift`: what the database lets its roles do, compared with the policy, in both directions.
//!
//! It only looks.

use std::io::Write as _;
use std::process::ExitCode;

use exeat_dbproxy::wall::{Comparison, Direction};
use serde_json::json;

use super::wall::{Ready, Target};
use crate::exit::Status;

/// The arguments of `exeat policy drift`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  exeat policy drift --database shop --config config/exeat.yaml || exeat policy grants …")]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let ready = arguments.target.ready("drift")?;
    let found = ready.compare("drift")?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", json(&ready, &found))?;
    } else {
        write!(out, "{}", text(&ready, &found))?;
    }
    Ok(if found.is_equal() {
        ExitCode::SUCCESS
    } else {
        Status::No.into()
    })
}

fn json(ready: &Ready, found: &Comparison) -> serde_json::Value {
    let differences = found.differences.iter().map(|it| {
        json!({
            "role": it.role,
            "direction": it.direction.name(),
            "kind": it.kind.name(),
            "what": it.what,
        })
    });
    let not_judged = found
        .not_judged
        .iter()
        .map(|(role, of)| json!({ "role": role, "policy_roles": of }));
    json!({
        "database": ready.name,
        "policy": ready.policy.hash().to_string(),
        "equal": found.is_equal(),
        "beyond": found.count(Direction::Beyond),
        "short": found.count(Direction::Short),
        "differences": differences.collect::<Vec<_>>(),
        "not_judged": not_judged.collect::<Vec<_>>(),
    })
}

fn text(ready: &Ready, found: &Comparison) -> String {
    let name = &ready.name;
    let mut text = if found.is_equal() {
        format!(
            "equal: database {name} lets its roles do what the policy does, no more and no less\n"
        )
    } else {
        format!(
            "drift: database {name}: {} beyond the policy, {} short of it; `exeat policy grants` prints what mends it\n",
            found.count(Direction::Beyond),
            found.count(Direction::Short),
        )
    };
    for difference in &found.differences {
        let direction = difference.direction.name();
        text.push_str(&format!("{direction:<7} {difference}\n"));
    }
    for (role, of) in &found.not_judged {
        let of = of.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
        text.push_str(&format!(
            "told    {role}: not judged, because policy role {of} refuses nothing\n"
        ));
    }
    text
}
