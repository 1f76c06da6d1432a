//! Clients that make, scale and delete what is charged, several of them the same objects, and admins who
//! change limits meanwhile.

use anyhow::Result;
use fastrand::Rng;
use kube::Client;
use serde_json::{Value, json};

use super::limits;
use super::names::{Names, cluster_of};
use super::objects;
use crate::arena::Work;
use crate::objects::{Kind, REFUSED_LABEL};
use crate::refusals::Asked;
use crate::requests::{Outcome, Requests};
use crate::site::{Site, Tenant};

/// What is charged; those that are made more often stand there more often.
const MADE: [Kind; 8] = [
    Kind::Cluster,
    Kind::Cluster,
    Kind::ControlPlane,
    Kind::ControlPlane,
    Kind::MachineDeployment,
    Kind::MachineDeployment,
    Kind::MachineDeployment,
    Kind::Template,
];
/// What has a number of machines.
const SCALED: [Kind; 2] = [Kind::ControlPlane, Kind::MachineDeployment];
const NODE_SPECS: [&str; 3] = ["small", "medium", "large"];
const MOST_REPLICAS: u64 = 6;

/// What all clients have in common.
pub(super) struct Common<'a> {
    pub(super) site: &'a Site,
    pub(super) requests: &'a Requests,
    pub(super) admin: &'a Client,
}

/// One client.
pub(super) struct Actor<'a> {
    pub(super) common: &'a Common<'a>,
    pub(super) tenant: &'a Tenant,
    pub(super) group: Option<String>,
    pub(super) names: &'a Names,
    pub(super) random: Rng,
}

impl Actor<'_> {
    /// Works until nothing is left to do.
    pub(super) async fn run(mut self, work: &Work) -> Result<()> {
        while work.take() {
            match self.random.u8(0..100) {
                0..44 => self.make(false).await?,
                44..48 => self.make(true).await?,
                48..62 => self.scale().await?,
                62..70 => self.patch(false).await?,
                70..72 => self.patch(true).await?,
                72..78 => self.switch().await?,
                78..79 => self.change_limits().await?,
                _ => self.delete().await?,
            }
        }
        Ok(())
    }

    fn asked(&self, kind: Kind, name: &str) -> Asked {
        Asked {
            tenant: self.tenant.name.clone(),
            kind: kind.kind().to_owned(),
            name: name.to_owned(),
            is_contended: true,
            ..Asked::default()
        }
    }

    fn one_of(&mut self, kinds: &[Kind], is_stored: bool) -> (Kind, String) {
        let kind = self.random.choice(kinds).copied();
        let kind = kind.unwrap_or(Kind::MachineDeployment);
        let name = self.names.pick(kind, is_stored, &mut self.random);
        (kind, name)
    }

    fn some_template(&mut self) -> String {
        // Some refer to a template that comes later.
        let is_stored = self.random.u8(0..4) > 0;
        self.names.pick(Kind::Template, is_stored, &mut self.random)
    }

    /// Control planes have an odd number of machines.
    fn replicas(&mut self, kind: Kind) -> u64 {
        match kind {
            Kind::ControlPlane => 2 * self.random.u64(0..3) + 1,
            _ => self.random.u64(0..=MOST_REPLICAS),
        }
    }

    async fn make(&mut self, is_refused: bool) -> Result<()> {
        let version = self.common.site.version;
        let (kind, name) = self.one_of(&MADE, false);
        let replicas = self.replicas(kind);
        let template = self.some_template();
        let mut object = match kind {
            Kind::Cluster => crate::objects::cluster(version, &name),
            Kind::ControlPlane => {
                objects::control_plane(version, cluster_of(&name), &template, replicas)
            }
            Kind::Template => {
                let node_spec = self.random.choice(NODE_SPECS).unwrap_or_default();
                objects::machine_template(version, &name, node_spec)
            }
            _ => {
                let most = self.random.u64(0..=MOST_REPLICAS);
                let most = Some(most).filter(|_| self.random.u8(0..3) == 0);
                let names = (name.as_str(), cluster_of(&name));
                objects::deployment(version, names, &template, replicas, most)
            }
        };
        if self.random.u8(0..4) == 0 {
            objects::keep(&mut object);
        }
        if is_refused {
            object["metadata"]["labels"] = json!({REFUSED_LABEL: "yes"});
        }
        let asked = self.asked(kind, &name);
        let client = &self.tenant.client;
        let requests = self.common.requests;
        let outcome = requests.create(client, kind, &object, &asked).await?;
        if matches!(outcome, Outcome::Done(_) | Outcome::Taken) {
            self.names.note(kind, &name, true);
        }
        Ok(())
    }

    /// Nothing but replicas, as `kubectl scale` and the autoscaler write them.
    async fn scale(&mut self) -> Result<()> {
        let (kind, name) = self.one_of(&SCALED, true);
        let replicas = self.replicas(kind);
        let asked = self.asked(kind, &name);
        let client = match self.random.bool() {
            true => &self.tenant.client,
            false => &self.common.site.capi,
        };
        let requests = self.common.requests;
        let outcome = requests.scale(client, kind, replicas, &asked).await?;
        self.learn(kind, &name, &outcome);
        Ok(())
    }

    async fn patch(&mut self, is_refused: bool) -> Result<()> {
        let (kind, name) = self.one_of(&SCALED, true);
        let mut patch = json!({"spec": {"replicas": self.replicas(kind)}});
        if is_refused {
            patch["metadata"] = json!({"labels": {REFUSED_LABEL: "yes"}});
        }
        self.send_patch(kind, &name, &patch).await
    }

    async fn switch(&mut self) -> Result<()> {
        let (kind, name) = self.one_of(&SCALED, true);
        let template = self.some_template();
        let patch = objects::switched(self.common.site.version, kind, &template);
        self.send_patch(kind, &name, &patch).await
    }

    async fn send_patch(&self, kind: Kind, name: &str, patch: &Value) -> Result<()> {
        let asked = self.asked(kind, name);
        let client = &self.tenant.client;
        let requests = self.common.requests;
        let outcome = requests.patch(client, kind, patch, &asked).await?;
        self.learn(kind, name, &outcome);
        Ok(())
    }

    fn learn(&self, kind: Kind, name: &str, outcome: &Outcome) {
        if matches!(outcome, Outcome::Absent) {
            self.names.note(kind, name, false);
        }
    }

    /// What has a finalizer is there until that is taken away, by this client or by somebody later.
    async fn delete(&mut self) -> Result<()> {
        let (kind, name) = self.one_of(&MADE, true);
        if !self.names.has(kind) {
            return self.make(false).await;
        }
        let asked = self.asked(kind, &name);
        let client = &self.tenant.client;
        let requests = self.common.requests;
        let outcome = requests.delete(client, kind, &asked).await?;
        let is_kept = matches!(&outcome, Outcome::Done(left) if left.pointer("/metadata/finalizers").is_some());
        if is_kept && self.random.u8(0..4) > 0 {
            let patch = json!({"metadata": {"finalizers": null}});
            requests.patch(client, kind, &patch, &asked).await?;
            self.names.note(kind, &name, false);
        } else if !is_kept && matches!(outcome, Outcome::Done(_) | Outcome::Absent) {
            self.names.note(kind, &name, false);
        }
        Ok(())
    }

    /// An admin raises or lowers what the tenant may have, or its group.
    async fn change_limits(&mut self) -> Result<()> {
        let of_group = self.group.clone().filter(|_| self.random.u8(0..3) == 0);
        let name = of_group.unwrap_or_else(|| self.tenant.name.clone());
        let quotas = limits::quotas(&name, &mut self.random);
        let patch = json!({"spec": {"quotas": quotas}});
        let asked = self.asked(Kind::Tenant, &name);
        let admin = self.common.admin;
        let requests = self.common.requests;
        requests.patch(admin, Kind::Tenant, &patch, &asked).await?;
        Ok(())
    }
}
