//! Database rules: patterns, fixed words, and rules that could never match.

use std::sync::Arc;

use super::Checker;
use crate::Access;
use crate::document::list::List;
use crate::document::spanned::Spanned;
use crate::document::{
    AllowDocument, DatabaseDocument, DenyDocument, ModeDocument, PresetDocument,
};
use crate::grants::floors::{catalog_write, never_called, pinned};
use crate::grants::{Grants, Masks, Names, PG_CATALOG, Rule};
use crate::pattern::{RelationPattern, column_path, qualified};
use crate::set::{DatabaseGrant, DatabaseLimits};

/// Kinds of statements that only a `statement` rule allows.
const STATEMENTS: &[&str] = &["listen", "lock", "maintain", "notify"];
/// Kinds of statements that need no rule of their own, but may be denied.
const VERBS: &[&str] = &[
    "call",
    "copy_in",
    "copy_out",
    "declare",
    "delete",
    "discard",
    "execute",
    "explain",
    "insert",
    "merge",
    "prepare",
    "select",
    "set",
    "show",
    "transaction",
    "truncate",
    "update",
];
/// How the words of a definition statement start.
const DEFINITIONS: &[&str] = &[
    "create ",
    "alter ",
    "drop ",
    "comment",
    "grant",
    "revoke",
    "reindex",
    "security label",
    "reassign",
    "import ",
];

impl Checker<'_> {
    pub(super) fn database(
        &mut self,
        role: &str,
        name: &Spanned<String>,
        document: &DatabaseDocument,
    ) -> DatabaseGrant {
        let path = self.path(format!("{role}.databases.{}", name.value), &name.place);
        if document.as_role.is_empty()
            || document.as_role.len() > 63
            || document.as_role.contains('\0')
        {
            self.problem(
                &document.as_role.place,
                "no name of a database role",
                "write the PostgreSQL role that the session runs as",
            );
        }
        let deny = self.denies_in(&path, &document.deny);
        let allow = self.allows_in(&path, &document.allow, &deny);
        let mut masks = Masks::default();
        for (column, _) in document.mask.iter() {
            if let Some([schema, relation, column]) =
                self.refused(&column.place, column_path(column))
            {
                masks.insert(schema, relation, column);
            }
        }
        DatabaseGrant {
            as_role: Arc::from(document.as_role.as_str()),
            limits: self.limits(document),
            report: document.mode == ModeDocument::Report,
            assurance: document.assurance,
            audit: document.audit,
            path,
            allow,
            deny,
            masks,
        }
    }

    fn limits(&self, document: &DatabaseDocument) -> DatabaseLimits {
        let Some(limits) = &document.limits else {
            return DatabaseLimits::default();
        };
        DatabaseLimits {
            sessions: limits
                .sessions
                .as_ref()
                .and_then(|limit| self.positive(limit, "sessions")),
            statements: limits.statements,
            rows: limits
                .rows
                .as_ref()
                .and_then(|limit| self.positive(limit, "rows")),
            statement_timeout: limits.statement_timeout.map(|timeout| timeout.0),
        }
    }

    fn denies_in(&mut self, database: &str, rules: &List<Spanned<DenyDocument>>) -> Grants {
        let mut deny = Grants::default();
        for (at, rule) in rules.iter().enumerate() {
            let path = self.rule_path(format!("{database}.deny[{at}]"), &rule.place);
            match &rule.value {
                DenyDocument::Select(text) => {
                    self.relation(&mut deny, None, Access::Select, text, &path)
                }
                DenyDocument::Insert(text) => {
                    self.relation(&mut deny, None, Access::Insert, text, &path)
                }
                DenyDocument::Update(text) => {
                    self.relation(&mut deny, None, Access::Update, text, &path)
                }
                DenyDocument::Delete(text) => {
                    self.relation(&mut deny, None, Access::Delete, text, &path)
                }
                DenyDocument::Truncate(text) => {
                    self.relation(&mut deny, None, Access::Truncate, text, &path)
                }
                DenyDocument::Define(text) => {
                    self.relation(&mut deny, None, Access::Define, text, &path)
                }
                DenyDocument::Call(list) => {
                    self.names(&mut deny.functions, None, list, Some(PG_CATALOG), &path)
                }
                DenyDocument::Set(list) => self.words(list, setting_word, |word| {
                    deny.settings.insert(word, path.clone())
                }),
                DenyDocument::Statement(list) => {
                    self.words(list, denied_statement_word, |word| {
                        deny.statements.insert(word, path.clone())
                    });
                }
            }
        }
        deny
    }

    fn allows_in(
        &mut self,
        database: &str,
        rules: &List<Spanned<AllowDocument>>,
        deny: &Grants,
    ) -> Grants {
        let mut allow = Grants::default();
        for (at, rule) in rules.iter().enumerate() {
            let path = self.rule_path(format!("{database}.allow[{at}]"), &rule.place);
            let deny = Some(deny);
            match &rule.value {
                AllowDocument::Select(text) => {
                    self.relation(&mut allow, deny, Access::Select, text, &path)
                }
                AllowDocument::Insert(text) => {
                    self.relation(&mut allow, deny, Access::Insert, text, &path)
                }
                AllowDocument::Update(text) => {
                    self.relation(&mut allow, deny, Access::Update, text, &path)
                }
                AllowDocument::Delete(text) => {
                    self.relation(&mut allow, deny, Access::Delete, text, &path)
                }
                AllowDocument::Truncate(text) => {
                    self.relation(&mut allow, deny, Access::Truncate, text, &path)
                }
                AllowDocument::Define(text) => {
                    self.relation(&mut allow, deny, Access::Define, text, &path)
                }
                AllowDocument::Call(list) => {
                    self.callable(list);
                    self.names(
                        &mut allow.functions,
                        deny.map(|deny| &deny.functions),
                        list,
                        Some(PG_CATALOG),
                        &path,
                    );
                }
                AllowDocument::Operator(list) => {
                    self.names(&mut allow.operators, None, list, None, &path)
                }
                AllowDocument::Type(list) => self.names(&mut allow.types, None, list, None, &path),
                AllowDocument::Set(list) => {
                    self.words(list, allowed_setting_word, |word| {
                        allow.settings.insert(word, path.clone())
                    });
                    self.denied_words(list, |word| deny.and_then(|deny| deny.settings.get(word)));
                }
                AllowDocument::Statement(list) => {
                    self.words(list, statement_word, |word| {
                        allow.statements.insert(word, path.clone())
                    });
                    self.denied_words(list, |word| deny.and_then(|deny| deny.statements.get(word)));
                }
                AllowDocument::Preset(list) => self.presets(&mut allow, list, &path),
            }
        }
        allow
    }

    fn relation(
        &self,
        grants: &mut Grants,
        deny: Option<&Grants>,
        access: Access,
        text: &Spanned<String>,
        path: &Rule,
    ) {
        let place = &text.place;
        let Some(pattern) = self.refused(place, RelationPattern::parse(text)) else {
            return;
        };
        if pattern.columns.is_some()
            && !matches!(access, Access::Select | Access::Insert | Access::Update)
        {
            self.problem(
                place,
                "columns in a rule about whole rows",
                "leave the brackets out",
            );
            return;
        }
        if let Some(deny) = deny {
            if catalog_write(&pattern.schema, access) {
                self.problem(
                    place,
                    format!(
                        "a rule that can never match: `{}` is PostgreSQL's own and only ever read",
                        pattern.schema
                    ),
                    "take the rule out",
                );
                return;
            }
            if &*pattern.schema == PG_CATALOG && pattern.relation.is_none() {
                self.problem(
                    place,
                    "`pg_catalog.*` holds password hashes and statistics",
                    "name the relations, or write `preset: [introspection]`",
                );
                return;
            }
            if let Some(by) = shadow(deny, access, &pattern) {
                self.problem(
                    place,
                    "a rule that can never match: a deny rule covers all of it",
                    format!("deny wins; take out this rule or `{by}`"),
                );
                return;
            }
        }
        if !grants.insert(access, &pattern, path) {
            self.problem(
                place,
                "an earlier rule already says this",
                "take this one out",
            );
        }
    }

    fn names(
        &self,
        names: &mut Names,
        denied: Option<&Names>,
        list: &Spanned<List<Spanned<String>>>,
        default: Option<&str>,
        path: &Rule,
    ) {
        self.never_empty(list);
        for text in list.iter() {
            let Some((schema, name)) = self.refused(&text.place, qualified(text, default)) else {
                continue;
            };
            if let Some(by) = denied.and_then(|denied| denied.find(&schema, &name)) {
                self.problem(
                    &text.place,
                    format!(
                        "a rule that can never match: a deny rule names `{}`",
                        text.value
                    ),
                    format!("deny wins; take it out here or in `{by}`"),
                );
            } else if names.insert(schema, name, path.clone()).is_some() {
                self.problem(
                    &text.place,
                    format!("`{}` stands here a second time", text.value),
                    "keep one of them",
                );
            }
        }
    }

    fn callable(&self, list: &Spanned<List<Spanned<String>>>) {
        for text in list.iter() {
            // What can't be read is reported where the names are taken in.
            let Ok((schema, name)) = qualified(text, Some(PG_CATALOG)) else {
                continue;
            };
            if &*schema == PG_CATALOG && never_called(&name) {
                self.problem(
                    &text.place,
                    format!("a rule that can never match: `{name}` goes around the reading of statements"),
                    "it sets parameters or runs SQL that it is given; no rule opens it",
                );
            }
        }
    }

    fn words(
        &self,
        list: &Spanned<List<Spanned<String>>>,
        valid: impl Fn(&str) -> Result<(), (String, String)>,
        mut insert: impl FnMut(Arc<str>) -> Option<Rule>,
    ) {
        self.never_empty(list);
        for word in list.iter() {
            if let Err((message, hint)) = valid(word) {
                self.problem(&word.place, message, hint);
            } else if insert(Arc::from(word.as_str())).is_some() {
                self.problem(
                    &word.place,
                    format!("`{}` stands here a second time", word.value),
                    "keep one of them",
                );
            }
        }
    }

    fn denied_words<'g>(
        &self,
        list: &Spanned<List<Spanned<String>>>,
        denied: impl Fn(&str) -> Option<&'g Rule>,
    ) {
        for word in list.iter() {
            if let Some(by) = denied(word) {
                self.problem(
                    &word.place,
                    format!(
                        "a rule that can never match: a deny rule names `{}`",
                        word.value
                    ),
                    format!("deny wins; take it out here or in `{by}`"),
                );
            }
        }
    }

    fn presets(
        &self,
        allow: &mut Grants,
        list: &Spanned<List<Spanned<PresetDocument>>>,
        path: &Rule,
    ) {
        self.never_empty(list);
        for preset in list.iter() {
            let slot = match preset.value {
                PresetDocument::Builtins => &mut allow.builtins,
                PresetDocument::Introspection => &mut allow.introspection,
            };
            if slot.replace(path.clone()).is_some() {
                self.problem(
                    &preset.place,
                    "this preset stands here a second time",
                    "keep one of them",
                );
            }
        }
    }

    fn never_empty<T>(&self, list: &Spanned<List<T>>) {
        if list.is_empty() {
            self.problem(
                &list.place,
                "a rule that can never match: an empty list",
                "list something, or take the rule out",
            );
        }
    }
}

/// The deny rule that covers all that an allow rule says.
fn shadow(deny: &Grants, access: Access, pattern: &RelationPattern) -> Option<Rule> {
    let Some(relation) = &pattern.relation else {
        return deny.schema(access, &pattern.schema).cloned();
    };
    let denied = deny.relation(access, &pattern.schema, relation);
    match &pattern.columns {
        None => denied.all().cloned(),
        Some(columns) => {
            let by = denied.column(columns.first()?)?;
            columns
                .iter()
                .all(|column| denied.column(column).is_some())
                .then(|| by.clone())
        }
    }
}

fn setting_word(word: &str) -> Result<(), (String, String)> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.');
    if word.is_empty() || !word.bytes().all(plain) {
        return Err((
            format!("`{word}` is no parameter"),
            "write it in lower case, as SHOW ALL prints it".into(),
        ));
    }
    Ok(())
}

fn allowed_setting_word(word: &str) -> Result<(), (String, String)> {
    setting_word(word)?;
    if pinned(word) {
        return Err((
            format!("a rule that can never match: `{word}` is pinned"),
            "it changes what statements mean or as whom they run; no rule opens it".into(),
        ));
    }
    Ok(())
}

fn denied_statement_word(word: &str) -> Result<(), (String, String)> {
    if VERBS.contains(&word) {
        Ok(())
    } else {
        statement_word(word)
    }
}

fn statement_word(word: &str) -> Result<(), (String, String)> {
    let definition = DEFINITIONS.iter().any(|start| word.starts_with(start))
        && word.bytes().all(|b| b.is_ascii_lowercase() || b == b' ')
        && !word.contains("  ");
    if STATEMENTS.contains(&word) || definition {
        return Ok(());
    }
    let hint = crate::yaml::suggest(word, STATEMENTS);
    Err((
        format!("`{word}` is no kind of statement that needs this rule"),
        format!("{hint}, or the words of a definition statement like `create extension`"),
    ))
}
