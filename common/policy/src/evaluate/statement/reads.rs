//! May a role read these columns? Asked where values turn up that nobody selected: in errors.

use std::sync::Arc;

use crate::set::DatabaseGrant;
use crate::{Access, Columns, Confirmation, Facts, Name, RelationAccess, Verb};

impl DatabaseGrant {
    /// Whether a rule lets the role read these columns of a relation, and nothing denies or masks them.
    pub fn reads(&self, relation: &Name, columns: Columns) -> bool {
        let facts = Facts {
            verb: Verb::Select,
            label: Arc::from("select"),
            relations: vec![RelationAccess {
                relation: relation.clone(),
                access: Access::Select,
                columns,
            }],
            functions: Vec::new(),
            operators: Vec::new(),
            types: Vec::new(),
            settings: Vec::new(),
            confirmation: Confirmation::Confirmed,
            behind: Vec::new(),
            behind_functions: Vec::new(),
            sequences: Vec::new(),
        };
        self.lets(facts)
    }
}
