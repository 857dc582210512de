//! One container: its story, and how far that has come.

use super::scene::Shot;
use super::story::{Hop, Story};
use super::words;
use super::{LONGEST_GRACE_NS, PERHAPS_NS, QUIET_INSIDE_NS, QUIET_NS, SECOND, SETTLE_NS, STUCK_NS};
use crate::record::When;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Remembered only.
    Dormant,
    /// Asked to end, or attacked.
    Open,
    /// Its main process is ending or has ended.
    Dying { since: u64 },
    /// Over, and soon to be told.
    Over { at: u64 },
}

#[derive(Debug)]
pub struct Entry {
    pub story: Story,
    pub phase: Phase,
    /// When the last thing came that asked it to end.
    pub attempt: u64,
    /// How long after that it counts as living on.
    pub quiet: u64,
    /// A signal that may have been its stop signal.
    pub perhaps: Option<Hop>,
    /// The same, for the picture.
    pub perhaps_shot: Option<Box<Shot>>,
    /// It was told, and then lived on.
    pub rested: bool,
    pub told_stuck: bool,
    /// Who goes first where there is no more room.
    pub touched: u64,
}

impl Entry {
    pub fn due(&self) -> Option<u64> {
        match self.phase {
            Phase::Dormant => None,
            Phase::Open => Some(self.attempt.saturating_add(self.quiet)),
            Phase::Dying { .. } if self.told_stuck => None,
            Phase::Dying { since } => Some(since.saturating_add(STUCK_NS)),
            Phase::Over { at } => Some(at.saturating_add(SETTLE_NS)),
        }
    }

    /// A story of the same container that has not begun.
    fn restart(&mut self, when: When) {
        let old = &self.story;
        let mut story = Story::new(
            old.main.clone(),
            old.is_init,
            old.container.clone(),
            when,
            old.watched_from,
        );
        (story.lossy, story.sigpipes) = (old.lossy, old.sigpipes);
        story.scene = old.scene.as_ref().map(|_| Box::default());
        (self.story, self.rested) = (story, false);
    }

    pub fn open(&mut self, when: When) {
        if self.phase == Phase::Dormant {
            if self.story.stops.is_empty() {
                self.story.began = when;
            }
            self.phase = Phase::Open;
        }
        self.attempt = when.mono_ns;
    }

    pub fn dying(&mut self, when: When) {
        if !matches!(self.phase, Phase::Dying { .. } | Phase::Over { .. }) {
            self.open(when);
            self.phase = Phase::Dying {
                since: when.mono_ns,
            };
        }
    }
}

impl Entry {
    pub fn note_hop(&mut self, hop: &Hop) {
        self.story.note(hop.reference(), true, words::hop(hop));
    }

    /// Somebody asked it to end, or tried to end it.
    pub fn attempt(&mut self, hop: &Hop) {
        if self.rested && self.phase == Phase::Dormant {
            self.restart(hop.when);
        }
        let is_outside = hop.is_by_process() && !hop.is_from_inside();
        let quiet = if is_outside {
            QUIET_NS
        } else {
            QUIET_INSIDE_NS
        };
        self.quiet = if self.phase == Phase::Open {
            self.quiet.max(quiet)
        } else {
            quiet
        };
        self.open(hop.when);
        self.note_hop(hop);
    }

    pub fn asked(&mut self, hop: Hop) {
        let since = |stop: &Hop| hop.when.mono_ns.saturating_sub(stop.when.mono_ns);
        let is_old = |stop: &Hop| since(stop) > LONGEST_GRACE_NS;
        if self.story.first_stop().is_some_and(is_old) && self.phase == Phase::Open {
            // Asked again and again, and always handled.
            self.restart(hop.when);
        }
        self.attempt(&hop);
        // Those that may not stop it do not count any more.
        if self.story.stops.is_empty() && !self.story.denied.is_empty() {
            self.story.began = hop.when;
        }
        self.story.stop(hop);
    }

    /// Somebody who may not do so was to stop or to kill it.
    pub fn denied(&mut self, hop: Hop) {
        self.attempt(&hop);
        self.story.deny(hop);
    }

    /// A SIGKILL that it does not survive.
    pub fn killed(&mut self, hop: Hop) {
        let at = hop.when.mono_ns;
        let since = |earlier: &Hop| at.saturating_sub(earlier.when.mono_ns);
        if self.rested
            && self
                .story
                .first_stop()
                .is_none_or(|stop| stop.is_from_inside() || since(stop) > LONGEST_GRACE_NS)
        {
            self.restart(hop.when);
        }
        self.settle_perhaps(PERHAPS_NS, at, hop.is_by_runtime());
        self.note_hop(&hop);
        self.dying(hop.when);
        self.story.kill.get_or_insert(hop);
    }

    pub fn before_exit(&mut self, when: When) {
        if self.rested && self.phase == Phase::Dormant {
            self.restart(when);
        }
        let by_runtime = self.perhaps.as_ref().is_some_and(Hop::is_by_runtime);
        self.settle_perhaps(10 * SECOND, when.mono_ns, by_runtime);
    }

    /// What may have been a stop signal was one, where the end follows it.
    fn settle_perhaps(&mut self, within: u64, at: u64, by_runtime: bool) {
        let Some(perhaps) = self.perhaps.take() else {
            return;
        };
        let is_near = at.saturating_sub(perhaps.when.mono_ns) <= within;
        if by_runtime && is_near && perhaps.is_by_runtime() && self.story.stops.is_empty() {
            self.story.began = perhaps.when;
            self.note_hop(&perhaps);
            self.picture_perhaps();
            self.story.stop(perhaps);
        }
    }
}
