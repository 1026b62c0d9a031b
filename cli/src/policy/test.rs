//! `exeat policy test`: the cases that stand beside a policy, judged by the policy.

mod cases;
mod junit;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::files;
use super::server::{OFFLINE, Place};
use crate::exit::{Failure, Status};
use cases::{Asked, Outcome};

/// The arguments of `exeat policy test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A case file stands beside its policy: the cases of billing.yaml in billing.test.yaml. Where no such
policy file exists, the case file is about all policy files of its folder together; a key `policy`
names another file.

  cases:
    - name: charges go out
      role: billing-fn
      to: api.payments.example:443
      expect: allow
      rule: roles.billing-fn.egress.allow[0]
    - name: card numbers stay in
      role: analyst
      database: shop
      sql: SELECT card_number FROM public.customers
      expect: deny
      reason: denied_by_rule

Other keys: addresses, protocol (tunnel, http), tls (a server name), assurance, detail.")]
pub(super) struct Arguments {
    /// Policy files, case files (`*.test.yaml`), or folders with both
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write the outcome as JUnit XML, for CI
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// The database that the URL leads to, by its name in the cases; all of theirs unless given
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Its `search_path` in the configuration; repeat it, or put commas between schemas
    #[arg(
        long,
        value_name = "SCHEMA",
        value_delimiter = ',',
        default_value = "public"
    )]
    search_path: Vec<String>,
    /// Print only failures and the summary
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let search_path: Vec<_> = arguments
        .search_path
        .iter()
        .map(|schema| schema.trim().into())
        .collect();
    let mut asked = Asked {
        server: arguments.place.server("test", &search_path)?,
        database: arguments.database.as_deref(),
        offline: false,
    };
    let mut outcomes: Vec<Outcome> = Vec::new();
    for path in &arguments.paths {
        for file in case_files(path)? {
            outcomes.extend(cases::run(&file, &mut asked)?);
        }
    }
    let failed = outcomes
        .iter()
        .filter(|outcome| outcome.failure.is_some())
        .count();
    let mut out = std::io::stdout().lock();
    for outcome in &outcomes {
        match &outcome.failure {
            Some(failure) => {
                writeln!(out, "FAIL {}: {}", outcome.file, outcome.name)?;
                for line in failure.lines() {
                    writeln!(out, "       {line}")?;
                }
            }
            None if arguments.quiet => {}
            None => writeln!(out, "ok   {}: {}", outcome.file, outcome.name)?,
        }
    }
    writeln!(out, "{} cases, {} failed", outcomes.len(), failed)?;
    if asked.offline {
        writeln!(std::io::stderr(), "{OFFLINE}")?;
    }
    if let Some(path) = &arguments.junit {
        std::fs::write(path, junit::xml(&outcomes)).map_err(|error| {
            Failure::new(
                Status::CantCreate,
                format!(
                    "policy test: {}: {error}; name another file",
                    path.display()
                ),
            )
        })?;
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        Status::No.into()
    })
}

/// The case files that a path names: itself, those of a folder, or the one beside a policy file.
fn case_files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let missing = |what: String| {
        Failure::new(
            Status::NoInput,
            format!("policy test: {what}; write one, see `exeat policy test --help`"),
        )
    };
    if path.is_dir() {
        let mut files: Vec<PathBuf> = std::fs::read_dir(path)
            .and_then(|entries| {
                entries
                    .map(|entry| entry.map(|entry| entry.path()))
                    .collect::<Result<_, _>>()
            })
            .map_err(|error| {
                Failure::new(
                    Status::NoInput,
                    format!("policy test: {}: {error}; check the path", path.display()),
                )
            })?;
        files.retain(|file| is_case_file(file));
        files.sort();
        if files.is_empty() {
            return Err(missing(format!(
                "{}: no case file (*.test.yaml)",
                path.display()
            )));
        }
        return Ok(files);
    }
    if is_case_file(path) {
        return Ok(vec![path.to_owned()]);
    }
    let beside = path.with_extension("test.yaml");
    if beside.is_file() {
        return Ok(vec![beside]);
    }
    Err(missing(format!(
        "{}: no case file {} beside it",
        path.display(),
        beside.display()
    )))
}

fn is_case_file(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy())
        .unwrap_or_default();
    !name.starts_with('.') && (name.ends_with(".test.yaml") || name.ends_with(".test.yml"))
}

/// The policy that a case file is about, unless it names another.
fn policy_of(cases: &Path) -> Vec<PathBuf> {
    let name = cases
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let stem = name
        .strip_suffix(".test.yaml")
        .or_else(|| name.strip_suffix(".test.yml"))
        .unwrap_or(&name);
    let named =
        ["yaml", "yml"].map(|extension| cases.with_file_name(format!("{stem}.{extension}")));
    match named.into_iter().find(|file| file.is_file()) {
        Some(file) => vec![file],
        None => vec![
            cases
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
                .unwrap_or(Path::new("."))
                .to_owned(),
        ],
    }
}

/// Reads the policy that a case file is about.
fn policy_for(cases: &Path, named: Option<&str>) -> Result<exeat_policy::PolicySet, Failure> {
    let paths = named.map_or_else(
        || policy_of(cases),
        |named| vec![cases.with_file_name(named)],
    );
    files::policy(&paths)
}
