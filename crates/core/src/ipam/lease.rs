//! Who holds what, and since when.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::slot::{Slot, SlotKind};
use super::span::Span;

/// A lease as it is stored. The name of its object is the slot's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaseSpec {
    /// What is leased.
    pub kind: SlotKind,
    /// Within which the addresses are unique.
    #[schemars(length(min = 1, max = 63))]
    pub domain: String,
    /// `10.254.0.33`, `10.254.0.32/27` or `10.254.8.0-10.254.8.9`.
    #[schemars(length(min = 1, max = 100))]
    pub address: String,
    /// The AddressPool; empty for a network inside of a cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pool: String,
    /// The tenant that it counts for.
    #[schemars(length(min = 1, max = 63))]
    pub tenant: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Who has it.
    pub holder: Holder,
    /// Who asked for the holder: the MachineSet or KubeadmControlPlane of a machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// How far its life is.
    pub state: State,
    /// Since when it is in that state.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
}

/// What a lease is for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// A machine's network device.
    Node,
    /// The API server of a cluster.
    Endpoint,
    /// The load balancers of a cluster.
    LoadBalancer,
    /// A tenant's block.
    Block,
    /// The pods or services of a cluster.
    Network,
    /// An IPAddressClaim.
    Claim,
    /// Something outside of Kubernetes, known from an import; only admins release it.
    Import,
}

impl Purpose {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Endpoint => "endpoint",
            Self::LoadBalancer => "loadBalancer",
            Self::Block => "block",
            Self::Network => "network",
            Self::Claim => "claim",
            Self::Import => "import",
        }
    }
}

/// How far the life of a lease is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum State {
    /// Taken in admission; whether its holder was stored is not known yet.
    Reserved,
    /// Its holder is stored and carries it.
    Bound,
    /// Its holder is gone; it is not handed out before the pool's `reuseAfter`.
    Releasing,
    /// Its holder was moved to another management cluster; an admin deletes the lease when the holder
    /// is gone there.
    MovedAway,
}

impl State {
    /// All states.
    pub const ALL: [Self; 4] = [
        Self::Reserved,
        Self::Bound,
        Self::Releasing,
        Self::MovedAway,
    ];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "Reserved",
            Self::Bound => "Bound",
            Self::Releasing => "Releasing",
            Self::MovedAway => "MovedAway",
        }
    }
}

/// Who has a lease. The holder of an endpoint is the Cluster, whatever its infrastructure is called.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Holder {
    /// Kind of the object.
    pub kind: String,
    /// Its namespace; empty for a tenant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Which of its devices or fields.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub device: String,
    /// Its UID, once it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

impl Holder {
    /// Whether both are the same holder; a UID says which of two namesakes, and only a stored one has it.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (&self.kind, &self.namespace, &self.name, &self.device)
            == (&other.kind, &other.namespace, &other.name, &other.device)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)?;
        if !self.device.is_empty() {
            write!(f, " ({})", self.device)?;
        }
        Ok(())
    }
}

/// The object that made the holder.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Owner {
    /// Kind of the object.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// The version of what another request of this process is asking for; no API server gives it.
const NOTED: &str = "-";

/// A lease, and which version of it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it says.
    pub spec: LeaseSpec,
    /// Its slot, parsed from that.
    pub slot: Slot,
    /// The version that was seen; empty for what this decision asks for.
    pub resource_version: String,
    /// The object's own UID; empty while it is only asked for.
    pub uid: String,
    /// What others have noted on the object; kept as it is.
    pub annotations: BTreeMap<String, String>,
}

/// Why an object is no lease.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LeaseError {
    /// `spec.address` cannot be read.
    #[error("spec.address: {0:?} is no address, CIDR or range")]
    Address(String),
    /// The object has another name than its slot.
    #[error("metadata.name: the lease of {slot} is named {wanted:?}")]
    Name {
        /// What is leased.
        slot: String,
        /// The slot's name.
        wanted: String,
    },
}

impl Lease {
    /// A lease that is about to be asked for.
    #[must_use]
    pub fn new(slot: Slot, spec: LeaseSpec) -> Self {
        Self {
            spec: LeaseSpec {
                kind: slot.kind,
                domain: slot.domain.clone(),
                address: slot.text(),
                ..spec
            },
            slot,
            resource_version: String::new(),
            uid: String::new(),
            annotations: BTreeMap::new(),
        }
    }

    /// A lease as it is stored.
    ///
    /// # Errors
    /// When the address cannot be read, or the object's name is not the slot's.
    pub fn stored(
        name: &str,
        uid: &str,
        resource_version: &str,
        spec: LeaseSpec,
    ) -> Result<Self, LeaseError> {
        let span: Span = spec
            .address
            .parse()
            .map_err(|_| LeaseError::Address(spec.address.clone()))?;
        let slot = Slot::new(spec.kind, &spec.domain, span);
        let wanted = slot.name();
        if wanted != name {
            let slot = slot.text();
            return Err(LeaseError::Name { slot, wanted });
        }
        Ok(Self {
            spec,
            slot,
            resource_version: resource_version.to_owned(),
            uid: uid.to_owned(),
            annotations: BTreeMap::new(),
        })
    }

    /// The name of its object.
    #[must_use]
    pub fn name(&self) -> String {
        self.slot.name()
    }

    /// The API server's revision that was seen; `None` for what is only asked for.
    #[must_use]
    pub fn revision(&self) -> Option<u64> {
        self.resource_version.parse().ok()
    }

    /// Marks it as what another request of this process is asking for. Nobody can tell yet whether
    /// it will be stored, so that whoever depends on it waits.
    pub fn note(&mut self) {
        NOTED.clone_into(&mut self.resource_version);
    }

    /// Whether another request of this process is asking for it at this moment.
    #[must_use]
    pub fn is_noted(&self) -> bool {
        self.resource_version == NOTED
    }

    /// Whether another request of this process is asking for it, and nothing is stored in its place.
    #[must_use]
    pub fn may_not_be_stored(&self) -> bool {
        self.is_noted() && self.uid.is_empty()
    }

    /// The same, in another state from now on.
    #[must_use]
    pub fn into_state(mut self, state: State, now: Timestamp) -> Self {
        self.spec.state = state;
        self.spec.since = now;
        self
    }
}

/// What a decision needs before its answer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Create this lease; that it exists already is a conflict.
    Create(Lease),
    /// Replace the stored lease of this name, which must still have the resource version that it says,
    /// by what it says.
    Replace(Lease),
}

impl Claim {
    /// The lease as it will be.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        match self {
            Self::Create(lease) | Self::Replace(lease) => lease,
        }
    }
}
