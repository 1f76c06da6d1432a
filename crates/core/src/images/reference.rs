//! Image references, read exactly as the distribution specification and containerd read them:
//! `[registry/]path[:tag][@digest]`.
//!
//! What is not a reference is no image either: a runtime refuses it as well, so that a reference that
//! cannot be read never stands for another one that can.

use std::fmt;

use thiserror::Error;

/// The registry of references that name none.
pub const DEFAULT_REGISTRY: &str = "docker.io";
/// What that registry was called once; containerd still takes it for the same.
const LEGACY_REGISTRY: &str = "index.docker.io";
/// Where the default registry keeps images of one word.
const OFFICIAL: &str = "library";
const LOCALHOST: &str = "localhost";

const LONGEST_PATH: usize = 255;
const LONGEST_TAG: usize = 128;
/// Whoever writes a longer registry than any name in the DNS, with brackets and port, means something else.
const LONGEST_REGISTRY: usize = 262;
/// The algorithms of digests that runtimes know, and how many hexadecimal digits each has.
const DIGESTS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// One image, by the registry that it is pulled from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is no image reference.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[allow(missing_docs, reason = "each says itself what it means")]
pub enum Malformed {
    #[error("nothing is named")]
    Empty,
    #[error("a reference has no spaces")]
    Space,
    #[error("a reference has no scheme such as https://")]
    Scheme,
    #[error("a reference has no user name and no password")]
    UserInfo,
    #[error("64 hexadecimal digits are an identifier, not a name")]
    Identifier,
    #[error("the registry is no host name with an optional port")]
    Registry,
    #[error("the part behind the registry is in lower case")]
    Uppercase,
    #[error("the part behind the registry is no path of letters, digits and single separators")]
    Path,
    #[error("the part behind the registry is longer than {LONGEST_PATH} characters")]
    TooLong,
    #[error("the tag is no word of at most {LONGEST_TAG} characters")]
    Tag,
    #[error("the digest is no sha256, sha384 or sha512 in lower case")]
    Digest,
}

impl Reference {
    /// Reads a reference. A registry that is not named is `docker.io`, and its images of one word are
    /// in `library/`.
    ///
    /// # Errors
    /// When no runtime would take the text for a reference.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        check_whole(text)?;
        let (registry, rest) = split_registry(text)?;
        let (name, digest) = match rest.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (rest, None),
        };
        // The registry and its port are gone, so that a colon can only begin a tag.
        let (path, tag) = match name.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (name, None),
        };
        check_path(path)?;
        if !tag.is_none_or(is_tag) {
            return Err(Malformed::Tag);
        }
        if !digest.is_none_or(is_digest) {
            return Err(Malformed::Digest);
        }
        let path = if registry == DEFAULT_REGISTRY && !path.contains('/') {
            format!("{OFFICIAL}/{path}")
        } else {
            path.to_owned()
        };
        if path.len() > LONGEST_PATH {
            return Err(Malformed::TooLong);
        }
        Ok(Self {
            registry: registry.to_owned(),
            path,
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// Host and port of the registry, as written.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository within the registry, such as `library/nginx`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag, when one is named.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest with its algorithm, when one is named.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The same image, kept at another place: a registry with an optional path below which the whole
    /// repository stands.
    #[must_use]
    pub(super) fn kept_at(&self, registry: &str, project: Option<&str>) -> Self {
        let path = match project {
            Some(project) => format!("{project}/{}", self.path),
            None => self.path.clone(),
        };
        Self {
            registry: registry.to_owned(),
            path,
            ..self.clone()
        }
    }
}

/// The reference in full, with its registry.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// What is wrong with a text as a whole, told before its parts are, since a person means that.
fn check_whole(text: &str) -> Result<(), Malformed> {
    let is_identifier = text.len() == 64 && text.bytes().all(is_lower_hex);
    if text.is_empty() {
        Err(Malformed::Empty)
    } else if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Err(Malformed::Space)
    } else if text.contains("://") {
        Err(Malformed::Scheme)
    } else if is_identifier {
        Err(Malformed::Identifier)
    } else {
        Ok(())
    }
}

/// The registry and what stands behind it. The first part is a registry when it has a dot, a colon or
/// a capital letter, or is `localhost`.
fn split_registry(text: &str) -> Result<(&str, &str), Malformed> {
    let Some((first, rest)) = text.split_once('/') else {
        return Ok((DEFAULT_REGISTRY, text));
    };
    let is_named = first == LOCALHOST
        || first.contains(['.', ':'])
        || first.contains(|c: char| c.is_uppercase());
    if !is_named {
        return Ok((DEFAULT_REGISTRY, text));
    }
    if first == LEGACY_REGISTRY {
        return Ok((DEFAULT_REGISTRY, rest));
    }
    if first.contains('@') {
        return Err(Malformed::UserInfo);
    }
    if !is_registry(first) {
        return Err(Malformed::Registry);
    }
    Ok((first, rest))
}

/// Whether a text is a host name, an address or an IPv6 address in brackets, with an optional port.
pub(super) fn is_registry(text: &str) -> bool {
    if text.len() > LONGEST_REGISTRY {
        return false;
    }
    let (host_fits, rest) = match text.strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((address, rest)) => (is_address(address), rest),
            None => return false,
        },
        None => {
            let end = text.find(':').unwrap_or(text.len());
            let (host, rest) = text.split_at_checked(end).unwrap_or((text, ""));
            (host.split('.').all(is_label), rest)
        }
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    host_fits && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
}

fn is_address(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
    !text.is_empty() && text.bytes().all(is_part)
}

fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty()
        && label.bytes().all(is_inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn check_path(path: &str) -> Result<(), Malformed> {
    if path.contains(|c: char| c.is_uppercase()) {
        return Err(Malformed::Uppercase);
    }
    if path.len() > LONGEST_PATH {
        return Err(Malformed::TooLong);
    }
    if path.split('/').all(is_component) {
        Ok(())
    } else {
        Err(Malformed::Path)
    }
}

/// Whether a text is a path of a repository, as projects are.
pub(super) fn is_path(text: &str) -> bool {
    check_path(text).is_ok()
}

/// Letters and digits, separated by one dot, one or two underscores, or any number of hyphens.
fn is_component(component: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut separator = String::new();
    let mut is_after_word = false;
    for byte in component.bytes() {
        if is_word(byte) {
            let fits = match separator.as_str() {
                "" => true,
                "." | "_" | "__" => is_after_word,
                hyphens => is_after_word && hyphens.bytes().all(|byte| byte == b'-'),
            };
            if !fits {
                return false;
            }
            separator.clear();
            is_after_word = true;
        } else if matches!(byte, b'.' | b'_' | b'-') {
            separator.push(char::from(byte));
        } else {
            return false;
        }
    }
    is_after_word && separator.is_empty()
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= LONGEST_TAG
        && tag.bytes().next().is_some_and(is_word)
        && tag
            .bytes()
            .all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, digits)) = digest.split_once(':') else {
        return false;
    };
    DIGESTS.iter().any(|(known, length)| {
        *known == algorithm && digits.len() == *length && digits.bytes().all(is_lower_hex)
    })
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}
