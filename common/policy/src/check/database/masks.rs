//! Masks, and those of them that could never matter.
//!
//! A mask of a misspelled column leaves the right one open: it must never pass where the rules tell.

use crate::Access;
use crate::check::Checker;
use crate::document::MaskDocument;
use crate::document::entries::Entries;
use crate::grants::{Grants, Masks};
use crate::pattern::column_path;

impl Checker<'_> {
    pub(super) fn masks(&self, masks: &mut Masks, document: &Entries<MaskDocument>, deny: &Grants) {
        for (text, _) in document.iter() {
            let Some([schema, relation, column]) = self.refused(&text.place, column_path(text))
            else {
                continue;
            };
            let denied = deny.relations.relation(Access::Select, &schema, &relation);
            if let Some(by) = denied.column(&column) {
                self.slip(
                    &text.place,
                    "a mask that can never matter: a deny rule covers the column",
                    format!("deny wins; take it out here or in `{by}`"),
                );
            }
            masks.insert(schema, relation, column);
        }
    }

    /// A mask of a column beside those that the rules list is a slip. Of a relation that no rule speaks
    /// of it stands guard, as a deny rule may: against a grant that somebody adds later.
    pub(super) fn meaningful(&self, document: &Entries<MaskDocument>, allow: &Grants) {
        for (text, _) in document.iter() {
            // What can't be read has been reported.
            let Ok([schema, relation, column]) = column_path(text) else {
                continue;
            };
            let granted = allow.relations.relation(Access::Select, &schema, &relation);
            if granted.any().is_some() && granted.column(&column).is_none() {
                self.slip(
                    &text.place,
                    format!("a mask that can never matter: no rule grants `{column}`"),
                    "check the spelling, or take it out: a column that no rule lists can't be read",
                );
            }
        }
    }
}
