//! Static addresses: which pools, and what holds the address of an API server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ipam::Delay;

/// How static addresses are handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Addresses {
    /// Each cluster gets a range for its load balancers out of this AddressPool, which must have a
    /// `rangeSize`; without it, none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancers: Option<String>,
    /// How old a reservation must be before no request can carry it any more: the API server's
    /// `--request-timeout`, and a margin for clocks that differ.
    pub reservation_grace: Delay,
}

impl Default for Addresses {
    fn default() -> Self {
        Self {
            load_balancers: None,
            reservation_grace: Delay::seconds(75),
        }
    }
}

/// The AddressPools of one network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NetworkAddresses {
    /// The AddressPool of machines; without it they get no addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<String>,
    /// The AddressPool of API servers; that of machines when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<String>,
}

impl NetworkAddresses {
    /// The AddressPool of API servers.
    #[must_use]
    pub fn endpoints(&self) -> Option<&str> {
        self.endpoints.as_deref().or(self.nodes.as_deref())
    }
}

/// kube-vip, as a static pod of every control-plane machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubeVip {
    /// The image, such as `harbor.corp.example:8443/kube-vip/kube-vip:v1.0.1`.
    #[schemars(length(min = 1, max = 256))]
    pub image: String,
    /// The network interface of control-plane machines; left out, kube-vip takes that of the default
    /// route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 15))]
    pub interface: Option<String>,
}
