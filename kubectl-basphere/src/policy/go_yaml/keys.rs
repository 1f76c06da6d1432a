//! The order of keys.

use std::cmp::Ordering;

/// The order of keys: letters behind everything else, and numbers within by their value.
pub(super) fn by_key(one: &str, other: &str) -> Ordering {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut is_in_number = false;
    for (index, (left, right)) in one.iter().zip(&other).enumerate() {
        if left == right {
            is_in_number = left.is_numeric();
            continue;
        }
        return match (left.is_alphabetic(), right.is_alphabetic()) {
            (true, true) => left.cmp(right),
            (true, false) if is_in_number => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if is_in_number => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let numbers =
                    [&one, &other].map(|text| number(text, index, *left == '0' || *right == '0'));
                let [left_number, right_number] = numbers;
                left_number.cmp(&right_number).then(left.cmp(right))
            }
        };
    }
    one.len().cmp(&other.len())
}

/// The number that goes on at a place, and where it ends. What stands before counts where a zero is compared.
fn number(text: &[char], at: usize, is_zero: bool) -> (i64, usize) {
    let digits = |text: &[char]| text.iter().take_while(|it| it.is_ascii_digit()).count();
    let (before, after) = text.split_at(at.min(text.len()));
    let is_led = is_zero
        && before
            .iter()
            .rev()
            .take_while(|it| it.is_ascii_digit())
            .any(|it| *it != '0');
    let count = digits(after);
    let value = after
        .iter()
        .take(count)
        .fold(i64::from(is_led), |value, digit| {
            let digit = digit.to_digit(10).map_or(0, i64::from);
            value.wrapping_mul(10).wrapping_add(digit)
        });
    (value, count)
}

#[cfg(test)]
mod tests {
    use super::by_key;

    #[test]
    fn numbers_are_sorted_by_their_value_and_letters_come_last() {
        let mut keys = [
            "b", "a10", "a2", "a", "1", "10", "9", "a-1", "ab", "_x", "B",
        ];
        keys.sort_by(|one, other| by_key(one, other));
        assert_eq!(
            keys,
            [
                "_x", "1", "9", "10", "B", "a", "a-1", "a2", "a10", "ab", "b"
            ]
        );
    }
}
