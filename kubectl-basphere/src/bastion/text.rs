//! What stands in a column.

use std::net::IpAddr;

use basphere_core::Timestamp;

/// The longest name of a namespace, a label's value or a part of a host name.
const LONGEST: usize = 63;

/// An address in the one way in which it is written.
pub(super) fn address(column: &str, text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text
        .parse()
        .map_err(|_| format!("{column}: {text:?} is no address"))?;
    let written = address.to_string();
    if written == text {
        Ok(address)
    } else {
        Err(format!("{column}: {text:?} is written {written}"))
    }
}

/// A time as the bastion writes it, `%Y-%m-%dT%H:%M:%SZ`.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let time: Option<Timestamp> = text.parse().ok();
    time.filter(|time| time.to_string() == text)
        .ok_or_else(|| format!("allocated_at: {text:?} is no time such as 2025-01-31T09:00:00Z"))
}

/// A user, who has a namespace.
pub(super) fn user(text: &str, prefix: &str) -> Result<(), String> {
    name("user", text)?;
    let namespace = format!("{prefix}{text}");
    if is_label(&namespace) {
        Ok(())
    } else {
        Err(format!(
            "user: namespace {namespace:?} would be no name of at most {LONGEST} characters a-z, 0-9 and -"
        ))
    }
}

/// A name of something in Kubernetes.
pub(super) fn name(column: &str, text: &str) -> Result<(), String> {
    if is_label(text) {
        Ok(())
    } else {
        Err(format!(
            "{column}: {text:?} is no name of at most {LONGEST} characters a-z, 0-9 and -, neither first nor last of which is a -"
        ))
    }
}

fn is_label(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= LONGEST
        && text.bytes().all(is_part)
        && !text.starts_with('-')
        && !text.ends_with('-')
}
