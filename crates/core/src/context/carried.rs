//! Whether a controller only carries on what a stored object says: then a Site that was changed since is not
//! held against it.
//!
//! Nothing that the object itself says opens this: the sender is a controller, and what counts is stored. A
//! topology counts when its class stands in another namespace than the Cluster: only the Site's does, or
//! one that an admin named, and the variables of such a Cluster are judged at every write.

use super::Context;
use crate::inventory::{cluster_of, owner_refs};
use crate::json::text_at;
use crate::precedent::{Precedent, SERVER, THUMBPRINT};
use crate::site::Trust;
use crate::{Kind, Lookup, keys};

impl<'a> Context<'a> {
    /// Whether what a controller makes the object of says so.
    pub(crate) fn is_carried_on(&self, says: impl FnOnce(&Precedent) -> bool) -> bool {
        let Some((kind, precedent)) = self.made_of() else {
            return false;
        };
        let is_said = says(precedent);
        if !is_said {
            // What a cache holds may be older than what the controller has seen.
            self.miss(Lookup::All(kind));
        }
        is_said
    }

    /// Whether a controller puts a machine, or its template, where what it makes it of says. CAPV logs in to
    /// the server, so that it counts only where the infrastructure of the Cluster stands already.
    pub(crate) fn is_place_carried_on(&self, field: &str, value: Option<&str>) -> bool {
        let is_made = || self.is_carried_on(|precedent| precedent.places(field, value));
        match field {
            SERVER => self.stands_at(field, value),
            THUMBPRINT => is_made() || self.stands_at(field, value),
            _ => is_made(),
        }
    }

    /// The stored object that a controller makes the object of, by its kind, and what it says.
    fn made_of(&self) -> Option<(Kind, &'a Precedent)> {
        if self.trust() != Trust::Controller {
            return None;
        }
        let (kind, facts) = match self.kind() {
            Kind::VSphereMachine => {
                let kind = Kind::VSphereMachineTemplate;
                (kind, self.get(kind, self.cloned_from(kind)?)?)
            }
            Kind::VSphereVM => {
                let kind = Kind::VSphereMachine;
                (kind, self.get(kind, self.owned_by(kind)?)?)
            }
            Kind::VSphereMachineTemplate
            | Kind::KubeadmControlPlane
            | Kind::MachineDeployment
            | Kind::MachinePool => (Kind::Cluster, self.cluster_of_topology()?.1),
            _ => return None,
        };
        let precedent = facts.precedent.as_deref()?;
        let of = precedent.class_namespace.as_deref();
        let is_the_sites = of.is_some_and(|of| of != self.request.namespace);
        (kind != Kind::Cluster || is_the_sites).then_some((kind, precedent))
    }

    /// The template that Cluster API says it has cloned.
    fn cloned_from(&self, kind: Kind) -> Option<&'a str> {
        let annotations = self
            .request
            .object
            .as_ref()?
            .pointer("/metadata/annotations")?;
        let of = annotations.get(keys::CLONED_FROM_KIND)?.as_str()?;
        let is_it = of.split_once('.') == Some((kind.as_str(), kind.group()));
        let name = annotations.get(keys::CLONED_FROM)?.as_str();
        name.filter(|_| is_it)
    }

    /// The owner of that kind.
    fn owned_by(&self, kind: Kind) -> Option<&'a str> {
        let mut owners = owner_refs(self.request.object.as_ref()?);
        let owner = owners.find(|owner| text_at(owner, "/kind") == Some(kind.as_str()))?;
        text_at(owner, "/name")
    }

    /// Whether the infrastructure of a controller's object, which is stored, says this.
    fn stands_at(&self, field: &str, value: Option<&str>) -> bool {
        if self.trust() != Trust::Controller {
            return false;
        }
        let kind = Kind::VSphereCluster;
        let infrastructure = || {
            let cluster = self.cluster(cluster_of(self.request.object.as_ref()?)?)?;
            let reference = cluster.infrastructure_ref.as_ref();
            let reference = reference.filter(|reference| reference.kind == kind.as_str())?;
            self.get(kind, &reference.name)?.precedent.as_deref()
        };
        let is_said = infrastructure().is_some_and(|said| said.places(field, value));
        if !is_said {
            self.miss(Lookup::All(Kind::Cluster));
            self.miss(Lookup::All(kind));
        }
        is_said
    }
}
