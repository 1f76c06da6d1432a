//! A template that is ready to be asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::inventory::Need;
use crate::policies::LoadError;
use crate::program::Program;
use crate::schema::definition;
use crate::template::Template;

/// A template whose Rego was compiled. Copies share it.
#[derive(Debug, Clone)]
pub struct Compiled {
    template: Arc<Template>,
    program: Arc<Program>,
}

impl Compiled {
    /// Reads and compiles a ConstraintTemplate.
    ///
    /// # Errors
    /// When it is none that can be used.
    pub fn new(document: &Value) -> Result<Self, LoadError> {
        let template = Template::read(document)?;
        let program = Program::compile(&template.source)
            .map_err(|error| LoadError::rego(&template, error))?;
        Ok(Self {
            template: Arc::new(template),
            program: Arc::new(program),
        })
    }

    /// The template.
    #[must_use]
    pub fn template(&self) -> &Template {
        &self.template
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// The CustomResourceDefinition of its constraints, as Gatekeeper makes it.
    #[must_use]
    pub fn definition(&self) -> Value {
        definition(&self.template)
    }

    /// What it asks `data.inventory` for.
    ///
    /// # Errors
    /// Where that is kinds that neither its Rego nor its annotation tells, or when the annotation is none.
    pub fn needs(&self) -> Result<BTreeSet<Need>, LoadError> {
        let needs = self.program.needs(&self.template.annotated()?);
        needs.map_err(|error| LoadError::rego(&self.template, error))
    }
}
