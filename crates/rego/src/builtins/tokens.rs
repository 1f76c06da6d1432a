//! JSON Web Tokens: what is in them, and whether the holder of a shared secret has signed them.

use hmac::digest::KeyInit;
use hmac::{Mac, SimpleHmac};
use regorus::Value;
use sha2::{Sha256, Sha384, Sha512};

use super::crypto::hex;
use super::{Own, find};

pub(super) const ALL: [Own; 4] = [
    ("io.jwt.decode", 1, |it| decode(it.first()?, 0)),
    ("io.jwt.verify_hs256", 2, verify::<SimpleHmac<Sha256>>),
    ("io.jwt.verify_hs384", 2, verify::<SimpleHmac<Sha384>>),
    ("io.jwt.verify_hs512", 2, verify::<SimpleHmac<Sha512>>),
];

/// A token in a token in a token … is none.
const DEEPEST: usize = 8;

fn parts(token: &Value) -> Option<[&str; 3]> {
    let mut parts = token.as_string().ok()?.split('.');
    let found = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(found)
}

fn text(part: &str) -> Option<Value> {
    find("base64url.decode")?.call(&[Value::from(part)]).ok()?
}

fn object(text: &Value) -> Option<Value> {
    let object = find("json.unmarshal")?
        .call(std::slice::from_ref(text))
        .ok()??;
    matches!(object, Value::Object(_)).then_some(object)
}

/// The bytes of base64 without padding.
fn bytes(part: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in part.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// Header, payload and the signature's digits.
fn decode(token: &Value, depth: usize) -> Option<Value> {
    let [header, payload, signature] = parts(token)?;
    let header = object(&text(header)?)?;
    let fields = header.as_object().ok()?;
    if fields.get(&Value::from("enc")).is_some() || depth > DEEPEST {
        return None;
    }
    let payload = text(payload)?;
    if let Some(kind) = fields.get(&Value::from("cty"))
        && kind.as_string().ok()?.as_ref() == "JWT"
    {
        let inner = payload.as_string().ok()?;
        return decode(&Value::from(inner.trim_matches(['"', '\''])), depth + 1);
    }
    let signature = Value::from(hex(&bytes(signature)?));
    Some(Value::from(vec![header, object(&payload)?, signature]))
}

fn verify<M: Mac + KeyInit>(values: &[Value]) -> Option<Value> {
    let [token, Value::String(secret)] = values else {
        return None;
    };
    let [header, payload, signature] = parts(token)?;
    let mut mac = <M as Mac>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(format!("{header}.{payload}").as_bytes());
    let is_signed = mac.verify_slice(&bytes(signature)?).is_ok();
    Some(Value::from(is_signed))
}
