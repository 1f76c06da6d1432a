//! YAML in and out, as JSON values.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

/// Reads all documents of a YAML file, empty ones left out.
///
/// # Errors
/// When the file cannot be read, or is not YAML.
pub fn read_documents(path: &Path) -> Result<Vec<Value>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    parse_documents(&text).with_context(|| format!("in {}", path.display()))
}

/// Reads all documents of a YAML text, empty ones left out.
///
/// # Errors
/// When the text is not YAML.
pub fn parse_documents(text: &str) -> Result<Vec<Value>> {
    // Only true and false are booleans to Kubernetes; CRDs are larger than what the default budget is made for.
    let options = serde_saphyr::options! { budget: None, strict_booleans: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)?;
    Ok(documents
        .into_iter()
        .filter(|document| !document.is_null())
        .collect())
}

/// Writes one document in block style, without a document marker.
///
/// # Errors
/// When the value cannot be written as YAML.
pub fn to_string(value: &Value) -> Result<String> {
    Ok(serde_saphyr::to_string(value)?)
}

/// The YAML files of a directory, by name.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?;
    let paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<PathBuf>>>()?;
    let mut files: Vec<PathBuf> = paths
        .into_iter()
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_that_yaml_1_1_takes_for_booleans_stay_words() {
        let documents = parse_documents("a: [yes, on, n, true]\n---\n---\nb: 1\n").expect("YAML");
        assert_eq!(
            documents,
            [json!({"a": ["yes", "on", "n", true]}), json!({"b": 1})]
        );
    }

    #[test]
    fn output_is_block_style_and_reads_back() {
        let value = json!({"kind": "X", "spec": {"list": [{"a": 1, "b": "yes"}], "text": "one\ntwo\n", "none": []}});
        let text = to_string(&value).expect("YAML");
        assert_eq!(parse_documents(&text).expect("YAML"), [value]);
        assert!(text.contains("text: |\n"), "{text}");
        assert!(text.contains("- a: 1\n"), "{text}");
        assert!(!text.contains("---"), "{text}");
    }
}
