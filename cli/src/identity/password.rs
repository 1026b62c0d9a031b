//! `exeat identity password`

use std::io::{BufRead as _, Read as _, Write as _};

use exeat_identity::store::Store;
use exeat_identity::{Secret, credentials};
use jiff::Timestamp;

use super::failure;
use crate::exit::{Failure, Status};

const MAX_PASSWORD_BYTES: u64 = 1024;

/// The arguments of `exeat identity password`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The name under which the policy knows it, `scram: ROLE`, and the user of the connection
    #[arg(value_name = "ROLE")]
    name: String,
    /// Read the password from the first line of standard input
    #[arg(long)]
    stdin: bool,
}

pub(super) fn run(store: &Store, arguments: &Arguments, now: Timestamp) -> anyhow::Result<()> {
    let password = if arguments.stdin {
        read()?
    } else {
        generate()?
    };
    credentials::set_password(store, &arguments.name, &password, now)
        .map_err(|error| failure::of_credential(&error))?;
    if arguments.stdin {
        anstream::eprintln!("Password of {} set.", arguments.name);
    } else {
        anstream::eprintln!("Password of {} set; it is not shown again:", arguments.name);
        writeln!(std::io::stdout().lock(), "{}", password.expose())?;
    }
    Ok(())
}

fn generate() -> Result<Secret<String>, Failure> {
    credentials::generate_password().map_err(|error| failure::of_credential(&error.into()))
}

fn read() -> anyhow::Result<Secret<String>> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(MAX_PASSWORD_BYTES)
        .read_line(&mut line)?;
    let whole = Secret::new(line);
    if whole.expose().len() as u64 == MAX_PASSWORD_BYTES {
        let text = format!(
            "identity: the password has {MAX_PASSWORD_BYTES} bytes or more; send a shorter one"
        );
        return Err(Failure::new(Status::Usage, text).into());
    }
    let password = whole.expose().trim_end_matches('\n').trim_end_matches('\r');
    Ok(Secret::new(password.to_owned()))
}
