//! Policies on files. What gator says as well is compared in `tests/gator`.

use crate::page::commands_of;
use crate::program::run;

#[test]
fn the_page_about_policies_shows_what_is_printed() {
    assert_eq!(commands_of("policies.md"), 3);
}

#[test]
fn what_is_not_supported_is_said() {
    let ran = run(&["policy", "test", "--image", "example.com/policies"]);
    let said = "pulling image: images are not supported\n";
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (Some(1), "", said)
    );
}
