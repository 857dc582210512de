//! The signals behind a picture of a termination, each with its whole answer.
//!
//! Only where pictures are wanted (`sigwhy report --html`): the story itself keeps
//! what causes are recognised by, and that is less. Of bounded length, as all that
//! is kept of a story; what the timeline tells has room of its own here.

use std::borrow::Cow;

use tracer_common::signals::SIGCHLD;

use super::{
    Episodes,
    entry::{Entry, Phase},
    story::{Exited, Hop, Story, Taken, Zapped, key},
};
use crate::decide::sender::Kind;
use crate::record::{Deliver, Record, Signal};

/// Signals kept that no line of the timeline is about.
const SIGNALS: usize = 96;

/// Signals kept in all; the timeline has as many lines at most.
const WITH_LANDMARKS: usize = 2 * SIGNALS;

/// A signal, what became of it, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Shot {
    pub hop: Hop,
    pub rule: Cow<'static, str>,
    pub explanation: Cow<'static, str>,
    /// What its target did with it, where it was seen to take it.
    pub taking: Option<Why>,
}

/// Why a signal did what it did when it was taken from the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    pub rule: Cow<'static, str>,
    pub explanation: Cow<'static, str>,
}

/// What there is to see of a termination.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scene {
    pub signals: Vec<Shot>,
    /// Signals that found no room.
    pub omitted: u64,
    /// SIGCHLDs, none of which is kept: the ends of the children are.
    pub children: u64,
    /// Of the main process and of others.
    pub exits: Vec<Exited>,
    pub zap: Option<Zapped>,
}

impl Scene {
    fn push(&mut self, shot: Shot, is_landmark: bool) {
        let limit = if is_landmark { WITH_LANDMARKS } else { SIGNALS };
        if self.signals.len() < limit {
            self.signals.push(shot);
        } else {
            self.omitted += 1;
        }
    }
}

impl Shot {
    fn new(r: &Signal) -> Self {
        Self {
            hop: Hop::new(r),
            rule: r.rule.clone(),
            explanation: r.explanation.clone(),
            taking: None,
        }
    }

    /// Takes it, where it is the one that was taken.
    fn take(&mut self, r: &Deliver) -> bool {
        let hop = &mut self.hop;
        let is_it = hop.taken.is_none()
            && hop.signal.number == r.signal.number
            && r.generated_mono_ns == Some(hop.when.mono_ns)
            && key(&hop.target) == key(&r.target.process);
        if is_it {
            hop.taken = Some(Taken {
                mono_ns: r.when.mono_ns,
                outcome: r.outcome,
                reason: r.reason,
            });
            self.taking = Some(Why {
                rule: r.rule.clone(),
                explanation: r.explanation.clone(),
            });
        }
        is_it
    }
}

impl Episodes {
    /// The same, and each story keeps its scene.
    pub fn picturing() -> Self {
        Self {
            pictures: true,
            ..Self::new()
        }
    }

    /// Keeps what a picture needs, of a record that the story has just taken.
    pub(super) fn picture(&mut self, record: &Record) {
        match record {
            Record::Signal(r) => self.picture_signal(r),
            Record::Deliver(r) => {
                if let Some(entry) = self.of(&r.target.process) {
                    entry.picture_taken(r);
                }
            }
            _ => {}
        }
    }

    fn picture_signal(&mut self, r: &Signal) {
        let by_zap = key(&r.sender.process).filter(|_| r.sender.kind == Kind::Zap);
        let entry = match by_zap {
            Some(init) => self.entries.get_mut(&init),
            None => self.of(&r.target.process),
        };
        if let Some(entry) = entry {
            entry.picture(r);
        }
    }
}

impl Entry {
    fn picture(&mut self, r: &Signal) {
        if self.phase == Phase::Dormant {
            let is_perhaps = self.perhaps.as_ref().is_some_and(|hop| hop.when == r.when);
            if is_perhaps && self.story.scene.is_some() {
                self.perhaps_shot = Some(Box::new(Shot::new(r)));
            }
            return;
        }
        let last = self.story.timeline.last();
        let is_told = last.is_some_and(|told| told.reference.mono_ns == r.when.mono_ns);
        // The end of the namespace is one line there.
        let is_landmark = is_told || r.sender.kind == Kind::Zap;
        let Some(scene) = &mut self.story.scene else {
            return;
        };
        if r.signal.number == SIGCHLD && r.sender.kind == Kind::ChildExit {
            scene.children += 1;
            return;
        }
        scene.push(Shot::new(r), is_landmark);
    }

    fn picture_taken(&mut self, r: &Deliver) {
        if let Some(shot) = &mut self.perhaps_shot {
            shot.take(r);
        }
        if let Some(scene) = &mut self.story.scene {
            // The last ones are the likeliest.
            let _ = scene.signals.iter_mut().rev().any(|shot| shot.take(r));
        }
    }

    /// What may have been a stop signal was one.
    pub(super) fn picture_perhaps(&mut self) {
        if let (Some(scene), Some(shot)) = (&mut self.story.scene, self.perhaps_shot.take()) {
            scene.push(*shot, true);
        }
    }
}

impl Story {
    /// Its scene, where it was kept; once.
    pub fn take_scene(&mut self) -> Option<Scene> {
        let mut scene = *self.scene.take()?;
        // The main process's may be among them, if it shares its namespace.
        let main = self.exit.as_ref().map(|exit| key(&exit.process));
        let others = |exit: &&Exited| Some(key(&exit.process)) != main;
        scene.exits = self.exit.iter().cloned().collect();
        scene
            .exits
            .extend(self.exits.iter().filter(others).cloned());
        scene.zap = self.zap.clone();
        Some(scene)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::{Outcome, Reason};
    use crate::episode::tape::{From, Tape, when};

    fn scenes(tape: &Tape) -> Vec<Scene> {
        let (mut episodes, mut told) = (Episodes::picturing(), Vec::new());
        for record in &tape.records {
            episodes.take(record, &mut told);
        }
        episodes.tick(when(10_000_000).mono_ns, &mut told);
        told.iter_mut().filter_map(Story::take_scene).collect()
    }

    fn names(scene: &Scene) -> Vec<(u32, Option<u32>, bool)> {
        let name = |shot: &Shot| {
            let hop = &shot.hop;
            (hop.signal.number, hop.target.ns_pid, shot.taking.is_some())
        };
        scene.signals.iter().map(name).collect()
    }

    #[test]
    fn a_scene_has_every_signal_of_its_container_and_no_other() {
        let tape = Tape::new("bash")
            .signal(10, From::Host, 1, (Outcome::Queued, Reason::Handler))
            .dropped(15, From::Runtime)
            .handled(10, From::Host, 1)
            .signal(12, From::Member(1), 2, (Outcome::Dropped, Reason::Ignored))
            .at(70_000)
            .killed(From::Runtime)
            .dies_with(&[(2, true, false), (3, false, false)]);
        let scenes = scenes(&tape);
        let [scene] = scenes.as_slice() else {
            panic!("{scenes:?}");
        };
        assert_eq!(
            names(scene),
            [
                (15, Some(1), false),
                (10, Some(1), true),
                (12, Some(2), false),
                (9, Some(1), false),
                (9, Some(2), false),
                (9, Some(3), false)
            ],
            "nothing from before the stop signal"
        );
        assert_eq!((scene.omitted, scene.children), (0, 0));
        assert_eq!(scene.exits.len(), 3);
        assert!(scene.zap.as_ref().is_some_and(|zap| zap.ended.is_some()));
    }

    #[test]
    fn a_flood_leaves_room_for_the_end() {
        let mut tape = Tape::new("bash").dropped(15, From::Runtime);
        for _ in 0..1_000 {
            tape = tape.signal(
                10,
                From::Host,
                1,
                (Outcome::Coalesced, Reason::AlreadyPending),
            );
        }
        let tape = tape.at(70_000).killed(From::Runtime).dies_with(&[]);
        let scenes = scenes(&tape);
        let scene = scenes.first().expect("one");
        assert_eq!(scene.signals.len(), SIGNALS + 1);
        assert_eq!(scene.omitted, 1_001 - SIGNALS as u64);
        let last = scene.signals.last().map(|shot| shot.hop.signal.number);
        assert_eq!(last, Some(9), "the SIGKILL has room of its own");
    }

    #[test]
    fn what_turns_out_to_be_the_stop_signal_is_seen() {
        let tape = Tape::new("nginx")
            .handled(3, From::Runtime, 1)
            .at(70_000)
            .killed(From::Runtime)
            .dies_with(&[]);
        let scenes = scenes(&tape);
        let scene = scenes.first().expect("one");
        assert_eq!(names(scene)[..2], [(3, Some(1), true), (9, Some(1), false)]);
    }

    #[test]
    fn no_scene_is_kept_unasked() {
        let tape = Tape::new("bash")
            .dropped(15, From::Runtime)
            .killed(From::Runtime)
            .dies_with(&[]);
        let (mut episodes, mut told) = (Episodes::new(), Vec::new());
        for record in &tape.records {
            episodes.take(record, &mut told);
        }
        episodes.finish(&mut told);
        assert!(told.iter_mut().all(|story| story.take_scene().is_none()));
        assert!(!told.is_empty());
    }

    #[test]
    fn a_second_recording_is_pictured_too() {
        let stop = |tape: Tape| {
            tape.starts(&[])
                .dropped(15, From::Runtime)
                .killed(From::Runtime)
                .dies_with(&[])
        };
        let both = stop(stop(Tape::new("bash")).at(200_000));
        assert_eq!(scenes(&both).len(), 2);
    }
}
