//! Names with a `*` at either end, as Gatekeeper's `pkg/wildcard` has them.

/// A name, or a part of one.
#[derive(Debug, Clone)]
pub(crate) enum Glob {
    /// Without an asterisk.
    Exact(Box<str>),
    /// `kube-*`.
    Prefix(Box<str>),
    /// `*-system`.
    Suffix(Box<str>),
    /// `*kube*`.
    Part(Box<str>),
}

impl Glob {
    pub(crate) fn new(text: &str) -> Self {
        let suffix = text.strip_prefix('*');
        // A lone asterisk is both ends at once.
        let inner = suffix.map(|rest| rest.strip_suffix('*').unwrap_or(rest));
        match (suffix, text.strip_suffix('*')) {
            (Some(_), Some(_)) => Self::Part(inner.unwrap_or_default().into()),
            (Some(suffix), None) => Self::Suffix(suffix.into()),
            (None, Some(prefix)) => Self::Prefix(prefix.into()),
            (None, None) => Self::Exact(text.into()),
        }
    }

    pub(crate) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(text) => **text == *name,
            Self::Prefix(prefix) => name.starts_with(&**prefix),
            Self::Suffix(suffix) => name.ends_with(&**suffix),
            Self::Part(part) => name.contains(&**part),
        }
    }

    /// Whether it is every name, in so many words.
    pub(crate) fn is_any(&self) -> bool {
        matches!(self, Self::Part(text) if text.is_empty())
    }

    /// Whether the names that an API server makes of a `generateName` may match: their ends are not known.
    pub(crate) fn matches_generated(&self, name: &str) -> bool {
        match self {
            Self::Exact(_) | Self::Suffix(_) => false,
            Self::Prefix(_) | Self::Part(_) => self.matches(name),
        }
    }
}
