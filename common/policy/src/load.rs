//! From the texts of a policy to a policy that judges: read, check, compile, hash.

use std::fmt::Write;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::check::{check, check_version};
use crate::document::Document;
use crate::yaml::{self, Node, Problem, Sink};
use crate::{Diagnostics, PolicyHash, PolicySet, Source};

#[cfg(test)]
mod tests;

/// Reads the files of a policy as one policy. The order of the files and of the roles does not matter.
pub fn load(sources: &[Source]) -> Result<PolicySet, Diagnostics> {
    let sink = Sink::default();
    if sources.is_empty() {
        return Err(Diagnostics::plain(
            "there is no policy file",
            Some("name at least one file".into()),
        ));
    }
    let mut merged: Option<Document> = None;
    for (at, source) in sources.iter().enumerate() {
        let Some(document) = yaml::read::<Document>(at, &source.text, &sink) else {
            continue;
        };
        check_version(&document.version, &sink);
        match &mut merged {
            None => merged = Some(document),
            Some(merged) => {
                merged.rule_sets.0.extend(document.rule_sets.0);
                merged.roles.0.extend(document.roles.0);
            }
        }
    }
    compile(merged, sources, sink)
}

/// Reads one YAML source that is no policy, with the same strictness and the same diagnostics.
/// Structs must have `deny_unknown_fields` only for other readers' sake: unknown keys are always errors.
pub fn read_yaml<T: DeserializeOwned>(source: &Source) -> Result<T, Diagnostics> {
    let sink = Sink::default();
    let value = yaml::read(0, &source.text, &sink);
    let sources = std::slice::from_ref(source);
    value.ok_or_else(|| Diagnostics::from_problems(sink.into_problems(), sources))
}

impl PolicySet {
    /// Reads the canonical form of a policy, as a record keeps it. The hash is the same.
    pub fn from_canonical(text: &str) -> Result<Self, Diagnostics> {
        let node: Node = serde_json::from_str(text).map_err(|error| {
            Diagnostics::plain(
                format!("the canonical policy is no JSON: {error}"),
                Some("give the text as the record keeps it".into()),
            )
        })?;
        let sink = Sink::default();
        let document = yaml::read_node::<Document>(&node, &sink);
        if let Some(document) = &document {
            check_version(&document.version, &sink);
        }
        compile(document, &[], sink)
    }
}

fn compile(
    document: Option<Document>,
    sources: &[Source],
    sink: Sink,
) -> Result<PolicySet, Diagnostics> {
    let Some(document) = document else {
        return Err(Diagnostics::from_problems(sink.into_problems(), sources));
    };
    // Checked even where another file failed, so that one run shows the problems of all of them.
    let compiled = check(&document, sources, &sink);
    if !sink.is_empty() {
        return Err(Diagnostics::from_problems(sink.into_problems(), sources));
    }
    let canonical = serde_json::to_string(&document).map_err(|error| {
        sink.push(Problem::at(
            Default::default(),
            format!("the canonical form can't be printed: {error}"),
        ));
        Diagnostics::from_problems(sink.into_problems(), sources)
    })?;
    Ok(PolicySet {
        hash: hash(&canonical),
        canonical: Arc::from(canonical),
        roles: compiled.roles,
        by_name: compiled.by_name,
        identities: compiled.identities,
        locations: compiled.locations,
        rules: compiled.rules,
    })
}

/// The JSON Schema of policy files, for editors.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Document);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn hash(canonical: &str) -> PolicyHash {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(canonical.as_bytes()) {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
    }
    PolicyHash(Arc::from(hex))
}
