//! runc by itself: `state.json` below its root. There is no name but the id,
//! and no image.

use std::path::Path;

use super::super::{Identity, Root};
use super::oci::{Config, State};
use super::{Clue, Source, users};
use crate::record::Runtime;

pub struct Runc;

impl Source for Runc {
    fn identify(&self, root: &Root, clue: &Clue) -> Option<Identity> {
        if !clue.may_be(Runtime::Runc) {
            return None;
        }
        for uid in users::owners(clue) {
            let directory = users::run(uid).join("runc");
            for candidate in clue.candidates() {
                let path = directory.join(candidate.id).join("state.json");
                let Some(state) = State::read(root, &path) else {
                    continue;
                };
                let is_its = state
                    .init_process_pid
                    .is_some_and(|pid| clue.is_init_of(root, pid, state.init_process_start));
                if !candidate.is_certain && !is_its {
                    continue;
                }
                let runtime = state.annotations().manager().unwrap_or(Runtime::Runc);
                let mut identity = clue.start(runtime);
                identity.id = Some(candidate.id.to_owned());
                state.fill(&mut identity);
                if let Some(bundle) = state.bundle()
                    && let Some(config) =
                        Config::read(root, &Path::new(&bundle).join("config.json"))
                {
                    config.fill(&mut identity);
                }
                // Podman's and CRI-O's own files were not found, and may yet come.
                identity.complete = runtime == Runtime::Runc;
                return Some(identity);
            }
        }
        None
    }
}
