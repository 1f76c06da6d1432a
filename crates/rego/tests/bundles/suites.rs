//! The suites, as they stand in `policies/`.

use std::fs;
use std::path::{Path, PathBuf};

use basphere_harness::yaml::read_documents;
use serde_json::Value;

/// The folder of all bundles.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    root.canonicalize().expect("the folder of bundles")
}

/// The folders of policies, each with its bundle: those that have a template.
pub(crate) fn policies() -> Vec<PathBuf> {
    let bundles = folders(&root());
    let policies = bundles.iter().flat_map(|bundle| folders(bundle));
    policies
        .filter(|folder| folder.join("template.yaml").is_file())
        .collect()
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<_> = paths.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The one document of a file.
pub(crate) fn document(path: &Path) -> Value {
    let mut documents = read_documents(path).expect("a file of YAML");
    assert_eq!(documents.len(), 1, "documents in {}", path.display());
    documents.remove(0)
}

/// One entry of `tests`: a template and a constraint, and what they say of objects.
pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) template: Value,
    pub(crate) constraint: Value,
    /// Whether the constraint is to fail its template's schema.
    pub(crate) is_invalid: bool,
    pub(crate) cases: Vec<Case>,
}

pub(crate) struct Case {
    /// Where to find it: policy, test and case.
    pub(crate) name: String,
    pub(crate) object: Value,
    pub(crate) assertions: Vec<Value>,
}

/// The tests of one policy.
pub(crate) fn tests(policy: &Path) -> Vec<Test> {
    let suite = document(&policy.join("suite.yaml"));
    let file = |value: &Value| document(&policy.join(value.as_str().expect("a path")));
    let read = |test: &Value| {
        let name = format!(
            "{}, {}",
            policy.strip_prefix(root()).expect("below").display(),
            test["name"]
        );
        let case = |case: &Value| Case {
            name: format!("{name}, {}", case["name"]),
            object: file(&case["object"]),
            assertions: case["assertions"].as_array().cloned().unwrap_or_default(),
        };
        let cases = test["cases"].as_array().into_iter().flatten();
        Test {
            template: file(&test["template"]),
            constraint: file(&test["constraint"]),
            is_invalid: test["invalid"] == true,
            cases: cases.map(case).collect(),
            name,
        }
    };
    let tests = suite["tests"].as_array().expect("tests");
    tests.iter().map(read).collect()
}
