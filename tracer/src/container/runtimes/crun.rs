//! crun by itself: `status` below its root, and the bundle's `config.json`
//! beside it.

use serde::Deserialize;

use super::super::{Identity, Root};
use super::lenient::field;
use super::oci::Config;
use super::{Clue, Source, users};
use crate::record::Runtime;

pub struct Crun;

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default, deserialize_with = "field")]
    pid: Option<u32>,
    /// Field 22 of `/proc/PID/stat`.
    #[serde(default, rename = "process-start-time", deserialize_with = "field")]
    start: Option<u64>,
}

impl Source for Crun {
    fn identify(&self, root: &Root, clue: &Clue) -> Option<Identity> {
        if !clue.may_be(Runtime::Crun) {
            return None;
        }
        for uid in users::owners(clue) {
            let directory = users::run(uid).join("crun");
            for candidate in clue.candidates() {
                let at = directory.join(candidate.id);
                let Some(status) = root.json::<Status>(at.join("status")) else {
                    continue;
                };
                let is_its = status
                    .pid
                    .is_some_and(|pid| clue.is_init_of(root, pid, status.start));
                if !candidate.is_certain && !is_its {
                    continue;
                }
                let config = Config::read(root, &at.join("config.json"));
                let manager = config
                    .as_ref()
                    .and_then(|config| config.annotations().manager());
                let mut identity = clue.start(manager.unwrap_or(Runtime::Crun));
                identity.id = Some(candidate.id.to_owned());
                identity.init_pid = status.pid;
                identity.init_start_ticks = status.start;
                if let Some(config) = config {
                    config.fill(&mut identity);
                }
                identity.complete = manager.is_none();
                return Some(identity);
            }
        }
        None
    }
}
