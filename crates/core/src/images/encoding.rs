//! The content of a file, as cloud-init would write it onto a machine.

use std::borrow::Cow;
use std::io::Read as _;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::MultiGzDecoder;
use thiserror::Error;

/// So much of one file is looked at: more than any manifest has, and little enough to be looked at while
/// somebody waits. A few bytes of gzip may be made into as much as one likes.
pub const MOST_BYTES: usize = 1 << 20;

/// Python, by which cloud-init decodes, minds neither missing padding bits nor what is behind them.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why nothing can be said of a file's content.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Opaque {
    /// The content is not what its encoding says, so that no machine could use it.
    #[error("{0}")]
    Undecodable(&'static str),
    /// The content is what it says, and nobody looks into it.
    #[error("{0}")]
    Unseen(&'static str),
}

/// Decodes the content of a file: `encoding` is that of Cluster API (`base64`, `gzip` or `gzip+base64`),
/// empty for plain text.
///
/// # Errors
/// When the content is not of that encoding, is no text, or is longer than [`MOST_BYTES`].
pub fn decode<'a>(encoding: &str, content: &'a str) -> Result<Cow<'a, str>, Opaque> {
    let bytes = match encoding {
        "" => {
            let is_short = content.len() <= MOST_BYTES;
            return is_short.then_some(Cow::Borrowed(content)).ok_or(TOO_LONG);
        }
        "base64" => base64(content)?,
        "gzip+base64" => unpacked(&base64(content)?)?,
        "gzip" => gzip(content)?,
        _ => return Err(Opaque::Unseen("its encoding is not known")),
    };
    if bytes.len() > MOST_BYTES {
        return Err(TOO_LONG);
    }
    let text = String::from_utf8(bytes);
    text.map(Cow::Owned)
        .map_err(|_| Opaque::Unseen("it is no text"))
}

const TOO_LONG: Opaque = Opaque::Unseen("it is longer than what is looked at, 1 MiB");

/// Line breaks and spaces are nothing to a decoder.
pub(super) fn base64(content: &str) -> Result<Vec<u8>, Opaque> {
    let packed: String = content
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .collect();
    let bytes = LENIENT.decode(packed);
    bytes.map_err(|_| Opaque::Undecodable("it is no base64"))
}

/// JSON has no bytes: those of gzip can only stand there one a character, or in base64 all the same.
fn gzip(content: &str) -> Result<Vec<u8>, Opaque> {
    let latin: Option<Vec<u8>> = content
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect();
    let latin = latin.map(|bytes| unpacked(&bytes));
    match latin {
        Some(read @ (Ok(_) | Err(Opaque::Unseen(_)))) => read,
        _ => base64(content)
            .and_then(|bytes| unpacked(&bytes))
            .map_err(|why| match why {
                Opaque::Undecodable(_) => Opaque::Undecodable("it is no gzip"),
                unseen => unseen,
            }),
    }
}

/// One byte more than is looked at tells whoever asks that it is too long.
fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, Opaque> {
    let most = u64::try_from(MOST_BYTES).unwrap_or(u64::MAX);
    let mut text = Vec::new();
    let mut reader = MultiGzDecoder::new(bytes).take(most.saturating_add(1));
    match reader.read_to_end(&mut text) {
        Ok(_) => Ok(text),
        Err(_) => Err(Opaque::Undecodable("it is no gzip")),
    }
}
