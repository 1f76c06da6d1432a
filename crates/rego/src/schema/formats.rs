//! The formats of texts that an API server enforces. Any other is passed over, as it does.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

use regex::Regex;

use super::props::Schema;
use crate::names;

/// The format that a schema's texts are held to; nothing where there is none, or an API server does not know it.
pub(super) fn enforced(schema: &Schema) -> Option<&'static str> {
    if !matches!(schema.types(), [] | ["string"] | ["integer", "string"]) {
        return None;
    }
    let name = schema.format.replace('-', "");
    FORMATS
        .iter()
        .map(|(format, _)| *format)
        .find(|format| *format == name)
}

/// Whether a text is of an enforced format.
pub(super) fn holds(format: &str, text: &str) -> bool {
    FORMATS
        .iter()
        .find(|(name, _)| *name == format)
        .is_none_or(|(_, holds)| holds(text))
}

type Holds = fn(&str) -> bool;

/// Of those that an API server knows, `bsonobjectid`, `creditcard`, `isbn`, `isbn10`, `isbn13`, `rgbcolor` and `ssn`
/// are not looked at: nothing of a cluster's policies is any of these.
const FORMATS: [(&str, Holds); 22] = [
    ("bsonobjectid", any),
    ("byte", is_base64),
    ("cidr", is_cidr),
    ("creditcard", any),
    ("date", |text| DATE.is_match(text)),
    ("datetime", |text| DATE_TIME.is_match(text)),
    ("duration", |text| DURATION.is_match(text)),
    ("email", |text| EMAIL.is_match(text)),
    ("hexcolor", |text| HEX_COLOR.is_match(text)),
    ("hostname", is_hostname),
    ("ipv4", |text| text.contains('.') && address(text).is_some()),
    ("ipv6", |text| text.contains(':') && address(text).is_some()),
    ("k8slongname", names::is_subdomain),
    ("k8sshortname", |text| {
        text.len() <= 63 && !text.contains('.') && names::is_subdomain(text)
    }),
    ("mac", |text| MAC.is_match(text)),
    ("password", any),
    ("ssn", any),
    ("uri", |text| URI.is_match(text)),
    ("uuid", |text| UUID.is_match(text)),
    ("uuid3", |text| {
        UUID.is_match(text) && version(text) == Some(b'3')
    }),
    ("uuid4", |text| {
        UUID.is_match(text) && version(text) == Some(b'4')
    }),
    ("uuid5", |text| {
        UUID.is_match(text) && version(text) == Some(b'5')
    }),
];

fn any(_: &str) -> bool {
    true
}

fn is_base64(text: &str) -> bool {
    text.len().is_multiple_of(4) && BASE64.is_match(text)
}

/// An address, of which the parts may begin with zeros, as in Go before 1.17.
fn address(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    let parts = text.split('.').map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u8>().ok()).flatten()
    });
    let parts: Vec<u8> = parts.collect::<Option<_>>()?;
    <[u8; 4]>::try_from(parts).ok().map(IpAddr::from)
}

fn is_cidr(text: &str) -> bool {
    let Some((base, length)) = text.split_once('/') else {
        return false;
    };
    let most = match address(base) {
        Some(IpAddr::V4(_)) => 32,
        Some(IpAddr::V6(_)) => 128,
        None => return false,
    };
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    digits && length.parse::<u32>().is_ok_and(|length| length <= most)
}

fn is_hostname(text: &str) -> bool {
    text.len() <= 255 && text.split('.').all(|part| part.len() <= 63) && HOSTNAME.is_match(text)
}

/// The digit that tells a UUID's version, wherever its dashes are.
fn version(text: &str) -> Option<u8> {
    text.bytes().filter(|byte| *byte != b'-').nth(12)
}

/// A pattern of this file, which compiles, as a test sees.
struct Pattern(LazyLock<Result<Regex, regex::Error>>);

impl Pattern {
    fn is_match(&self, text: &str) -> bool {
        self.0.as_ref().is_ok_and(|regex| regex.is_match(text))
    }
}

macro_rules! patterns {
    ($($name:ident = $pattern:literal;)*) => {
        $(static $name: Pattern = Pattern(LazyLock::new(|| Regex::new($pattern)));)*
        #[cfg(test)]
        pub(super) fn bad_patterns() -> Vec<&'static str> {
            [$(($name.0.is_err(), $pattern)),*].into_iter().filter(|(bad, _)| *bad).map(|(_, text)| text).collect()
        }
    };
}

patterns! {
    BASE64 = r"^[A-Za-z0-9+/]+={0,2}$";
    DATE = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$";
    DATE_TIME = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[tT ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([zZ]|[+-][0-9]{2}:?[0-9]{2})?$";
    DURATION = r"^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+) *[a-zµμ]+( *([0-9]+(\.[0-9]*)?|\.[0-9]+) *[a-zµμ]+)*$|^0$";
    EMAIL = r"^[^@\s]+@[^@\s]+$|^[^<>]*<[^@\s<>]+@[^@\s<>]+>$";
    HEX_COLOR = r"^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$";
    HOSTNAME = r"^([a-zA-Z0-9\p{S}\p{L}](-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?|([a-zA-Z0-9\p{S}\p{L}]([a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?\.)+[a-zA-Z\p{L}]{2,63})$";
    MAC = r"^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}(([:-][0-9a-fA-F]{2}){2})?$|^[0-9a-fA-F]{4}(\.[0-9a-fA-F]{4}){2,3}$";
    URI = r"^([a-zA-Z][a-zA-Z0-9+.\-]*:|/)[^\s#]*$";
    UUID = r"^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$";
}
