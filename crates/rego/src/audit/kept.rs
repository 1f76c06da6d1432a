//! The smallest of many, so many at the most.

use std::collections::BinaryHeap;

/// Keeps the smallest items that it is shown.
#[derive(Debug, Clone)]
pub(super) struct Kept<T> {
    most: usize,
    /// The greatest is at the top: the first to go.
    heap: BinaryHeap<T>,
}

impl<T: Ord + Clone> Kept<T> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            heap: BinaryHeap::new(),
        }
    }

    /// Whether there is one more now, which is not so when it came in another's place or is too great.
    pub(super) fn push(&mut self, item: T) -> bool {
        if self.heap.len() < self.most {
            self.heap.push(item);
            return true;
        }
        if let Some(mut greatest) = self.heap.peek_mut()
            && item < *greatest
        {
            *greatest = item;
        }
        false
    }

    /// Keeps no more than so many from now on. Returns how many had to go.
    pub(super) fn lower(&mut self, most: usize) -> usize {
        self.most = most;
        let before = self.heap.len();
        while self.heap.len() > most {
            self.heap.pop();
        }
        before.saturating_sub(self.heap.len())
    }

    /// All that are kept, the smallest first.
    pub(super) fn sorted(&self) -> Vec<T> {
        self.heap.clone().into_sorted_vec()
    }

    pub(super) fn into_items(self) -> impl Iterator<Item = T> {
        self.heap.into_iter()
    }
}
