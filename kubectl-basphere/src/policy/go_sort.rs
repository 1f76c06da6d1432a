//! The order in which Go's `sort.Slice` leaves what is equal.
//!
//! gator sorts its results by it, and two results of the same action and message stand where it happened to put them.
//! It is a quicksort that looks out for patterns, and decides everything by the number of items; so its order can be had
//! by taking the same steps.

/// Up to here, one item after another is put in its place, which leaves equal ones as they are.
const FEW: usize = 12;
/// From here on, a pivot is chosen among nine items, and what is nearly sorted is repaired.
const MANY: usize = 50;
/// So many pairs in the wrong order are repaired.
const REPAIRS: usize = 5;
/// All comparisons of nine items found the wrong order.
const ALL_SWAPPED: usize = 12;

/// Sorts items by whether one is less than another.
pub(super) fn sort<T>(items: &mut [T], is_less: impl Fn(&T, &T) -> bool) {
    let count = items.len();
    let limit = usize::BITS - count.leading_zeros();
    Sorter { items, is_less }.sort(0, count, limit);
}

struct Sorter<'a, T, F> {
    items: &'a mut [T],
    is_less: F,
}

/// What is known of a range before it is divided.
#[derive(PartialEq)]
enum Hint {
    Unknown,
    Increasing,
    Decreasing,
}

impl<T, F: Fn(&T, &T) -> bool> Sorter<'_, T, F> {
    fn less(&self, one: usize, other: usize) -> bool {
        match (self.items.get(one), self.items.get(other)) {
            (Some(one), Some(other)) => (self.is_less)(one, other),
            _ => false,
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.items.swap(one, other);
    }

    fn sort(&mut self, mut begin: usize, mut end: usize, mut limit: u32) {
        let (mut was_balanced, mut was_divided) = (true, true);
        loop {
            let count = end - begin;
            if count <= FEW {
                return self.insert(begin, end);
            }
            if limit == 0 {
                return self.heap(begin, end);
            }
            if !was_balanced {
                self.scatter(begin, end);
                limit -= 1;
            }
            let (mut pivot, mut hint) = self.pivot(begin, end);
            if hint == Hint::Decreasing {
                if let Some(range) = self.items.get_mut(begin..end) {
                    range.reverse();
                }
                pivot = (end - 1) - (pivot - begin);
                hint = Hint::Increasing;
            }
            let seems_sorted = was_balanced && was_divided && hint == Hint::Increasing;
            if seems_sorted && self.repair(begin, end) {
                return;
            }
            if begin > 0 && !self.less(begin - 1, pivot) {
                begin = self.divide_equal(begin, end, pivot);
                continue;
            }
            let (middle, is_divided) = self.divide(begin, end, pivot);
            was_divided = is_divided;
            let (left, right) = (middle - begin, end - middle);
            was_balanced = left.min(right) >= count / 8;
            if left < right {
                self.sort(begin, middle, limit);
                begin = middle + 1;
            } else {
                self.sort(middle + 1, end, limit);
                end = middle;
            }
        }
    }

    fn insert(&mut self, begin: usize, end: usize) {
        for item in begin + 1..end {
            let mut at = item;
            while at > begin && self.less(at, at - 1) {
                self.swap(at, at - 1);
                at -= 1;
            }
        }
    }

    fn heap(&mut self, begin: usize, end: usize) {
        let count = end - begin;
        for root in (0..=(count - 1) / 2).rev() {
            self.sift(root, count, begin);
        }
        for last in (0..count).rev() {
            self.swap(begin, begin + last);
            self.sift(0, last, begin);
        }
    }

    fn sift(&mut self, mut root: usize, count: usize, begin: usize) {
        loop {
            let mut child = 2 * root + 1;
            if child >= count {
                return;
            }
            if child + 1 < count && self.less(begin + child, begin + child + 1) {
                child += 1;
            }
            if !self.less(begin + root, begin + child) {
                return;
            }
            self.swap(begin + root, begin + child);
            root = child;
        }
    }

    /// What is less than the pivot before it, and the rest behind it; and whether it was so before.
    fn divide(&mut self, begin: usize, end: usize, pivot: usize) -> (usize, bool) {
        self.swap(begin, pivot);
        let (mut left, mut right) = (begin + 1, end - 1);
        let mut is_divided = true;
        loop {
            while left <= right && self.less(left, begin) {
                left += 1;
            }
            while left <= right && !self.less(right, begin) {
                right -= 1;
            }
            if left > right {
                self.swap(right, begin);
                return (right, is_divided);
            }
            is_divided = false;
            self.swap(left, right);
            left += 1;
            right -= 1;
        }
    }

    /// What is equal to the pivot, before what is greater, where nothing is less.
    fn divide_equal(&mut self, begin: usize, end: usize, pivot: usize) -> usize {
        self.swap(begin, pivot);
        let (mut left, mut right) = (begin + 1, end - 1);
        loop {
            while left <= right && !self.less(begin, left) {
                left += 1;
            }
            while left <= right && self.less(begin, right) {
                right -= 1;
            }
            if left > right {
                return left;
            }
            self.swap(left, right);
            left += 1;
            right -= 1;
        }
    }

    /// Repairs what is nearly sorted; whether it is sorted then.
    fn repair(&mut self, begin: usize, end: usize) -> bool {
        let mut at = begin + 1;
        for _ in 0..REPAIRS {
            while at < end && !self.less(at, at - 1) {
                at += 1;
            }
            if at == end {
                return true;
            }
            if end - begin < MANY {
                return false;
            }
            self.swap(at, at - 1);
            if at - begin >= 2 {
                let mut left = at - 1;
                while left >= 1 && self.less(left, left - 1) {
                    self.swap(left, left - 1);
                    left -= 1;
                }
            }
            if end - at >= 2 {
                let mut right = at + 1;
                while right < end && self.less(right, right - 1) {
                    self.swap(right, right - 1);
                    right += 1;
                }
            }
        }
        false
    }

    /// Moves three items elsewhere, by numbers that only look random.
    fn scatter(&mut self, begin: usize, end: usize) {
        let count = end - begin;
        let mut random = count as u64;
        let mask = (1_u64 << (usize::BITS - count.leading_zeros())) - 1;
        let middle = begin + (count / 4) * 2;
        for at in middle - 1..=middle + 1 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // The mask leaves less than twice the count.
            let mut other = usize::try_from(random & mask).unwrap_or_default();
            if other >= count {
                other -= count;
            }
            self.swap(at, begin + other);
        }
    }

    fn pivot(&self, begin: usize, end: usize) -> (usize, Hint) {
        let count = end - begin;
        let quarter = count / 4;
        let mut swaps = 0;
        let mut three = [begin + quarter, begin + quarter * 2, begin + quarter * 3];
        if count >= MANY {
            three = three.map(|at| self.median([at - 1, at, at + 1], &mut swaps));
        }
        let pivot = self.median(three, &mut swaps);
        let hint = match swaps {
            0 => Hint::Increasing,
            ALL_SWAPPED => Hint::Decreasing,
            _ => Hint::Unknown,
        };
        (pivot, hint)
    }

    fn median(&self, [mut one, mut two, mut three]: [usize; 3], swaps: &mut usize) -> usize {
        let mut order = |one: &mut usize, other: &mut usize| {
            if self.less(*other, *one) {
                *swaps += 1;
                std::mem::swap(one, other);
            }
        };
        order(&mut one, &mut two);
        order(&mut two, &mut three);
        order(&mut one, &mut two);
        two
    }
}

#[cfg(test)]
mod tests {
    use super::sort;

    #[test]
    fn everything_is_sorted_whatever_its_pattern() {
        for count in [0, 1, 12, 13, 49, 50, 51, 200, 1000_u64] {
            for modulus in [1, 2, 3, 7, 1000] {
                for step in [1, 7, 999, 1001] {
                    let mut items: Vec<u64> =
                        (0..count).map(|item| item * step % modulus).collect();
                    let mut expected = items.clone();
                    expected.sort_unstable();
                    sort(&mut items, |one, other| one < other);
                    assert_eq!(items, expected, "{count} {modulus} {step}");
                    items.reverse();
                    sort(&mut items, |one, other| one < other);
                    assert_eq!(items, expected, "{count} {modulus} {step} reversed");
                }
            }
        }
    }
}
