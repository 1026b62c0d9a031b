//! `exeat audit …`: looks into the audit log, and proves it.
//!
//! Reading the log is an event of the log. Before a command reads, it has its reading recorded: by the
//! process that writes the log, over the socket in the log's folder, or by itself where no process does.
//! Where neither can be done nothing is shown. `verify` shows no record, works on any copy with the public
//! key alone, and records nothing.

mod export;
mod filter;
mod follow;
mod human;
mod json;
mod place;
mod replay;
mod search;
mod show;
mod verify;

use std::process::ExitCode;

/// The arguments of `exeat audit`.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Say where the log is with --log DIR, or with --config FILE (the configuration
of `exeat run`).

tail, search, show, replay and tiles are themselves on record: who ran what,
and when. A running service is asked to write that down; where none runs, the
command does. A copy of the log without its secret key can be read without,
which is said on standard error.

Exit status: 0 yes, 1 no (does not verify, nothing found, a replay differs),
66 no such log, 69 the reading can't be recorded, 77 not permitted."
)]
pub(crate) struct Command {
    #[command(flatten)]
    place: place::Place,
    #[command(subcommand)]
    action: Action,
}

/// What to do with the log.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the newest records, and follow the log
    ///
    /// One line per record, oldest first.
    Tail(follow::Arguments),
    /// Find decisions, with what came of them
    ///
    /// The newest matches, oldest first. Without a filter on decisions (role, destination, table, …) other
    /// events are listed too.
    Search(search::Arguments),
    /// Show one record whole: the decision with every input, and what came of it
    Show(show::Arguments),
    /// Prove that nothing was changed, removed, inserted or reordered
    ///
    /// Needs the folder and the public key only, and no service. Checks every leaf, hash, checkpoint,
    /// signature, segment, context and policy, and names the first record that is bad. Give the public key
    /// that you kept yourself: the one in the folder can be replaced together with everything else.
    Verify(verify::Arguments),
    /// Judge every recorded request again, with the policy that its record names
    ///
    /// Prints `fidelity N of M`; anything but N = M is a defect, and exit status 1.
    Replay(replay::Arguments),
    /// Write the log as a C2SP tlog-tiles folder, for other tools to verify
    ///
    /// The folder gets the newest checkpoint, its tiles and the entry bundles.
    Tiles(export::Arguments),
}

/// Does it.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    let log = command.place.directory()?;
    match command.action {
        Action::Tail(arguments) => follow::run(&log, &arguments),
        Action::Search(arguments) => search::run(&log, &arguments),
        Action::Show(arguments) => show::run(&log, &arguments),
        Action::Verify(arguments) => verify::run(&log, &arguments),
        Action::Replay(arguments) => replay::run(&log, &arguments),
        Action::Tiles(arguments) => export::run(&log, &arguments),
    }
}
