//! The certificates and keys of a control plane, as files in its directory.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use basphere_certs::{Authority, Issued, KeyPairPem, Leaf, Usage};

/// Longer than any sandbox is kept up.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The authorities of a control plane, and the folder that holds their certificates and leaves.
#[derive(Debug)]
pub(crate) struct Pki {
    directory: PathBuf,
    cluster: Authority,
}

/// The paths of a certificate and its key.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Pki {
    /// Makes three authorities that know nothing of each other: one for the API server and its users, one for etcd, one for
    /// the certificate by which webhooks know the API server.
    pub(crate) fn create(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
        let pki = Self {
            directory: directory.to_owned(),
            cluster: Authority::generate("basphere-harness")?,
        };
        pki.write("ca.crt", pki.cluster.certificate_pem())?;
        let names = [
            "127.0.0.1",
            "localhost",
            "kubernetes.default.svc",
            "10.96.0.1",
        ];
        pki.store(
            "apiserver",
            &pki.cluster,
            &leaf("kube-apiserver", None, &names, Usage::Server),
        )?;

        let etcd = Authority::generate("basphere-harness-etcd")?;
        pki.write("etcd-ca.crt", etcd.certificate_pem())?;
        pki.store(
            "etcd",
            &etcd,
            &leaf("etcd", None, &["127.0.0.1"], Usage::ServerAndClient),
        )?;

        let webhook_client = Authority::generate("basphere-harness-webhook-client")?;
        pki.write("webhook-client-ca.crt", webhook_client.certificate_pem())?;
        pki.store(
            "webhook-client",
            &webhook_client,
            &leaf("kube-apiserver", None, &[], Usage::Client),
        )?;

        let service_accounts = KeyPairPem::generate()?;
        pki.write("sa.key", &service_accounts.private)?;
        pki.write("sa.pub", &service_accounts.public)?;
        Ok(pki)
    }

    /// A client certificate for a user of the API server.
    pub(crate) fn user(&self, name: &str, group: Option<&str>) -> Result<Issued> {
        Ok(self.cluster.issue(&leaf(name, group, &[], Usage::Client))?)
    }

    /// The certificate of the API server's authority, in PEM.
    pub(crate) fn cluster_ca_pem(&self) -> &str {
        self.cluster.certificate_pem()
    }

    /// The folder of all files.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of a file.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The paths of a certificate and its key.
    pub(crate) fn pair(&self, name: &str) -> Pair {
        Pair {
            certificate: self.path(&format!("{name}.crt")),
            key: self.path(&format!("{name}.key")),
        }
    }

    fn store(&self, name: &str, authority: &Authority, leaf: &Leaf) -> Result<()> {
        let issued = authority.issue(leaf)?;
        self.write(&format!("{name}.crt"), &issued.certificate_pem)?;
        self.write(&format!("{name}.key"), &issued.key_pem)
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> Result<()> {
        write_private(&self.path(name), content)
    }
}

/// Writes a file that only we may read.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()));
    written.with_context(|| format!("writing {}", path.display()))
}

pub(crate) fn leaf(
    common_name: &str,
    organization: Option<&str>,
    names: &[&str],
    usage: Usage,
) -> Leaf {
    Leaf {
        common_name: common_name.to_owned(),
        organizations: organization.into_iter().map(str::to_owned).collect(),
        subject_alt_names: names.iter().map(|&name| name.to_owned()).collect(),
        usage,
        lifetime: LIFETIME,
    }
}
