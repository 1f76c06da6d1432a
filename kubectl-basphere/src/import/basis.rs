//! What the lines are judged by: the pool and the namespaces' prefix, and the Site that comes along.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use basphere_api::crd::{AddressPool, SITE_NAME};
use basphere_core::SiteSpec;
use basphere_core::ipam::Pool;
use basphere_core::quota::TenantSpec;
use kube::api::Api;

use crate::bastion::config::{self, Config, Specs};
use crate::bastion::{quotas, site};
use crate::cli::{Global, ImportIpam};
use crate::connection::Connection;

/// The pool's name, unless another is asked for.
const POOL: &str = "nodes";

/// What the lines are judged by.
pub(super) struct Basis {
    pub(super) pool: Pool,
    /// Whether the pool is made here, out of `config.yaml`.
    pub(super) is_pool_new: bool,
    /// What users' namespaces begin with.
    pub(super) prefix: String,
    pub(super) site: Option<SiteSpec>,
    /// Why there is no Site although there should be one.
    pub(super) no_site: Option<anyhow::Error>,
    /// Limits of single users.
    pub(super) tenants: BTreeMap<String, TenantSpec>,
    /// What contradicts itself, and is left out.
    pub(super) faults: Vec<String>,
    pub(super) notices: Vec<String>,
}

impl Basis {
    /// Out of `config.yaml` and `specs.yaml` or, without them, out of the cluster.
    pub(super) fn gather(options: &ImportIpam, global: &Global) -> Result<Self> {
        match &options.config {
            Some(path) => Self::of_files(path, options),
            None => Self::of_cluster(options, global),
        }
    }

    fn of_files(path: &Path, options: &ImportIpam) -> Result<Self> {
        let file = || path.display().to_string();
        let config: Config = config::read(path)?;
        let name = options.pool.as_deref().unwrap_or(POOL);
        let pool = config::pool(&config.network, name).with_context(file)?;
        let prefix = options.namespace_prefix.clone();
        let prefix = prefix
            .or_else(|| config.management_cluster.namespace_prefix.clone())
            .with_context(|| {
                format!("{}: management_cluster.namespace_prefix is missing; name it by --namespace-prefix", file())
            })?;
        let mut basis = Self {
            pool,
            is_pool_new: true,
            prefix,
            site: None,
            no_site: None,
            tenants: BTreeMap::new(),
            faults: Vec::new(),
            notices: Vec::new(),
        };
        let specs = match &options.specs {
            Some(path) => config::read(path)?,
            None => {
                let notice = "no Site is made without --specs";
                basis.notices.push(notice.to_owned());
                Specs::default()
            }
        };
        if options.specs.is_none() && config.quotas.contains_key("default") {
            let notice =
                "config.yaml: quotas.default is left out, since there is no Site to say it";
            basis.notices.push(notice.to_owned());
        }
        let quotas = quotas::read(&config, &specs, &basis.prefix)?;
        basis.tenants = quotas.tenants;
        basis.faults = quotas.faults;
        if let (true, Some(contradiction)) = (options.specs.is_some(), &quotas.contradiction) {
            basis.no_site = Some(anyhow!("no Site can be made: {contradiction}"));
        } else if options.specs.is_some() {
            let made = site::make(
                &config,
                &specs,
                &options.site,
                &basis.prefix,
                name,
                quotas.site,
            );
            match made {
                Ok(made) => {
                    basis.site = Some(made.spec);
                    basis.notices.extend(made.notices);
                }
                Err(error) => basis.no_site = Some(error),
            }
        }
        Ok(basis)
    }

    fn of_cluster(options: &ImportIpam, global: &Global) -> Result<Self> {
        let name = options.pool.as_deref().context("--pool is missing")?;
        let cluster = Connection::of(global, "describe the network by --config FILE")?;
        let pools: Api<AddressPool> = Api::all(cluster.client());
        let pool = cluster.ask(pools.get(name)).with_context(|| {
            format!("cannot read AddressPool {name}; --config FILE makes it of the bastion's config.yaml")
        })?;
        let pool = Pool::new(name, pool.spec.0).map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            anyhow!("AddressPool {name} is faulty: {}", errors.join("; "))
        })?;
        let prefix = match &options.namespace_prefix {
            Some(prefix) => prefix.clone(),
            None => {
                let sites: Api<basphere_api::Site> = Api::all(cluster.client());
                let site = cluster.ask(sites.get(SITE_NAME)).context(
                    "cannot read the Site, whose prefix namespaces have; name it by --namespace-prefix",
                )?;
                site.spec.0.tenancy.namespace_prefix
            }
        };
        Ok(Self {
            pool,
            is_pool_new: false,
            prefix,
            site: None,
            no_site: None,
            tenants: BTreeMap::new(),
            faults: Vec::new(),
            notices: Vec::new(),
        })
    }
}
