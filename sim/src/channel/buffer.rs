//! Bytes under way in one direction.

use std::collections::VecDeque;
use std::io::Read;

/// A byte queue that also knows about how many writes it is made of, because a kernel charges small
/// writes far more than their bytes. Empty, it holds no memory.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: VecDeque<u8>,
    writes: usize,
}

impl Buffer {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.writes += 1;
    }

    /// Takes all that `other` holds.
    pub(super) fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
        } else {
            self.bytes.append(&mut other.bytes);
            self.writes += other.writes;
        }
        other.clear();
    }

    /// Moves as much as fits into `out` and gives its length.
    pub(super) fn pull(&mut self, out: &mut [u8]) -> usize {
        let before = self.len();
        let mut filled = 0;
        while filled < out.len() && !self.is_empty() {
            filled += self.bytes.read(&mut out[filled..]).expect("reading from memory");
        }
        if self.is_empty() {
            self.clear();
        } else {
            // Which writes these bytes came in is not kept: the rest gets its share of the count.
            self.writes = (self.writes * self.len()).div_ceil(before);
        }
        filled
    }

    /// Bytes that may be added within both bounds.
    pub(super) fn room(&self, most_bytes: usize, most_writes: usize) -> usize {
        if self.writes >= most_writes { 0 } else { most_bytes.saturating_sub(self.len()) }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
