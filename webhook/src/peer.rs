//! Who is at the other end of a connection.
//!
//! With `--client-ca` reviews are taken only from callers with a certificate of that CA. Clients
//! without one still get through the handshake, since the kubelet that asks for /healthz has none.

use std::io;

use axum::Extension;
use axum_server::accept::{Accept, NoDelayAcceptor};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use futures::future::BoxFuture;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tower::Layer;

/// What is known of the client of a connection; every request of it carries this as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// It has shown a certificate, and the handshake has verified it.
    pub is_verified: bool,
}

/// Accepts TLS connections and tells every request of them who their [`Peer`] is.
#[derive(Clone, Debug)]
pub struct PeerAcceptor(RustlsAcceptor<NoDelayAcceptor>);

impl PeerAcceptor {
    /// An acceptor with this configuration, which may be replaced while it runs.
    #[must_use]
    pub fn new(config: RustlsConfig) -> Self {
        // Without TCP_NODELAY every handshake waits for a delayed acknowledgement.
        Self(RustlsAcceptor::new(config).acceptor(NoDelayAcceptor::new()))
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for PeerAcceptor {
    type Stream = TlsStream<TcpStream>;
    type Service = <Extension<Peer> as Layer<S>>::Service;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let handshake = self.0.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = handshake.await?;
            let (_, connection) = stream.get_ref();
            // There are certificates only when the verifier has accepted them.
            let peer = Peer {
                is_verified: connection.peer_certificates().is_some(),
            };
            Ok((stream, Extension(peer).layer(service)))
        })
    }
}
