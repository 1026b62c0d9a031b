//! What PostgreSQL is asked about a text, in as few bytes as tell the same.
//!
//! It must never leave out what decides: a list keeps one element of each kind, and in the place of a long
//! string stands what PostgreSQL takes for a value of no type yet, as it does a string.

use std::sync::Arc;

use crate::analysis::Question;

/// A longer text is asked about without its long strings.
pub(in crate::guard) const LONG: usize = 128 << 10;
/// And these are the strings that stay.
const STAYS: usize = 128;
/// No template of a text begins like this.
const CUT: &[u8] = b"\x01";

/// The question about a text whose parameters have these types.
pub(super) fn question(
    text: &str,
    version: u64,
    types: &Arc<[u32]>,
    declared: &Arc<[Box<str>]>,
) -> Question {
    let cut = match text.len() > LONG {
        true => exeat_sql::without_strings(text, STAYS),
        false => None,
    };
    let asked = cut.as_ref().map_or(text, |cut| &cut.as_parameters);
    let mut template = Vec::with_capacity(asked.len() + CUT.len());
    if !exeat_sql::template_into(asked, types, &mut template) {
        template = asked.as_bytes().to_vec();
    }
    if cut.is_some() {
        template.splice(0..0, CUT.iter().copied());
    }
    let short = exeat_sql::short_form(asked, types).filter(|_| declared.is_empty());
    let (text, asked_types, whole) = match short {
        Some(short) => {
            let of = |number: &u16| {
                let index = usize::from(*number).checked_sub(1);
                let known = index.and_then(|index| types.get(index));
                known.copied().unwrap_or(0)
            };
            let types_of_short: Arc<[u32]> = short.parameters.iter().map(of).collect();
            let whole = (Arc::from(asked), Arc::clone(types));
            (Arc::from(short.text), types_of_short, Some(whole))
        }
        None => (Arc::from(asked), Arc::clone(types), None),
    };
    Question {
        version,
        template: template.into(),
        text,
        types: asked_types,
        whole,
        emptied: cut.map(|cut| cut.emptied.into()),
        declared: Arc::clone(declared),
        reaches: None,
    }
}

#[cfg(test)]
mod tests;
