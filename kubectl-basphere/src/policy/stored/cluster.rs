//! What the cluster has: its policies where none are named, and its objects, page by page.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use anyhow::{Context, Result, ensure};
use basphere_api::stored::{Pages, Stored, asked, served};
use basphere_rego::audit::Tally;
use basphere_rego::constraint::{GROUP, Point};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::cli::{Audit, Global};
use crate::connection::{Connection, readable};
use crate::offline;
use crate::policy::loading;
use crate::run::print_warning;

use super::bundles::{Bundle, bundle};
use super::{Findings, Judged};

const INSTEAD: &str = "judge files by --objects";
const TEMPLATES: &str = "templates.gatekeeper.sh";

/// A cluster, and what it is asked about.
struct Cluster {
    client: Client,
    stored: Vec<Stored>,
    /// Nothing for all namespaces, and what is in none.
    namespace: Option<String>,
    /// By name; nothing where it may not be read.
    namespaces: BTreeMap<String, Option<Value>>,
}

/// Judges what the cluster has stored, by some policies or by its own.
pub(super) fn judge(
    bundles: Vec<Bundle>,
    options: &Audit,
    global: &Global,
    talk: &mut dyn Write,
) -> Result<Findings> {
    let config = offline::kubeconfig(global)?.with_context(|| {
        format!("there is no kubeconfig; name one by --kubeconfig, or {INSTEAD}")
    })?;
    let own = global.namespace.clone();
    let namespace = own.or_else(|| offline::context_namespace(&config, global));
    let namespace = namespace.unwrap_or_else(|| "default".to_owned());
    let connection = Connection::open(config, global.context.clone())?;
    connection.wait(async {
        let client = connection.client();
        let core = client.list_core_api_versions_aggregated().await;
        let groups = client.list_api_groups_aggregated().await;
        let mut cluster = Cluster {
            stored: served(&core.map_err(readable)?, &groups.map_err(readable)?),
            client,
            namespace: (!options.all_namespaces).then_some(namespace),
            namespaces: BTreeMap::new(),
        };
        let bundles = match bundles.is_empty() {
            true => vec![cluster.policies(talk).await?],
            false => bundles,
        };
        cluster.judge(bundles, options).await
    })
}

impl Cluster {
    async fn judge(&mut self, bundles: Vec<Bundle>, options: &Audit) -> Result<Findings> {
        let kinds = bundles.iter().map(|it| it.policies.kinds(Point::Audit));
        let kinds: BTreeSet<_> = kinds.flatten().collect();
        let is_looked_at = |kind: &&Stored| self.namespace.is_none() || kind.is_namespaced;
        let kinds = asked(&self.stored, &kinds).into_iter();
        let kinds: Vec<Stored> = kinds.filter(is_looked_at).cloned().collect();
        let mut tallies: Vec<_> = bundles.iter().map(|it| it.tally(options)).collect();
        let mut unread = BTreeMap::new();
        for kind in kinds {
            match self.kind(&kind, &bundles, options).await {
                Ok(found) => {
                    for (tally, found) in tallies.iter_mut().zip(found) {
                        tally.merge(found);
                    }
                }
                Err(error) => {
                    let name = format!("{}.{}", kind.resource.plural, kind.resource.api_version);
                    unread.insert(name, format!("{error:#}"));
                }
            }
        }
        let judged = bundles.into_iter().zip(tallies);
        let judged = judged.map(|(bundle, tally)| Judged { bundle, tally });
        Ok(Findings {
            judged: judged.collect(),
            unread,
        })
    }

    /// A tally for each bundle.
    async fn kind(
        &mut self,
        kind: &Stored,
        bundles: &[Bundle],
        options: &Audit,
    ) -> Result<Vec<Tally>> {
        let nothing = || -> Vec<Tally> { bundles.iter().map(|it| it.tally(options)).collect() };
        let mut pages = Pages::new(kind.clone(), self.namespace.clone());
        let mut tallies = nothing();
        while let Some(request) = pages.request()? {
            let objects = match self.client.request_text(request).await {
                Err(kube::Error::Api(status)) if status.code == 410 && pages.begin_again() => {
                    tallies = nothing();
                    continue;
                }
                answer => pages.take(&answer.map_err(readable)?)?,
            };
            for object in &objects {
                let namespace = loading::metadata(object, "namespace");
                self.know_namespace(namespace).await?;
            }
            let around = |name: &str| self.namespaces.get(name)?.as_ref();
            for (bundle, tally) in bundles.iter().zip(&mut tallies) {
                bundle.judge(&objects, around, tally)?;
            }
        }
        Ok(tallies)
    }

    /// Who may not read a Namespace may be right about its name, and selectors look at that most of all.
    async fn know_namespace(&mut self, name: &str) -> Result<()> {
        if name.is_empty() || self.namespaces.contains_key(name) {
            return Ok(());
        }
        let api: Api<Namespace> = Api::all(self.client.clone());
        let namespace = match api.get_opt(name).await {
            Ok(found) => found.map(serde_json::to_value).transpose()?,
            Err(kube::Error::Api(status)) if status.code == 403 => Some(json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
            })),
            Err(error) => return Err(readable(error)),
        };
        self.namespaces.insert(name.to_owned(), namespace);
        Ok(())
    }

    /// The policies that are stored in the cluster itself. What cannot be used is warned of: it is in force nowhere.
    async fn policies(&self, talk: &mut dyn Write) -> Result<Bundle> {
        let (mut templates, mut constraints) = (Vec::new(), Vec::new());
        for kind in &self.stored {
            let (group, name) = (kind.resource.group.as_str(), kind.resource.kind.as_str());
            match (group, name) {
                (TEMPLATES, "ConstraintTemplate") => templates.extend(self.all(kind).await?),
                (GROUP, _) => constraints.extend(self.all(kind).await?),
                _ => {}
            }
        }
        ensure!(
            !constraints.is_empty(),
            "the cluster has no constraints; name policies by -f"
        );
        let place = |document| ("the cluster", document);
        let (bundle, problems) = bundle(
            "cluster".to_owned(),
            templates.iter().map(place),
            constraints.iter().map(place),
        );
        for problem in problems {
            print_warning(problem, talk);
        }
        Ok(bundle)
    }

    async fn all(&self, kind: &Stored) -> Result<Vec<Value>> {
        let mut pages = Pages::new(kind.clone(), None);
        let mut all = Vec::new();
        while let Some(request) = pages.request()? {
            let answer = self.client.request_text(request).await;
            all.extend(pages.take(&answer.map_err(readable)?)?);
        }
        Ok(all)
    }
}
