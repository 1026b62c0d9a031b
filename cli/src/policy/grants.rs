//! `exeat policy grants`: the policy as privileges of the database roles.
//!
//! What is applied was shown before, and is one transaction.

use std::io::{IsTerminal as _, Write};
use std::process::ExitCode;

use exeat_dbproxy::wall;

use super::wall::{Target, unavailable};
use crate::exit::{Failure, Status};

/// The arguments of `exeat policy grants`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  exeat policy grants --database shop --config config/exeat.yaml > grants.sql
  exeat policy grants --database shop --policy config/policy.yaml \\
    --database-url postgresql://postgres@localhost/shop --apply")]
pub(super) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Run the SQL, in one transaction, after it was shown and you said yes
    #[arg(long)]
    apply: bool,
    /// Do not ask
    #[arg(long, requires = "apply")]
    yes: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let ready = arguments.target.ready("grants")?;
    let shown = ready.compare("grants")?;
    let mut out = std::io::stdout().lock();
    if !shown.has_sql() {
        writeln!(
            out,
            "-- Nothing to do: the privileges in database {} are those of the policy, as far as SQL can make them.",
            ready.name
        )?;
        for told in shown.told() {
            writeln!(out, "-- {told}")?;
        }
        return Ok(match arguments.apply {
            true => left(&mut out, &shown)?,
            false => ExitCode::SUCCESS,
        });
    }
    write!(out, "{}", shown.sql())?;
    out.flush()?;
    if !arguments.apply {
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.yes && !confirmed()? {
        return Err(Failure::new(
            Status::No,
            "policy grants: nothing was applied; say `y`, or give --yes",
        )
        .into());
    }
    let applied = ready
        .runtime
        .block_on(wall::apply(
            &ready.database,
            &ready.user,
            &ready.policy,
            &ready.name,
            &shown,
        ))
        .map_err(|error| unavailable("grants", &error))?;
    writeln!(out, "-- Applied.")?;
    if applied.partly {
        writeln!(
            out,
            "-- What is PostgreSQL's own was left as it is: {} is no superuser.",
            ready.user
        )?;
    }
    left(&mut out, &applied.now)
}

/// What still differs, which SQL can't mend; whether nothing does.
fn left(out: &mut impl Write, now: &wall::Comparison) -> anyhow::Result<ExitCode> {
    let differences = now.differences.iter();
    for left in differences.filter(|left| left.direction != wall::Direction::Told) {
        writeln!(out, "-- Left: {left}")?;
    }
    Ok(if now.is_equal() {
        ExitCode::SUCCESS
    } else {
        Status::No.into()
    })
}

/// Asks a person. Where there is none, the answer is no.
fn confirmed() -> std::io::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    anstream::eprint!("Apply this? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
