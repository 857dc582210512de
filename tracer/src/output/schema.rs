//! The JSON Schema of a line of output, as it is checked in.

use crate::record;

/// The schema as the repository has it in `docs/schema/sigwhy.schema.json`:
/// pretty, with a line feed at the end.
pub fn schema_text() -> String {
    format!("{:#}\n", record::schema().as_value())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the schema is checked in.
    const PATH: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/schema/sigwhy.schema.json"
    );

    #[test]
    fn the_checked_in_schema_is_that_of_the_code() {
        let text = schema_text();
        if std::env::var_os("UPDATE_SCHEMA").is_some_and(|v| v == "1") {
            std::fs::write(PATH, &text).expect("docs/schema can be written");
        }
        let checked_in = std::fs::read_to_string(PATH).expect("the schema is checked in");
        assert!(
            checked_in == text,
            "docs/schema/sigwhy.schema.json is not that of the code: run the test with UPDATE_SCHEMA=1 and look at the difference"
        );
    }
}
