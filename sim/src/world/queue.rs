//! What happens when: the order of a world in virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// Happenings in order of time; those of one moment in the order in which they were put.
#[derive(Debug)]
pub struct Queue<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    put: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Instant,
    number: u64,
    what: T,
}

impl<T> Queue<T> {
    /// Puts a happening into its place.
    pub fn put(&mut self, at: Instant, what: T) {
        self.put += 1;
        self.heap.push(Reverse(Entry { at, number: self.put, what }));
    }

    /// When the next one happens.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes the next one.
    pub fn take(&mut self) -> Option<(Instant, T)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }

    /// How many are to come.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether none is to come.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), put: 0 }
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_happens_at_the_same_time_happens_in_the_order_in_which_it_was_put() {
        let now = crate::clock::now();
        let mut queue = Queue::default();
        queue.put(now + Duration::from_secs(1), "later");
        for word in ["first", "second", "third"] {
            queue.put(now, word);
        }
        assert_eq!((queue.next(), queue.len()), (Some(now), 4));
        let order: Vec<_> = std::iter::from_fn(|| queue.take()).map(|(_, word)| word).collect();
        assert_eq!(order, ["first", "second", "third", "later"]);
        assert!(queue.is_empty());
    }
}
