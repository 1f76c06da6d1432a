//! A certificate authority and what it issues.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use crate::error::{Error, Result};
use crate::inspect;

/// How long an authority is valid: leaves are rotated under it, it is not.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
/// How far back validity begins, so that a peer whose clock is behind accepts a certificate made just now.
const CLOCK_SKEW: Duration = Duration::from_secs(5 * 60);

/// What a leaf certificate may be used for (its extended key usage).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// TLS server authentication.
    Server,
    /// TLS client authentication.
    Client,
    /// Both, as etcd's peers need.
    ServerAndClient,
}

impl Usage {
    fn purposes(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Self::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Self::ServerAndClient => vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
        }
    }
}

/// What a leaf certificate shall say.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// The subject's common name; for Kubernetes clients the user name.
    pub common_name: String,
    /// The subject's organization; for Kubernetes clients the group. At most one: rcgen keeps one
    /// value per attribute type, and would silently drop all but the last.
    pub organizations: Vec<String>,
    /// DNS names and IP addresses; what parses as an IP address becomes one.
    pub subject_alt_names: Vec<String>,
    /// What it may be used for.
    pub usage: Usage,
    /// How long it is valid from now on.
    pub lifetime: Duration,
}

/// A leaf certificate with its key.
#[derive(Clone)]
pub struct Issued {
    /// The certificate alone, in PEM, without its authority.
    pub certificate_pem: String,
    /// The private key, PKCS #8 in PEM.
    pub key_pem: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A private key must not reach a log by way of `{:?}`.
        f.debug_struct("Issued")
            .field("certificate_pem", &self.certificate_pem)
            .finish_non_exhaustive()
    }
}

/// A certificate authority that can issue leaf certificates.
pub struct Authority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("certificate_pem", &self.certificate_pem)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a self-signed authority, valid for ten years, that may sign leaves but no further authorities.
    ///
    /// # Errors
    /// When the system gives no randomness, or the name cannot be encoded.
    pub fn generate(common_name: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = params(common_name, &[], &[], AUTHORITY_LIFETIME)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self {
            certificate_pem,
            issuer: Issuer::new(params, key),
        })
    }

    /// Reads an authority that was made before.
    ///
    /// # Errors
    /// When either text is no PEM of its kind, the certificate is not an authority's, or the key is another's.
    pub fn from_pem(certificate_pem: &str, key_pem: &str) -> Result<Self> {
        let key = KeyPair::from_pem(key_pem)?;
        let der = inspect::der(certificate_pem)?;
        let certificate = inspect::parse(&der)?;
        let subject = || certificate.subject().to_string();
        if !certificate.is_ca() {
            return Err(Error::NotAnAuthority { subject: subject() });
        }
        if certificate.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(Error::KeyMismatch { subject: subject() });
        }
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self {
            certificate_pem: certificate_pem.to_owned(),
            issuer,
        })
    }

    /// The authority's own certificate, in PEM: what peers are told to trust.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's private key, PKCS #8 in PEM.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Issues a leaf certificate with a key of its own.
    ///
    /// # Errors
    /// When a name cannot be encoded, there is more than one organization, the lifetime is beyond
    /// what a certificate can say, or the system gives no randomness.
    pub fn issue(&self, leaf: &Leaf) -> Result<Issued> {
        let key = KeyPair::generate()?;
        let mut params = params(
            &leaf.common_name,
            &leaf.organizations,
            &leaf.subject_alt_names,
            leaf.lifetime,
        )?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = leaf.usage.purposes();
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

fn params(
    common_name: &str,
    organizations: &[String],
    subject_alt_names: &[String],
    lifetime: Duration,
) -> Result<CertificateParams> {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, common_name);
    match organizations {
        [] => {}
        [organization] => subject.push(DnType::OrganizationName, organization.as_str()),
        several => return Err(Error::SeveralOrganizations(several.len())),
    }
    let now = Timestamp::now();
    let mut params = CertificateParams::new(subject_alt_names)?;
    params.distinguished_name = subject;
    params.not_before = SystemTime::from(now.checked_sub(CLOCK_SKEW)?).into();
    params.not_after = SystemTime::from(now.checked_add(lifetime)?).into();
    Ok(params)
}
