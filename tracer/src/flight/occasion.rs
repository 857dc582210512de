//! What is worth writing out.

use crate::{diagnosis::Id, record::Episode};

/// An occasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A termination in which somebody was cut off, or that is stuck.
    Ungraceful,
    /// A termination with any diagnosis.
    Diagnosis,
    /// Events that were lost.
    Loss,
    /// A termination with this diagnosis.
    Of(Id),
}

impl Occasion {
    /// Those of nobody's choice.
    pub const USUAL: [Self; 3] = [Self::Ungraceful, Self::Diagnosis, Self::Loss];

    /// As the command line and the `start` record have it.
    pub fn id(self) -> String {
        match self {
            Self::Ungraceful => "ungraceful".to_owned(),
            Self::Diagnosis => "diagnosis".to_owned(),
            Self::Loss => "loss".to_owned(),
            Self::Of(id) => id.cli(),
        }
    }

    /// Reads what [`Self::id`] writes.
    ///
    /// # Errors
    /// A line that says what there is.
    pub fn parse(text: &str) -> Result<Self, String> {
        let usual = Self::USUAL.into_iter().find(|usual| usual.id() == text);
        usual.map_or_else(
            || {
                Id::find_recorded(text)
                    .map(Self::Of)
                    .map_err(|known| format!("there are ungraceful, diagnosis, loss, {known}"))
            },
            Ok,
        )
    }

    /// Whether a termination is one.
    pub fn is(self, episode: &Episode) -> bool {
        match self {
            Self::Ungraceful => episode.ungraceful,
            Self::Diagnosis => !episode.diagnoses.is_empty(),
            Self::Loss => false,
            Self::Of(id) => episode.diagnoses.iter().any(|made| made.id == id.id()),
        }
    }
}
