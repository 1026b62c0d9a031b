//! Where the problems of a source are collected, so that one run shows all of them.
//!
//! What failed is left out of the value ([`Tried`]): a value may only be used when the sink is empty.

use std::cell::RefCell;

use serde::{Deserialize, Deserializer};

use super::Problem;
use crate::document::spanned::Place;

/// Where problems go.
#[derive(Debug, Default)]
pub(crate) struct Sink(RefCell<Vec<Problem>>);

impl Sink {
    pub(crate) fn push(&self, mut problem: Problem) {
        problem.reported = true;
        self.0.borrow_mut().push(problem);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Whether a problem is known of something in this place.
    pub(crate) fn within(&self, place: &Place) -> bool {
        let inside = |problem: &Problem| {
            problem.place.as_ref().is_some_and(|it| {
                it.source == place.source && place.range.contains(&it.range.start)
            })
        };
        self.0.borrow().iter().any(inside)
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// A value, or nothing where it failed and the sink knows why.
pub(crate) struct Tried<T>(pub(crate) Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Tried<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(T::deserialize(deserializer).ok()))
    }
}
