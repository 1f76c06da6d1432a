//! What a YAML scalar means to kubectl (sigs.k8s.io/yaml over go-yaml 2), and to go-yaml 3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Number, Value};

use super::{Dialect, timestamp};

/// A scalar, resolved. Fractions are kept apart from integers, since keys need the difference.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    /// A point in time, as JSON has it.
    Time(String),
}

impl Scalar {
    /// The JSON value; an error for what JSON cannot say.
    pub(super) fn into_value(self) -> Result<Value, String> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Int(value) => match i64::try_from(value) {
                Ok(value) => value.into(),
                Err(_) => float(value as f64)?.into(),
            },
            Self::Float(value) => float(value)?.into(),
            Self::Text(text) | Self::Time(text) => Value::String(text),
        })
    }

    /// The scalar as a mapping's key.
    pub(super) fn into_key(self) -> Result<String, String> {
        match self {
            Self::Text(text) | Self::Time(text) => Ok(text),
            Self::Bool(value) => Ok(value.to_string()),
            Self::Int(value) if i64::try_from(value).is_ok() => Ok(value.to_string()),
            Self::Int(_) | Self::Float(_) => {
                Err("this number cannot be a key; quote it".to_owned())
            }
            Self::Null => Err("null cannot be a key; quote it".to_owned()),
        }
    }
}

/// A float on kubectl's way through JSON: whole numbers arrive as integers.
pub(super) fn float(value: f64) -> Result<Number, String> {
    if let Ok(whole) = value.to_string().parse::<i64>() {
        return Ok(whole.into());
    }
    Number::from_f64(value).ok_or_else(|| format!("JSON has no {value}"))
}

/// Resolves a plain scalar without a tag.
pub(super) fn plain(text: &str, dialect: Dialect) -> Scalar {
    // Only go-yaml 2 knows these words of YAML 1.1.
    let is_old = !dialect.is_third();
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" if is_old => Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" if is_old => Scalar::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => time(text, dialect)
            .or_else(|| number(text))
            .unwrap_or_else(|| Scalar::Text(text.to_owned())),
    }
}

/// Of what has no type of its own, go-yaml 2 leaves a time as it was written.
fn time(text: &str, dialect: Dialect) -> Option<Scalar> {
    dialect
        .is_third()
        .then(|| timestamp::to_json(text))
        .flatten()
        .map(Scalar::Time)
}

/// Resolves a scalar with one of YAML's own tags, whatever its quotes.
pub(super) fn tagged(tag: &str, text: &str, dialect: Dialect) -> Result<Scalar, String> {
    let resolved = plain(text, dialect);
    match (tag, resolved) {
        ("int", value @ Scalar::Int(_))
        | ("float", value @ (Scalar::Int(_) | Scalar::Float(_)))
        | ("bool", value @ Scalar::Bool(_))
        | ("null", value @ Scalar::Null)
        | ("timestamp", value @ Scalar::Time(_)) => Ok(value),
        ("int" | "float" | "bool" | "null", _) => Err(format!("{text:?} is no !!{tag}")),
        ("binary", _) => {
            let decoded = STANDARD
                .decode(text)
                .map_err(|_| "!!binary is no valid base64".to_owned())?;
            String::from_utf8(decoded)
                .map(Scalar::Text)
                .map_err(|_| "!!binary is no UTF-8 text".to_owned())
        }
        // Other tags make text of anything.
        _ => Ok(Scalar::Text(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Scalar> {
    let first = *text.as_bytes().first()?;
    if first == b'.' {
        // Go's own rule for underscores holds here, and go-yaml's laxer one below.
        return separates_digits(text)
            .then(|| decimal(&text.replace('_', "")))
            .flatten()
            .map(Scalar::Float);
    }
    if !first.is_ascii_digit() && first != b'+' && first != b'-' {
        return None;
    }
    let digits = text.replace('_', "");
    integer(&digits)
        .map(Scalar::Int)
        .or_else(|| decimal(&digits).map(Scalar::Float))
        .or_else(|| misplaced_sign(&digits).map(Scalar::Int))
}

/// Whether every underscore stands between two digits.
fn separates_digits(text: &str) -> bool {
    let is_digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    text.match_indices('_')
        .all(|(at, _)| is_digit(at.wrapping_sub(1)) && is_digit(at + 1))
}

/// What Go's ParseInt and ParseUint read when they find the base themselves.
fn integer(text: &str) -> Option<i128> {
    let (sign, magnitude) = match text.as_bytes().first()? {
        b'-' => (Some(-1), text.get(1..)?),
        b'+' => (Some(1), text.get(1..)?),
        _ => (None, text),
    };
    let prefix = magnitude.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match prefix.as_deref() {
        Some("0b") => (2, magnitude.get(2..)?),
        Some("0o") => (8, magnitude.get(2..)?),
        Some("0x") => (16, magnitude.get(2..)?),
        Some(other) if other.starts_with('0') => (8, magnitude.get(1..)?),
        _ => (10, magnitude),
    };
    if !digits.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from(u64::from_str_radix(digits, radix).ok()?) * sign.unwrap_or(1);
    // Only what has no sign may use all 64 bits.
    (sign.is_none() || i64::try_from(value).is_ok()).then_some(value)
}

/// go-yaml reads the rest of `0b` with a sign of its own: `0b-1` is minus one.
fn misplaced_sign(text: &str) -> Option<i128> {
    let digits = text.strip_prefix("0b")?;
    let is_signed = digits
        .strip_prefix(['-', '+'])?
        .bytes()
        .all(|digit| matches!(digit, b'0' | b'1'));
    is_signed
        .then(|| i64::from_str_radix(digits, 2).ok())?
        .map(i128::from)
}

/// A decimal number, with a point or an exponent or neither.
fn decimal(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Rust would also read `inf`, `infinity` and `nan`.
    let is_number = unsigned
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_digit() || b == b'.')
        && unsigned
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    let value: f64 = is_number.then(|| text.parse().ok())??;
    value.is_finite().then_some(value)
}
