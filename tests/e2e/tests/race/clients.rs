//! Clients that make and delete machines and clusters at random, as tenants and Cluster API do.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Result;
use fastrand::Rng;
use futures::future::try_join_all;
use kube::Client;
use serde_json::{Value, json};

use crate::arena::Work;
use crate::objects::{self, Kind, REFUSED_LABEL};
use crate::refusals::Asked;
use crate::requests::{Outcome, Requests};
use crate::site::{Site, Tenant};

/// So many clusters and machines a client has at the most.
const MOST_CLUSTERS: usize = 2;
const MOST_MACHINES: usize = 5;
/// Machines that a set wants; some want less than are made at once.
const REPLICAS: [usize; 3] = [1, 4, 40];
/// What a Cluster consists of, besides its machines.
const PARTS: [Kind; 3] = [Kind::Cluster, Kind::VSphereCluster, Kind::ControlPlane];

/// A cluster that a client has made, with the set that its machines are of.
#[derive(Debug, Clone)]
struct Cluster {
    name: String,
    /// Name and UID.
    set: Option<(String, String)>,
}

#[derive(Debug)]
struct Machine {
    name: String,
    /// The address that it was given.
    address: Option<IpAddr>,
}

/// One client.
pub(crate) struct Actor<'a> {
    site: &'a Site,
    requests: &'a Requests,
    tenant: &'a Tenant,
    random: Rng,
    number: usize,
    made: usize,
    clusters: Vec<Cluster>,
    machines: Vec<Machine>,
    /// The name of a cluster that was deleted; a namesake may follow it.
    gone: Option<String>,
}

impl<'a> Actor<'a> {
    pub(crate) fn new(
        site: &'a Site,
        requests: &'a Requests,
        tenant: &'a Tenant,
        random: Rng,
        number: usize,
    ) -> Self {
        Self {
            site,
            requests,
            tenant,
            random,
            number,
            made: 0,
            clusters: Vec::new(),
            machines: Vec::new(),
            gone: None,
        }
    }

    /// Works until nothing is left to do.
    pub(crate) async fn run(mut self, work: &Work) -> Result<()> {
        while work.take() {
            match self.random.u8(0..100) {
                _ if self.clusters.is_empty() => self.make_cluster().await?,
                0..8 if self.clusters.len() < MOST_CLUSTERS => self.make_cluster().await?,
                0..15 => self.delete_cluster().await?,
                15..20 => self.make_machine(true).await?,
                20..32 => self.update_machine().await?,
                32..62 if self.machines.len() < MOST_MACHINES => self.make_machine(false).await?,
                _ if self.machines.is_empty() => self.make_machine(false).await?,
                _ => self.delete_machine().await?,
            }
        }
        Ok(())
    }

    fn asked(&self, kind: Kind, name: &str) -> Asked {
        Asked {
            tenant: self.tenant.name.clone(),
            kind: kind.kind().to_owned(),
            name: name.to_owned(),
            ..Asked::default()
        }
    }

    fn capi(&self) -> &'a Client {
        &self.site.capi
    }

    fn new_name(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}-{}-{}", self.number, self.made)
    }

    async fn make_cluster(&mut self) -> Result<()> {
        let namesake = self.gone.take().filter(|_| self.random.u8(0..5) == 0);
        let name = match namesake {
            Some(name) => name,
            None => self.new_name("c"),
        };
        let host = (self.random.u8(0..5) == 0).then(|| self.some_address());
        let is_whole = match host {
            // Whoever names an address names it first.
            Some(host) => {
                self.part(&name, Kind::VSphereCluster, Some(host)).await?
                    && self.part(&name, Kind::ControlPlane, None).await?
                    && self.part(&name, Kind::Cluster, None).await?
            }
            None if self.random.bool() => {
                let parts = PARTS.map(|kind| self.part(&name, kind, None));
                try_join_all(parts).await?.into_iter().all(|made| made)
            }
            None => {
                let mut parts = PARTS;
                self.random.shuffle(&mut parts);
                let mut is_whole = true;
                for kind in parts {
                    is_whole = is_whole && self.part(&name, kind, None).await?;
                }
                is_whole
            }
        };
        if !is_whole {
            return self.delete_parts(&name).await.map(drop);
        }
        let set = self.make_set(&name).await?;
        self.clusters.push(Cluster { name, set });
        Ok(())
    }

    /// Makes one object of a cluster; false when it was refused.
    async fn part(&self, cluster: &str, kind: Kind, host: Option<IpAddr>) -> Result<bool> {
        let version = self.site.version;
        let text = host.map(|host| host.to_string());
        let object = match kind {
            Kind::VSphereCluster => objects::vsphere_cluster(version, cluster, text.as_deref()),
            Kind::ControlPlane => objects::control_plane(version, cluster),
            _ => objects::cluster(version, cluster),
        };
        let asked = Asked {
            address: host,
            ..self.asked(kind, &kind.name_of(cluster))
        };
        let client = &self.tenant.client;
        let outcome = self.requests.create(client, kind, &object, &asked).await?;
        Ok(matches!(outcome, Outcome::Done(_)))
    }

    async fn make_set(&mut self, cluster: &str) -> Result<Option<(String, String)>> {
        let replicas = REPLICAS.get(self.random.usize(0..REPLICAS.len()));
        let replicas = replicas.copied().unwrap_or(1);
        let set = objects::machine_set(self.site.version, cluster, replicas);
        let asked = self.asked(Kind::MachineSet, &Kind::MachineSet.name_of(cluster));
        let outcome = self
            .requests
            .create(self.capi(), Kind::MachineSet, &set, &asked)
            .await?;
        let uid = match &outcome {
            Outcome::Done(stored) => stored.pointer("/metadata/uid").and_then(Value::as_str),
            _ => None,
        };
        Ok(uid.map(|uid| (asked.name, uid.to_owned())))
    }

    /// An address that is somebody's, was somebody's, or nobody's.
    fn some_address(&mut self) -> IpAddr {
        let near = self.machines.iter().find_map(|machine| machine.address);
        match near {
            Some(IpAddr::V4(near)) if self.random.u8(0..4) > 0 => {
                let block = u32::from(near) & !31;
                Ipv4Addr::from(block + self.random.u32(0..32)).into()
            }
            _ => Ipv4Addr::new(10, 254, self.random.u8(0..8), self.random.u8(..)).into(),
        }
    }

    async fn delete_cluster(&mut self) -> Result<()> {
        let index = self.random.usize(0..self.clusters.len());
        let cluster = self.clusters.swap_remove(index);
        let mut is_gone = true;
        if let Some((set, _)) = &cluster.set {
            let asked = self.asked(Kind::MachineSet, set);
            let outcome = self
                .requests
                .delete(self.capi(), Kind::MachineSet, &asked)
                .await?;
            is_gone = matches!(outcome, Outcome::Done(_) | Outcome::Absent);
        }
        if self.delete_parts(&cluster.name).await? && is_gone {
            self.gone = Some(cluster.name);
        }
        Ok(())
    }

    /// Deletes what there is of a cluster; false when some of it may still be there.
    async fn delete_parts(&mut self, cluster: &str) -> Result<bool> {
        let mut parts = PARTS;
        let mut are_gone = true;
        self.random.shuffle(&mut parts);
        for kind in parts {
            let asked = Asked {
                is_absent: true,
                ..self.asked(kind, &kind.name_of(cluster))
            };
            let outcome = self
                .requests
                .delete(&self.tenant.client, kind, &asked)
                .await?;
            are_gone &= matches!(outcome, Outcome::Done(_) | Outcome::Absent);
        }
        Ok(are_gone)
    }

    async fn make_machine(&mut self, is_refused: bool) -> Result<()> {
        let index = self.random.usize(0..self.clusters.len());
        let Some(Cluster {
            name: cluster,
            set: Some(set),
        }) = self.clusters.get(index).cloned()
        else {
            return Ok(());
        };
        let name = self.new_name("m");
        let set = (set.0.as_str(), set.1.as_str());
        let mut machine = objects::machine(self.site.version, &name, &cluster, set);
        if is_refused {
            machine["metadata"]["labels"][REFUSED_LABEL] = "yes".into();
        }
        let asked = Asked {
            owner: Some(set.1.to_owned()),
            ..self.asked(Kind::VSphereMachine, &name)
        };
        let made = self
            .requests
            .create(self.capi(), Kind::VSphereMachine, &machine, &asked);
        if let Outcome::Done(stored) = made.await? {
            let address = stored.pointer("/spec/network/devices/0/ipAddrs/0");
            let address =
                address.and_then(|address| address.as_str()?.split('/').next()?.parse().ok());
            self.machines.push(Machine { name, address });
        }
        Ok(())
    }

    /// As Cluster API does once there is a Machine, and as CAPV does when it knows better.
    async fn update_machine(&mut self) -> Result<()> {
        if self.machines.is_empty() {
            return Ok(());
        }
        let index = self.random.usize(0..self.machines.len());
        let Some(machine) = self.machines.get(index) else {
            return Ok(());
        };
        let patch = if self.random.bool() {
            objects::owned_by_machine(
                self.site.version,
                &machine.name,
                &format!("uid-{}", machine.name),
            )
        } else {
            // Devices are one list: whoever sends it without addresses gets them put back.
            json!({"spec": {"network": {"devices": [{"networkName": "VM Network"}]}}})
        };
        let asked = self.asked(Kind::VSphereMachine, &machine.name);
        self.requests
            .patch(self.capi(), Kind::VSphereMachine, &patch, &asked)
            .await?;
        Ok(())
    }

    /// In two steps: a VM is there until the finalizer is gone.
    async fn delete_machine(&mut self) -> Result<()> {
        if self.machines.is_empty() {
            return Ok(());
        }
        let index = self.random.usize(0..self.machines.len());
        let machine = self.machines.swap_remove(index);
        let asked = self.asked(Kind::VSphereMachine, &machine.name);
        self.requests
            .delete(self.capi(), Kind::VSphereMachine, &asked)
            .await?;
        let patch = json!({"metadata": {"finalizers": null}});
        self.requests
            .patch(self.capi(), Kind::VSphereMachine, &patch, &asked)
            .await?;
        Ok(())
    }
}
