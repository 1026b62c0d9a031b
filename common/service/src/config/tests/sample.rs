//! The sample configuration and the schema in `config/` are those of this code.

use super::*;

const SAMPLE: &str = include_str!("../../../../../config/exeat.yaml");

#[test]
fn the_sample_holds_as_it_stands() {
    let config = parse(Path::new("config/exeat.yaml"), SAMPLE).unwrap();
    assert!(config.gateway.is_some() && config.dbproxy.is_some());
    assert_eq!(config.policy, [Path::new("config/policy.yaml")]);
}

#[test]
fn the_sample_holds_with_every_key_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    for secret in ["admin.token", "reporting.password"] {
        std::fs::write(folder.path().join(secret), "secret").unwrap();
    }
    let mut text = String::new();
    for line in SAMPLE.lines() {
        let indent = line.len() - line.trim_start().len();
        let (before, rest) = line.split_at(indent);
        match rest.strip_prefix('#') {
            // The two that can't be switched on here: an alternative to a key that is on, and a variable.
            Some(key) if key.starts_with("tls: { mode") || key.starts_with("archive:") => {}
            Some(key) if !key.starts_with(' ') && !key.is_empty() => {
                text.push_str(&format!("{before}{key}\n"));
            }
            // The continuation lines of a key that is switched off have two spaces.
            Some(key) if key.starts_with("  ") && indent > 0 => {
                text.push_str(&format!("{before}{key}\n"))
            }
            _ => text.push_str(&format!("{line}\n")),
        }
    }
    let config =
        parse(&folder.path().join("exeat.yaml"), &text).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.identity.trust_domains.len(), 1);
    assert_eq!(config.identity.issuers.len(), 1);
    assert_eq!(config.gateway.unwrap().dns.servers.len(), 2);
    assert_eq!(config.dbproxy.unwrap().databases["shop"].users.len(), 3);
}

#[test]
fn the_schema_in_the_repository_is_that_of_the_types() {
    let kept = include_str!("../../../../../config/exeat.schema.json");
    assert!(
        kept == schema(),
        "run `exeat run --schema > config/exeat.schema.json`"
    );
}
