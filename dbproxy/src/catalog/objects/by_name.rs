//! Which OIDs have a name, whatever their schema.

use std::sync::Arc;

use rpds::HashTrieMapSync;

/// OIDs by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct ByName(HashTrieMapSync<Arc<str>, Vec<u32>>);

impl ByName {
    /// All of that name.
    pub(super) fn of(&self, name: &str) -> &[u32] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn add(&mut self, name: &Arc<str>, oid: u32) {
        match self.0.get_mut(name) {
            Some(oids) => oids.push(oid),
            None => self.0.insert_mut(Arc::clone(name), vec![oid]),
        }
    }

    pub(super) fn remove(&mut self, name: &Arc<str>, oid: u32) {
        let Some(oids) = self.0.get_mut(name) else {
            return;
        };
        oids.retain(|known| *known != oid);
        if oids.is_empty() {
            self.0.remove_mut(name);
        }
    }
}
