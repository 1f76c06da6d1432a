//! `serve`: a list of parts, started in this order and ended in the reverse one.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum_server::Handle;
use basphere_api::registration::{Endpoint, Registration};
use hyper_util::rt::TokioTimer;
use jiff::Timestamp;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tracing::info;

use crate::audit::Audit;
use crate::config::{CertificateSource, Config, Controllers, Profile};
use crate::guard::{Guard, Origin};
use crate::images::{self, Rewriting, Rulebook};
use crate::metrics::Metrics;
use crate::peer::PeerAcceptor;
use crate::policies::{self, Definitions, Shelf, keep_registered};
use crate::readiness::Readiness;
use crate::router::Gates;
use crate::tenancy::Tenancy;
use crate::tls::{self, Certificates};
use crate::world::World;
use crate::{controllers, register, router};

/// How often readiness is looked at until it is first reached; a certificate's time is part of it, and
/// time sends no event.
const READY_POLL: Duration = Duration::from_millis(50);
/// For how long reviews are still taken after the webhooks were unregistered: an API server learns
/// of that by watch, and calls until then.
const LINGER: Duration = Duration::from_millis(500);
/// A client that does not finish its request's head is sent away. The time runs while a connection waits
/// for its next request, too, and an API server keeps such connections for 90 s: were ours the shorter
/// one, a review might be sent just as we close, which its sender takes for a failure and does not repeat.
const HEAD_TIMEOUT: Duration = Duration::from_secs(100);

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("no runtime")?;
    runtime.block_on(async {
        let (mut terminate, mut interrupt) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        serve(config, async move {
            tokio::select! {
                _ = terminate.recv() => info!("SIGTERM"),
                _ = interrupt.recv() => info!("SIGINT"),
            }
        })
        .await
    })
}

/// Serves until `stop` is ready, then ends in order.
///
/// # Errors
/// When a part cannot start, or a server ends by itself.
pub async fn serve(config: Config, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    tls::install_provider();
    let metrics = Arc::new(Metrics::default());
    let listeners = Listeners::bind(&config)?;
    let certificates = Certificates::load(&config, Arc::clone(&metrics)).await?;
    let registration = registration(&config, &certificates);
    let client = connect(&config).await?;

    let mut background = JoinSet::new();
    let mut tenancy = None;
    let mut readiness = match config.profile {
        Profile::Workload => Readiness::without_site(certificates.inspected()),
        Profile::Management => {
            let world = Arc::new(World::default());
            let mut readiness = Readiness::new(Arc::clone(&world), certificates.inspected());
            let start = Tenancy::start(&mut background, &client, world, &metrics, &mut readiness);
            tenancy = Some(start);
            readiness
        }
    };
    let origin = Origin {
        directory: config.policies.clone(),
        is_cluster: config.policies_from_cluster,
    };
    let guard = (origin != Origin::default())
        .then(|| Guard::start(&mut background, &client, origin, &metrics, &mut readiness));
    let rewriting = config
        .images
        .clone()
        .map(|file| Rewriting::start(&mut background, file, &metrics, &mut readiness));
    let readiness = Arc::new(readiness);

    let gates = Gates {
        tenants: tenancy.as_ref().map(Tenancy::gate),
        policies: guard.as_ref().map(Guard::gate),
        images: rewriting.as_ref().map(Rewriting::gate),
    };
    let mut servers = Servers::default();
    let reviews = router::reviews(gates, Arc::clone(&readiness), config.client_ca.is_some());
    servers.start_reviews(listeners.reviews, certificates.config(), reviews)?;
    servers.start_observation(
        listeners.observation,
        router::observation(Arc::clone(&metrics), Arc::clone(&readiness)),
    )?;
    background.spawn(certificates.keep());
    background.spawn(register_when_ready(
        client.clone(),
        registration.clone(),
        Registered {
            tenants: tenancy.is_some(),
            policies: guard.as_ref().map(Guard::shelf),
            images: rewriting.as_ref().map(Rewriting::rules),
        },
        Arc::clone(&readiness),
    ));
    let (stop_controllers, stopping) = tokio::sync::watch::channel(false);
    let serves_tenants = tenancy.is_some();
    let led = Led {
        tenants: tenancy.map(|tenancy| tenancy.into_parts(client.clone())),
        definitions: guard.as_ref().and_then(|guard| guard.definitions(&client)),
        audit: guard
            .as_ref()
            .zip(config.audit)
            .map(|(guard, config)| guard.audit(&client, &metrics, config)),
    };
    let controllers = led.is_anything().then(|| {
        tokio::spawn(run_controllers(
            client.clone(),
            metrics,
            led,
            config.controllers.clone(),
            Arc::clone(&readiness),
            stopping,
        ))
    });

    tokio::select! {
        () = stop => {}
        ended = servers.tasks.join_next() => return Err(unexpected(ended)),
    }

    readiness.drain();
    // Another process takes over as early as it can.
    let _ = stop_controllers.send(true);
    if let Some(controllers) = controllers {
        let _ = controllers.await;
    }
    // The watches go on meanwhile: what is answered now is answered as well as before.
    tokio::time::sleep(config.shutdown_delay).await;
    background.shutdown().await;
    if let Some(registration) = &registration {
        if serves_tenants {
            register::unregister(&client, registration).await;
        }
        if guard.is_some() {
            policies::unregister(&client, registration).await;
        }
        if rewriting.is_some() {
            images::unregister(&client, registration).await;
        }
        tokio::time::sleep(LINGER).await;
    }
    servers.drain(config.drain_timeout).await;
    if let Some(guard) = guard {
        guard.end(client).await;
    }
    info!("ended");
    Ok(())
}

/// Bound before anything else, so that a taken port is known at once.
struct Listeners {
    reviews: TcpListener,
    observation: TcpListener,
}

impl Listeners {
    fn bind(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            reviews: bind(config.listen)?,
            observation: bind(config.metrics_listen)?,
        })
    }
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener =
        TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn connect(config: &Config) -> anyhow::Result<Client> {
    let kube_config = match &config.kubeconfig {
        None => kube::Config::infer()
            .await
            .context("neither a kubeconfig nor a service account is there")?,
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .with_context(|| format!("{} cannot be used", path.display()))?
        }
    };
    Client::try_from(kube_config).context("no client for the API server")
}

fn registration(config: &Config, certificates: &Certificates) -> Option<Registration> {
    match &config.certificate {
        CertificateSource::SelfSigned {
            register_url: Some(url),
        } => Some(Registration {
            endpoint: Endpoint::Url(url.clone()),
            ca_bundle: certificates.ca_bundle(),
        }),
        _ => None,
    }
}

/// What is registered at the API server.
struct Registered {
    tenants: bool,
    policies: Option<Arc<Shelf>>,
    images: Option<Arc<Rulebook>>,
}

/// Comes last: from this moment on the API server asks us.
async fn register_when_ready(
    client: Client,
    registration: Option<Registration>,
    registered: Registered,
    readiness: Arc<Readiness>,
) {
    while !readiness.missing(Timestamp::now()).is_empty() {
        tokio::time::sleep(READY_POLL).await;
    }
    info!("ready");
    let Some(registration) = registration else {
        return;
    };
    let tenants = async {
        if registered.tenants {
            register::register(&client, &registration).await;
            register::keep(&client, &registration).await;
        }
    };
    let policies = async {
        if let Some(shelf) = registered.policies {
            keep_registered(client.clone(), registration.clone(), shelf).await;
        }
    };
    let images = async {
        if let Some(rules) = registered.images {
            images::keep_registered(client.clone(), registration.clone(), rules).await;
        }
    };
    tokio::join!(tenants, policies, images);
}

/// What one process of several does.
struct Led {
    tenants: Option<controllers::Parts>,
    /// The definitions of the cluster's constraints; nothing where policies come from elsewhere.
    definitions: Option<Definitions>,
    audit: Option<Audit>,
}

impl Led {
    fn is_anything(&self) -> bool {
        self.tenants.is_some() || self.definitions.is_some() || self.audit.is_some()
    }

    fn start(&self, config: &Controllers, identity: &str) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        if let Some(parts) = &self.tenants {
            controllers::start(&mut tasks, parts, config, identity);
        }
        if let Some(definitions) = &self.definitions {
            tasks.spawn(definitions.clone().keep());
        }
        if let Some(audit) = &self.audit {
            tasks.spawn(audit.clone().keep());
        }
        tasks
    }
}

/// The controllers need the caches that reviews need.
async fn run_controllers(
    client: Client,
    metrics: Arc<Metrics>,
    led: Led,
    config: Controllers,
    readiness: Arc<Readiness>,
    mut stopping: tokio::sync::watch::Receiver<bool>,
) {
    let ready = async {
        while !readiness.missing(Timestamp::now()).is_empty() {
            tokio::time::sleep(READY_POLL).await;
        }
    };
    let is_stopped = tokio::select! {
        () = ready => false,
        _ = stopping.wait_for(|stop| *stop) => true,
    };
    if !is_stopped {
        let start = |identity: &str| led.start(&config, identity);
        controllers::run(client, metrics, &config, start, stopping).await;
    }
}

/// The two servers, and the handle by which both are ended.
#[derive(Default)]
struct Servers {
    reviews: Handle<SocketAddr>,
    observation: Handle<SocketAddr>,
    tasks: JoinSet<std::io::Result<()>>,
}

impl Servers {
    fn start_reviews(
        &mut self,
        listener: TcpListener,
        tls: axum_server::tls_rustls::RustlsConfig,
        router: Router,
    ) -> anyhow::Result<()> {
        info!(address = %listener.local_addr()?, "taking reviews");
        let mut server = axum_server::from_tcp(listener)?
            .acceptor(PeerAcceptor::new(tls))
            .handle(self.reviews.clone());
        server
            .http_builder()
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT);
        self.tasks.spawn(server.serve(router.into_make_service()));
        Ok(())
    }

    fn start_observation(&mut self, listener: TcpListener, router: Router) -> anyhow::Result<()> {
        info!(address = %listener.local_addr()?, "serving metrics and health");
        let mut server = axum_server::from_tcp(listener)?.handle(self.observation.clone());
        server
            .http_builder()
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT);
        self.tasks.spawn(server.serve(router.into_make_service()));
        Ok(())
    }

    /// Takes no more connections, and waits for the requests in flight.
    async fn drain(mut self, patience: Duration) {
        self.reviews.graceful_shutdown(Some(patience));
        self.observation.graceful_shutdown(Some(patience));
        while self.tasks.join_next().await.is_some() {}
    }
}

fn unexpected(ended: Option<Result<std::io::Result<()>, tokio::task::JoinError>>) -> anyhow::Error {
    match ended {
        Some(Ok(Err(error))) => anyhow::Error::new(error).context("a server ended"),
        Some(Err(error)) => anyhow::Error::new(error).context("a server ended"),
        Some(Ok(Ok(()))) | None => anyhow::anyhow!("a server ended"),
    }
}
