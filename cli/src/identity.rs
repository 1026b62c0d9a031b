//! `exeat identity …`: the built-in CA, tokens and passwords, in one folder.
//!
//! Every command works on the folder alone; a running service notices the change by itself. A secret
//! is printed once, by the command that made it, to standard output and nowhere else.

use std::path::PathBuf;
use std::process::ExitCode;

use exeat_identity::store::Store;

mod failure;
mod init;
mod issue;
mod lifetime;
mod list;
mod password;
mod revoke;
mod token;

/// The arguments of `exeat identity`.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Start with `exeat identity init`, then give a role a certificate, a token or a password, and name
what you gave in the policy:

  identities:
    - spiffe: spiffe://exeat.internal/role/NAME   # exeat identity issue NAME
    - token: NAME                                 # exeat identity token NAME
    - scram: NAME                                 # exeat identity password NAME

A running service picks every change up within a second or two."
)]
pub(crate) struct Command {
    /// The folder with the CA and the store
    #[arg(
        long,
        short = 'D',
        global = true,
        value_name = "DIR",
        env = "EXEAT_IDENTITY",
        default_value = "./identity"
    )]
    directory: PathBuf,
    #[command(subcommand)]
    action: Action,
}

/// What to do with the folder.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make the folder, with a new CA and an empty store
    ///
    /// Refuses where any part of one exists already. The root's key stays in the folder, readable by
    /// its owner only; ca.pem is what clients and servers need to trust.
    Init(init::Arguments),
    /// Issue a certificate for a role, or for a listener
    ///
    /// Writes NAME.pem and NAME.key (PKCS#8, mode 0600). The certificate of a role has the SPIFFE ID
    /// spiffe://TRUST-DOMAIN/role/ROLE; with --server it has the names of a listener instead.
    Issue(issue::Arguments),
    /// Make a token for a role and print it, once
    ///
    /// Standard output has the token and nothing else; the store keeps its SHA-256. Callers send it as
    /// `Proxy-Authorization: Bearer TOKEN`, as the password in http://ROLE:TOKEN@gateway:PORT, or as
    /// the password of a database connection over TLS.
    Token(token::Arguments),
    /// Set the password with which a role connects to the database proxy
    ///
    /// Replaces an earlier one. Makes a password up and prints it, once, unless --stdin is given; the
    /// store keeps a SCRAM-SHA-256 verifier.
    Password(password::Arguments),
    /// Take tokens, passwords or certificates back
    ///
    /// A name takes back all that was given to it. Running services refuse it within a second or two,
    /// on live sessions too.
    Revoke(revoke::Arguments),
    /// List what was given out
    ///
    /// Tokens, passwords and certificates with their state; no secret is in it.
    List(list::Arguments),
}

/// Does it.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    let store = Store::at(command.directory);
    let now = jiff::Timestamp::now();
    match command.action {
        Action::Init(arguments) => init::run(&store, &arguments, now),
        Action::Issue(arguments) => issue::run(&store, &arguments, now),
        Action::Token(arguments) => token::run(&store, &arguments, now),
        Action::Password(arguments) => password::run(&store, &arguments, now),
        Action::Revoke(arguments) => revoke::run(&store, &arguments, now),
        Action::List(arguments) => list::run(&store, &arguments, now),
    }?;
    Ok(ExitCode::SUCCESS)
}
