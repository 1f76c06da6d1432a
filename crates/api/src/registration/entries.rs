//! The webhooks one by one: what each is called for, and what happens when no answer comes.
//!
//! What a person creates or enlarges waits for Basphere, and so does whatever names a vCenter. What
//! controllers write passes while it is away, so that clusters that run go on: they copy what was
//! judged where it was written, and the labels that are missing are put in later.

use basphere_core::Kind;
use k8s_openapi::api::admissionregistration::v1::{MatchCondition, RuleWithOperations};

use super::conditions::{self, Sender};
use super::rules::{
    ADDONS, ADMINS, IMMUTABLE, MACHINES, OWN_COMPLETED, PLACES, SCALED, TENANTS, own_rules, rules,
    scale_rules,
};

/// What the webhooks of both configurations have in common.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) failure_policy: FailurePolicy,
    pub(super) rules: Vec<RuleWithOperations>,
    pub(super) conditions: Vec<MatchCondition>,
}

/// What the API server does when no answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailurePolicy {
    /// Refuse the request.
    Fail,
    /// Let it pass.
    Ignore,
}

impl FailurePolicy {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "Fail",
            Self::Ignore => "Ignore",
        }
    }
}

/// All kinds but some.
fn others(all: &[Kind], some: &[Kind]) -> Vec<Kind> {
    let others = all.iter().filter(|kind| !some.contains(kind));
    others.copied().collect()
}

pub(super) fn mutating() -> Vec<Entry> {
    vec![
        Entry {
            name: "complete.tenants.basphere.dev",
            // An incomplete object must not be stored: nothing completes it later.
            failure_policy: FailurePolicy::Fail,
            rules: rules(TENANTS),
            conditions: conditions::of_tenants(Sender::Person),
        },
        Entry {
            name: "complete.controllers.basphere.dev",
            failure_policy: FailurePolicy::Ignore,
            rules: rules(TENANTS),
            conditions: conditions::of_tenants(Sender::Controller),
        },
        Entry {
            name: "complete.machines.basphere.dev",
            // What a person writes is validated all the same, and addresses are given later.
            failure_policy: FailurePolicy::Ignore,
            rules: rules(&others(MACHINES, IMMUTABLE)),
            conditions: conditions::of_machines(Sender::Anyone),
        },
        Entry {
            name: "complete.immutable.basphere.dev",
            // Its addresses can never be given later.
            failure_policy: FailurePolicy::Fail,
            rules: rules(IMMUTABLE),
            conditions: conditions::of_machines(Sender::Anyone),
        },
        Entry {
            name: "complete.own.basphere.dev",
            // Who has set a limit is for people to know, and decides nothing.
            failure_policy: FailurePolicy::Ignore,
            rules: rules(OWN_COMPLETED),
            conditions: conditions::of_own(),
        },
    ]
}

pub(super) fn validating() -> Vec<Entry> {
    vec![
        Entry {
            name: "validate.tenants.basphere.dev",
            failure_policy: FailurePolicy::Fail,
            rules: rules(TENANTS),
            conditions: conditions::of_tenants(Sender::Person),
        },
        Entry {
            name: "validate.machines.basphere.dev",
            // A person who writes machines by hand could take another's, or their address.
            failure_policy: FailurePolicy::Fail,
            rules: rules(MACHINES),
            conditions: conditions::of_machines(Sender::Person),
        },
        Entry {
            name: "validate.admins.basphere.dev",
            // What holds for everybody is not a tenant's to write.
            failure_policy: FailurePolicy::Fail,
            rules: rules(ADMINS),
            conditions: conditions::of_tenants(Sender::Person),
        },
        Entry {
            name: "validate.addons.basphere.dev",
            // It brings images into clusters.
            failure_policy: FailurePolicy::Fail,
            rules: rules(ADDONS),
            conditions: conditions::of_tenants(Sender::Person),
        },
        Entry {
            name: "validate.secrets.basphere.dev",
            // Only what a ClusterResourceSet applies: no other Secret waits for Basphere.
            failure_policy: FailurePolicy::Fail,
            rules: rules(&[Kind::Secret]),
            conditions: conditions::of_secrets(),
        },
        Entry {
            name: "validate.configmaps.basphere.dev",
            // ConfigMaps with manifests are others' as well, and must never wait.
            failure_policy: FailurePolicy::Ignore,
            rules: rules(&[Kind::ConfigMap]),
            conditions: conditions::of_config_maps(),
        },
        Entry {
            name: "validate.addresses.basphere.dev",
            // Nothing but an operator writes these, and a wrong one costs everybody.
            failure_policy: FailurePolicy::Fail,
            rules: own_rules(),
            conditions: conditions::of_own(),
        },
        Entry {
            name: "validate.scale.basphere.dev",
            failure_policy: FailurePolicy::Fail,
            rules: scale_rules(SCALED),
            conditions: conditions::of_scale(),
        },
        Entry {
            name: "validate.places.basphere.dev",
            // A controller can be led to another vCenter, by the variables of a class.
            failure_policy: FailurePolicy::Fail,
            rules: rules(PLACES),
            conditions: conditions::of_tenants(Sender::Controller),
        },
        Entry {
            name: "validate.controllers.basphere.dev",
            failure_policy: FailurePolicy::Ignore,
            rules: rules(&others(TENANTS, PLACES)),
            conditions: conditions::of_tenants(Sender::Controller),
        },
        Entry {
            name: "validate.made.basphere.dev",
            // A cluster must be able to replace a broken machine while Basphere is away.
            failure_policy: FailurePolicy::Ignore,
            rules: rules(MACHINES),
            conditions: conditions::of_machines(Sender::Controller),
        },
    ]
}
