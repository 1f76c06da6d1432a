//! `docs/codes.md` lists every code. `BASPHERE_BLESS=1 cargo test -p basphere-core` writes it.
#![allow(
    clippy::expect_used,
    reason = "a test may fail loudly, in its helpers too"
)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use basphere_core::{Class, Code};

fn page() -> String {
    let mut page = String::from(
        "# Codes\n\n\
         Every refusal and every warning ends with a code in brackets. A code never changes its meaning.\n\n\
         | code | answer | what it stands for |\n|---|---|---|\n",
    );
    for code in Code::ALL {
        let answer = match code.class() {
            Class::Field(_) => "422 Invalid",
            Class::Forbidden => "403 Forbidden",
            Class::BadRequest => "400 BadRequest",
            Class::Unavailable => "503 ServiceUnavailable, try again",
            Class::Warning => "warning",
        };
        writeln!(page, "| {code} | {answer} | {} |", code.meaning()).expect("a string takes text");
    }
    page
}

#[test]
fn the_page_of_codes_does_not_drift() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/codes.md");
    let page = page();
    if std::env::var_os("BASPHERE_BLESS").is_some() {
        std::fs::write(&file, &page).expect("docs can be written");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), page);
}

#[test]
fn no_code_is_used_twice() {
    let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes.len(), Code::ALL.len());
}
