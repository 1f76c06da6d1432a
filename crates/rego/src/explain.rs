//! Why a constraint says what it says of a review: which of its template's rules holds and, of one that does not, how far
//! it comes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use regorus::Value;

use crate::machine::Machine;
use crate::plan::{Definition, Kind, Plan, Term};
use crate::program::{self, EvaluationError, Program, Violation};
use crate::syntax::Place;

/// One rule that tells violations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The lines of the module `rego` that its statements begin on.
    pub lines: BTreeSet<u32>,
    /// Of these, the ones that were looked at: all if it holds.
    pub reached: BTreeSet<u32>,
    /// What it tells.
    pub violations: Vec<Violation>,
    /// The first statement that does not hold for anything; nothing if the rule holds.
    pub failed_at: Option<Place>,
}

/// Looks at each rule by itself.
///
/// # Errors
/// When the rules do not come to an end in time, or contradict each other.
pub(crate) fn explain(
    program: Program,
    input: &Value,
    inventory: &Value,
    limit: Duration,
) -> Result<Vec<Explained>, EvaluationError> {
    let mut alone = Alone {
        plan: program.into_plan(),
        input,
        inventory,
        until: Instant::now() + limit,
    };
    let definitions = alone.take_definitions();
    definitions
        .into_iter()
        .map(|definition| alone.explain(definition))
        .collect()
}

/// A plan in which a single rule tells violations.
struct Alone<'a> {
    plan: Plan,
    input: &'a Value,
    inventory: &'a Value,
    until: Instant,
}

impl Alone<'_> {
    /// The rules, if they are those of a set: only these are told apart.
    fn take_definitions(&mut self) -> Vec<Definition> {
        match self.plan.rules.get_mut(self.plan.entry) {
            Some(rule) if rule.kind == Kind::Set => std::mem::take(&mut rule.definitions),
            _ => Vec::new(),
        }
    }

    fn explain(&mut self, definition: Definition) -> Result<Explained, EvaluationError> {
        let lines: BTreeSet<u32> = definition.body.iter().map(|it| it.at.line).collect();
        let mut explained = Explained {
            reached: lines.clone(),
            lines,
            violations: Vec::new(),
            failed_at: None,
        };
        let (violations, mut definition) = self.evaluate(definition)?;
        explained.violations = violations.as_ref().map(program::read).unwrap_or_default();
        if !explained.violations.is_empty() {
            return Ok(explained);
        }
        // What is put into the set is of no interest any more, and its variables may not be bound so early.
        while let Some(statement) = definition.as_mut().and_then(|it| it.body.pop()) {
            let Some(mut shorter) = definition else { break };
            shorter.key = Some(Term::Constant(true.into()));
            let reached = shorter.body.iter().map(|it| it.at.line);
            explained.reached = reached.chain([statement.at.line]).collect();
            explained.failed_at = Some(statement.at);
            let (found, shorter) = self.evaluate(shorter)?;
            if found.is_some_and(|found| found.as_set().is_ok_and(|set| !set.is_empty())) {
                break;
            }
            definition = shorter;
        }
        Ok(explained)
    }

    /// What the only rule makes, and the rule again.
    fn evaluate(
        &mut self,
        definition: Definition,
    ) -> Result<(Option<Value>, Option<Definition>), EvaluationError> {
        let entry = self.plan.entry;
        if let Some(rule) = self.plan.rules.get_mut(entry) {
            rule.definitions = vec![definition];
        }
        let (input, inventory) = (self.input.clone(), self.inventory.clone());
        let result = Machine::new(&self.plan, input, inventory, self.until).rule(entry)?;
        Ok((result, self.take_definitions().pop()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::explain;
    use crate::program::Program;
    use crate::template::{Source, Version};

    const REGO: &str = "package a
violation[{\"msg\": msg}] {
  input.review.x == 1
  msg := \"one\"
}
violation[{\"msg\": msg}] {
  y := input.review.y[_]
  y > 5
  msg := sprintf(\"%v\", [y])
}
violation[{\"msg\": \"never\"}] {
  input.review.z
}";

    #[test]
    fn each_rule_is_looked_at_by_itself() {
        let source = Source {
            version: Version::V0,
            rego: REGO.to_owned(),
            libs: Vec::new(),
        };
        let program = Program::compile(&source).unwrap();
        let input = json!({"review": {"x": 1, "y": [1, 2]}}).into();
        let explained = explain(program, &input, &json!({}).into(), Duration::from_secs(5));
        let explained = explained.unwrap();
        let told: Vec<_> = explained
            .iter()
            .map(|it| (it.violations.len(), it.failed_at.map(|at| at.line)))
            .collect();
        assert_eq!(told, [(1, None), (0, Some(8)), (0, Some(12))]);
        let reached: Vec<_> = explained.iter().map(|it| it.reached.len()).collect();
        assert_eq!(reached, [2, 2, 1]);
        let lines: Vec<_> = explained.iter().map(|it| it.lines.len()).collect();
        assert_eq!(lines, [2, 3, 1]);
    }
}
