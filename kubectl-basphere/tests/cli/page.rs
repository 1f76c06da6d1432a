//! Every command of a page in docs/ that can be run without a cluster says what the page shows.

use std::path::Path;
use std::process::Command;

use crate::program::{example, program};

/// Runs the commands of a page, and counts them.
pub(crate) fn commands_of(page: &str) -> usize {
    let page = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(page);
    let page = std::fs::read_to_string(page).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(example("site.yaml"), folder.path().join("site.yaml")).unwrap();
    let mut commands = 0;
    // A block that names a file at its beginning is that file.
    for block in page.split("```yaml\n# ").skip(1) {
        let (name, rest) = block.split_once('\n').unwrap();
        let (text, _) = rest.split_once("```").unwrap();
        if name.ends_with(".yaml") {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
    }
    for block in page.split("```console\n").skip(1) {
        let (steps, _) = block.split_once("```").unwrap();
        for step in steps.split("$ ").skip(1) {
            let (line, shown) = step.split_once('\n').unwrap();
            let words: Vec<_> = line.split(' ').collect();
            let ["kubectl", "basphere", arguments @ ..] = words.as_slice() else {
                panic!("{line}");
            };
            let output = Command::new(program())
                .args(arguments)
                .env("KUBECONFIG", "/nonexistent/kubeconfig")
                .current_dir(folder.path())
                .output()
                .unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert_eq!(timeless(&said), timeless(shown), "{line}");
            commands += 1;
        }
    }
    commands
}

/// Without how long anything took.
fn timeless(text: &str) -> String {
    let lines = text.split('\n').map(|line| match line.rsplit_once('\t') {
        Some((before, time)) if time.trim_matches(['(', ')']).ends_with('s') => before,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}
