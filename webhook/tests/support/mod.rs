//! What several of these tests share.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod program;
pub(crate) mod rights;
pub(crate) mod workload;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use basphere_certs::{Authority, Inspected, Issued, Leaf, Usage, inspect};
use basphere_core::ipam::{Claim, Listed, Selection};
use basphere_core::quota::Account;
use basphere_core::{Kind, Site, SiteSpec};
use basphere_ipam::accounts::{Order, Outcome};
use basphere_ipam::{Failed, StoreError};
use basphere_webhook::desk::Desk;
use basphere_webhook::gate::{Decide, Gate};
use basphere_webhook::metrics::Metrics;
use basphere_webhook::reader::{ReadError, Reader};
use basphere_webhook::readiness::Readiness;
use basphere_webhook::router::{self, Gates};
use basphere_webhook::till::Till;
use basphere_webhook::world::World;
use futures::future::BoxFuture;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) fn site() -> Site {
    let object: Value =
        serde_saphyr::from_str(include_str!("../../../deploy/examples/site.yaml")).unwrap();
    let spec: SiteSpec = serde_json::from_value(object["spec"].clone()).unwrap();
    Site::try_from(spec).unwrap()
}

/// A world with the example Site and kim's namespace.
pub(crate) fn world() -> Arc<World> {
    let world = World::default();
    world.put_site(site());
    world.put_namespace("user-kim", basphere_core::NamespaceFacts::default());
    let pools: Vec<Value> =
        serde_saphyr::from_multiple(include_str!("../../../deploy/examples/pools.yaml")).unwrap();
    world.change_pools(|all| {
        for pool in pools {
            let spec = serde_json::from_value(pool["spec"].clone()).unwrap();
            all.put(pool["metadata"]["name"].as_str().unwrap(), "", spec);
        }
    });
    Arc::new(world)
}

pub(crate) fn issue(authority: &Authority, name: &str, usage: Usage) -> Issued {
    let leaf = Leaf {
        common_name: name.to_owned(),
        organizations: Vec::new(),
        subject_alt_names: vec!["127.0.0.1".to_owned()],
        usage,
        lifetime: Duration::from_secs(3600),
    };
    authority.issue(&leaf).unwrap()
}

pub(crate) fn certificate() -> Arc<ArcSwap<Inspected>> {
    let issued = issue(
        &Authority::generate("test").unwrap(),
        "webhook",
        Usage::Server,
    );
    Arc::new(ArcSwap::from_pointee(
        inspect(&issued.certificate_pem).unwrap(),
    ))
}

/// What is stored, for live reads; `None` fails every read. It keeps a list of what was read.
#[derive(Default)]
pub(crate) struct Stored {
    pub(crate) lists: Option<BTreeMap<Kind, Vec<Value>>>,
    pub(crate) namespace: Option<Value>,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Stored {
    pub(crate) fn nothing() -> Arc<Self> {
        Arc::new(Self {
            lists: Some(BTreeMap::new()),
            ..Self::default()
        })
    }

    pub(crate) fn failing() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn broken() -> ReadError {
        ReadError::Json(serde_json::from_str::<Value>("").unwrap_err())
    }
}

impl Reader for Stored {
    fn namespace<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Value>, ReadError>> {
        self.asked.lock().unwrap().push(format!("Namespace {name}"));
        let found = self
            .lists
            .as_ref()
            .map(|_| self.namespace.clone())
            .ok_or_else(Self::broken);
        Box::pin(async move { found })
    }

    fn list<'a>(
        &'a self,
        namespace: Option<&'a str>,
        kind: Kind,
    ) -> BoxFuture<'a, Result<Vec<Value>, ReadError>> {
        self.asked
            .lock()
            .unwrap()
            .push(format!("{kind} {}", namespace.unwrap_or("everywhere")));
        let found = self
            .lists
            .as_ref()
            .map(|lists| lists.get(&kind).cloned().unwrap_or_default())
            .ok_or_else(Self::broken);
        Box::pin(async move { found })
    }

    fn object<'a>(
        &'a self,
        _: &'a str,
        kind: Kind,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Value>, ReadError>> {
        self.asked.lock().unwrap().push(format!("{kind} {name}"));
        let lists = self.lists.as_ref().ok_or_else(Self::broken);
        let found = lists.map(|lists| {
            let objects = lists.get(&kind).into_iter().flatten();
            let mut named = objects.filter(|object| object["metadata"]["name"] == name);
            named.next().cloned()
        });
        Box::pin(async move { found })
    }

    fn leases<'a>(&'a self, selection: &'a Selection) -> BoxFuture<'a, Result<Listed, ReadError>> {
        let asked = format!("AddressLease {selection:?}");
        self.asked.lock().unwrap().push(asked);
        let found = self.lists.as_ref().map(|_| Listed::default());
        Box::pin(async move { found.ok_or_else(Self::broken) })
    }

    fn pools(&self) -> BoxFuture<'_, Result<Vec<Value>, ReadError>> {
        self.asked.lock().unwrap().push("AddressPool".to_owned());
        let found = self.lists.as_ref().map(|_| Vec::new());
        Box::pin(async move { found.ok_or_else(Self::broken) })
    }
}

/// Where every claim is carried out, or none.
pub(crate) struct Claims(pub(crate) Result<(), Failed>);

impl Desk for Claims {
    fn carry_out<'a>(&'a self, _: &'a [Claim]) -> BoxFuture<'a, Result<(), Failed>> {
        let outcome = self.0.clone();
        Box::pin(async move { outcome })
    }
}

/// Where nothing is limited.
pub(crate) struct Charges;

impl Till for Charges {
    fn accounts<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a str>,
        _: bool,
    ) -> BoxFuture<'a, Result<Vec<Arc<Account>>, StoreError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn settle<'a>(&'a self, _: &'a str, _: Order) -> BoxFuture<'a, Outcome> {
        Box::pin(async { Outcome::Done })
    }

    fn refresh<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

pub(crate) fn gate(world: &Arc<World>, reader: &Arc<Stored>, decide: Decide) -> Arc<Gate> {
    let reader = Arc::clone(reader);
    Arc::new(Gate::with_decide(
        Arc::clone(world),
        reader,
        Arc::new(Claims(Ok(()))),
        Arc::new(Charges),
        Arc::new(Metrics::default()),
        decide,
    ))
}

/// A gate for tenants, and none for policies.
pub(crate) fn gates(gate: Arc<Gate>) -> Gates {
    Gates {
        tenants: Some(gate),
        policies: None,
        images: None,
    }
}

pub(crate) fn reviews(world: &Arc<World>, reader: &Arc<Stored>, decide: Decide) -> Router {
    let readiness = Arc::new(Readiness::new(Arc::clone(world), certificate()));
    router::reviews(gates(gate(world, reader, decide)), readiness, false)
}

/// The body of a review that creates an object as kim, in kim's namespace.
pub(crate) fn creation(object: &Value) -> Value {
    let (group, version) = object["apiVersion"]
        .as_str()
        .unwrap()
        .split_once('/')
        .unwrap();
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": {"group": group, "version": version, "kind": object["kind"]},
            "name": object["metadata"]["name"],
            "namespace": "user-kim",
            "operation": "CREATE",
            "userInfo": {"username": "kim", "groups": ["basphere:tenants", "system:authenticated"]},
            "object": object,
            "oldObject": null,
            "dryRun": false,
        },
    })
}

pub(crate) fn cluster() -> Value {
    json!({
        "apiVersion": "cluster.x-k8s.io/v1beta1",
        "kind": "Cluster",
        "metadata": {"name": "demo", "namespace": "user-kim"},
        "spec": {"clusterNetwork": {"pods": {"cidrBlocks": ["192.168.0.0/16"]}}},
    })
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> (StatusCode, Vec<u8>) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    (
        status,
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec(),
    )
}

pub(crate) async fn post(
    router: &Router,
    path: &str,
    body: impl Into<Body>,
) -> (StatusCode, Vec<u8>) {
    send(router, Request::post(path).body(body.into()).unwrap()).await
}

pub(crate) async fn get(router: &Router, path: &str) -> (StatusCode, String) {
    let (status, body) = send(router, Request::get(path).body(Body::empty()).unwrap()).await;
    (status, String::from_utf8(body).unwrap())
}

/// Posts a review and returns the response in the answer.
pub(crate) async fn ask(router: &Router, path: &str, review: &Value) -> Value {
    let (status, body) = post(router, path, review.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["kind"], "AdmissionReview");
    answer["response"].clone()
}

/// The log lines of a webhook that was started with its standard error piped.
pub(crate) fn read_log(child: &mut Child) -> Receiver<Value> {
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            let line = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The next log line with this message.
pub(crate) fn wait_for(log: &Receiver<Value>, message: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = log
            .recv_timeout(left)
            .unwrap_or_else(|_| panic!("{message:?} was not logged"));
        if line["message"] == message {
            return line;
        }
    }
}

/// The commands of the first example below a heading of a page.
pub(crate) fn commands(page: &str, heading: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(page);
    let page = std::fs::read_to_string(path).unwrap();
    let section = page.split_once(heading).unwrap().1;
    let (_, block) = section.split_once("```console\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let lines = block.lines();
    lines
        .map(|line| line.strip_prefix("$ ").unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n")
}
