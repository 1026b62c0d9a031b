//! From documents to a compiled policy: every rule of the format that its shape alone does not say.
//!
//! All problems of all files are collected. Nothing here may weaken a rule to make it fit.

pub(crate) mod database;
mod egress;
mod proofs;
mod roles;
mod sets;

use std::sync::Arc;

use crate::Location;
use crate::Source;
use crate::diagnostic::Lines;
use crate::document::Document;
use crate::document::spanned::{Place, Spanned};
use crate::map::Map;
use crate::pattern::Refused;
use crate::set::{Identities, Role};
use crate::yaml::{Problem, Sink};
use sets::RuleSets;

/// The one version of the format.
const VERSION: u32 = 1;

/// What checking and compiling share.
pub(crate) struct Checker<'a> {
    lines: Lines<'a>,
    sink: &'a Sink,
    /// Whether somebody is writing this policy; otherwise it was in force once, and is read back.
    written: bool,
    /// Whether problems are known already: the rules of a set are checked once, and taken in often.
    muted: bool,
    sets: RuleSets<'a>,
    locations: Map<Arc<str>, Location>,
    rules: usize,
}

/// The compiled parts of a policy.
pub(crate) struct Compiled {
    pub(crate) roles: Vec<Role>,
    pub(crate) by_name: Map<Arc<str>, usize>,
    pub(crate) identities: Identities,
    pub(crate) locations: Map<Arc<str>, Location>,
    pub(crate) rules: usize,
}

/// Checks the document of all files and compiles it. Usable only when the sink stayed empty.
pub(crate) fn check<'a>(document: &'a Document, sources: &'a [Source], sink: &'a Sink) -> Compiled {
    let mut checker = Checker {
        lines: Lines::of(sources),
        sink,
        written: !sources.is_empty(),
        muted: false,
        sets: RuleSets::default(),
        locations: Map::default(),
        rules: 0,
    };
    checker.rule_sets(document);
    let (roles, identities) = checker.roles(document);
    checker.unused_sets();
    let by_name = roles
        .iter()
        .enumerate()
        .map(|(at, role)| (role.name.clone(), at))
        .collect();
    Compiled {
        roles,
        by_name,
        identities,
        locations: checker.locations,
        rules: checker.rules,
    }
}

/// Checks the version that a file claims.
pub(crate) fn check_version(version: &Spanned<u32>, sink: &Sink) {
    if version.value != VERSION {
        sink.push(
            Problem::at(
                version.place.clone(),
                format!("version {} is not known", version.value),
            )
            .hint(format!("this binary reads version {VERSION}")),
        );
    }
}

impl Checker<'_> {
    fn problem(&self, place: &Place, message: impl Into<String>, hint: impl Into<String>) {
        if !self.muted {
            self.sink
                .push(Problem::at(place.clone(), message).hint(hint));
        }
    }

    /// A problem of what is written, not of what it means: a policy that is read back from its
    /// canonical form decides as it did. INVARIANT: no slip may change what is compiled, so that
    /// records of a policy replay after the list of slips grew, or the Public Suffix List did.
    fn slip(&self, place: &Place, message: impl Into<String>, hint: impl Into<String>) {
        if self.written {
            self.problem(place, message, hint);
        }
    }

    fn refused<T>(&self, place: &Place, result: Result<T, Refused>) -> Option<T> {
        result
            .map_err(|refused| {
                if self.muted {
                    return;
                }
                let problem = Problem::at(place.clone(), refused.message);
                self.sink.push(match refused.hint {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                });
            })
            .ok()
    }

    /// Remembers where a rule stands, and gives its path the one shared form.
    fn path(&mut self, path: String, place: &Place) -> Arc<str> {
        let path: Arc<str> = Arc::from(path);
        if let Some(location) = self.lines.locate(place) {
            self.locations.insert(path.clone(), location);
        }
        path
    }

    /// The same for a rule, which is counted.
    fn rule_path(&mut self, path: String, place: &Place) -> Arc<str> {
        self.rules += 1;
        self.path(path, place)
    }

    /// The same for all rules of a list.
    fn rule_paths<T>(&mut self, list: &str, rules: &[Spanned<T>]) -> Vec<Arc<str>> {
        let rules = rules.iter().enumerate();
        rules
            .map(|(at, rule)| self.rule_path(format!("{list}[{at}]"), &rule.place))
            .collect()
    }

    /// `line 12`, or `policy.yaml, line 12` where the other place is in another file.
    fn line(&self, place: &Place, from: &Place) -> String {
        match self.lines.locate(place) {
            Some(location) if place.source == from.source => format!("line {}", location.line),
            Some(location) => format!("{}, line {}", location.file, location.line),
            None => "an earlier place".to_owned(),
        }
    }

    /// Names are shown in headers, logs and paths: a plain word each.
    fn plain_name(&self, name: &Spanned<String>, what: &str) -> bool {
        let first = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        let rest = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        let fits = first && rest && name.len() <= 63;
        if !fits {
            self.problem(
                &name.place,
                format!("`{}` is no name for a {what}", name.value),
                "use up to 63 letters, digits, `-`, `_` and `.`, starting with a letter or digit",
            );
        }
        fits
    }
}
