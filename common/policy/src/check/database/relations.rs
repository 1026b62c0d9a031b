//! Rules about relations, and those of them that could never match.
//!
//! A rule that says nothing, or that another one outweighs, must never pass: its author means something else.

use crate::Access;
use crate::check::Checker;
use crate::document::spanned::Spanned;
use crate::grants::floors::catalog_write;
use crate::grants::{Grants, Masks, PG_CATALOG, Rule};
use crate::pattern::RelationPattern;

impl Checker<'_> {
    pub(super) fn relation(
        &self,
        grants: &mut Grants,
        against: Option<(&Grants, &Masks)>,
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
        if let Some((deny, masks)) = against {
            let schema = pattern.schema.as_deref().unwrap_or_default();
            if catalog_write(schema, access) {
                self.problem(
                    place,
                    format!(
                        "a rule that can never match: `{schema}` is PostgreSQL's own and only ever read"
                    ),
                    "take the rule out",
                );
                return;
            }
            if schema == PG_CATALOG && pattern.relation.is_none() {
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
            if access == Access::Select && shut(deny, masks, &pattern) {
                self.slip(
                    place,
                    "a rule that can never match: `mask` shuts every column of it",
                    "this version refuses to read masked columns; take out this rule or the masks",
                );
            }
        }
        if !grants.relations.insert(access, &pattern, path) {
            self.problem(
                place,
                "an earlier rule already says this",
                "take this one out",
            );
        }
    }
}

/// The deny rule that covers all that an allow rule says.
fn shadow(deny: &Grants, access: Access, pattern: &RelationPattern) -> Option<Rule> {
    let Some(schema) = &pattern.schema else {
        return deny.relations.every_schema(access).cloned();
    };
    let Some(relation) = &pattern.relation else {
        return deny.relations.schema(access, schema).cloned();
    };
    let denied = deny.relations.relation(access, schema, relation);
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

/// Whether masks, with deny rules, shut all columns that an allow rule lists.
fn shut(deny: &Grants, masks: &Masks, pattern: &RelationPattern) -> bool {
    let (Some(schema), Some(relation), Some(columns)) =
        (&pattern.schema, &pattern.relation, &pattern.columns)
    else {
        return false;
    };
    let Some(masked) = masks.of(schema, relation) else {
        return false;
    };
    let denied = deny.relations.relation(Access::Select, schema, relation);
    columns
        .iter()
        .all(|column| masked.contains(column) || denied.column(column).is_some())
}
