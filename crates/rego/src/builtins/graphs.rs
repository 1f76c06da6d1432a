//! Ways through graphs, of which there may be more than anybody waits for.

use std::collections::BTreeSet;

use regorus::Value;

use super::Failed;
use crate::builtins::under;

/// More ways than these are an error, which denies: to say that there are none would not be true.
const MOST_PATHS: usize = 10_000;
/// No way is longer, since each step waits for the one behind it.
const LONGEST: usize = 200;

/// `graph.reachable_paths`: all ways from some nodes to where they end or come back to themselves.
pub(super) fn paths(values: &[Value]) -> Result<Option<Value>, Failed> {
    let [graph @ Value::Object(_), from] = values else {
        return Ok(None);
    };
    let Some(from) = vertices(from) else {
        return Ok(None);
    };
    let mut found = BTreeSet::new();
    for node in from {
        let Some(edges) = under(graph, &node) else {
            continue;
        };
        let edges = vertices(edges).unwrap_or_default();
        if edges.is_empty() {
            found.insert(Value::from(vec![node.clone()]));
        }
        for next in edges {
            follow(graph, &next, &mut vec![node.clone()], &mut found)?;
        }
    }
    Ok(Some(Value::from(found)))
}

fn follow(
    graph: &Value,
    node: &Value,
    path: &mut Vec<Value>,
    found: &mut BTreeSet<Value>,
) -> Result<(), Failed> {
    if found.len() > MOST_PATHS || path.len() > LONGEST {
        return Err(Failed);
    }
    let Some(edges) = under(graph, node) else {
        found.insert(Value::from(path.clone()));
        return Ok(());
    };
    path.push(node.clone());
    let edges = vertices(edges).unwrap_or_default();
    if edges.is_empty() {
        found.insert(Value::from(path.clone()));
    }
    for next in edges {
        // The first node and this one, and all between, were passed.
        if path.contains(&next) {
            found.insert(Value::from(path.clone()));
        } else {
            follow(graph, &next, path, found)?;
        }
    }
    path.pop();
    Ok(())
}

fn vertices(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items.iter().cloned().collect()),
        Value::Set(items) => Some(items.iter().cloned().collect()),
        _ => None,
    }
}
