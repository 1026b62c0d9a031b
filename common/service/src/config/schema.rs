//! The JSON Schema of the configuration file, generated from the types that read it.

use super::raw;

/// The schema as pretty JSON with a line end.
pub fn schema() -> String {
    let schema = schemars::schema_for!(raw::Config);
    format!("{schema:#}\n", schema = schema.as_value())
}
