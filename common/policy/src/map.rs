//! The maps of a compiled policy.
//!
//! Their keys are the policy's, never a caller's: a caller only looks up, so no choice of names makes a
//! lookup longer than the policy has it, and the hash may be a fast one. Never put here what a request brings.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

pub(crate) type Map<K, V> = HashMap<K, V, FixedState>;

pub(crate) type Set<K> = HashSet<K, FixedState>;
