//! What docs/good-practices.md names as evidence is there.

use std::path::Path;

use anyhow::{Context, Result, ensure};

#[test]
fn every_file_and_test_that_the_page_names_is_there() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/good-practices.md"))?;
    let rows: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| recommendation"))
        .collect();
    ensure!(rows.len() > 30, "the tables are not there");
    let mut tests = 0;
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split(" |").map(str::trim).collect();
        let [_, here, evidence, ..] = cells.as_slice() else {
            anyhow::bail!("three cells are needed: {row}");
        };
        ensure!(
            !evidence.is_empty() || here.starts_with("not yet"),
            "neither evidence nor \"not yet\": {row}"
        );
        for named in evidence.split('`').skip(1).step_by(2) {
            let (file, test) = named.split_once("::").unwrap_or((named, ""));
            let text = std::fs::read_to_string(root.join(file)).with_context(|| row.to_owned())?;
            ensure!(
                test.is_empty() || text.contains(&format!("fn {test}(")),
                "{file} has no test {test}: {row}"
            );
            tests += usize::from(!test.is_empty());
        }
    }
    ensure!(tests > 20, "only {tests} tests are named");
    Ok(())
}
