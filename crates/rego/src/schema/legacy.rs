//! What `legacySchema: true` does to a schema: a template of v1beta1 need not be structural.

use super::props::{Additional, Items, Schema};

impl Schema {
    /// Lets unknown fields pass at every level that is an object or says no type, and gives lists items.
    ///
    /// # Errors
    ///
    /// Text if somewhere items are one schema a place.
    pub(crate) fn preserve_unknown_fields(&mut self) -> Result<(), String> {
        match self.kind.as_str() {
            "" | "object" => self.preserve_unknown = Some(true),
            "array" if self.items.is_none() => {
                self.items = Some(Items::Each(Box::default()));
            }
            _ => {}
        }
        for property in self.properties.values_mut() {
            property.preserve_unknown_fields()?;
        }
        match &mut self.items {
            Some(Items::Each(item)) => item.preserve_unknown_fields()?,
            Some(Items::Places) => {
                return Err("items: must be one schema, and is a list of them".to_owned());
            }
            None => {}
        }
        if let Some(Additional::Schema(schema)) = &mut self.additional {
            schema.preserve_unknown_fields()?;
        }
        Ok(())
    }
}
