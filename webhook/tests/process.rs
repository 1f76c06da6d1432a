//! The program as a process: TLS, who may ask, new certificates, and how it ends. No API server is
//! there, so that it never becomes ready; reviews are answered all the same, with what is missing.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test may fail as loudly as the test"
)]

mod support;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use basphere_certs::{Authority, Issued, Usage};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use support::{cluster, creation, issue, read_log, wait_for};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A running `basphere-webhook serve` with certificates of an authority that we hold.
struct Server {
    child: Child,
    address: SocketAddr,
    authority: Authority,
    directory: TempDir,
    log: std::sync::mpsc::Receiver<Value>,
}

impl Server {
    fn start(client_ca: Option<&Authority>) -> Self {
        Self::start_with(client_ca, &[])
    }

    fn start_with(client_ca: Option<&Authority>, arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::generate("server CA").unwrap();
        write_pair(directory.path(), &issue(&authority, "first", Usage::Server));
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("kubeconfig"), KUBECONFIG).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_basphere-webhook"));
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "127.0.0.1:0",
            "--drain-timeout",
            "5s",
        ]);
        command.arg("--kubeconfig").arg(path("kubeconfig"));
        command
            .arg("--tls-cert")
            .arg(path("tls.crt"))
            .arg("--tls-key")
            .arg(path("tls.key"));
        if let Some(ca) = client_ca {
            std::fs::write(path("client-ca.crt"), ca.certificate_pem()).unwrap();
            command.arg("--client-ca").arg(path("client-ca.crt"));
        }
        let mut child = command
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = read_log(&mut child);
        let line = wait_for(&log, "taking reviews");
        let address = line["address"].as_str().unwrap().parse().unwrap();
        Self {
            child,
            address,
            authority,
            directory,
            log,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn connect(&self, client: Option<&Issued>) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots
            .add(
                CertificateDer::from_pem_slice(self.authority.certificate_pem().as_bytes())
                    .unwrap(),
            )
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some(issued) => {
                let chain = vec![
                    CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap(),
                ];
                let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    /// The status and body of one request on a connection of its own.
    async fn ask(
        &self,
        client: Option<&Issued>,
        request: hyper::Request<Full<Bytes>>,
    ) -> std::io::Result<(u16, String)> {
        let stream = self.connect(client).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        let response = sender
            .send_request(request)
            .await
            .map_err(std::io::Error::other)?;
        let status = response.status().as_u16();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(std::io::Error::other)?
            .to_bytes();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    fn terminate(&self) {
        let status = Command::new("kill")
            .arg("-TERM")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(status.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An API server that is not there.
const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
current-context: none
contexts: [{name: none, context: {cluster: none, user: none}}]
clusters: [{name: none, cluster: {server: 'http://127.0.0.1:1'}}]
users: [{name: none, user: {}}]
";

fn write_pair(directory: &Path, issued: &Issued) {
    // Both by renaming, as the kubelet does: no moment with half a file.
    for (name, text) in [
        ("tls.key", &issued.key_pem),
        ("tls.crt", &issued.certificate_pem),
    ] {
        std::fs::write(directory.join("new"), text).unwrap();
        std::fs::rename(directory.join("new"), directory.join(name)).unwrap();
    }
}

fn get(path: &str) -> hyper::Request<Full<Bytes>> {
    hyper::Request::get(path)
        .header("host", "127.0.0.1")
        .body(Full::default())
        .unwrap()
}

fn post(path: &str) -> hyper::Request<Full<Bytes>> {
    let body = creation(&cluster()).to_string();
    hyper::Request::post(path)
        .header("host", "127.0.0.1")
        .body(Full::from(body))
        .unwrap()
}

#[tokio::test]
async fn without_an_api_server_it_lives_is_not_ready_and_lets_nothing_pass() {
    let server = Server::start(None);
    assert_eq!(
        server.ask(None, get("/healthz")).await.unwrap(),
        (200, "ok\n".to_owned())
    );
    let (status, missing) = server.ask(None, get("/readyz")).await.unwrap();
    assert_eq!(status, 503);
    for part in [
        "cache of Site",
        "cache of Namespace",
        "cache of KubeadmControlPlane",
        "no valid Site",
    ] {
        assert!(missing.contains(part), "{missing}");
    }
    let (status, answer) = server
        .ask(None, post("/validate?timeout=5s"))
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        (status, &answer["response"]["status"]["code"]),
        (200, &503.into())
    );
    let line = wait_for(&server.log, "decided");
    assert_eq!(
        line["decision"],
        answer["response"]["auditAnnotations"]["decision"]
    );
    for (field, value) in [
        ("user", "kim"),
        ("kind", "Cluster"),
        ("operation", "CREATE"),
        ("codes", "BSP-R003"),
    ] {
        assert_eq!(line[field], value);
    }
}

#[tokio::test]
async fn with_a_client_ca_only_its_clients_get_reviews_and_anybody_gets_health() {
    let (ours, foreign) = (
        Authority::generate("client CA").unwrap(),
        Authority::generate("foreign CA").unwrap(),
    );
    let server = Server::start(Some(&ours));
    let api_server = issue(&ours, "kube-apiserver", Usage::Client);
    let stranger = issue(&foreign, "kube-apiserver", Usage::Client);
    for path in ["/mutate", "/validate", "/mutate?timeout=10s"] {
        assert_eq!(
            server.ask(Some(&api_server), post(path)).await.unwrap().0,
            200,
            "{path}"
        );
        let (status, words) = server.ask(None, post(path)).await.unwrap();
        assert_eq!(status, 403, "{path}");
        assert!(
            words.contains("certificate of the API server's CA"),
            "{words}"
        );
        assert!(
            server.ask(Some(&stranger), post(path)).await.is_err(),
            "{path}: the handshake must fail"
        );
    }
    for path in ["/healthz", "/readyz"] {
        assert_ne!(server.ask(None, get(path)).await.unwrap().0, 403, "{path}");
    }
}

#[tokio::test]
async fn new_files_are_taken_into_use_and_bad_ones_are_not() {
    let server = Server::start(None);
    std::fs::write(server.path("tls.crt"), "no certificate").unwrap();
    wait_for(&server.log, "the certificate in use stays");
    assert_eq!(server.ask(None, get("/healthz")).await.unwrap().0, 200);

    let second = issue(&server.authority, "second", Usage::Server);
    write_pair(server.directory.path(), &second);
    wait_for(&server.log, "a new certificate is in use");
    let stream = server.connect(None).await.unwrap();
    let served = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    assert_eq!(
        served,
        CertificateDer::from_pem_slice(second.certificate_pem.as_bytes()).unwrap()
    );
}

#[tokio::test]
async fn during_the_shutdown_delay_it_is_not_ready_and_still_takes_reviews() {
    let mut server = Server::start_with(None, &["--shutdown-delay", "3s"]);
    let terminated = Instant::now();
    server.terminate();
    wait_for(&server.log, "SIGTERM");
    let (status, missing) = server.ask(None, get("/readyz")).await.unwrap();
    assert_eq!(status, 503);
    assert!(missing.contains("shutting down"), "{missing}");
    let (status, answer) = server.ask(None, post("/validate")).await.unwrap();
    assert_eq!(status, 200);
    assert!(answer.contains("BSP-R003"), "{answer}");
    wait_for(&server.log, "ended");
    assert!(terminated.elapsed() >= Duration::from_secs(3));
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn at_the_end_requests_in_flight_are_answered_and_new_ones_are_not_taken() {
    let mut server = Server::start(None);
    let body = creation(&cluster()).to_string();
    let (first, rest) = body.split_at(20);
    let mut stream = server.connect(None).await.unwrap();
    let head = format!(
        "POST /validate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n{first}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;

    server.terminate();
    wait_for(&server.log, "SIGTERM");
    let deadline = Instant::now() + Duration::from_secs(5);
    while server.connect(None).await.is_ok() {
        assert!(Instant::now() < deadline, "new connections are still taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        server.child.try_wait().unwrap().is_none(),
        "it waits for the request in flight"
    );

    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The end of the stream may come without TLS's own farewell.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("BSP-R003"),
        "{answer}"
    );
    wait_for(&server.log, "ended");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
