//! Private keys as Cluster API writes them, for libraries that read PKCS #8 alone.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN RSA PRIVATE KEY-----";
const END: &str = "-----END RSA PRIVATE KEY-----";
/// Version 0, and the algorithm rsaEncryption without parameters, in DER.
const PREFIX: [u8; 18] = [
    0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    0x05, 0x00,
];
const SEQUENCE: u8 = 0x30;
const OCTET_STRING: u8 = 0x04;

/// Wraps an RSA key of PKCS #1 into PKCS #8; leaves other keys as they are.
pub(crate) fn pkcs8(pem: &str) -> Result<String> {
    let Some((_, rest)) = pem.split_once(BEGIN) else {
        return Ok(pem.to_owned());
    };
    let (body, _) = rest.split_once(END).context("a key without an end")?;
    let body: String = body.split_whitespace().collect();
    let key = STANDARD.decode(body).context("a key that is no base64")?;
    let content = [&PREFIX[..], &tagged(OCTET_STRING, &key)].concat();
    let whole = STANDARD.encode(tagged(SEQUENCE, &content));
    Ok(format!(
        "-----BEGIN PRIVATE KEY-----\n{whole}\n-----END PRIVATE KEY-----\n"
    ))
}

/// A DER value: tag, length, content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut value = vec![tag];
    let length = content.len().to_be_bytes();
    let short = content.len() < 0x80;
    let significant: Vec<u8> = length.into_iter().skip_while(|&byte| byte == 0).collect();
    if short {
        value.extend(significant.last().copied().or(Some(0)));
    } else {
        value.extend(u8::try_from(significant.len()).map(|count| 0x80 | count));
        value.extend(significant);
    }
    value.extend(content);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_der() {
        assert_eq!(tagged(4, &[]), [4, 0]);
        assert_eq!(tagged(4, &[7; 0x7f])[..2], [4, 0x7f]);
        assert_eq!(tagged(4, &[7; 0x80])[..3], [4, 0x81, 0x80]);
        assert_eq!(tagged(4, &[7; 0x123])[..4], [4, 0x82, 0x01, 0x23]);
    }

    #[test]
    fn other_keys_stay_as_they_are() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(pkcs8(key).expect("a key"), key);
    }
}
