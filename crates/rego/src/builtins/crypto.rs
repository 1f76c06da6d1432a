//! Digests, which are texts of hexadecimal digits.

use hmac::digest::{Digest, KeyInit};
use hmac::{Mac, SimpleHmac};
use md5::Md5;
use regorus::Value;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::Own;

pub(super) const ALL: [Own; 8] = [
    ("crypto.md5", 1, digest::<Md5>),
    ("crypto.sha1", 1, digest::<Sha1>),
    ("crypto.sha256", 1, digest::<Sha256>),
    ("crypto.hmac.md5", 2, keyed::<SimpleHmac<Md5>>),
    ("crypto.hmac.sha1", 2, keyed::<SimpleHmac<Sha1>>),
    ("crypto.hmac.sha256", 2, keyed::<SimpleHmac<Sha256>>),
    ("crypto.hmac.sha512", 2, keyed::<SimpleHmac<Sha512>>),
    ("crypto.hmac.equal", 2, |it| match it {
        [Value::String(one), Value::String(other)] => Some(Value::from(one == other)),
        _ => None,
    }),
];

fn digest<D: Digest>(values: &[Value]) -> Option<Value> {
    let [Value::String(text)] = values else {
        return None;
    };
    Some(Value::from(hex(&D::digest(text.as_bytes()))))
}

fn keyed<M: Mac + KeyInit>(values: &[Value]) -> Option<Value> {
    let [Value::String(text), Value::String(key)] = values else {
        return None;
    };
    let mut mac = <M as Mac>::new_from_slice(key.as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(Value::from(hex(&mac.finalize().into_bytes())))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
