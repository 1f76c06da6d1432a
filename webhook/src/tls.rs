//! The serving certificate: where it comes from, and how a new one takes its place.
//!
//! Files are compared by content every few seconds: the kubelet replaces mounted Secrets by
//! swapping symlinks, of which a watch on the file itself is not told.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use axum_server::tls_rustls::RustlsConfig;
use basphere_certs::{Authority, Inspected, Issued, Leaf, Usage, inspect};
use jiff::Timestamp;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tracing::{info, warn};

use crate::config::{CertificateSource, Config};
use crate::metrics::Metrics;

/// How often the source is asked for something new.
const POLL: Duration = Duration::from_secs(5);
/// How long a certificate of our own making is valid. Renewing it needs no new registration, since
/// the CA stays.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Everything that the TLS configuration is made from, in PEM.
#[derive(Clone, PartialEq, Eq)]
struct Material {
    certificate: String,
    key: String,
    client_ca: Option<String>,
}

/// Where a certificate comes from.
enum Source {
    SelfSigned(Box<SelfSigned>),
    Files { certificate: PathBuf, key: PathBuf },
}

/// A CA that lives as long as the process, and what it has issued last.
struct SelfSigned {
    authority: Authority,
    names: Vec<String>,
    issued: Issued,
}

/// The serving certificate and its source.
pub struct Certificates {
    source: Source,
    client_ca: Option<PathBuf>,
    current: Material,
    config: RustlsConfig,
    inspected: Arc<ArcSwap<Inspected>>,
    metrics: Arc<Metrics>,
}

impl Certificates {
    /// Reads or mints the certificate to begin with.
    ///
    /// # Errors
    /// When a file cannot be read, or does not hold what it should.
    pub async fn load(config: &Config, metrics: Arc<Metrics>) -> anyhow::Result<Self> {
        let source = match &config.certificate {
            CertificateSource::SelfSigned { register_url } => Source::SelfSigned(Box::new(
                SelfSigned::mint(config.listen, register_url.as_deref())?,
            )),
            CertificateSource::Files { certificate, key } => Source::Files {
                certificate: certificate.clone(),
                key: key.clone(),
            },
        };
        let client_ca = config.client_ca.clone();
        let current = read(&source, client_ca.as_deref()).await?;
        let inspected =
            inspect(&current.certificate).context("the serving certificate cannot be read")?;
        metrics.certificate(inspected.not_after);
        Ok(Self {
            source,
            client_ca,
            config: RustlsConfig::from_config(Arc::new(server_config(&current)?)),
            current,
            inspected: Arc::new(ArcSwap::from_pointee(inspected)),
            metrics,
        })
    }

    /// The TLS configuration, which changes with the certificate.
    #[must_use]
    pub fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// What the certificate in use says, which changes with it.
    #[must_use]
    pub fn inspected(&self) -> Arc<ArcSwap<Inspected>> {
        Arc::clone(&self.inspected)
    }

    /// The CA that whoever calls us has to trust; `None` when the certificate is not of our making.
    #[must_use]
    pub fn ca_bundle(&self) -> Option<String> {
        match &self.source {
            Source::SelfSigned(own) => Some(own.authority.certificate_pem().to_owned()),
            Source::Files { .. } => None,
        }
    }

    /// Takes new certificates into use, for ever. One that is no good leaves the old one in use.
    pub async fn keep(mut self) {
        let mut complaint = String::new();
        loop {
            tokio::time::sleep(POLL).await;
            match self.refresh(Timestamp::now()).await {
                Ok(()) => complaint.clear(),
                Err(error) => {
                    let text = format!("{error:#}");
                    if text != complaint {
                        warn!(error = text, "the certificate in use stays");
                    }
                    complaint = text;
                }
            }
        }
    }

    /// Asks the source once.
    pub(crate) async fn refresh(&mut self, now: Timestamp) -> anyhow::Result<()> {
        if let Source::SelfSigned(own) = &mut self.source {
            own.renew(now)?;
        }
        let material = read(&self.source, self.client_ca.as_deref()).await?;
        if material == self.current {
            return Ok(());
        }
        let inspected =
            inspect(&material.certificate).context("the new certificate cannot be read")?;
        self.config
            .reload_from_config(Arc::new(server_config(&material)?));
        info!(subject = inspected.subject, not_after = %inspected.not_after, "a new certificate is in use");
        self.metrics.certificate(inspected.not_after);
        self.inspected.store(Arc::new(inspected));
        self.current = material;
        Ok(())
    }
}

impl SelfSigned {
    fn mint(listen: SocketAddr, register_url: Option<&str>) -> anyhow::Result<Self> {
        let authority = Authority::generate("basphere-webhook")?;
        let names = names(listen, register_url);
        let issued = authority.issue(&leaf(&names))?;
        Ok(Self {
            authority,
            names,
            issued,
        })
    }

    /// Issues a new certificate once two thirds of the old one's time are over.
    fn renew(&mut self, now: Timestamp) -> anyhow::Result<()> {
        let left = inspect(&self.issued.certificate_pem)?
            .not_after
            .duration_since(now);
        if left < (LIFETIME / 3).try_into()? {
            self.issued = self.authority.issue(&leaf(&self.names))?;
        }
        Ok(())
    }
}

fn leaf(names: &[String]) -> Leaf {
    Leaf {
        common_name: "basphere-webhook".to_owned(),
        organizations: Vec::new(),
        subject_alt_names: names.to_vec(),
        usage: Usage::Server,
        lifetime: LIFETIME,
    }
}

/// Under which names we may be called: this host's own, the address we listen on, the registered one.
fn names(listen: SocketAddr, register_url: Option<&str>) -> Vec<String> {
    let loopback = [
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ];
    let mut names: BTreeSet<String> = loopback.iter().map(ToString::to_string).collect();
    names.insert("localhost".to_owned());
    if !listen.ip().is_unspecified() {
        names.insert(listen.ip().to_string());
    }
    let registered = register_url.and_then(|url| url.parse::<http::Uri>().ok());
    if let Some(host) = registered.as_ref().and_then(http::Uri::host) {
        names.insert(host.trim_matches(['[', ']']).to_owned());
    }
    names.into_iter().collect()
}

async fn read(source: &Source, client_ca: Option<&Path>) -> anyhow::Result<Material> {
    let client_ca = match client_ca {
        Some(path) => Some(read_file(path).await?),
        None => None,
    };
    let (certificate, key) = match source {
        Source::SelfSigned(own) => (
            own.issued.certificate_pem.clone(),
            own.issued.key_pem.clone(),
        ),
        Source::Files { certificate, key } => {
            (read_file(certificate).await?, read_file(key).await?)
        }
    };
    Ok(Material {
        certificate,
        key,
        client_ca,
    })
}

async fn read_file(path: &Path) -> anyhow::Result<String> {
    tokio::fs::read_to_string(path)
        .await
        .with_context(|| format!("{} cannot be read", path.display()))
}

fn server_config(material: &Material) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let chain =
        certificates(&material.certificate).context("the serving certificate cannot be read")?;
    let key = PrivateKeyDer::from_pem_slice(material.key.as_bytes())
        .context("the private key cannot be read")?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match &material.client_ca {
        None => builder.with_no_client_auth(),
        Some(pem) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(roots(pem)?, provider)
                .allow_unauthenticated()
                .build()?,
        ),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .context("certificate and key do not fit")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(pem: &str) -> anyhow::Result<Arc<RootCertStore>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem).context("the client CA cannot be read")? {
        roots
            .add(certificate)
            .context("the client CA is no authority")?;
    }
    Ok(Arc::new(roots))
}

fn certificates(pem: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    anyhow::ensure!(!certificates.is_empty(), "there is no certificate in it");
    Ok(certificates)
}

/// Chooses the cryptography of the whole process, for those who ask rustls for its default.
pub(crate) fn install_provider() {
    // An error says that one is installed already, which is as good.
    let _ = CryptoProvider::install_default(ring::default_provider());
}

#[cfg(test)]
mod tests;
