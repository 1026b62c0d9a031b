//! Parameters within lists: what the template says of one is the type that was declared for it, so that
//! rows that bind others are the same. That is only true of a parameter that is used once, so these must
//! come in the order of their numbers and nowhere else; a text in which they do not has no template.

use std::ops::Range;

use smallvec::SmallVec;

/// What is known of the parameters so far.
#[derive(Default)]
pub(super) struct Parameters {
    highest: u16,
    /// Those of lists.
    closed: SmallVec<[Range<u32>; 2]>,
    count: Count,
}

/// How many parameters of lists there were, and how many of them were left out.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    listed: u32,
    left_out: u32,
}

impl Parameters {
    pub(super) fn count(&self) -> Count {
        self.count
    }

    /// Forgets those that came since: their element was left out.
    pub(super) fn leave_out(&mut self, before: Count) {
        self.count.left_out = before.left_out + (self.count.listed - before.listed);
    }

    /// What the template has for a parameter.
    pub(super) fn key(
        &mut self,
        number: u16,
        declared: u32,
        listed: bool,
    ) -> Option<SmallVec<[u8; 24]>> {
        let at = u32::from(number);
        if self.closed.iter().any(|range| range.contains(&at)) {
            return None;
        }
        let mut key = SmallVec::new();
        if listed && Some(number) == self.highest.checked_add(1) {
            match self.closed.last_mut() {
                Some(range) if range.end == at => range.end = at + 1,
                _ => self.closed.push(at..at + 1),
            }
            self.count.listed += 1;
            key.push(b'$');
        } else {
            key.push(b'$');
            decimal(self.own(at)?, &mut key);
        }
        self.highest = self.highest.max(number);
        if declared != 0 {
            // No text of the client's has this byte in such a place.
            key.push(2);
            decimal(declared, &mut key);
        }
        Some(key)
    }

    /// The number of one outside of lists: those behind them go on as if nothing had been left out.
    fn own(&self, number: u32) -> Option<u32> {
        match (self.closed.first(), self.closed.last()) {
            (Some(_), Some(last)) if number >= last.end => number.checked_sub(self.count.left_out),
            (Some(first), _) if number >= first.start => None,
            _ => Some(number),
        }
    }
}

/// Writes a number.
pub(super) fn decimal(number: u32, text: &mut SmallVec<[u8; 24]>) {
    let digits: SmallVec<[u8; 10]> = std::iter::successors(Some(number), |rest| Some(rest / 10))
        .enumerate()
        .take_while(|(index, rest)| *index == 0 || *rest > 0)
        .map(|(_, rest)| b'0' + (rest % 10) as u8)
        .collect();
    text.extend(digits.into_iter().rev());
}
