//! Match blocks and requests made by chance: Gatekeeper's own code and ours take the same ones.

use basphere_rego::{Match, Review, Source};
use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::oracle::oracle;

/// So many pairs are tried where nothing else is said.
const PAIRS: u64 = 3_000;

const KINDS: [(&str, &str, bool); 6] = [
    ("v1", "Pod", true),
    ("v1", "Namespace", false),
    ("apps/v1", "Deployment", true),
    ("batch/v1", "Job", true),
    ("rbac.authorization.k8s.io/v1", "ClusterRole", false),
    ("example.com/v1", "Pod", false),
];
const NAMESPACES: [&str; 5] = ["default", "kube-system", "kube-public", "team-a", "team-b"];
const NAMES: [&str; 5] = ["web", "web-1", "api", "kube-system", "a"];
const GLOBS: [&str; 9] = [
    "default", "kube-*", "*-system", "*-a", "team*", "*", "web-*", "*ea*", "web",
];
const KEYS: [&str; 3] = ["app", "tier", "example.com/owner"];
const VALUES: [&str; 4] = ["web", "api", "", "db"];

struct Chance(Rng);

impl Chance {
    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())]
    }

    fn several<T: Copy>(&mut self, of: &[T]) -> Vec<T> {
        (0..self.0.usize(0..3)).map(|_| self.one(of)).collect()
    }

    fn is(&mut self, percent: u8) -> bool {
        self.0.u8(0..100) < percent
    }

    fn labels(&mut self) -> Value {
        let pairs = self.several(&KEYS).into_iter();
        let pairs: Map<_, _> = pairs
            .map(|key| (key.to_owned(), self.one(&VALUES).into()))
            .collect();
        pairs.into()
    }

    fn object(
        &mut self,
        (version, kind, namespaced): (&str, &str, bool),
        namespace: &str,
    ) -> Value {
        let mut metadata = json!({});
        if self.is(15) {
            metadata["generateName"] = format!("{}-", self.one(&NAMES)).into();
        } else {
            metadata["name"] = self.one(&NAMES).into();
        }
        if namespaced {
            metadata["namespace"] = namespace.into();
        }
        if self.is(80) {
            metadata["labels"] = self.labels();
        }
        json!({"apiVersion": version, "kind": kind, "metadata": metadata})
    }

    /// A request, and the Namespace where it is known.
    fn request(&mut self) -> (Value, Option<Value>) {
        let kind = self.one(&KINDS);
        let (api_version, name, namespaced) = kind;
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let namespace = self.one(&NAMESPACES);
        let operation = self.one(&["CREATE", "UPDATE", "DELETE", ""]);
        let mut request = json!({
            "uid": "u", "operation": operation,
            "kind": {"group": group, "version": version, "kind": name},
            "resource": {"group": group, "version": version, "resource": "things"},
            "userInfo": {"username": "kim"},
        });
        if namespaced {
            request["namespace"] = namespace.into();
        }
        if operation != "DELETE" {
            request["object"] = self.object(kind, namespace);
            request["name"] = request["object"]["metadata"]["name"].clone();
        }
        if matches!(operation, "UPDATE" | "DELETE") {
            request["oldObject"] = self.object(kind, namespace);
        }
        let is_known = namespaced && self.is(80);
        let known = is_known.then(|| {
            let metadata = json!({"name": namespace, "labels": self.labels()});
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        });
        if request["name"].is_null() {
            request.as_object_mut().expect("an object").remove("name");
        }
        (request, known)
    }

    fn selector(&mut self) -> Value {
        let mut selector = json!({});
        if self.is(50) {
            selector["matchLabels"] = self.labels();
        }
        if self.is(50) {
            let operator = self.one(&["In", "NotIn", "Exists", "DoesNotExist", "Equals"]);
            let mut expression = json!({"key": self.one(&KEYS), "operator": operator});
            if matches!(operator, "In" | "NotIn") || self.is(5) {
                expression["values"] = self.several(&VALUES).into();
            }
            selector["matchExpressions"] = json!([expression]);
        }
        selector
    }

    fn criteria(&mut self) -> Value {
        let mut criteria = json!({});
        if self.is(60) {
            let entries = (0..self.0.usize(0..3)).map(|_| {
                let mut entry = json!({});
                if self.is(80) {
                    let groups = ["", "apps", "batch", "*", "example.com"];
                    entry["apiGroups"] = self.several(&groups).into();
                }
                if self.is(80) {
                    let kinds = ["Pod", "Namespace", "Deployment", "*", "pod"];
                    entry["kinds"] = self.several(&kinds).into();
                }
                entry
            });
            criteria["kinds"] = entries.collect();
        }
        for field in ["namespaces", "excludedNamespaces"] {
            if self.is(30) {
                criteria[field] = self.several(&GLOBS).into();
            }
        }
        if self.is(25) {
            criteria["scope"] = self.one(&["*", "Cluster", "Namespaced", ""]).into();
        }
        for field in ["labelSelector", "namespaceSelector"] {
            if self.is(30) {
                criteria[field] = self.selector();
            }
        }
        if self.is(20) {
            criteria["name"] = self.one(&GLOBS).into();
        }
        if self.is(20) {
            criteria["source"] = self.one(&["All", "Generated", "Original", ""]).into();
        }
        criteria
    }
}

/// Whether it matches; `None` for an error.
fn theirs(
    criteria: &Value,
    request: &Value,
    namespace: Option<&Value>,
    source: Source,
) -> Option<bool> {
    let source = match source {
        Source::Original => "Original",
        Source::Generated => "Generated",
    };
    let question = json!({
        "kind": "match", "match": criteria, "request": request, "namespace": namespace, "source": source,
    });
    let answer = oracle().ask(&question).expect("the oracle answers");
    let error = answer["error"].as_str().unwrap_or_default();
    assert!(!matches!(error, "panic" | "request"), "{answer}");
    answer["matches"].as_bool()
}

fn ours(
    criteria: &Value,
    request: &Value,
    namespace: Option<&Value>,
    source: Source,
) -> Option<bool> {
    let matches = Match::read(Some(criteria)).ok()?;
    let mut review = Review::of_request(request).ok()?;
    review.namespace = namespace.cloned();
    review.source = Some(source);
    matches.matches(&review).ok()
}

#[test]
fn match_blocks_made_by_chance_take_the_same_objects() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seeds = match number("BASPHERE_MATCH_SEED") {
        Some(seed) => seed..seed.saturating_add(1),
        None => 0..number("BASPHERE_MATCH_PAIRS").unwrap_or(PAIRS),
    };
    let (mut counts, mut differences) = ([0_u64; 3], Vec::new());
    for seed in seeds.clone() {
        let mut chance = Chance(Rng::with_seed(seed));
        let (request, namespace) = chance.request();
        let criteria = chance.criteria();
        let source = chance.one(&[Source::Original, Source::Generated]);
        let theirs = theirs(&criteria, &request, namespace.as_ref(), source);
        let ours = ours(&criteria, &request, namespace.as_ref(), source);
        let kind = match theirs {
            Some(true) => 0,
            Some(false) => 1,
            None => 2,
        };
        counts[kind] += 1;
        if theirs != ours {
            differences.push(format!(
                "seed {seed}: {criteria}\nof {request}\nin {namespace:?}, {source:?}\nGatekeeper: {theirs:?}, ours: {ours:?}"
            ));
        }
    }
    let [matched, passed, failed] = counts;
    println!("{matched} match, {passed} do not, {failed} cannot be decided");
    let several = differences.len();
    differences.truncate(5);
    assert!(
        several == 0,
        "{several} differ:\n{}",
        differences.join("\n")
    );
    let is_alone = seeds.end.saturating_sub(seeds.start) == 1;
    assert!(
        is_alone || counts.iter().all(|count| count * 50 > PAIRS),
        "too few of one kind"
    );
}
