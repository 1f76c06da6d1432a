//! One address for several processes of the webhook, as a Service is: connections go round robin to
//! those that run, byte by byte, and from one that is gone to the next.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// So many connections are passed through at once; more wait.
const CONNECTIONS: usize = 512;
/// Stands for a process that takes no connections.
const NONE: u16 = 0;

/// Passes connections through as long as it is held.
#[derive(Debug)]
pub(crate) struct Balancer {
    address: SocketAddr,
    backends: Arc<Backends>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Backends {
    ports: Vec<AtomicU16>,
    next: AtomicUsize,
}

impl Balancer {
    /// Takes connections for so many processes, of which none runs yet.
    pub(crate) async fn start(count: usize) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr().context("the balancer's port")?;
        let backends = Arc::new(Backends {
            ports: (0..count).map(|_| AtomicU16::new(NONE)).collect(),
            next: AtomicUsize::new(0),
        });
        let task = tokio::spawn(serve(listener, Arc::clone(&backends)));
        Ok(Self {
            address,
            backends,
            task,
        })
    }

    /// Where the API server finds the webhook.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// New connections go to this port of a process as well, or to that process no more.
    pub(crate) fn set(&self, number: usize, port: Option<u16>) {
        if let Some(backend) = self.backends.ports.get(number) {
            backend.store(port.unwrap_or(NONE), Ordering::Release);
        }
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Backends {
    /// The first process that takes a connection, each time beginning with another one.
    async fn connect(&self) -> Option<TcpStream> {
        let count = self.ports.len();
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for number in first..first + count {
            let port = self.ports.get(number % count)?.load(Ordering::Acquire);
            if port == NONE {
                continue;
            }
            if let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                return Some(stream);
            }
        }
        None
    }
}

async fn serve(listener: TcpListener, backends: Arc<Backends>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        // A caller that has gone already is none.
        let Ok((mut caller, _)) = listener.accept().await else {
            continue;
        };
        let backends = Arc::clone(&backends);
        tokio::spawn(async move {
            if let Some(mut process) = backends.connect().await {
                // Either end may break off; the other one is told by the end of its stream.
                let _ = copy_bidirectional(&mut caller, &mut process).await;
            }
            drop(place);
        });
    }
}
