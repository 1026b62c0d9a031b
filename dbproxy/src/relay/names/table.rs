//! One table of names, with definitions that the server has not confirmed yet.

use std::collections::HashMap;

use super::Unsettled;

/// PostgreSQL's `NAMEDATALEN - 1`: it compares no more bytes of a name than these.
const NAME: usize = 63;

/// A definition, or that there is none any more, and whether the server has confirmed it.
#[derive(Clone, Debug)]
struct Slot<T> {
    value: Option<T>,
    /// The batch whose answer is still to come.
    pending: Option<u64>,
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

/// How a name, or the whole table, was before.
#[derive(Debug)]
pub(crate) enum Before<T> {
    /// A name.
    Name(Box<[u8]>, Option<Kept<T>>),
    /// All names.
    All(Table<T>),
}

/// A definition that was replaced.
#[derive(Debug)]
pub(crate) struct Kept<T>(Slot<T>);

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known<T> {
    /// This.
    Is(T),
    /// Nothing.
    Nothing,
    /// See [`Unsettled`].
    Unsettled,
}

fn key(name: &[u8]) -> &[u8] {
    name.get(..NAME).unwrap_or(name)
}

impl<T> Table<T> {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The sum of something over all definitions.
    pub(super) fn sum(&self, of: impl Fn(&T) -> usize) -> usize {
        let values = self.slots.values().filter_map(|slot| slot.value.as_ref());
        values.map(of).sum()
    }

    /// Within one batch the server skips a use where it skipped the definition; across batches only
    /// its answer tells.
    pub(super) fn look_up(&self, name: &[u8], batch: u64) -> Known<&T> {
        match self.slots.get(key(name)) {
            None => Known::Nothing,
            Some(slot) if slot.pending.is_some_and(|pending| pending != batch) => Known::Unsettled,
            Some(slot) => slot.value.as_ref().map_or(Known::Nothing, Known::Is),
        }
    }

    /// Also where a name is taken: whether the server refuses (and this is taken back) or has lost the
    /// old definition without our knowing (a portal with its savepoint), only its answer tells.
    pub(super) fn define(
        &mut self,
        name: &[u8],
        value: T,
        batch: u64,
    ) -> Result<Option<Before<T>>, Unsettled> {
        let name = key(name);
        if matches!(self.look_up(name, batch), Known::Unsettled) {
            return Err(Unsettled);
        }
        Ok(Some(self.put(name, Some(value), batch)))
    }

    pub(super) fn forget(
        &mut self,
        name: &[u8],
        batch: u64,
    ) -> Result<Option<Before<T>>, Unsettled> {
        let name = key(name);
        match self.look_up(name, batch) {
            Known::Unsettled => Err(Unsettled),
            Known::Nothing => Ok(None),
            Known::Is(_) => Ok(Some(self.put(name, None, batch))),
        }
    }

    fn put(&mut self, name: &[u8], value: Option<T>, batch: u64) -> Before<T> {
        let pending = Some(batch);
        // The hot case, the unnamed one, is replaced without a new key.
        if let Some(slot) = self.slots.get_mut(name) {
            let before = std::mem::replace(slot, Slot { value, pending });
            return Before::Name(name.into(), Some(Kept(before)));
        }
        self.slots.insert(name.into(), Slot { value, pending });
        Before::Name(name.into(), None)
    }

    pub(super) fn forget_all(&mut self) -> Before<T> {
        Before::All(std::mem::take(self))
    }

    pub(super) fn confirm(&mut self, before: &Before<T>) {
        let Before::Name(name, _) = before else {
            return;
        };
        if let Some(slot) = self.slots.get_mut(name) {
            slot.pending = None;
            if slot.value.is_none() {
                self.slots.remove(name);
            }
        }
    }

    pub(super) fn restore(&mut self, before: Before<T>) {
        match before {
            Before::Name(name, Some(Kept(slot))) => {
                self.slots.insert(name, slot);
            }
            Before::Name(name, None) => {
                self.slots.remove(&name);
            }
            Before::All(table) => *self = table,
        }
    }

    pub(super) fn value_mut(&mut self, name: &[u8]) -> Option<&mut T> {
        self.slots.get_mut(key(name))?.value.as_mut()
    }

    pub(super) fn retain_confirmed(&mut self, keep: impl Fn(&T) -> bool) {
        self.slots
            .retain(|_, slot| slot.pending.is_some() || slot.value.as_ref().is_some_and(&keep));
    }
}

#[cfg(test)]
mod tests;
