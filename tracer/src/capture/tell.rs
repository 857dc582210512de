//! What the kernel side is told while it runs: which containers run among the
//! processes of the host, and which ones nobody asked for.
//!
//! Not here: how either is found out ([`crate::container`], [`super::judge`]).

use std::collections::HashMap;
use std::io::Write as _;

use tracer_common::{
    filters::{HOSTED_V1, HOSTED_V2},
    globals::FILTER_ENTRIES,
};

use super::Session;
use crate::container::cgroupfs::{CgroupId, Hierarchy};

/// What it knows.
#[derive(Debug, Default)]
pub struct Told {
    /// Its `HOSTED` map.
    hosted: HashMap<u64, u8>,
    has_complained: bool,
}

impl Session {
    /// Answers to questions, and new questions.
    pub(super) fn exchange(&mut self) {
        let Some(names) = &mut self.names else { return };
        let registry = self.assembler.registry();
        names.exchange(registry);
        self.judge.renamed(&registry.take_renamed());
        self.tell_hosted();
    }

    /// Tells the kernel side which containers run among the host's processes.
    pub(super) fn tell_hosted(&mut self) {
        let Some(hosted) = self.assembler.registry().take_hosted() else {
            return;
        };
        let mut now: HashMap<u64, u8> = HashMap::new();
        for CgroupId { hierarchy, id } in hosted.iter().take(FILTER_ENTRIES as usize) {
            *now.entry(*id).or_default() |= match hierarchy {
                Hierarchy::V2 => HOSTED_V2,
                Hierarchy::V1 => HOSTED_V1,
            };
        }
        let gone = self.told.hosted.keys().filter(|id| !now.contains_key(id));
        let mut changes: Vec<_> = gone.map(|id| (*id, None)).collect();
        changes.extend(now.iter().map(|(id, of)| (*id, Some(*of))));
        // These maps belong to the loaded object: neither can fail but for a bug.
        let told = self.loaded.change("HOSTED", &changes);
        let told = told.and_then(|()| self.loaded.count_hosted(now.len()));
        if told.is_ok() {
            self.told.hosted = now;
        } else {
            // Some of the old may still be there, to be removed the next time.
            self.told.hosted.extend(now);
        }
        self.complain(told);
    }

    /// Tells the kernel side which containers nobody asked for.
    pub(super) fn tell_unwanted(&mut self) {
        let changes = self.judge.take_changes();
        if !changes.is_empty() {
            let told = self.loaded.change("UNWANTED", &changes);
            self.complain(told);
        }
    }

    /// Says what went wrong, once: the trace goes on and passes more.
    fn complain(&mut self, told: anyhow::Result<()>) {
        if let Err(error) = told
            && !std::mem::replace(&mut self.told.has_complained, true)
        {
            let _ = writeln!(std::io::stderr(), "sigwhy: {error:#}");
        }
    }
}
