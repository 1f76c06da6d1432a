//! YAML as it is printed.

use serde::Serialize;

/// YAML in block style, in which a long text stays on one line.
pub(crate) fn yaml(value: &impl Serialize) -> anyhow::Result<String> {
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    Ok(serde_saphyr::to_string_with_options(value, options)?)
}
