//! The waivers that stand among the policies of a directory.

use std::collections::BTreeSet;

use basphere_rego::Waiver;

use super::super::read::{Files, Problem, documents, twice};

/// Takes every waiver of some files.
///
/// # Errors
/// Everything that is wrong with them, in the order of the files. What is no YAML is left to [`super::super::read()`].
pub(in super::super) fn of_files(files: &Files) -> Result<Vec<Waiver>, Vec<Problem>> {
    let (mut waivers, mut problems) = (Vec::new(), Vec::new());
    let mut known = BTreeSet::new();
    for (file, text) in files {
        let documents = documents(file, text).unwrap_or_default();
        for document in documents.iter().filter(|it| Waiver::is_waiver(&it.value)) {
            let name = document.text("/metadata/name");
            match Waiver::read(&document.value) {
                Err(error) => {
                    problems.push(document.problem(format!("PolicyWaiver {name}: {error}")))
                }
                Ok(waiver) if known.insert(waiver.name.clone()) => waivers.push(waiver),
                Ok(_) => problems.push(document.problem(twice("PolicyWaiver", name))),
            }
        }
    }
    if problems.is_empty() {
        Ok(waivers)
    } else {
        Err(problems)
    }
}
