use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Certificates, names};
use crate::config::{CertificateSource, Config, Controllers, Profile};
use crate::metrics::Metrics;

fn self_signed() -> Config {
    Config {
        kubeconfig: None,
        listen: "127.0.0.1:0".parse().unwrap(),
        metrics_listen: "127.0.0.1:0".parse().unwrap(),
        certificate: CertificateSource::SelfSigned { register_url: None },
        client_ca: None,
        shutdown_delay: Duration::ZERO,
        drain_timeout: Duration::from_secs(1),
        controllers: Controllers::default(),
        profile: Profile::Workload,
        policies: None,
        images: None,
        audit: None,
        policies_from_cluster: false,
    }
}

#[tokio::test]
async fn our_own_certificate_is_renewed_in_time_under_the_same_ca() {
    let metrics = Arc::new(Metrics::default());
    let mut certificates = Certificates::load(&self_signed(), metrics).await.unwrap();
    let (first, ca) = (
        certificates.current.certificate.clone(),
        certificates.ca_bundle(),
    );
    let day = Duration::from_secs(24 * 60 * 60);

    certificates
        .refresh(Timestamp::now() + 19 * day)
        .await
        .unwrap();
    assert_eq!(certificates.current.certificate, first);
    certificates
        .refresh(Timestamp::now() + 21 * day)
        .await
        .unwrap();
    assert_ne!(certificates.current.certificate, first);
    assert!(ca.is_some() && certificates.ca_bundle() == ca);
}

#[test]
fn it_may_be_called_by_every_name_it_has() {
    let listen = "192.0.2.7:9443".parse().unwrap();
    let expected = [
        "127.0.0.1",
        "192.0.2.7",
        "::1",
        "localhost",
        "webhook.example",
    ];
    assert_eq!(names(listen, Some("https://webhook.example:443")), expected);
    let anywhere = "0.0.0.0:9443".parse().unwrap();
    let expected = ["127.0.0.1", "2001:db8::1", "::1", "localhost"];
    assert_eq!(
        names(anywhere, Some("https://[2001:db8::1]:9443")),
        expected
    );
}
