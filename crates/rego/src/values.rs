//! Documents as Rego's values.

use std::collections::BTreeMap;

use regorus::Value;
use serde_json::{Map, Value as Json};

/// A document as a value of Rego: what a conversion by way of `serde` gives, in half the time.
pub(crate) fn value(document: &Json) -> Value {
    match document {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::from(*value),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Value::from(number),
            (_, Some(number)) => Value::from(number),
            _ => number.as_f64().map_or(Value::Null, Value::from),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(value).collect::<Vec<Value>>()),
        Json::Object(fields) => object(fields, []),
    }
}

/// An object with further fields.
pub(crate) fn object<const N: usize>(
    fields: &Map<String, Json>,
    more: [(&str, Value); N],
) -> Value {
    let fields = fields
        .iter()
        .map(|(key, field)| (Value::from(key.as_str()), value(field)));
    let more = more.map(|(key, field)| (Value::from(key), field));
    Value::from(fields.chain(more).collect::<BTreeMap<Value, Value>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::value;

    #[test]
    fn it_is_what_serde_makes_of_it() {
        let document = json!({
            "b": [null, true, -1, 0, 18_446_744_073_709_551_615_u64, 2.5, 1e6, "ä"], "a": {"c": {}, "d": []},
        });
        assert_eq!(value(&document), regorus::Value::from(document.clone()));
        let [one, other] = [value(&document), document.into()].map(|value| value.to_string());
        assert_eq!(one, other);
    }
}
