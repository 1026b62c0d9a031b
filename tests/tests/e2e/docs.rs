//! The documents say what the code says: the table of reason codes is the code's own, and what the
//! repository offers as samples works.

use std::fmt::Write as _;
use std::path::PathBuf;

use exeat_policy::Reason;
use exeat_tests::exeat::run_exeat;

/// A path in the repository.
fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(path)
}

/// `docs/reasons.md` as the code would write it.
fn reasons() -> String {
    let mut text = "\
# Reason codes

Every decision has one. It is the `reason` of the record, the label of `exeat_decisions_total`, the `error`
detail in the gateway's `Proxy-Status` header, and part of the DETAIL of the database proxy's error. The
codes are stable.

This table is the code's own: `EXEAT_WRITE_DOCS=1 cargo test -p exeat-tests docs` writes it, and the tests
hold it against the code.

| code | what it says to the caller | what the caller can do |
|---|---|---|
"
    .to_owned();
    for reason in Reason::ALL {
        writeln!(
            text,
            "| `{}` | {} | {} |",
            reason.code(),
            reason.message(),
            reason.hint()
        )
        .unwrap();
    }
    text
}

#[test]
fn the_table_of_reason_codes_is_the_codes_own() {
    let path = repository("docs/reasons.md");
    if std::env::var_os("EXEAT_WRITE_DOCS").is_some() {
        std::fs::write(&path, reasons()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written == reasons(),
        "docs/reasons.md differs from the code: write it anew, see its head"
    );
}

#[test]
fn every_link_within_the_documents_leads_somewhere() {
    let mut documents = vec![repository("README.md"), repository("CHANGELOG.md")];
    documents.extend(
        std::fs::read_dir(repository("docs"))
            .unwrap()
            .map(|entry| entry.unwrap().path()),
    );
    let mut broken = Vec::new();
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap_or_default();
            let inside = !target.is_empty() && !target.contains("://");
            if inside && !document.parent().unwrap().join(target).exists() {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_sample_policies_are_usable_and_pass_their_own_tests() {
    for folder in ["config", "config/demo"] {
        let folder = repository(folder);
        let policy = folder.join("policy.yaml");
        run_exeat(["policy", "check", policy.to_str().unwrap()]).exits(0);
        run_exeat(["policy", "test", policy.to_str().unwrap()]).exits(0);
    }
}

#[test]
fn help_is_there_for_every_command() {
    let help = run_exeat(["--help"]);
    for command in [
        "run",
        "gateway",
        "dbproxy",
        "demo",
        "policy",
        "audit",
        "identity",
        "completions",
    ] {
        assert!(
            help.ok().contains(&format!("  {command}")),
            "{command} is missing: {}",
            help.stdout
        );
        run_exeat([command, "--help"]).exits(0);
    }
    run_exeat(["nonsense"]).exits(64);
}
