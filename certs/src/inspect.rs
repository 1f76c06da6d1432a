//! Reads what a certificate says.

use std::net::IpAddr;

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use crate::error::{Error, Result};

/// What a certificate says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// The subject as text, such as `CN=kim, O=basphere:tenants`.
    pub subject: String,
    /// The first moment of validity.
    pub not_before: Timestamp,
    /// The last moment of validity.
    pub not_after: Timestamp,
    /// The DNS names it is for.
    pub dns_names: Vec<String>,
    /// The IP addresses it is for.
    pub ip_addresses: Vec<IpAddr>,
}

impl Inspected {
    /// Whether `now` lies within the validity, both ends included as X.509 has it.
    #[must_use]
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

/// Reads the first certificate of a PEM text.
///
/// # Errors
/// When there is none, or it is no X.509 certificate.
pub fn inspect(pem: &str) -> Result<Inspected> {
    let der = der(pem)?;
    let certificate = parse(&der)?;
    let mut inspected = Inspected {
        subject: certificate.subject().to_string(),
        not_before: timestamp(certificate.validity().not_before)?,
        not_after: timestamp(certificate.validity().not_after)?,
        dns_names: Vec::new(),
        ip_addresses: Vec::new(),
    };
    let names = certificate
        .subject_alternative_name()
        .map_err(|error| Error::X509(error.to_string()))?;
    for name in names
        .iter()
        .flat_map(|extension| &extension.value.general_names)
    {
        match name {
            GeneralName::DNSName(name) => inspected.dns_names.push((*name).to_owned()),
            GeneralName::IPAddress(octets) => inspected.ip_addresses.push(ip_address(octets)?),
            _ => {}
        }
    }
    Ok(inspected)
}

/// The first certificate of a PEM text, as DER.
pub(crate) fn der(pem: &str) -> Result<CertificateDer<'static>> {
    Ok(CertificateDer::from_pem_slice(pem.as_bytes())?)
}

/// Parses a certificate without verifying anything.
pub(crate) fn parse(der: &[u8]) -> Result<X509Certificate<'_>> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| Error::X509(error.to_string()))?;
    Ok(certificate)
}

fn timestamp(time: ASN1Time) -> Result<Timestamp> {
    Ok(Timestamp::from_second(time.timestamp())?)
}

fn ip_address(octets: &[u8]) -> Result<IpAddr> {
    let address = match octets.len() {
        4 => <[u8; 4]>::try_from(octets).map(IpAddr::from),
        _ => <[u8; 16]>::try_from(octets).map(IpAddr::from),
    };
    address.map_err(|_| Error::X509(format!("an IP address of {} octets", octets.len())))
}
