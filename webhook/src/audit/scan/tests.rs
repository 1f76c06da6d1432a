//! A scan of an API server of a few lines, which answers what a real one seldom does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use kube::Client;
use kube::client::Body;
use serde_json::json;

use super::*;
use crate::config;
use crate::metrics::Metrics;
use crate::policies::{Namespaces, Shelf};

type Answers = BTreeMap<String, VecDeque<(u16, Value)>>;

/// Answers by path and query, each in its turn, the last one for ever; a status code and a body.
#[derive(Clone, Default)]
struct Server {
    answers: Arc<Mutex<Answers>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new() -> Self {
        let server = Self::default();
        let resource = |plural: &str, kind: &str| {
            json!({
                "resource": plural,
                "responseKind": {"group": "", "version": "v1", "kind": kind},
                "scope": "Namespaced",
                "verbs": ["list"],
            })
        };
        let resources = [
            resource("configmaps", "ConfigMap"),
            resource("secrets", "Secret"),
        ];
        let core = json!({"items": [{"versions": [{"version": "v1", "resources": resources}]}]});
        server.answers("/api", [(200, core)]);
        server.answers("/apis", [(200, json!({"items": []}))]);
        server.answers(SECRETS, [(200, page(&[], ""))]);
        server
    }

    fn answers(&self, path: &str, answers: impl IntoIterator<Item = (u16, Value)>) {
        let answers = answers.into_iter().collect();
        self.answers
            .lock()
            .unwrap()
            .insert(path.to_owned(), answers);
    }

    fn answer(&self, path: &str) -> http::Response<Body> {
        self.asked.lock().unwrap().push(path.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let waiting = answers.get_mut(path);
        let (code, body) = match waiting {
            Some(waiting) if waiting.len() > 1 => waiting.pop_front().unwrap(),
            Some(waiting) => waiting[0].clone(),
            None => (404, failure(404)),
        };
        let body = Body::from(body.to_string().into_bytes());
        http::Response::builder().status(code).body(body).unwrap()
    }

    fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let path = request.uri().path_and_query().unwrap().as_str().to_owned();
            let answer = server.answer(&path);
            async move { Ok::<_, std::convert::Infallible>(answer) }
        });
        Client::new(service, "default")
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

const FIRST: &str = "/api/v1/configmaps?&limit=100";
const SECOND: &str = "/api/v1/configmaps?&limit=500&continue=t";
const SECRETS: &str = "/api/v1/secrets?&limit=100";

fn page(names: &[&str], token: &str) -> Value {
    let items: Vec<Value> = names
        .iter()
        .map(|name| json!({"metadata": {"name": name, "namespace": "web"}}))
        .collect();
    json!({"metadata": {"continue": token}, "items": items})
}

fn failure(code: u16) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": format!("no: {code}")})
}

fn policies() -> Arc<Policies> {
    let mut policies = Policies::default();
    let rego = "package names\nviolation[{\"msg\": msg}] { msg := input.review.name }";
    policies
        .add_template(&json!({
            "apiVersion": "templates.gatekeeper.sh/v1",
            "kind": "ConstraintTemplate",
            "metadata": {"name": "names"},
            "spec": {
                "crd": {"spec": {"names": {"kind": "Names"}}},
                "targets": [{"target": "admission.k8s.gatekeeper.sh", "rego": rego}],
            },
        }))
        .unwrap();
    policies
        .add_constraint(&json!({
            "apiVersion": "constraints.gatekeeper.sh/v1beta1",
            "kind": "Names",
            "metadata": {"name": "names"},
        }))
        .unwrap();
    Arc::new(policies)
}

fn scan(server: &Server) -> Scan {
    let web = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "web"}});
    Scan::new(Audit {
        client: server.client(),
        shelf: Arc::new(Shelf::default()),
        namespaces: Arc::new(Namespaces::of([("web".to_owned(), web)])),
        stock: Arc::default(),
        metrics: Arc::new(Metrics::default()),
        waives: Arc::new(basphere_rego::audit::waives_nothing),
        config: config::Audit {
            interval: Duration::from_secs(60),
            constraint_status: config::ConstraintStatus::Never,
        },
    })
}

/// The names of the objects that were judged.
fn judged(found: &Found) -> Vec<String> {
    let entries = found.tally.rules().flat_map(|rule| rule.entries());
    let names: Vec<_> = entries.map(|entry| entry.message.to_string()).collect();
    assert_eq!(found.tally.objects(), names.len() as u64);
    names
}

#[tokio::test(start_paused = true)]
async fn a_list_that_has_expired_is_read_again_and_nothing_is_counted_twice() {
    let server = Server::new();
    server.answers(FIRST, [(200, page(&["a", "b"], "t"))]);
    server.answers(SECOND, [(410, failure(410)), (200, page(&["c"], ""))]);
    // The size of the objects is known when it begins again.
    server.answers(
        "/api/v1/configmaps?&limit=500",
        [(200, page(&["a", "b"], "t"))],
    );
    let found = scan(&server).run(&policies()).await.unwrap();
    assert_eq!(judged(&found), ["a", "b", "c"]);
    assert!(!found.is_patchy);
    let expected = [
        "/api",
        "/apis",
        FIRST,
        SECOND,
        "/api/v1/configmaps?&limit=500",
        SECOND,
        SECRETS,
    ];
    assert_eq!(server.asked(), expected);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_read_a_kind_goes_on_without_it() {
    let server = Server::new();
    server.answers(FIRST, [(200, page(&["a"], ""))]);
    server.answers(SECRETS, [(403, failure(403))]);
    let mut scan = scan(&server);
    let found = scan.run(&policies()).await.unwrap();
    assert_eq!(judged(&found), ["a"]);
    assert!(!found.is_patchy);
    let unread: Vec<_> = scan.unread.iter().collect();
    assert_eq!(unread.len(), 1);
    assert_eq!(unread[0].0, "secrets.v1");
    assert!(unread[0].1.contains("no: 403"), "{unread:?}");
    // It is asked for once.
    assert_eq!(server.asked(), ["/api", "/apis", FIRST, SECRETS]);
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_the_moment_changes_no_report() {
    let server = Server::new();
    server.answers(FIRST, [(200, page(&["a"], ""))]);
    let mut scan = scan(&server);
    // Once is nothing.
    server.answers(SECRETS, [(500, failure(500)), (200, page(&["s"], ""))]);
    let found = scan.run(&policies()).await.unwrap();
    assert_eq!(judged(&found), ["a", "s"]);
    assert!(!found.is_patchy);
    server.answers(SECRETS, [(500, failure(500))]);
    assert!(scan.run(&policies()).await.unwrap().is_patchy);
    // From now on it is the same each time, and there is nothing to wait for.
    let found = scan.run(&policies()).await.unwrap();
    assert_eq!(judged(&found), ["a"]);
    assert!(!found.is_patchy);
    server.answers("/api", [(500, failure(500))]);
    assert!(scan.run(&policies()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_in_a_namespace_that_is_gone_or_of_the_system_is_not_judged() {
    let server = Server::new();
    let mut objects = page(&["a", "b", "c"], "");
    objects["items"][0]["metadata"]["namespace"] = "gone".into();
    objects["items"][1]["metadata"]["namespace"] = "kube-system".into();
    server.answers(FIRST, [(200, objects)]);
    let found = scan(&server).run(&policies()).await.unwrap();
    assert_eq!(judged(&found), ["c"]);
}
