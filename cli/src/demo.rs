//! `exeat demo`: the whole product on one machine, in one minute, and gone again afterwards.
//!
//! A throw-away PostgreSQL with a small shop, two HTTPS origins that stand for the outside, the
//! built-in CA, two roles, the policy of `config/demo`, and a real `exeat run`; then a tour with the
//! real `curl` and `psql` that says of every command what must happen and whether it did. It must
//! never touch anything outside its own temporary folder.

mod identities;
mod leash;
mod live;
mod origins;
mod postgres;
mod services;
mod shop;
mod stage;
mod step;
mod stop;
mod tour;

use std::process::ExitCode;

use crate::exit::Status;
use stage::Stage;
use step::Report;
use stop::Stop;

/// The arguments of `exeat demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Command {
    /// `once`: exit after the tour, with status 1 if anything went otherwise than told; `none`: no tour, stay up
    #[arg(long, value_enum, default_value_t = Tour::Stay, value_name = "WHEN")]
    tour: Tour,
}

/// What happens besides standing there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Tour {
    /// The tour, then stay up until Ctrl-C.
    Stay,
    /// The tour, then exit.
    Once,
    /// No tour: stay up until Ctrl-C.
    None,
}

/// Sets the stage, takes the tour, stays up or not. Everything that was made goes with the stage.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    let stop = Stop::install()?;
    let stage = Stage::set(&stop)?;
    let mut report = Report::default();
    if command.tour != Tour::None {
        tour::take(&stage, &stop, &mut report)?;
        report.print();
    }
    if command.tour != Tour::Once && !stop.asked() {
        stage.print_what_to_try();
        stop.wait();
    }
    drop(stage);
    anstream::println!("everything that the demo made is removed");
    Ok(if report.as_told() {
        ExitCode::SUCCESS
    } else {
        Status::No.into()
    })
}
