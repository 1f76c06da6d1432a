//! Numbers as kube-openapi takes them: it sees nothing but 64-bit floats.

use super::Findings;
use super::props::Schema;

/// What is a whole number to JSON: within ±2^53, and whole but for the last bits.
pub(super) fn is_whole(number: f64) -> bool {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    const EPSILON: f64 = 1e-9;
    if !(-LARGEST - 1.0..=LARGEST).contains(&number) {
        return false;
    }
    let whole = number.trunc();
    let difference = (number - whole).abs();
    difference == 0.0 || difference / (number.abs() + whole.abs()) < EPSILON
}

/// Holds a number to its schema.
pub(super) fn check(schema: &Schema, number: f64, path: &str, findings: &mut Findings) {
    let range = Range::of(schema);
    if !range.holds(number) {
        findings.add(path, format!("must be {}, and is {number}", range.name));
    }
    let bounds = &schema.bounds;
    if let Some(factor) = bounds.multiple_of {
        range.check_bound("multipleOf", factor, path, findings);
        if factor <= 0.0 {
            findings.add(
                path,
                format!("multipleOf must be positive, and is {factor}"),
            );
        } else if !is_whole(quotient(number, factor)) {
            findings.add(
                path,
                format!("must be a multiple of {factor}, and is {number}"),
            );
        }
    }
    if let Some(maximum) = bounds.maximum {
        range.check_bound("maximum", maximum, path, findings);
        let exclusive = bounds.exclusive_maximum;
        if number > maximum || exclusive && number >= maximum {
            let relation = if exclusive { "less than" } else { "at most" };
            findings.add(
                path,
                format!("must be {relation} {maximum}, and is {number}"),
            );
        }
    }
    if let Some(minimum) = bounds.minimum {
        range.check_bound("minimum", minimum, path, findings);
        let exclusive = bounds.exclusive_minimum;
        if number < minimum || exclusive && number <= minimum {
            let relation = if exclusive { "more than" } else { "at least" };
            findings.add(
                path,
                format!("must be {relation} {minimum}, and is {number}"),
            );
        }
    }
}

fn quotient(number: f64, factor: f64) -> f64 {
    if factor < 1.0 {
        1.0 / factor * number
    } else {
        number / factor
    }
}

/// What numbers a type and its format have room for.
struct Range {
    name: &'static str,
    holds: fn(f64) -> bool,
}

impl Range {
    fn of(schema: &Schema) -> Self {
        let (name, holds): (_, fn(f64) -> bool) = match (schema.types(), schema.format.as_str()) {
            (["integer"], "int32") => ("an integer of 32 bits", |number| {
                is_integral_within(number, i32::MIN.into(), i32::MAX.into())
            }),
            (["integer"], _) => ("an integer of 64 bits", |number| {
                is_integral_within(
                    number,
                    -9_223_372_036_854_775_808.0,
                    9_223_372_036_854_774_784.0,
                )
            }),
            (["number"], "float") => ("a float of 32 bits", |number| {
                number.abs() <= f64::from(f32::MAX)
            }),
            _ => ("a number", |_| true),
        };
        Self { name, holds }
    }

    fn holds(&self, number: f64) -> bool {
        (self.holds)(number)
    }

    /// A bound that its own type has no room for fails every value.
    fn check_bound(&self, name: &str, bound: f64, path: &str, findings: &mut Findings) {
        if !self.holds(bound) {
            let detail = format!("the schema's {name} must be {}, and is {bound}", self.name);
            findings.add(path, detail);
        }
    }
}

fn is_integral_within(number: f64, least: f64, most: f64) -> bool {
    number.fract() == 0.0 && (least..=most).contains(&number)
}
