//! Makes users of the API server: certificates and kubeconfigs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::control_plane::create_directory;
use crate::kubectl::User;
use crate::pki::{Pki, write_private};
use crate::yaml;

/// The group whose members may do everything, by a rule that no RBAC object can take away.
pub(crate) const MASTERS: &str = "system:masters";

/// Makes users; each has a folder of its own.
#[derive(Debug)]
pub(crate) struct Users {
    directory: PathBuf,
    pki: Pki,
    count: AtomicUsize,
}

impl Users {
    pub(crate) fn new(directory: PathBuf, pki: Pki) -> Self {
        Self {
            directory,
            pki,
            count: AtomicUsize::new(0),
        }
    }

    pub(crate) fn pki(&self) -> &Pki {
        &self.pki
    }

    /// Makes a user of the API server at `server`, whose commands use `namespace` when they name none.
    pub(crate) fn create(
        &self,
        server: &str,
        name: &str,
        groups: &[&str],
        namespace: &str,
    ) -> Result<User> {
        let credentials = self.credentials(name, groups)?;
        self.store(server, name, namespace, &credentials)
    }

    /// Makes a user of the API server at `server` who shows a token.
    pub(crate) fn create_with_token(&self, server: &str, name: &str, token: &str) -> Result<User> {
        self.store(server, name, "default", &json!({"token": token}))
    }

    /// Makes a user out of a kubeconfig.
    pub(crate) fn adopt(&self, name: &str, kubeconfig: &str) -> Result<User> {
        // A number as well: names may hold any character, and may come twice with other groups.
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let home = self.directory.join(format!("{number}-{}", file_name(name)));
        create_directory(&home)?;
        let user = User {
            name: name.to_owned(),
            home,
        };
        write_private(&user.kubeconfig(), kubeconfig)?;
        Ok(user)
    }

    fn store(
        &self,
        server: &str,
        name: &str,
        namespace: &str,
        credentials: &Value,
    ) -> Result<User> {
        let config = self.kubeconfig(server, namespace, credentials);
        self.adopt(name, &yaml::to_string(&config)?)
    }

    /// A certificate carries one group. Whoever has more is impersonated, which is the same user to RBAC and to admission.
    fn credentials(&self, name: &str, groups: &[&str]) -> Result<Value> {
        let (issued, impersonation) = match groups {
            [] => (self.pki.user(name, None)?, None),
            [group] => (self.pki.user(name, Some(group))?, None),
            _ => (
                self.pki.user("impersonator", Some(MASTERS))?,
                Some((name, groups)),
            ),
        };
        let mut credentials = json!({
            "client-certificate-data": STANDARD.encode(issued.certificate_pem),
            "client-key-data": STANDARD.encode(issued.key_pem),
        });
        if let (Some((name, groups)), Some(credentials)) =
            (impersonation, credentials.as_object_mut())
        {
            credentials.insert("as".into(), json!(name));
            credentials.insert("as-groups".into(), json!(groups));
        }
        Ok(credentials)
    }

    fn kubeconfig(&self, server: &str, namespace: &str, credentials: &Value) -> Value {
        let ca = STANDARD.encode(self.pki.cluster_ca_pem());
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "basphere",
            "contexts": [{
                "name": "basphere",
                "context": {"cluster": "basphere", "user": "basphere", "namespace": namespace},
            }],
            "clusters": [{
                "name": "basphere",
                "cluster": {"server": server, "certificate-authority-data": ca},
            }],
            "users": [{"name": "basphere", "user": credentials}],
        })
    }
}

fn file_name(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect()
}

/// The environment by which kubectl is this user; `bin` comes first on PATH.
pub(crate) fn environment(
    user: &User,
    bin: &Path,
) -> Result<Vec<(&'static str, std::ffi::OsString)>> {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(
        std::iter::once(bin.to_owned()).chain(std::env::split_paths(&inherited)),
    )?;
    Ok(vec![
        ("KUBECONFIG", user.kubeconfig().into_os_string()),
        ("KUBECACHEDIR", user.cache_directory().into_os_string()),
        ("PATH", path),
    ])
}
