//! The JSON Schema of a line of output, as it is checked in.

use crate::record;

/// The schema as the repository has it in `docs/schema/sigwhy.schema.json`:
/// pretty, with a line feed at the end.
pub fn schema_text() -> String {
    format!("{:#}\n", record::schema().as_value())
}
