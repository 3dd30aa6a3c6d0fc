//! The next deadline of every instance, in order of time.

use std::collections::BTreeSet;
use std::time::Instant;

use super::Key;

/// At most one deadline a key.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(Instant, Key)>);

impl Deadlines {
    /// Moves the deadline of `key` from `old`, which the caller keeps, to `new`.
    pub(super) fn replace(&mut self, key: Key, old: Option<Instant>, new: Option<Instant>) {
        if old == new {
            return;
        }
        if let Some(at) = old {
            self.0.remove(&(at, key));
        }
        if let Some(at) = new {
            self.0.insert((at, key));
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The first key whose deadline has come.
    pub(super) fn first_due(&self, now: Instant) -> Option<Key> {
        self.0.first().filter(|(at, _)| *at <= now).map(|(_, key)| *key)
    }
}
