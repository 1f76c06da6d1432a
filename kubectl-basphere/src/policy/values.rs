//! What a line of Rego asks of its input: the references in it, and what is there.

use serde_json::Value;

/// Each reference of a text that begins with `input`, once, as far as it names its place, with what is there: `null` where
/// there is nothing. `input.review.object.spec.containers[_].image` is shown as the list of containers.
pub(super) fn values(text: &str, input: &Value) -> Vec<(String, Value)> {
    let mut values: Vec<(String, Value)> = Vec::new();
    for (at, _) in text.match_indices("input") {
        let before = text.get(..at).unwrap_or_default();
        let is_part =
            before.ends_with(|last: char| last.is_alphanumeric() || "_.\"".contains(last));
        let after = text.get(at + "input".len()..).unwrap_or_default();
        let path = path(after);
        if is_part || path.is_empty() {
            continue;
        }
        let shown = format!("input{}", path.iter().map(Step::shown).collect::<String>());
        if values.iter().all(|(known, _)| *known != shown) {
            let found = path
                .iter()
                .try_fold(input, |value, step| value.get(step.name()));
            values.push((shown, found.cloned().unwrap_or_default()));
        }
    }
    values
}

/// A part of a reference that is written out.
enum Step<'a> {
    Field(&'a str),
    Key(&'a str),
}

impl<'a> Step<'a> {
    fn name(&self) -> &'a str {
        match self {
            Self::Field(name) | Self::Key(name) => name,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Field(name) => format!(".{name}"),
            Self::Key(name) => format!("[{name:?}]"),
        }
    }
}

/// The parts that are written out, up to the first variable.
fn path(mut rest: &str) -> Vec<Step<'_>> {
    let mut path = Vec::new();
    loop {
        if let Some(key) = rest
            .strip_prefix("[\"")
            .and_then(|rest| rest.split_once("\"]"))
        {
            path.push(Step::Key(key.0));
            rest = key.1;
            continue;
        }
        let Some(field) = rest.strip_prefix('.') else {
            return path;
        };
        let end = field.find(|next: char| !next.is_alphanumeric() && next != '_');
        let (name, after) = field.split_at(end.unwrap_or(field.len()));
        if name.is_empty() {
            return path;
        }
        path.push(Step::Field(name));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::values;

    #[test]
    fn references_are_shown_up_to_their_first_variable() {
        let input = json!({"review": {"a": {"b-c": [1], "d": "x"}}});
        let text = "y := input.review.a[\"b-c\"][_]; input.review.a.d == input.parameters.e\nmy_input.x; input.review.a.d";
        let expected = [
            ("input.review.a[\"b-c\"]".to_owned(), json!([1])),
            ("input.review.a.d".to_owned(), json!("x")),
            ("input.parameters.e".to_owned(), json!(null)),
        ];
        assert_eq!(values(text, &input), expected);
    }
}
