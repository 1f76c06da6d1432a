//! A template's Rego, compiled once, and evaluated as often as there are reviews.

use std::sync::Arc;
use std::time::Duration;

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value};

use crate::builtins;
use crate::source::tree::{Place, Version};
use crate::source::{Normal, SourceError, normalize};

/// Where a template's rules are: Gatekeeper calls every template so.
const PACKAGE: &str = "template";
const ENTRY: &str = "data.template.violation";
/// More than any evaluation needs that ends in time.
const MOST_INSTRUCTIONS: usize = 50_000_000;
/// The clock is looked at whenever so many instructions were executed.
const CHECK_EVERY: u32 = 64;

/// What a template consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rego {
    /// The grammar of all its modules.
    pub version: Version,
    /// The module that has the rule `violation`.
    pub entry: String,
    /// The modules that it imports, each of a package below `lib`.
    pub libs: Vec<String>,
}

/// Why Rego cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// A module is none.
    #[error("{module}:{error}")]
    Source {
        /// `rego`, or `libs[0]`.
        module: String,
        /// What is wrong.
        error: SourceError,
    },
    /// The modules do not go together.
    #[error("{0}")]
    Compile(String),
}

/// Why an evaluation has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvaluationError(pub String);

/// One violation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// What it says; what is no text stands here as JSON.
    pub message: Value,
    /// What else it says; an empty object where it says nothing.
    pub details: Value,
}

/// A template's rules.
#[derive(Clone)]
pub struct Program {
    program: Arc<regorus::rvm::program::Program>,
    modules: Arc<Vec<Module>>,
}

struct Module {
    name: String,
    normal: Normal,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.modules.iter().map(|module| &module.name);
        f.debug_list().entries(names).finish()
    }
}

impl Program {
    /// Compiles a template's modules.
    ///
    /// # Errors
    /// Where OPA would refuse them.
    pub fn compile(rego: &Rego) -> Result<Self, CompileError> {
        let mut modules = vec![module("rego", &rego.entry, rego.version, Some(PACKAGE))?];
        for (index, lib) in rego.libs.iter().enumerate() {
            modules.push(module(&format!("libs[{index}]"), lib, rego.version, None)?);
        }
        let mut engine = Engine::new();
        engine.set_rego_v0(true);
        let compile = |error: &dyn std::fmt::Display| CompileError::Compile(error.to_string());
        for module in &modules {
            let added = engine.add_policy(module.name.clone(), module.normal.text.clone());
            added.map_err(|error| compile(&error))?;
        }
        let policy = engine.compile_with_entrypoint(&ENTRY.into());
        let policy = policy.map_err(|error| compile(&error))?;
        let program = Compiler::compile_from_policy(&policy, &[ENTRY]);
        let program = program.map_err(|error| compile(&error))?;
        let mut program = Arc::unwrap_or_clone(program);
        builtins::replace(&mut program);
        Ok(Self {
            program: Arc::new(program),
            modules: Arc::new(modules),
        })
    }

    /// What the rules say of an input, each violation once.
    ///
    /// # Errors
    /// When they do not come to an end in time, or contradict each other.
    pub fn violations(
        &self,
        input: Value,
        data: Value,
        limit: Duration,
    ) -> Result<Vec<Violation>, EvaluationError> {
        let mut vm = RegoVM::new();
        vm.load_program(Arc::clone(&self.program));
        vm.set_max_instructions(MOST_INSTRUCTIONS);
        vm.set_execution_timer_config(Some(ExecutionTimerConfig {
            limit,
            check_interval: std::num::NonZeroU32::new(CHECK_EVERY)
                .unwrap_or(std::num::NonZeroU32::MIN),
        }));
        let failed = |error: &dyn std::fmt::Display| EvaluationError(error.to_string());
        vm.set_data(data).map_err(|error| failed(&error))?;
        vm.set_input(input);
        let result = vm.execute().map_err(|error| failed(&error))?;
        Ok(read(&result))
    }

    /// The place in a module's source of a line of what is evaluated.
    #[must_use]
    pub fn place(&self, module: &str, line: usize) -> Option<Place> {
        let module = self.modules.iter().find(|it| it.name == module)?;
        module.normal.places.get(line.checked_sub(1)?).copied()
    }

    /// A module as it is evaluated.
    #[must_use]
    pub fn text(&self, module: &str) -> Option<&str> {
        let module = self.modules.iter().find(|it| it.name == module)?;
        Some(&module.normal.text)
    }
}

fn module(
    name: &str,
    source: &str,
    version: Version,
    package: Option<&str>,
) -> Result<Module, CompileError> {
    let normal = normalize(source, version, package);
    let normal = normal.map_err(|error| CompileError::Source {
        module: name.to_owned(),
        error,
    })?;
    Ok(Module {
        name: name.to_owned(),
        normal,
    })
}

/// What is in the set that `violation` is; what has no message says nothing.
fn read(result: &Value) -> Vec<Violation> {
    let Ok(set) = result.as_set() else {
        return Vec::new();
    };
    let mut violations: Vec<Violation> = set.iter().filter_map(violation).collect();
    violations.sort();
    violations.dedup();
    violations
}

fn violation(found: &Value) -> Option<Violation> {
    let found = found.as_object().ok()?;
    let message = found.get(&Value::from("msg"))?.clone();
    let details = found.get(&Value::from("details")).cloned();
    Some(Violation {
        message,
        details: details.unwrap_or_else(Value::new_object),
    })
}
