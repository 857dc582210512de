//! What is known of one termination: the facts that diagnoses ask for, each
//! list of bounded length, and the timeline.
//!
//! Filled by [`super::Episodes`]; read by words and diagnoses. Only what records
//! say: nothing here concludes.

use tracer_common::signals::SIGKILL;

pub use super::hop::{Few, Hop, Key, Taken, key};
use super::scene::Scene;
use crate::record::{
    ContainerRef, Episode, Process, Reference, Referred, SignalName, TimelineEntry, When, ZapVictim,
};

/// Signals kept of each kind that concerns the main process.
const HOPS: usize = 12;
/// Signals kept of those among the other processes.
const MEMBER_HOPS: usize = 24;
/// Exits and victims kept.
const PROCESSES: usize = 64;
/// Entries of the timeline; as many again are kept free for its landmarks.
const TIMELINE: usize = 48;

/// How a process ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Exited {
    pub when: When,
    pub process: Process,
    pub code: Option<u32>,
    pub signal: Option<SignalName>,
    pub core_dumped: bool,
}

impl Exited {
    /// As a shell has it.
    pub fn shell_code(&self) -> Option<u32> {
        let by_signal = self.signal.as_ref().map(|signal| 128 + signal.number);
        by_signal.or(self.code)
    }

    pub fn reference(&self) -> Reference {
        Reference {
            mono_ns: self.when.mono_ns,
            record: Referred::Exit,
        }
    }
}

/// The end of the PID namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct Zapped {
    pub began: When,
    pub ended: Option<When>,
    pub duration_ns: Option<u64>,
    pub killed: Few<ZapVictim>,
    /// Of these, how many had a SIGTERM handler that never ran.
    pub unheard: u64,
}

impl Zapped {
    pub fn reference(&self) -> Reference {
        Reference {
            mono_ns: self.began.mono_ns,
            record: Referred::Zap,
        }
    }

    pub fn unheard(&self) -> impl Iterator<Item = &ZapVictim> {
        self.killed.iter().filter(|victim| is_unheard(victim))
    }
}

/// It had a SIGTERM handler, which never ran.
pub fn is_unheard(victim: &ZapVictim) -> bool {
    victim.had_sigterm_handler == Some(true) && victim.saw_sigterm == Some(false)
}

/// Everything about one termination.
#[derive(Debug, Clone)]
pub struct Story {
    /// The container's main process.
    pub main: Process,
    /// It is the PID 1 of a namespace.
    pub is_init: bool,
    pub container: Option<ContainerRef>,
    pub began: When,
    pub last: When,
    /// When the tracing began; null where nobody said so.
    pub watched_from: Option<u64>,
    /// Events were lost while this was in memory.
    pub lossy: bool,
    /// Signals to the main process that asked it to end.
    pub stops: Few<Hop>,
    /// The SIGKILL that ended it.
    pub kill: Option<Hop>,
    /// SIGKILLs for it that the kernel threw away.
    pub refused: Few<Hop>,
    /// What was to stop or kill it, of whom may not signal it.
    pub denied: Few<Hop>,
    /// The signal by which the kernel ended it for a fault of its own.
    pub fault: Option<Hop>,
    /// What it sent to itself.
    pub own: Few<Hop>,
    /// What it sent to others of its container.
    pub forwards: Few<Hop>,
    /// Other signals within its container.
    pub members: Few<Hop>,
    /// SIGKILLs of the OOM killer to others of its container.
    pub oom: Few<Hop>,
    /// SIGPIPEs for it that the kernel threw away, since it was first seen.
    pub sigpipes: u64,
    /// What was taken from its queue and thrown away then, without a known sender.
    pub lost_at_dequeue: Few<(When, SignalName)>,
    /// Signals refused because it was writing a core dump.
    pub during_core: Few<Hop>,
    pub exit: Option<Exited>,
    pub exits: Few<Exited>,
    /// SIGKILLs of its zap.
    pub zap_kills: Few<Hop>,
    pub zap: Option<Zapped>,
    /// Its end was part of the end of a namespace around it.
    pub outer: bool,
    pub timeline: Vec<TimelineEntry>,
    pub omitted: u64,
    /// How it stands at the moment of telling.
    pub state: State,
    /// For a picture, where one is wanted.
    pub scene: Option<Box<Scene>>,
}

/// How a story stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It goes on.
    Open,
    /// It should be over and is not.
    Stuck,
    /// It is over.
    Over,
    /// The container lives on.
    LivesOn,
}

impl Story {
    pub fn new(
        main: Process,
        is_init: bool,
        container: Option<ContainerRef>,
        when: When,
        watched_from: Option<u64>,
    ) -> Self {
        Self {
            main,
            is_init,
            container,
            began: when,
            last: when,
            watched_from,
            lossy: false,
            stops: Few::default(),
            kill: None,
            refused: Few::default(),
            denied: Few::default(),
            fault: None,
            own: Few::default(),
            forwards: Few::default(),
            members: Few::default(),
            oom: Few::default(),
            sigpipes: 0,
            lost_at_dequeue: Few::default(),
            during_core: Few::default(),
            exit: None,
            exits: Few::default(),
            zap_kills: Few::default(),
            zap: None,
            outer: false,
            timeline: Vec::new(),
            omitted: 0,
            state: State::Open,
            scene: None,
        }
    }

    pub fn stop(&mut self, hop: Hop) {
        self.stops.push(HOPS, hop);
    }

    pub fn refuse(&mut self, hop: Hop) {
        self.refused.push(HOPS, hop);
    }

    pub fn deny(&mut self, hop: Hop) {
        self.denied.push(HOPS, hop);
    }

    pub fn to_itself(&mut self, hop: Hop) {
        self.own.push(HOPS, hop);
    }

    pub fn forward(&mut self, hop: Hop) {
        self.forwards.push(MEMBER_HOPS, hop);
    }

    pub fn member(&mut self, hop: Hop) {
        self.members.push(MEMBER_HOPS, hop);
    }

    pub fn out_of_memory(&mut self, hop: Hop) {
        self.oom.push(HOPS, hop);
    }

    pub fn zap_kill(&mut self, hop: Hop) {
        self.zap_kills.push(MEMBER_HOPS, hop);
    }

    pub fn dumping(&mut self, hop: Hop) {
        self.during_core.push(HOPS, hop);
    }

    pub fn lost_at_dequeue(&mut self, when: When, signal: SignalName) {
        self.lost_at_dequeue.push(HOPS, (when, signal));
    }

    pub fn exited(&mut self, exited: Exited) {
        self.exits.push(PROCESSES, exited);
    }

    /// The zap has begun, and killed these.
    pub fn zap_begins(&mut self, when: When, killed: &[ZapVictim]) {
        let mut few = Few::default();
        // Those that never heard first: they are who the story is about.
        let (unheard, rest): (Vec<_>, Vec<_>) = killed.iter().partition(|v| is_unheard(v));
        let count = unheard.len() as u64;
        for victim in unheard.into_iter().chain(rest) {
            few.push(PROCESSES, victim.clone());
        }
        self.zap = Some(Zapped {
            began: when,
            ended: None,
            duration_ns: None,
            killed: few,
            unheard: count,
        });
    }

    /// Where a signal that was taken belongs.
    pub fn taken(&mut self, generated: Option<u64>, signal: u32, taker: &Process, taken: Taken) {
        let lists = [
            &mut self.stops.kept,
            &mut self.own.kept,
            &mut self.forwards.kept,
            &mut self.members.kept,
        ];
        let hop = lists.into_iter().flatten().rev().find(|hop| {
            hop.taken.is_none()
                && hop.signal.number == signal
                && key(&hop.target) == key(taker)
                && generated.is_none_or(|at| at == hop.when.mono_ns)
                && hop.when.mono_ns <= taken.mono_ns
        });
        if let Some(hop) = hop {
            hop.taken = Some(taken);
        }
    }

    /// Adds to the timeline; a landmark also where it is full.
    pub fn note(&mut self, reference: Reference, is_landmark: bool, text: String) {
        let limit = if is_landmark { 2 * TIMELINE } else { TIMELINE };
        if self.timeline.len() < limit {
            self.timeline.push(TimelineEntry { reference, text });
        } else {
            self.omitted += 1;
        }
    }

    /// Something befell it that makes its end worth telling.
    pub fn is_news(&self) -> bool {
        !self.outer
            && (!self.stops.is_empty()
                || self.kill.is_some()
                || !self.refused.is_empty()
                || !self.denied.is_empty()
                || self.fault.is_some()
                || !self.oom.is_empty()
                || self.state == State::Stuck
                || self.zap.as_ref().is_some_and(|zap| zap.unheard > 0)
                || self.exit_signal().is_some())
    }

    pub fn exit_signal(&self) -> Option<u32> {
        self.exit.as_ref()?.signal.as_ref().map(|s| s.number)
    }

    /// The first signal that asked it to end; where none could be sent, the first
    /// that was to.
    pub fn first_stop(&self) -> Option<&Hop> {
        let is_stop = |hop: &&Hop| hop.signal.number != SIGKILL;
        self.stops
            .first()
            .or_else(|| self.denied.iter().find(is_stop))
    }

    /// From the stop signal to the SIGKILL.
    pub fn grace_ns(&self) -> Option<u64> {
        let (stop, kill) = (self.first_stop()?, self.kill.as_ref()?);
        Some(kill.when.mono_ns.saturating_sub(stop.when.mono_ns))
    }

    /// When its main process was gone, and its namespace with it.
    pub fn ended(&self) -> Option<When> {
        match (&self.zap, &self.exit) {
            (Some(zap), _) => zap.ended,
            (None, Some(exit)) if self.state == State::Over => Some(exit.when),
            _ => None,
        }
    }

    /// The other processes that were there when it ended.
    pub fn victims(&self) -> &[ZapVictim] {
        self.zap.as_ref().map_or(&[], |zap| &zap.killed)
    }

    /// Whether a process of its container is known to have ended.
    pub fn has_exited(&self, process: &Process) -> bool {
        self.exits
            .iter()
            .any(|exited| key(&exited.process) == key(process))
    }
}

/// What ties two records of one termination together.
pub fn id_of(story: &Story) -> String {
    let (pid, start) = key(&story.main).unwrap_or_default();
    format!("{pid}-{start}-{}", story.began.mono_ns)
}

/// The public record, but for its diagnoses.
pub fn record(story: &Story, when: When) -> Episode {
    use crate::record::EpisodeState;
    let zap = story.zap.as_ref();
    Episode {
        when,
        id: id_of(story),
        container: story.container.clone(),
        init: story.main.clone(),
        state: match story.state {
            State::Open => EpisodeState::Open,
            State::Stuck => EpisodeState::Stuck,
            State::Over | State::LivesOn => EpisodeState::Closed,
        },
        ending: super::judge::ending(story),
        ungraceful: super::judge::is_ungraceful(story),
        began: story.began,
        ended: story.ended(),
        stop_signal: story.first_stop().map(|hop| hop.signal.clone()),
        stop_sender: story.first_stop().map(|hop| hop.sender.clone()),
        grace_ns: story.grace_ns(),
        kill_sender: story.kill.as_ref().map(|hop| hop.sender.clone()),
        exit_code: story.exit.as_ref().and_then(Exited::shell_code),
        killed_by_zap: zap.map(|zap| zap.killed.to_vec()),
        killed_by_zap_total: zap.map(|zap| zap.killed.total),
        zap_ns: zap.and_then(|zap| zap.duration_ns),
        summary: super::words::summary(story),
        diagnoses: Vec::new(),
        timeline: story.timeline.clone(),
        timeline_omitted: story.omitted,
        complete: true,
        unknown: Vec::new(),
    }
}
