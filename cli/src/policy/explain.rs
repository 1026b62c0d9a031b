//! `exeat policy explain`: one question, or one per line of standard input.

mod answer;
mod show;

use std::io::{BufRead as _, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use exeat_policy::{Assurance, Caller, PolicySet};
use exeat_sql::{Catalog, Context};

use super::server::{Place, Server};
use super::{files, question};
use crate::exit::{Failure, Status};
use answer::Answer;

/// The arguments of `exeat policy explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  exeat policy explain --policy config/policy.yaml --role billing-fn --to api.payments.example:443
  exeat policy explain --policy config/policy.yaml --role analyst --database shop --sql 'SELECT id FROM public.orders'
  exeat policy explain --policy config/policy.yaml --role analyst --database shop \\
    --database-url postgresql://analyst@127.0.0.1/shop --json --sql 'SELECT * FROM orders'

With `--to -` or `--sql -` each line of standard input is one question, and each line of the output is
one JSON object. A line that starts with a double quote is read as a JSON string, so that a statement
may hold line breaks (\\n).")]
pub(super) struct Arguments {
    /// The policy: files, or folders of them; together they are one policy
    #[arg(long, required = true, value_name = "PATH")]
    policy: Vec<PathBuf>,
    /// The role that asks
    #[arg(long, value_name = "ROLE")]
    role: String,
    /// Where to: `host:port`, or `-` for one per line
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["sql", "database"], required_unless_present = "sql")]
    to: Option<String>,
    /// An address that the name resolved to; repeat it for the whole answer. Not judged unless given
    #[arg(long, value_name = "IP", requires = "to")]
    address: Vec<IpAddr>,
    /// Ask for a plain HTTP request instead of a tunnel
    #[arg(long, requires = "to")]
    http: bool,
    /// The database, by its name in the policy
    #[arg(long, value_name = "NAME", requires = "sql")]
    database: Option<String>,
    /// The statement, or `-` for one per line
    #[arg(
        long,
        value_name = "SQL",
        requires = "database",
        allow_hyphen_values = true
    )]
    sql: Option<String>,
    /// The database's catalog, as `exeat policy catalog` prints it; without it `*` is all columns, also
    /// later ones, and a name without a schema stands in the first schema of the path
    #[arg(long, value_name = "FILE", conflicts_with = "to")]
    catalog: Option<PathBuf>,
    /// The database's `search_path` in the configuration; repeat it, or put commas between schemas
    #[arg(
        long,
        value_name = "SCHEMA",
        conflicts_with = "to",
        value_delimiter = ',',
        default_value = "public"
    )]
    search_path: Vec<String>,
    #[command(flatten)]
    place: Place,
    /// How strongly the role is proven; the strongest proof that its identities allow, unless given
    #[arg(long, value_enum, value_name = "PROOF")]
    assurance: Option<Proof>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// A strength of proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Proof {
    /// The network of the caller
    Source,
    /// A token or a password
    Token,
    /// A JWT
    Jwt,
    /// A client certificate
    Certificate,
}

impl From<Proof> for Assurance {
    fn from(proof: Proof) -> Self {
        match proof {
            Proof::Source => Self::Source,
            Proof::Token => Self::Token,
            Proof::Jwt => Self::Jwt,
            Proof::Certificate => Self::Certificate,
        }
    }
}

/// Everything that is the same for all questions of a run.
struct Asker<'a> {
    policy: PolicySet,
    caller: Caller,
    catalog: Option<Catalog>,
    search_path: Arc<[Arc<str>]>,
    server: Option<Server>,
    arguments: &'a Arguments,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let policy = files::policy(&arguments.policy)?;
    let caller = question::caller(
        &policy,
        &arguments.role,
        arguments.assurance.map(Assurance::from),
    );
    let catalog = arguments.catalog.as_deref().map(catalog).transpose()?;
    let configured = arguments.search_path.iter().map(String::as_str);
    let configured: Vec<Arc<str>> = configured.map(|schema| Arc::from(schema.trim())).collect();
    let server = match &arguments.sql {
        Some(_) => arguments.place.server("explain", &configured)?,
        None => None,
    };
    if server.is_some() && catalog.is_some() {
        let why =
            "policy explain: --catalog and --database-url both say what names mean; leave one out";
        return Err(Failure::new(Status::Usage, why).into());
    }
    let mut asker = Asker {
        policy,
        caller,
        catalog,
        search_path: exeat_sql::search_path(&configured),
        server,
        arguments,
    };
    let text = arguments
        .to
        .as_deref()
        .or(arguments.sql.as_deref())
        .unwrap_or_default();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let allowed = if text == "-" {
        asker.lines(&mut out)?
    } else {
        let answer = asker.ask(text)?;
        if arguments.json {
            answer.write_json(&mut out)?;
        } else {
            show::show(&mut out, &answer)?;
            if let Some(offline) = answer.offline() {
                out.flush()?;
                writeln!(std::io::stderr(), "{offline}")?;
            }
        }
        answer.allowed()
    };
    out.flush()?;
    Ok(if allowed {
        ExitCode::SUCCESS
    } else {
        Status::No.into()
    })
}

impl Asker<'_> {
    fn ask<'t>(&mut self, text: &'t str) -> Result<Answer<'t>, Failure> {
        if let Some(database) = &self.arguments.database {
            let statements = self.statements(database, text)?;
            return Ok(Answer::statements(&self.policy, text, &statements));
        }
        let about = question::Connection {
            http: self.arguments.http,
            addresses: self.arguments.address.clone(),
            tls: None,
        };
        Ok(
            match question::connection(self.caller.clone(), text, &about) {
                Ok(request) => Answer::connection(&self.policy, text, request),
                Err(error) => Answer::malformed(&self.policy, text, error.to_string()),
            },
        )
    }

    /// The statements of a text, by the server where one is asked.
    fn statements(
        &mut self,
        database: &str,
        text: &str,
    ) -> Result<Vec<question::Statement>, Failure> {
        let (policy, caller) = (&self.policy, &self.caller);
        if let Some(server) = &mut self.server
            && let Some(asked) = question::asked(policy, caller, database, text, server)?
        {
            return Ok(asked);
        }
        let context = Context {
            catalog: self.catalog.as_ref(),
            search_path: &self.search_path,
            asks: false,
        };
        Ok(question::statements(caller, database, text, &context))
    }

    /// One question per line, one JSON object per answer; whether all were allowed.
    fn lines(&mut self, out: &mut impl Write) -> anyhow::Result<bool> {
        let mut all = true;
        for line in std::io::stdin().lock().split(b'\n') {
            let mut line = line?;
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            let answer = match text_of(&line) {
                Ok(text) => {
                    let answer = self.ask(&text)?;
                    answer.write_json(out)?;
                    answer.allowed()
                }
                Err(why) => {
                    let shown = String::from_utf8_lossy(&line);
                    let answer = match self.arguments.sql {
                        Some(_) => Answer::unreadable(&self.policy, &shown, why),
                        None => Answer::malformed(&self.policy, &shown, why),
                    };
                    answer.write_json(out)?;
                    false
                }
            };
            out.flush()?;
            all &= answer;
        }
        Ok(all)
    }
}

/// The question of a line: the line itself, or the JSON string that it is.
fn text_of(line: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8".to_owned())?;
    if text.starts_with('"') {
        return serde_json::from_str(text).map_err(|error| {
            format!("the line starts with a quote and is no JSON string: {error}")
        });
    }
    Ok(text.to_owned())
}

fn catalog(path: &std::path::Path) -> Result<Catalog, Failure> {
    let source = files::source(path)?;
    serde_json::from_str(&source.text).map_err(|error| {
        Failure::new(
            Status::Config,
            format!(
                "catalog: {}: {error}; make it anew with `exeat policy catalog`",
                source.name
            ),
        )
    })
}
