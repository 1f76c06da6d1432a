//! Numbers as they come to Rego in Gatekeeper: by way of Go's JSON, which knows nothing but 64-bit floats.
//!
//! OPA writes such a float in the shortest way that `strconv`'s `g` knows: `1000000` becomes `1e+06`, which is a number
//! like any other to compare and add, and no integer to `sprintf("%d", …)`. So that this can be told, what stays an
//! integer is an integer here, and what does not is a float.

use serde_json::{Number, Value};

/// From here on, `g` writes exponents.
const EXPONENTS: f64 = 1e6;
/// Whole numbers up to here are written by Go's JSON without a fraction and without an exponent.
const LARGEST_PLAIN: f64 = 9_223_372_036_854_774_784.0;

/// Makes the numbers of a value what they are after a journey through `map[string]interface{}`: of reviews, and of the
/// objects of `data.inventory`.
pub fn as_untyped_json(value: &mut Value) {
    each(value, &|number| {
        let float = number.as_f64()?;
        let is_plain = float.fract() == 0.0 && float.abs() < EXPONENTS;
        match (is_plain, number.is_f64()) {
            (true, false) | (false, true) => None,
            (true, true) => whole(float),
            (false, false) => Number::from_f64(float),
        }
    });
}

/// Makes the numbers of a value what they are in an object that was read from YAML, or from an API server: whole
/// numbers are integers, also where they were written with a fraction. So come the parameters of constraints.
pub(crate) fn as_object(value: &mut Value) {
    each(value, &|number| {
        let float = number.as_f64().filter(|_| number.is_f64())?;
        let is_plain = float.fract() == 0.0 && float.abs() <= LARGEST_PLAIN;
        is_plain.then(|| whole(float)).flatten()
    });
}

fn each(value: &mut Value, replace: &impl Fn(&Number) -> Option<Number>) {
    match value {
        Value::Number(number) => {
            if let Some(replaced) = replace(number) {
                *number = replaced;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, replace)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each(field, replace)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::unnecessary_wraps,
    reason = "callers ask for whole numbers within 64 bits only, and want an option"
)]
fn whole(float: f64) -> Option<Number> {
    Some(Number::from(float as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{as_object, as_untyped_json};

    #[test]
    fn in_reviews_large_numbers_are_floats_and_small_whole_ones_are_not() {
        let mut value = json!({"a": [999_999, 1_000_000, 3.0, 3.5, -2_000_000], "b": 9_007_199_254_740_993_u64});
        as_untyped_json(&mut value);
        let expected = json!({"a": [999_999, 1e6, 3, 3.5, -2e6], "b": 9_007_199_254_740_992.0});
        assert_eq!(value, expected);
        assert!(value["a"][1].is_f64() && value["a"][2].is_i64());
    }

    #[test]
    fn in_parameters_whole_numbers_are_integers() {
        let mut value = json!([1_000_000, 1e6, 0.5, 1e300]);
        as_object(&mut value);
        assert_eq!(value, json!([1_000_000, 1_000_000, 0.5, 1e300]));
        assert_eq!(value.get(1).and_then(Value::as_i64), Some(1_000_000));
    }
}
