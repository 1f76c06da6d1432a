//! `sprintf`, which is Go's `fmt.Sprintf`: also in what it makes of mistakes.

use std::str::Chars;

use regorus::Value;

use super::go;
use super::shown::{is_float, shown};

/// Wider or preciser than this is nothing.
const WIDEST: usize = 1_000_000;
/// A text of more bytes than this is not written to its end: whoever evaluates takes none that is so long.
const LONGEST: usize = 64 << 20;

/// What OPA hands to Go.
enum Argument {
    Int(i64),
    /// An integer that is too large for that, in decimal digits with its sign.
    Big(String),
    Float(f64),
    Text(String),
}

#[derive(Default)]
struct Flags {
    sharp: bool,
    zero: bool,
    plus: bool,
    minus: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Formats a text with the values of an array; undefined when they are something else.
pub(crate) fn sprintf(arguments: &[Value]) -> Option<Value> {
    let [format, values] = arguments else {
        return None;
    };
    let (format, values) = (format.as_string().ok()?, values.as_array().ok()?);
    let arguments: Vec<Argument> = values.iter().map(argument).collect();
    let mut printer = Printer {
        rest: format.chars(),
        arguments: &arguments,
        next: 0,
        is_reordered: false,
        is_good: true,
        out: String::new(),
    };
    printer.print();
    Some(Value::from(printer.out))
}

fn argument(value: &Value) -> Argument {
    match value {
        Value::String(text) => Argument::Text(text.to_string()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(_), Some(float)) if is_float(value) => Argument::Float(float),
            (Some(int), _) => Argument::Int(int),
            _ if number.is_integer() => Argument::Big(number.format_decimal()),
            (_, Some(float)) => Argument::Float(float),
            _ => Argument::Text(number.format_decimal()),
        },
        other => Argument::Text(shown(other)),
    }
}

struct Printer<'a> {
    rest: Chars<'a>,
    arguments: &'a [Argument],
    next: usize,
    is_reordered: bool,
    is_good: bool,
    out: String,
}

impl Printer<'_> {
    fn print(&mut self) {
        while let Some(c) = self.rest.next() {
            if self.out.len() > LONGEST {
                return;
            }
            if c != '%' {
                self.out.push(c);
                continue;
            }
            self.is_good = true;
            self.verb();
        }
        if !self.is_reordered && self.next < self.arguments.len() {
            let extra = self.arguments.get(self.next..).unwrap_or_default();
            let extra = extra.iter().map(|extra| typed(extra, Flags::default()));
            let extra: Vec<String> = extra.collect();
            self.out
                .push_str(&format!("%!(EXTRA {})", extra.join(", ")));
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn verb(&mut self) {
        let mut flags = self.flags();
        let mut is_after_index = self.index();
        if self.peek() == Some('*') {
            self.rest.next();
            match self.number_argument() {
                Some(width) => {
                    flags.minus |= width < 0;
                    flags.zero &= width >= 0;
                    flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
                None => self.out.push_str("%!(BADWIDTH)"),
            }
            is_after_index = false;
        } else {
            flags.width = self.digits();
            self.is_good &= !(is_after_index && flags.width.is_some());
        }
        if self.peek() == Some('.') && self.rest.as_str().len() > 1 {
            self.rest.next();
            self.is_good &= !is_after_index;
            is_after_index = self.index();
            if self.peek() == Some('*') {
                self.rest.next();
                let precision = self.number_argument();
                flags.precision = precision.and_then(|precision| usize::try_from(precision).ok());
                if flags.precision.is_none() {
                    self.out.push_str("%!(BADPREC)");
                }
                is_after_index = false;
            } else {
                flags.precision = Some(self.digits().unwrap_or(0));
            }
        }
        if !is_after_index {
            self.index();
        }
        let Some(verb) = self.rest.next() else {
            self.out.push_str("%!(NOVERB)");
            return;
        };
        self.argument(verb, flags);
    }

    fn argument(&mut self, verb: char, flags: Flags) {
        let printed = match self.arguments.get(self.next) {
            _ if verb == '%' => "%".to_owned(),
            _ if !self.is_good => format!("%!{verb}(BADINDEX)"),
            None => format!("%!{verb}(MISSING)"),
            Some(argument) => {
                self.next += 1;
                printed(argument, verb, flags)
            }
        };
        self.out.push_str(&printed);
    }

    fn flags(&mut self) -> Flags {
        let mut flags = Flags::default();
        loop {
            match self.peek() {
                Some('#') => flags.sharp = true,
                Some('0') => flags.zero = true,
                Some('+') => flags.plus = true,
                Some('-') => flags.minus = true,
                Some(' ') => flags.space = true,
                _ => return flags,
            }
            self.rest.next();
        }
    }

    /// Takes an index such as `[2]`, and tells whether there was one.
    fn index(&mut self) -> bool {
        if self.peek() != Some('[') {
            return false;
        }
        self.is_reordered = true;
        let text = self.rest.as_str();
        let Some(end) = text.find(']').filter(|_| text.len() >= 3) else {
            self.is_good = false;
            self.rest.next();
            return false;
        };
        let number: Option<usize> = text.get(1..end).and_then(|digits| digits.parse().ok());
        self.rest = text.get(end + 1..).unwrap_or_default().chars();
        let index = number.and_then(|number| number.checked_sub(1));
        match index.filter(|index| *index < self.arguments.len()) {
            Some(index) => self.next = index,
            None => self.is_good = false,
        }
        number.is_some()
    }

    fn digits(&mut self) -> Option<usize> {
        let text = self.rest.as_str();
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let number = text.get(..end).and_then(|digits| digits.parse().ok());
        let number = number.filter(|number| *number <= WIDEST);
        if end > 0 {
            self.rest = text.get(end..).unwrap_or_default().chars();
        }
        number
    }

    fn number_argument(&mut self) -> Option<i64> {
        let argument = self.arguments.get(self.next)?;
        self.next += 1;
        match argument {
            Argument::Int(number) => {
                Some(*number).filter(|number| number.unsigned_abs() <= 1_000_000)
            }
            _ => None,
        }
    }
}

/// `type=value`, as mistakes are told.
fn typed(argument: &Argument, flags: Flags) -> String {
    let shown = as_verb(argument, 'v', &flags, false).unwrap_or_default();
    format!("{}={shown}", type_name(argument))
}

fn type_name(argument: &Argument) -> &'static str {
    match argument {
        Argument::Int(_) => "int",
        Argument::Big(_) => "*big.Int",
        Argument::Float(_) => "float64",
        Argument::Text(_) => "string",
    }
}

fn printed(argument: &Argument, verb: char, mut flags: Flags) -> String {
    if verb == 'T' {
        return padded(type_name(argument).to_owned(), &flags);
    }
    let is_go_syntax = verb == 'v' && flags.sharp;
    if verb == 'v' {
        flags.sharp = false;
        flags.plus = false;
    }
    // What a verb is not for is shown with the flags that stand before the verb.
    as_verb(argument, verb, &flags, is_go_syntax)
        .unwrap_or_else(|| format!("%!{verb}({})", typed(argument, flags)))
}

fn as_verb(argument: &Argument, verb: char, flags: &Flags, is_go_syntax: bool) -> Option<String> {
    match argument {
        Argument::Int(number) => integer(*number, verb, flags),
        Argument::Big(digits) => big(digits, verb, flags),
        Argument::Float(number) => float(*number, verb, flags),
        Argument::Text(text) => match verb {
            'v' if is_go_syntax => Some(padded(go::quoted(text, false), flags)),
            _ => string(text, verb, flags),
        },
    }
}

fn integer(number: i64, verb: char, flags: &Flags) -> Option<String> {
    let size = number.unsigned_abs();
    let digits = match verb {
        'v' | 'd' => size.to_string(),
        'b' => format!("{size:b}"),
        'o' | 'O' => format!("{size:o}"),
        'x' => format!("{size:x}"),
        'X' => format!("{size:X}"),
        'c' | 'q' | 'U' => return Some(character(number, verb, flags)),
        _ => return None,
    };
    Some(signed(&digits, number < 0, verb, flags))
}

fn big(digits: &str, verb: char, flags: &Flags) -> Option<String> {
    let (is_negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, digits),
    };
    matches!(verb, 'd' | 's' | 'v').then(|| signed(digits, is_negative, verb, flags))
}

/// Digits with sign, prefix and padding.
fn signed(digits: &str, is_negative: bool, verb: char, flags: &Flags) -> String {
    if flags.precision == Some(0) && digits == "0" {
        return " ".repeat(flags.width.unwrap_or(0));
    }
    let sign = match (is_negative, flags.plus, flags.space) {
        (true, _, _) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    let mut least = flags.precision.unwrap_or(0);
    if flags.precision.is_none() && flags.zero && !flags.minus {
        least = flags.width.unwrap_or(0).saturating_sub(sign.len());
    }
    let mut digits = format!("{}{digits}", "0".repeat(least.saturating_sub(digits.len())));
    if verb == 'O' {
        digits.insert_str(0, "0o");
    } else if flags.sharp {
        match verb {
            'b' => digits.insert_str(0, "0b"),
            'o' if !digits.starts_with('0') => digits.insert(0, '0'),
            'x' => digits.insert_str(0, "0x"),
            'X' => digits.insert_str(0, "0X"),
            _ => {}
        }
    }
    let blank = Flags {
        zero: false,
        minus: flags.minus,
        width: flags.width,
        ..Flags::default()
    };
    padded(format!("{sign}{digits}"), &blank)
}

fn character(number: i64, verb: char, flags: &Flags) -> String {
    let c = u32::try_from(number).ok().and_then(char::from_u32);
    let shown = c.unwrap_or(char::REPLACEMENT_CHARACTER);
    match verb {
        'c' => padded(shown.to_string(), flags),
        'q' => padded(go::quoted_character(shown, flags.plus), flags),
        _ => {
            let precision = flags.precision.unwrap_or(4).max(4);
            let mut text = format!("U+{number:0precision$X}");
            if let Some(c) = c.filter(|c| flags.sharp && go::is_printable(*c)) {
                text.push_str(&format!(" '{c}'"));
            }
            let blank = Flags {
                minus: flags.minus,
                width: flags.width,
                ..Flags::default()
            };
            padded(text, &blank)
        }
    }
}

fn float(number: f64, verb: char, flags: &Flags) -> Option<String> {
    let (form, precision) = match verb {
        'v' => ('g', None),
        'g' | 'G' => (verb, None),
        'e' | 'E' => (verb, Some(6)),
        'f' | 'F' => ('f', Some(6)),
        _ => return None,
    };
    let size = go::float(number.abs(), form, flags.precision.or(precision));
    let sign = match (number.is_sign_negative(), flags.plus, flags.space) {
        (true, _, _) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    let length = sign.len() + size.len();
    let width = flags.width.unwrap_or(0);
    if flags.zero && !flags.minus && width > length {
        return Some(format!("{sign}{}{size}", "0".repeat(width - length)));
    }
    Some(padded(format!("{sign}{size}"), flags))
}

fn string(text: &str, verb: char, flags: &Flags) -> Option<String> {
    let shortened = |text: &str| match flags.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text.to_owned(),
    };
    match verb {
        'v' | 's' => Some(padded(shortened(text), flags)),
        'q' => {
            let text = shortened(text);
            let is_raw = flags.sharp && !text.contains(['`', '\u{7f}', '\u{feff}']);
            let is_raw = is_raw && !text.chars().any(|c| c.is_control() && c != '\t');
            Some(match is_raw {
                true => padded(format!("`{text}`"), flags),
                false => padded(go::quoted(&text, flags.plus), flags),
            })
        }
        'x' | 'X' => Some(padded(hex(text, verb, flags), flags)),
        _ => None,
    }
}

fn hex(text: &str, verb: char, flags: &Flags) -> String {
    let bytes = text.as_bytes();
    let length = flags.precision.unwrap_or(bytes.len()).min(bytes.len());
    let prefix = match (flags.sharp, verb) {
        (true, 'x') => "0x",
        (true, _) => "0X",
        _ => "",
    };
    let digits = bytes.iter().take(length).map(|byte| match verb {
        'x' => format!("{byte:02x}"),
        _ => format!("{byte:02X}"),
    });
    if flags.space {
        let parts: Vec<String> = digits.map(|byte| format!("{prefix}{byte}")).collect();
        return parts.join(" ");
    }
    let digits: String = digits.collect();
    match digits.is_empty() {
        true => digits,
        false => format!("{prefix}{digits}"),
    }
}

/// Filled up to the width, to the left with zeros where they were asked for.
fn padded(text: String, flags: &Flags) -> String {
    let missing = flags
        .width
        .unwrap_or(0)
        .saturating_sub(text.chars().count());
    if missing == 0 {
        return text;
    }
    match (flags.minus, flags.zero) {
        (true, _) => format!("{text}{}", " ".repeat(missing)),
        (_, true) => format!("{}{text}", "0".repeat(missing)),
        _ => format!("{}{text}", " ".repeat(missing)),
    }
}
