//! Kubernetes versions as Cluster API writes them.

use std::fmt;
use std::str::FromStr;

use semver::Version;

/// A Kubernetes version such as `v1.28.0`, ordered by precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KubernetesVersion(Version);

impl KubernetesVersion {
    /// Whether this is at least `v1.<minor>.0`, pre-releases of that minor included.
    #[must_use]
    pub fn is_at_least_minor(&self, minor: u64) -> bool {
        (self.0.major, self.0.minor) >= (1, minor)
    }

    /// How far apart two versions are, for "the nearest that would pass".
    #[must_use]
    pub fn distance(&self, other: &Self) -> (u64, u64, u64) {
        (
            self.0.major.abs_diff(other.0.major),
            self.0.minor.abs_diff(other.0.minor),
            self.0.patch.abs_diff(other.0.patch),
        )
    }
}

impl FromStr for KubernetesVersion {
    type Err = semver::Error;

    /// Accepts the `v` that Cluster API requires, and its absence.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Version::parse(text.strip_prefix('v').unwrap_or(text)).map(Self)
    }
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}
