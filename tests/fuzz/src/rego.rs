//! What must hold of policies, whatever stands in them.

use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use basphere_api::manifest::gator;
use basphere_rego::constraint::Constraint;
use basphere_rego::program::Program;
use basphere_rego::session::Session;
use basphere_rego::template::{Source, Template, Version};
use basphere_rego::{Inventory, Policies, Review, Source as Origin};
use serde_json::{Value, json};

/// As much as a thread has that judges reviews.
const STACK: usize = 2 * 1024 * 1024;
/// For how long one evaluation may go on.
const LIMIT: Duration = Duration::from_millis(50);
/// By then it has ended, whatever one builtin function is doing.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between a module and the libraries that it may import.
const LIBRARY: &str = "\n---\n";

static INPUT: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "parameters": {"repos": ["a/"], "labels": ["app"], "number": 3},
        "review": {
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "name": "web", "namespace": "default", "operation": "CREATE", "uid": "1", "userInfo": {}, "namespaceObject": {},
            "object": pod(), "oldObject": null,
            "one": 1, "text": "abc", "list": [1, 2, 3], "float": 2.5, "nothing": null, "no": false, "empty": {},
        },
    })
});

fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
        "spec": {
            "hostNetwork": true,
            "volumes": [{"name": "a", "hostPath": {"path": "/etc"}}],
            "containers": [
                {"name": "a", "image": "b/c:latest", "resources": {"limits": {"cpu": "100m", "memory": "1Gi"}}},
                {"name": "b", "image": "a/b@sha256:00", "securityContext": {"privileged": true, "capabilities": {"add": ["NET_ADMIN"]}}},
            ],
        },
    })
}

/// Reads a text as Rego in both versions, and as a stream of objects; what can be used judges something.
///
/// # Panics
/// When something panics, or comes to no end.
pub fn policies(body: &[u8]) {
    let Ok(text) = std::str::from_utf8(body) else {
        return;
    };
    thread::scope(|scope| {
        let judge = || {
            for version in [Version::V0, Version::V1] {
                evaluated(text, version);
            }
            documents(body);
        };
        let judge = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, judge);
        let judge = judge.expect("there is memory for a thread");
        judge.join().expect("whatever it is, it is no panic");
    });
}

fn evaluated(text: &str, version: Version) {
    let mut modules = text.split(LIBRARY).map(str::to_owned);
    let source = Source {
        version,
        rego: modules.next().unwrap_or_default(),
        libs: modules.collect(),
    };
    let begun = Instant::now();
    let Ok(program) = Program::compile(&source) else {
        return ended(begun, "the compilation");
    };
    ended(begun, "the compilation");
    let begun = Instant::now();
    // What it says, and whether it says anything, is its own business.
    let nothing = Inventory::default();
    let _ = program.violations(INPUT.clone().into(), nothing.shown().clone(), LIMIT);
    ended(begun, "the evaluation");
}

fn documents(body: &[u8]) {
    let Ok(objects) = gator::stream(body) else {
        return;
    };
    let objects: Vec<Value> = objects.into_iter().map(Value::Object).collect();
    let mut session = Session::new(Policies::with_untyped_parameters());
    let begun = Instant::now();
    for object in objects
        .iter()
        .filter(|object| Template::is_template(object))
    {
        let _ = session.add_template(object);
    }
    for object in objects
        .iter()
        .filter(|object| Constraint::is_constraint(object))
    {
        let _ = session.add_constraint(object);
    }
    ended(begun, "loading");
    for object in objects.into_iter().chain([pod()]).take(4) {
        if let Ok(mut review) = Review::of_object(object, None, Origin::Original) {
            let _ = session.review(&mut review);
        }
    }
}

fn ended(begun: Instant, what: &str) {
    let took = begun.elapsed();
    assert!(took < PATIENCE, "{what} took {took:?}");
}
