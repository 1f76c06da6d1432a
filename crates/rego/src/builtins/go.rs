//! How Go writes texts and numbers.

use std::sync::LazyLock;

use regex::Regex;

/// A text in quotes, as `strconv.Quote` does it, or `strconv.QuoteToASCII`.
pub(crate) fn quoted(text: &str, is_ascii: bool) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        push(c, '"', is_ascii, &mut quoted);
    }
    quoted.push('"');
    quoted
}

/// A character in quotes, as `strconv.QuoteRune` does it.
pub(crate) fn quoted_character(c: char, is_ascii: bool) -> String {
    let mut quoted = String::from("'");
    push(c, '\'', is_ascii, &mut quoted);
    quoted.push('\'');
    quoted
}

fn push(c: char, quote: char, is_ascii: bool, to: &mut String) {
    let code = u32::from(c);
    match c {
        '\\' => to.push_str("\\\\"),
        _ if c == quote => to.extend(['\\', c]),
        '\u{7}' => to.push_str("\\a"),
        '\u{8}' => to.push_str("\\b"),
        '\u{c}' => to.push_str("\\f"),
        '\n' => to.push_str("\\n"),
        '\r' => to.push_str("\\r"),
        '\t' => to.push_str("\\t"),
        '\u{b}' => to.push_str("\\v"),
        _ if is_printable(c) && (c.is_ascii() || !is_ascii) => to.push(c),
        _ if code < 0x80 => to.push_str(&format!("\\x{code:02x}")),
        _ if code < 0x1_0000 => to.push_str(&format!("\\u{code:04x}")),
        _ => to.push_str(&format!("\\U{code:08x}")),
    }
}

/// Whether a character is shown as it is: letters, marks, numbers, punctuation, symbols and the ASCII space.
pub(crate) fn is_printable(c: char) -> bool {
    static SHOWN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]$").ok());
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_graphic();
    }
    let mut buffer = [0; 4];
    let text = &*c.encode_utf8(&mut buffer);
    SHOWN.as_ref().is_some_and(|shown| shown.is_match(text))
}

/// A finite number in the form `g`, `e` or `f` with so many digits; with as few as tell it apart where none are given.
pub(crate) fn float(value: f64, form: char, precision: Option<usize>) -> String {
    match form {
        'e' | 'E' => scientific(value, precision, form),
        'f' | 'F' => match precision {
            Some(precision) => format!("{value:.precision$}"),
            None => format!("{value}"),
        },
        _ => general(value, precision, form),
    }
}

/// Rust writes `1e6`, Go `1e+06`.
fn scientific(value: f64, precision: Option<usize>, form: char) -> String {
    let text = match precision {
        Some(precision) => format!("{value:.precision$e}"),
        None => format!("{value:e}"),
    };
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    let letter = if form.is_uppercase() { 'E' } else { 'e' };
    format!("{digits}{letter}{sign}{exponent:0>2}")
}

fn general(value: f64, precision: Option<usize>, form: char) -> String {
    let precision = precision.map(|precision| precision.max(1));
    let digits = scientific(value, precision.map(|precision| precision - 1), 'e');
    let (mantissa, exponent) = digits.split_once('e').unwrap_or((&digits, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let mantissa_digits = mantissa.chars().filter(char::is_ascii_digit).count();
    let mut limit = precision.unwrap_or(6);
    let point = exponent + 1;
    let count = trimmed(mantissa)
        .chars()
        .filter(char::is_ascii_digit)
        .count();
    if precision.is_some()
        && limit > count
        && i32::try_from(count).is_ok_and(|count| count >= point)
    {
        limit = count;
    }
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    if exponent < -4 || exponent >= limit {
        let letter = if form.is_uppercase() { "E" } else { "e" };
        let (sign, size) = if exponent < 0 {
            ('-', -exponent)
        } else {
            ('+', exponent)
        };
        return format!("{}{letter}{sign}{size:02}", trimmed(mantissa));
    }
    match precision {
        None => format!("{value}"),
        Some(_) => {
            let decimals = i32::try_from(mantissa_digits).unwrap_or(0) - 1 - exponent;
            let decimals = usize::try_from(decimals).unwrap_or(0);
            trimmed(&format!("{value:.decimals$}")).to_owned()
        }
    }
}

/// Without zeros at the end of a fraction.
fn trimmed(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}
