//! What came of a scenario, for programs: one JSON object.

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::check::Check;
use super::scenario::Scenario;
use super::stage::Told;
use crate::record::Record;

/// A scenario that has been played.
#[derive(Debug)]
pub struct Report {
    pub scenario: &'static Scenario,
    /// What was done, in order.
    pub steps: Vec<Told>,
    /// What the tracer said about the scenario's processes, in order.
    pub records: Vec<Record>,
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether the prediction held, all of it.
    pub fn held(&self) -> bool {
        self.checks.iter().all(|check| check.held)
    }

    /// The verdict in one word.
    pub fn verdict(&self) -> &'static str {
        if self.held() { "held" } else { "refuted" }
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Scenario {
            name,
            title,
            see,
            prediction,
            lesson,
            article,
            exercises,
            functions,
            ..
        } = self.scenario;
        let mut object = serializer.serialize_struct("Report", 12)?;
        object.serialize_field("scenario", name)?;
        object.serialize_field("title", title)?;
        object.serialize_field("prediction", prediction)?;
        object.serialize_field("steps", &self.steps)?;
        object.serialize_field("records", &self.records)?;
        object.serialize_field("checks", &self.checks)?;
        object.serialize_field("verdict", self.verdict())?;
        object.serialize_field("lesson", lesson)?;
        object.serialize_field("kernel_functions", functions)?;
        object.serialize_field("see", see)?;
        object.serialize_field("article", article)?;
        object.serialize_field("exercises", exercises)?;
        object.end()
    }
}
