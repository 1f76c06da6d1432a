//! What an authority issues is accepted by those who trust it, and by nobody else.

use std::sync::Arc;
use std::time::Duration;

use crate::{Authority, Error, Issued, KeyPairPem, Leaf, Usage, inspect};
use jiff::{SignedDuration, Timestamp};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;

const HOUR: Duration = Duration::from_secs(3600);

fn leaf(usage: Usage) -> Leaf {
    Leaf {
        common_name: "kim".into(),
        organizations: vec!["basphere:tenants".into()],
        subject_alt_names: vec!["webhook.example".into(), "127.0.0.1".into(), "::1".into()],
        usage,
        lifetime: HOUR,
    }
}

fn roots(authority: &Authority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots
        .add(der(authority.certificate_pem()))
        .expect("an authority is a root");
    Arc::new(roots)
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")
}

fn verify_server(
    authority: &Authority,
    issued: &Issued,
    name: &'static str,
    at: Timestamp,
) -> Result<(), rustls::Error> {
    let verifier =
        WebPkiServerVerifier::builder_with_provider(roots(authority), default_provider().into())
            .build()
            .expect("a verifier");
    let name = ServerName::try_from(name).expect("a server name");
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at.as_second().unsigned_abs()));
    verifier
        .verify_server_cert(&der(&issued.certificate_pem), &[], &name, &[], at)
        .map(drop)
}

fn verify_client(authority: &Authority, issued: &Issued) -> Result<(), rustls::Error> {
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots(authority), default_provider().into())
            .build()
            .expect("a verifier");
    verifier
        .verify_client_cert(&der(&issued.certificate_pem), &[], UnixTime::now())
        .map(drop)
}

#[test]
fn a_server_certificate_verifies_for_its_names_only() {
    let authority = Authority::generate("test-ca").expect("an authority");
    let issued = authority
        .issue(&leaf(Usage::Server))
        .expect("a certificate");
    let now = Timestamp::now();
    for name in ["webhook.example", "127.0.0.1", "::1"] {
        verify_server(&authority, &issued, name, now).expect(name);
    }
    verify_server(&authority, &issued, "other.example", now).expect_err("a name it is not for");
    let stranger = Authority::generate("test-ca").expect("an authority");
    verify_server(&stranger, &issued, "webhook.example", now)
        .expect_err("an authority of the same name only");
}

#[test]
fn usage_is_enforced() {
    let authority = Authority::generate("test-ca").expect("an authority");
    let server = authority
        .issue(&leaf(Usage::Server))
        .expect("a certificate");
    let client = authority
        .issue(&leaf(Usage::Client))
        .expect("a certificate");
    let both = authority
        .issue(&leaf(Usage::ServerAndClient))
        .expect("a certificate");
    let now = Timestamp::now();
    verify_client(&authority, &client).expect("a client");
    verify_client(&authority, &both).expect("a client, too");
    verify_server(&authority, &both, "127.0.0.1", now).expect("a server, too");
    verify_client(&authority, &server).expect_err("a server is no client");
    verify_server(&authority, &client, "127.0.0.1", now).expect_err("a client is no server");
}

#[test]
fn an_expired_certificate_is_reported_as_such() {
    let authority = Authority::generate("test-ca").expect("an authority");
    let issued = authority
        .issue(&leaf(Usage::Server))
        .expect("a certificate");
    let inspected = inspect(&issued.certificate_pem).expect("a certificate");
    let now = Timestamp::now();
    let later = now + SignedDuration::from_hours(2);
    let earlier = now - SignedDuration::from_hours(2);
    assert!(inspected.is_valid_at(now));
    assert!(inspected.is_valid_at(inspected.not_after));
    assert!(!inspected.is_valid_at(later));
    assert!(!inspected.is_valid_at(earlier));
    verify_server(&authority, &issued, "127.0.0.1", later)
        .expect_err("rustls agrees that it has expired");
}

#[test]
fn inspection_reads_what_was_asked_for() {
    let authority = Authority::generate("test-ca").expect("an authority");
    let issued = authority
        .issue(&leaf(Usage::Client))
        .expect("a certificate");
    let inspected = inspect(&issued.certificate_pem).expect("a certificate");
    assert_eq!(inspected.subject, "CN=kim, O=basphere:tenants");
    assert_eq!(inspected.dns_names, ["webhook.example"]);
    let addresses: Vec<String> = inspected
        .ip_addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(addresses, ["127.0.0.1", "::1"]);
}

#[test]
fn an_authority_survives_being_written_and_read() {
    let authority = Authority::generate("test-ca").expect("an authority");
    let read = Authority::from_pem(authority.certificate_pem(), &authority.key_pem())
        .expect("the same authority");
    let issued = read.issue(&leaf(Usage::Server)).expect("a certificate");
    verify_server(&authority, &issued, "127.0.0.1", Timestamp::now()).expect("the chain verifies");
}

#[test]
fn what_is_no_authority_is_refused() {
    let authority = Authority::generate("test-ca").expect("an authority");
    let stranger = Authority::generate("test-ca").expect("an authority");
    let issued = authority
        .issue(&leaf(Usage::Server))
        .expect("a certificate");
    let refused = |certificate: &str, key: &str| {
        Authority::from_pem(certificate, key).expect_err("a refusal")
    };
    assert!(matches!(
        refused(&issued.certificate_pem, &issued.key_pem),
        Error::NotAnAuthority { .. }
    ));
    assert!(matches!(
        refused(authority.certificate_pem(), &stranger.key_pem()),
        Error::KeyMismatch { .. }
    ));
    assert!(matches!(
        refused("nothing", &stranger.key_pem()),
        Error::Pem(_)
    ));
    assert!(matches!(inspect("nothing"), Err(Error::Pem(_))));
}

#[test]
fn key_pairs_are_pem_and_stay_out_of_debug_output() {
    let pair = KeyPairPem::generate().expect("a key pair");
    PrivateKeyDer::from_pem_slice(pair.private.as_bytes()).expect("a private key");
    assert!(pair.public.starts_with("-----BEGIN PUBLIC KEY-----"));
    assert!(!format!("{pair:?}").contains("PRIVATE"));
}

#[test]
fn several_organizations_are_refused_rather_than_lost() {
    let authority = Authority::generate("test-ca").expect("an authority");
    let mut leaf = leaf(Usage::Client);
    leaf.organizations.push("staff".into());
    let refused = authority.issue(&leaf).expect_err("a refusal");
    assert!(
        matches!(refused, Error::SeveralOrganizations(2)),
        "{refused}"
    );
}
