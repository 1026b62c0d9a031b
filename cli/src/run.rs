//! `exeat run`, `exeat gateway`, `exeat dbproxy`: the process that serves. Reads the configuration,
//! puts the parts together, serves until it is told to stop, and drains.
//!
//! The order of the start: everything that can be wrong is looked at before a socket is bound, sockets
//! before the log is opened, and the process is ready only when all of it holds.

mod check;
pub(crate) mod failure;
mod planes;
mod process;
mod ready;

use std::path::PathBuf;
use std::process::ExitCode;

use exeat_service::config::{self, Config};
use exeat_service::telemetry::{self, Format};
use exeat_service::tls;

use crate::exit::{Failure, Status};

/// The arguments of `exeat run`, `exeat gateway` and `exeat dbproxy`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Start with config/exeat.yaml, which has every key with a comment:
  exeat run --config config/exeat.yaml --check
  exeat run --config config/exeat.yaml

SIGTERM or SIGINT: no new connections, live sessions may end by themselves,
then exit 0; a second signal ends them. SIGHUP: read policy, identities and
certificates again (changed files are noticed within a second anyway).

Exit status: 0 ended in order, 64 usage, 66 a file is missing, 69 address or
log in use, 73 the ready file can't be written, 74 IO, 77 not permitted,
78 configuration or policy.")]
pub(crate) struct Command {
    /// The configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "EXEAT_CONFIG",
        required_unless_present = "schema"
    )]
    config: Option<PathBuf>,
    /// Validate the configuration and everything that it names, then exit (0 or 78)
    #[arg(long)]
    check: bool,
    /// Print the JSON Schema of the configuration file, then exit
    #[arg(long, conflicts_with = "check")]
    schema: bool,
    /// Write the addresses of the listeners to this file, as JSON, once all of them are served
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// The form of the process's log lines on standard error
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        env = "EXEAT_LOG_FORMAT",
        default_value = "text"
    )]
    log_format: LogFormat,
    /// What the process logs, e.g. `info` or `info,exeat_gateway=debug` (not the audit log)
    #[arg(long, value_name = "FILTER", env = "EXEAT_LOG", default_value = "info")]
    log: String,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// Which of the configured services a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// All that are configured.
    All,
    /// The gateway only.
    Gateway,
    /// The database proxy only.
    Dbproxy,
}

/// Runs the services until a signal, or does what `--check` or `--schema` ask for.
pub(crate) fn run(command: Command, which: Which) -> anyhow::Result<ExitCode> {
    if command.schema {
        anstream::print!("{}", config::schema());
        return Ok(ExitCode::SUCCESS);
    }
    let path = command.config.clone().unwrap_or_default();
    let config = select(config::load(&path).map_err(failure::config)?, which)?;
    // Other crates of the process ask rustls for the default provider.
    tls::provider().as_ref().clone().install_default().ok();
    if command.check {
        return check::run(&config);
    }
    let format = match command.log_format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    let lines = telemetry::install(format, &command.log).map_err(failure::telemetry)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(process::serve(config, command.ready_file));
    // Before anything else is written there.
    drop(lines);
    served.map(|()| ExitCode::SUCCESS)
}

/// Keeps the service that the command names.
fn select(mut config: Config, which: Which) -> anyhow::Result<Config> {
    let missing = match which {
        Which::All => None,
        Which::Gateway => {
            config.dbproxy = None;
            config.gateway.is_none().then_some("gateway")
        }
        Which::Dbproxy => {
            config.gateway = None;
            config.dbproxy.is_none().then_some("dbproxy")
        }
    };
    match missing {
        None => Ok(config),
        Some(name) => {
            let file = config.file.display();
            let message = format!("{file}: `{name}` is not configured; add it, or use `exeat run`");
            Err(Failure::new(Status::Config, message).into())
        }
    }
}
