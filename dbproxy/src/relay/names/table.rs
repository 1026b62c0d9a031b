//! One table of names: what the server has answered, and above it what was forwarded since.
//!
//! INVARIANT: what is confirmed changes only when an answer comes. What is forwarded is counted per name
//! until it is answered, skipped or refused, and each of these counts down by one; so a name is
//! unsettled only while an answer is due.

use std::collections::HashMap;

use super::Known;
use super::called::{Called, Id};

/// PostgreSQL's `NAMEDATALEN - 1`: it compares no more bytes of a name than these.
const NAME: usize = 63;

/// A definition: what it is called on the server, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object<T> {
    pub(crate) called: Called,
    pub(crate) value: T,
}

/// What a forwarded message makes of a name, once the server has done it.
#[derive(Debug)]
pub(crate) struct Change<T> {
    name: Box<[u8]>,
    /// `None`: nothing of that name is left.
    becomes: Option<Object<T>>,
}

impl<T> Change<T> {
    /// What the name stands for then.
    pub(super) fn becomes(&self) -> Option<&T> {
        self.becomes.as_ref().map(|object| &object.value)
    }

    /// What the server calls that.
    pub(super) fn called(&self) -> Option<Called> {
        self.becomes.as_ref().map(|object| object.called)
    }

    /// The name in the client's words, where this defines what the server calls so.
    pub(super) fn defines(&self, id: Id) -> Option<&[u8]> {
        let object = self.becomes.as_ref()?;
        (object.called == Called::Ours(id)).then_some(&*self.name)
    }
}

#[derive(Debug)]
struct Slot<T> {
    confirmed: Option<Object<T>>,
    /// What the newest of the forwarded changes makes of it; says nothing where none is pending.
    newest: Option<Object<T>>,
    /// The batch of the newest change.
    batch: u64,
    /// Changes that are not answered yet.
    pending: u32,
}

/// The names of one kind.
#[derive(Debug)]
pub(crate) struct Table<T> {
    slots: HashMap<Box<[u8]>, Slot<T>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            slots: HashMap::new(),
        }
    }
}

fn key(name: &[u8]) -> &[u8] {
    name.get(..NAME).unwrap_or(name)
}

impl<T: Clone> Table<T> {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The sum of something over all definitions.
    pub(super) fn sum(&self, of: impl Fn(&T) -> usize) -> usize {
        self.objects().map(|(_, object)| of(&object.value)).sum()
    }

    fn objects(&self) -> impl Iterator<Item = (&[u8], &Object<T>)> {
        self.slots.iter().flat_map(|(name, slot)| {
            let newest = slot.newest.as_ref().filter(|_| slot.pending > 0);
            let both = slot.confirmed.iter().chain(newest);
            both.map(move |object| (&**name, object))
        })
    }

    /// The client's name for what the server calls so.
    pub(super) fn name_of(&self, id: Id) -> Option<&[u8]> {
        self.objects()
            .find(|(_, object)| object.called == Called::Ours(id))
            .map(|(name, _)| name)
    }

    /// Within one batch the server skips a use where it skipped the definition; across batches only
    /// its answer tells.
    pub(super) fn look_up(&self, name: &[u8], batch: u64) -> Known<&Object<T>> {
        let found = match self.slots.get(key(name)) {
            None => None,
            Some(slot) if slot.pending == 0 => slot.confirmed.as_ref(),
            Some(slot) if slot.batch == batch => slot.newest.as_ref(),
            Some(_) => return Known::Unsettled,
        };
        found.map_or(Known::Nothing, Known::Is)
    }

    /// Whether it was an earlier batch that made this of the name.
    pub(super) fn is_of_earlier_batch(&self, name: &[u8], batch: u64) -> bool {
        self.slots
            .get(key(name))
            .is_some_and(|slot| slot.batch != batch)
    }

    /// What may be there now, whatever the server makes of what is pending: to be closed before it is
    /// lost sight of.
    pub(super) fn newest(&self, name: &[u8]) -> Option<&Object<T>> {
        let slot = self.slots.get(key(name))?;
        if slot.pending > 0 {
            slot.newest.as_ref()
        } else {
            slot.confirmed.as_ref()
        }
    }

    /// A message is forwarded that makes this of a name.
    pub(super) fn change(
        &mut self,
        name: &[u8],
        becomes: Option<Object<T>>,
        batch: u64,
    ) -> Change<T> {
        let name: Box<[u8]> = key(name).into();
        let change = Change {
            name: name.clone(),
            becomes: becomes.clone(),
        };
        // The hot case, the unnamed one, has an empty key: nothing is allocated for it.
        let slot = self.slots.entry(name).or_insert_with(|| Slot {
            confirmed: None,
            newest: None,
            batch,
            pending: 0,
        });
        slot.newest = becomes;
        slot.batch = batch;
        slot.pending += 1;
        change
    }

    /// A message is forwarded that forgets all names. Only where nothing is pending.
    pub(super) fn forget_all(&mut self, batch: u64) -> Vec<Change<T>> {
        let names: Vec<Box<[u8]>> = self.slots.keys().cloned().collect();
        names
            .iter()
            .map(|name| self.change(name, None, batch))
            .collect()
    }

    /// The server did it. What it replaced, unless that is what the name still stands for.
    pub(super) fn done(&mut self, change: Change<T>) -> Option<Object<T>> {
        let slot = self.slots.get_mut(&change.name)?;
        let called = change.becomes.as_ref().map(|object| object.called);
        let before = std::mem::replace(&mut slot.confirmed, change.becomes);
        self.answered(&change.name);
        before.filter(|before| Some(before.called) != called)
    }

    /// The server refused or skipped it.
    pub(super) fn not_done(&mut self, change: &Change<T>) {
        self.answered(&change.name);
    }

    fn answered(&mut self, name: &[u8]) {
        let Some(slot) = self.slots.get_mut(name) else {
            return;
        };
        slot.pending = slot.pending.saturating_sub(1);
        if slot.pending == 0 {
            slot.newest = None;
            if slot.confirmed.is_none() {
                self.slots.remove(name);
            }
        }
    }

    /// What the server still has of this name is gone by itself; what it had.
    pub(super) fn lost(&mut self, name: &[u8]) -> Option<Object<T>> {
        let slot = self.slots.get_mut(key(name))?;
        let before = slot.confirmed.take();
        if slot.pending == 0 {
            self.slots.remove(key(name));
        }
        before
    }

    /// The confirmed definition of a name.
    pub(super) fn confirmed_mut(&mut self, name: &[u8]) -> Option<&mut Object<T>> {
        self.slots.get_mut(key(name))?.confirmed.as_mut()
    }

    /// What the server calls so, as of the last answer.
    pub(super) fn called(&self, id: Id) -> Option<&T> {
        let mut confirmed = self
            .slots
            .values()
            .filter_map(|slot| slot.confirmed.as_ref());
        let found = confirmed.find(|object| object.called == Called::Ours(id));
        found.map(|object| &object.value)
    }

    /// Everything confirmed is gone but what is to be kept; what is pending comes after that.
    pub(super) fn retain_named(&mut self, keep: impl Fn(&[u8], &Object<T>) -> bool) {
        self.slots.retain(|name, slot| {
            slot.confirmed.take_if(|object| !keep(name, object));
            slot.pending > 0 || slot.confirmed.is_some()
        });
    }

    /// The same, by value.
    pub(super) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        self.retain_named(|_, object| keep(&object.value));
    }
}

#[cfg(test)]
mod tests;
