//! Reading documents as Go's decoders read them: `null` says nothing, and what has the wrong JSON type is refused.

use serde_json::{Map, Value};
use thiserror::Error;

/// A value has another JSON type than its place asks for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: must be {expected}, and is {found}")]
pub struct WrongType {
    /// Where it stands, as kubectl writes paths.
    pub path: String,
    /// What it must be, with its article.
    pub expected: &'static str,
    /// What it is, as JSON, shortened.
    pub found: String,
}

/// A place in a document, with what is there.
#[derive(Debug, Clone)]
pub(crate) struct At<'a> {
    /// Nothing where there is nothing, or `null`.
    pub(crate) value: Option<&'a Value>,
    pub(crate) path: String,
}

impl<'a> At<'a> {
    /// The document itself. Its path is empty.
    pub(crate) fn root(value: &'a Value) -> Self {
        Self::new(Some(value), String::new())
    }

    pub(crate) fn new(value: Option<&'a Value>, path: String) -> Self {
        let value = value.filter(|value| !value.is_null());
        Self { value, path }
    }

    /// A field, by its exact name, as the API server reads objects.
    pub(crate) fn field(&self, name: &str) -> Result<Self, WrongType> {
        let value = self.fields()?.and_then(|fields| fields.get(name));
        Ok(Self::new(value, join(&self.path, name)))
    }

    /// A field, in any letter case where none has the exact name, as `encoding/json` reads files.
    pub(crate) fn any_case(&self, name: &str) -> Result<Self, WrongType> {
        let value = self.fields()?.and_then(|fields| any_case(fields, name));
        Ok(Self::new(value, join(&self.path, name)))
    }

    pub(crate) fn fields(&self) -> Result<Option<&'a Map<String, Value>>, WrongType> {
        self.read("an object", Value::as_object)
    }

    /// The entries of a map.
    pub(crate) fn entries(&self) -> Result<Vec<(&'a str, Self)>, WrongType> {
        let fields = self.fields()?.into_iter().flatten();
        Ok(fields
            .map(|(key, value)| {
                let at = Self::new(Some(value), format!("{}[{key}]", self.path));
                (key.as_str(), at)
            })
            .collect())
    }

    /// The items of a list; none where there is no list.
    pub(crate) fn items(&self) -> Result<Vec<Self>, WrongType> {
        let items = self.read("a list", Value::as_array)?;
        Ok(items
            .into_iter()
            .flatten()
            .enumerate()
            .map(|(index, item)| Self::new(Some(item), format!("{}[{index}]", self.path)))
            .collect())
    }

    pub(crate) fn text(&self) -> Result<Option<&'a str>, WrongType> {
        self.read("a string", Value::as_str)
    }

    /// The text, or no text where nothing is said.
    pub(crate) fn text_or_empty(&self) -> Result<&'a str, WrongType> {
        Ok(self.text()?.unwrap_or_default())
    }

    pub(crate) fn texts(&self) -> Result<Vec<String>, WrongType> {
        self.items()?
            .iter()
            .map(|item| Ok(item.text_or_empty()?.to_owned()))
            .collect()
    }

    pub(crate) fn boolean(&self) -> Result<Option<bool>, WrongType> {
        self.read("true or false", Value::as_bool)
    }

    pub(crate) fn number(&self) -> Result<Option<f64>, WrongType> {
        self.read("a number", Value::as_f64)
    }

    /// A whole number. `3.0` is one: YAML's is written `3` before Go reads it.
    pub(crate) fn integer(&self) -> Result<Option<i64>, WrongType> {
        self.read("an integer", whole)
    }

    pub(crate) fn wrong(&self, expected: &'static str) -> WrongType {
        WrongType {
            path: self.path.clone(),
            expected,
            found: short(self.value.unwrap_or(&Value::Null)),
        }
    }

    fn read<T>(
        &self,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, WrongType> {
        match self.value {
            None => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(self.wrong(expected)),
            },
        }
    }
}

/// A path and a field's name.
pub(crate) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// A value as JSON, shortened so that a message stays readable.
pub(crate) fn short(value: &Value) -> String {
    const LONGEST: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn any_case<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).or_else(|| {
        let same = |(key, _): &(&String, &Value)| key.eq_ignore_ascii_case(name);
        fields.iter().find(same).map(|(_, value)| value)
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "what is whole and small enough loses nothing"
)]
fn whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::At;

    #[test]
    fn nothing_and_null_are_the_same_and_wrong_types_are_named_with_their_path() {
        let document = json!({"a": {"b": null, "c": [1, "x"]}, "d": "text"});
        let root = At::root(&document);
        let a = root.field("a").unwrap();
        assert_eq!(a.field("b").unwrap().text(), Ok(None));
        assert_eq!(a.field("nothing").unwrap().text(), Ok(None));

        let error = a.field("c").unwrap().texts().unwrap_err();
        assert_eq!(error.to_string(), "a.c[0]: must be a string, and is 1");
        let error = root.field("d").unwrap().field("e").unwrap_err();
        assert_eq!(error.to_string(), "d: must be an object, and is \"text\"");
    }

    #[test]
    fn letter_case_matters_only_where_it_is_said() {
        let document = json!({"Kind": "a", "kinD": "b"});
        let root = At::root(&document);
        assert_eq!(root.field("kind").unwrap().text(), Ok(None));
        assert_eq!(root.any_case("kind").unwrap().text(), Ok(Some("a")));
        let exact = json!({"Kind": "a", "kind": "b"});
        let root = At::root(&exact);
        assert_eq!(root.any_case("kind").unwrap().text(), Ok(Some("b")));
    }

    #[test]
    fn integers_are_whole() {
        let document = json!([3, 3.0, 3.5]);
        let items = At::root(&document).items().unwrap();
        assert_eq!(items[0].integer(), Ok(Some(3)));
        assert_eq!(items[1].integer(), Ok(Some(3)));
        assert!(items[2].integer().is_err());
    }

    #[test]
    fn a_long_value_is_shortened() {
        let document = json!({"a": "é".repeat(200)});
        let error = At::root(&document).field("a").unwrap().boolean();
        assert_eq!(error.unwrap_err().found.chars().count(), 81);
    }
}
