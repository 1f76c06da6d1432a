//! What docs/quota.md shows.

use crate::page::commands_of;

#[test]
fn the_page_shows_what_is_said() {
    assert_eq!(commands_of("quota.md"), 3);
}
