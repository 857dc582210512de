//! The summary's numbers: signals by container and outcome.

use std::collections::BTreeMap;

use crate::{
    decide::{Outcome, Reason},
    record::{Record, Tally},
};

/// Counts what was shown.
#[derive(Debug, Default)]
pub struct Counts {
    host: BTreeMap<Outcome, u64>,
    /// Containers that share a name share a row.
    containers: BTreeMap<String, BTreeMap<Outcome, u64>>,
    /// Records of every type.
    pub shown: u64,
    pub signals: u64,
    pub model_disagrees: u64,
}

impl Counts {
    pub fn count(&mut self, record: &Record) {
        self.shown += 1;
        let (outcome, reason, container, is_signal) = match record {
            Record::Signal(s) => (s.outcome, s.reason, &s.target.process.container, true),
            Record::Deliver(d) => (d.outcome, d.reason, &d.target.process.container, false),
            _ => return,
        };
        if reason == Reason::ModelDisagrees {
            self.model_disagrees += 1;
        }
        if !is_signal {
            return;
        }
        self.signals += 1;
        let row = match container {
            None => &mut self.host,
            Some(container) => {
                if !self.containers.contains_key(&container.name) {
                    self.containers
                        .insert(container.name.clone(), BTreeMap::new());
                }
                match self.containers.get_mut(&container.name) {
                    Some(row) => row,
                    None => return,
                }
            }
        };
        *row.entry(outcome).or_insert(0) += 1;
    }

    /// The rows, the host's first.
    pub fn rows(&self) -> Vec<Tally> {
        let tally = |container: Option<&String>, row: &BTreeMap<Outcome, u64>| Tally {
            container: container.cloned(),
            outcomes: row
                .iter()
                .map(|(outcome, count)| (outcome.id().to_owned(), *count))
                .collect(),
        };
        (!self.host.is_empty())
            .then(|| tally(None, &self.host))
            .into_iter()
            .chain(
                self.containers
                    .iter()
                    .map(|(name, row)| tally(Some(name), row)),
            )
            .collect()
    }
}
