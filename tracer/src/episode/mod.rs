//! The unit of an answer: one termination of one container, from the first sign
//! of it to the end of its PID namespace.
//!
//! A state machine over records, streaming and of bounded memory; time is the
//! stream's own, so a recording tells the same as the live stream did. It needs
//! nothing but records, does no I/O, and knows neither what was wrong
//! ([`crate::diagnosis`]) nor how it is printed.
//!
//! Not every signal begins an episode. What does: a signal that asks for the end
//! ([`judge::meaning`]), any SIGKILL, a fault that is fatal, an OOM kill, and an
//! init that ends while others have a SIGTERM handler. A reload (SIGHUP) or a
//! handler that does not mean to end is remembered for a while and told nobody.

use std::collections::HashMap;

use tracer_common::signals::{self, SIGABRT, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGWINCH, SIGXCPU};

use crate::decide::{Outcome, Reason, sender::Kind};
use crate::record::{
    self, ContainerRef, Process, Record, Reference, Referred, Signal, SignalName, When, ZapPhase,
};

pub mod judge;
mod members;
pub mod story;
#[cfg(test)]
pub(crate) mod tape;
#[cfg(test)]
mod tests;
pub mod words;

use judge::Meaning;
use story::{Exited, Hop, Key, State, Story, Taken, key};

const SECOND: u64 = 1_000_000_000;

/// How long after its end an episode is told: what is still on its way (the
/// counters of losses come once a second) belongs to it.
pub const SETTLE_NS: u64 = 1_200_000_000;

/// How long an end may take before it is called stuck.
pub const STUCK_NS: u64 = 5 * SECOND;

/// How long after a stop signal from outside a container counts as living on.
/// Common graces are 10 and 30 s.
pub const QUIET_NS: u64 = 120 * SECOND;

/// The same for one from inside or from the terminal, after which nobody sends
/// a SIGKILL of its own accord.
pub const QUIET_INSIDE_NS: u64 = 3 * SECOND;

/// A SIGKILL this long after a stop signal still belongs to it.
const LONGEST_GRACE_NS: u64 = 3_600 * SECOND;

/// A signal that may have been meant to stop, and a SIGKILL after it.
const PERHAPS_NS: u64 = 600 * SECOND;

/// Containers followed at one time. One takes 2 KiB, and at the very most 150.
pub const LIMIT: usize = 512;

/// Filters under which a stream still has all that an episode is made of.
const HARMLESS: [&str; 7] = [
    "--container",
    "--runtime",
    "--pod",
    "--namespace",
    "--host",
    "--all",
    "--no-names",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
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
struct Entry {
    story: Story,
    phase: Phase,
    /// When the last thing came that asked it to end.
    attempt: u64,
    /// How long after that it counts as living on.
    quiet: u64,
    /// A signal that may have been its stop signal.
    perhaps: Option<Hop>,
    /// It was told, and then lived on.
    rested: bool,
    told_stuck: bool,
    /// Who goes first where there is no more room.
    touched: u64,
}

impl Entry {
    fn due(&self) -> Option<u64> {
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
        (self.story, self.rested) = (story, false);
    }

    fn open(&mut self, when: When) {
        if self.phase == Phase::Dormant {
            if self.story.stops.is_empty() {
                self.story.began = when;
            }
            self.phase = Phase::Open;
        }
        self.attempt = when.mono_ns;
    }

    fn dying(&mut self, when: When) {
        if !matches!(self.phase, Phase::Dying { .. } | Phase::Over { .. }) {
            self.open(when);
            self.phase = Phase::Dying {
                since: when.mono_ns,
            };
        }
    }
}

/// Follows the terminations of a stream.
#[derive(Debug)]
pub struct Episodes {
    entries: HashMap<Key, Entry>,
    /// The init of a PID namespace, by its inode.
    by_namespace: HashMap<u32, Key>,
    /// Containers that share a PID namespace, by their id.
    by_container: HashMap<String, Key>,
    /// Who was killed by whose end, and has not been seen to exit.
    awaited: HashMap<Key, Key>,
    now: u64,
    next_due: Option<u64>,
    touches: u64,
    lost: u64,
    watched_from: Option<u64>,
    /// Filters hide a part of what episodes are made of.
    is_narrowed: bool,
    sees_zap: bool,
}

impl Default for Episodes {
    fn default() -> Self {
        Self::new()
    }
}

impl Episodes {
    pub fn new() -> Self {
        Self {
            entries: HashMap::new(),
            by_namespace: HashMap::new(),
            by_container: HashMap::new(),
            awaited: HashMap::new(),
            now: 0,
            next_due: None,
            touches: 0,
            lost: 0,
            watched_from: None,
            is_narrowed: false,
            sees_zap: true,
        }
    }

    /// Takes a record, and appends the stories that are to be told by its time.
    pub fn take(&mut self, record: &Record, told: &mut Vec<Story>) {
        // Nothing came until now.
        self.tick(record.mono_ns(), told);
        match record {
            Record::Start(start) => {
                *self = Self::new();
                self.watched_from = Some(start.when.mono_ns);
                self.is_narrowed = start.filters.iter().any(|filter| narrows(filter));
                self.sees_zap = start.hooks.get("zap").is_none_or(Option::is_some);
            }
            Record::Loss(loss) => {
                if loss.ring_full > self.lost {
                    self.lost = loss.ring_full;
                    for entry in self.entries.values_mut() {
                        entry.story.lossy = true;
                    }
                }
            }
            _ if self.is_narrowed => {}
            Record::Signal(r) => self.signal(r),
            Record::Deliver(r) => self.deliver(r),
            Record::Exit(r) => self.exit(r),
            Record::Zap(r) => self.zap(r),
            Record::Episode(_) | Record::Stop(_) => {}
        }
    }

    /// The stream's time is this, whether or not a record says so.
    pub fn tick(&mut self, mono_ns: u64, told: &mut Vec<Story>) {
        self.now = self.now.max(mono_ns);
        if self.next_due.is_none_or(|due| due > self.now) {
            return;
        }
        let now = self.now;
        let mut due: Vec<(u64, Key)> = self
            .entries
            .iter()
            .filter_map(|(key, entry)| Some((entry.due()?, *key)))
            .filter(|(due, _)| *due <= now)
            .collect();
        due.sort_unstable();
        for (_, key) in due {
            self.tell(key, told);
        }
        self.next_due = self.entries.values().filter_map(Entry::due).min();
    }

    /// When [`Self::tick`] has something to do, in the stream's time.
    pub fn due(&self) -> Option<u64> {
        self.next_due
    }

    /// Whether something is under way that has not come to its end.
    pub fn is_waiting(&self) -> bool {
        self.entries.values().any(|entry| match entry.phase {
            Phase::Open => true,
            Phase::Dying { .. } => !entry.told_stuck,
            Phase::Dormant | Phase::Over { .. } => false,
        })
    }

    /// The stream has ended: what is left is told as it is.
    pub fn finish(&mut self, told: &mut Vec<Story>) {
        let mut left: Vec<Key> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.phase != Phase::Dormant && !entry.told_stuck)
            .map(|(key, _)| *key)
            .collect();
        left.sort_by_key(|key| self.entries.get(key).map(|e| e.story.began.mono_ns));
        for key in left {
            if let Some(mut entry) = self.remove(key) {
                let is_over = matches!(entry.phase, Phase::Over { .. });
                entry.story.state = if is_over { State::Over } else { State::Open };
                if entry.story.is_news() {
                    told.push(entry.story);
                }
            }
        }
        self.next_due = None;
    }

    fn tell(&mut self, key: Key, told: &mut Vec<Story>) {
        let now = self.now;
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        match entry.phase {
            Phase::Dormant => {}
            Phase::Open => {
                entry.story.state = State::LivesOn;
                if entry.story.is_news() {
                    told.push(entry.story.clone());
                }
                (entry.phase, entry.rested) = (Phase::Dormant, true);
                entry.story.state = State::Open;
            }
            Phase::Dying { .. } => {
                entry.told_stuck = true;
                entry.story.state = State::Stuck;
                entry.story.last.mono_ns = entry.story.last.mono_ns.max(now);
                if entry.story.is_news() {
                    told.push(entry.story.clone());
                }
                entry.story.state = State::Open;
            }
            Phase::Over { .. } => {
                if let Some(mut entry) = self.remove(key) {
                    entry.story.state = State::Over;
                    if entry.story.is_news() || entry.told_stuck {
                        told.push(entry.story);
                    }
                }
            }
        }
    }

    fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.entries.remove(&key)?;
        self.by_namespace.retain(|_, of| *of != key);
        self.by_container.retain(|_, of| *of != key);
        self.awaited.retain(|_, of| *of != key);
        Some(entry)
    }

    /// The entry of a main process, made now where there is none.
    fn entry(
        &mut self,
        main: &Process,
        is_init: bool,
        container: Option<&ContainerRef>,
        when: When,
    ) -> Option<&mut Entry> {
        let key = key(main)?;
        self.adopt(key, main);
        if !self.entries.contains_key(&key) {
            self.make_room();
            // The namespace's inode is reused: its former init is gone.
            if let Some(inode) = main.pid_ns.filter(|_| is_init) {
                if let Some(former) = self.by_namespace.get(&inode).copied() {
                    self.remove(former);
                }
                self.by_namespace.insert(inode, key);
            }
            if let Some(id) = container.and_then(|c| c.id.clone()).filter(|_| !is_init) {
                self.by_container.insert(id, key);
            }
            let story = Story::new(
                main.clone(),
                is_init,
                container.cloned(),
                when,
                self.watched_from,
            );
            self.entries.insert(
                key,
                Entry {
                    story,
                    phase: Phase::Dormant,
                    attempt: when.mono_ns,
                    quiet: QUIET_INSIDE_NS,
                    perhaps: None,
                    rested: false,
                    told_stuck: false,
                    touched: 0,
                },
            );
        }
        self.touches += 1;
        let touched = self.touches;
        let entry = self.entries.get_mut(&key)?;
        entry.touched = touched;
        let story = &mut entry.story;
        if story.last.mono_ns <= when.mono_ns {
            story.last = when;
        }
        // A name is often known only a moment later, and an exec gives a new one.
        if let Some(container) = container
            && (container.id.is_some() || story.container.as_ref().is_none_or(|c| c.id.is_none()))
        {
            story.container = Some(container.clone());
        }
        if main.comm.is_some() && story.exit.is_none() && main.tid == main.pid {
            (story.main, story.is_init) = (main.clone(), is_init);
        }
        Some(entry)
    }

    fn make_room(&mut self) {
        while self.entries.len() >= LIMIT {
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(_, entry)| (entry.phase != Phase::Dormant, entry.touched))
                .map(|(key, _)| *key);
            match oldest {
                Some(key) => self.remove(key),
                None => return,
            };
        }
    }

    fn wake_at(&mut self, key: Key) {
        if let Some(due) = self.entries.get(&key).and_then(Entry::due) {
            self.next_due = Some(self.next_due.map_or(due, |next| next.min(due)));
        }
    }

    fn signal(&mut self, r: &Signal) {
        let sig = r.signal.number;
        let by_process = r.sender.kind == Kind::Process;
        if r.target.is_global_init
            || (signals::contains(signals::DEFAULT_IGNORE, sig) && !(sig == SIGWINCH && by_process))
        {
            return;
        }
        if r.sender.kind == Kind::Zap {
            return self.zap_kill(r);
        }
        let is_known_main = key(&r.target.process)
            .and_then(|key| self.entries.get(&key))
            .is_some();
        if r.target.is_init || is_known_main || members::is_shared_main(r) {
            self.to_main(r);
        } else {
            self.to_member(r);
        }
    }

    fn to_main(&mut self, r: &Signal) {
        let process = &r.target.process;
        let sig = r.signal.number;
        let is_by_itself = r.sender.kind == Kind::Process
            && (r.sender.process.pid, r.sender.process.start_ns) == (process.pid, process.start_ns);
        // Most of what an init gets has nothing to do with its end.
        let is_other = r.sender.kind == Kind::Process && judge::meaning(r) == Meaning::Other;
        if is_other && sig != SIGKILL && sig != SIGABRT && r.reason != Reason::CoreDumping {
            return;
        }
        let Some(entry) = self.entry(
            process,
            r.target.is_init,
            process.container.as_ref(),
            r.when,
        ) else {
            return;
        };
        let is_protected = r.reason == Reason::UnkillableInit;
        let hop = Hop::new(r);
        match (r.sender.kind, sig) {
            (Kind::Io, SIGPIPE) if is_protected => {
                entry.story.sigpipes += 1;
                return;
            }
            (Kind::Fault, _) if r.outcome == Outcome::Fatal => {
                entry.note_hop(&hop);
                entry.dying(r.when);
                entry.story.fault.get_or_insert(hop);
            }
            // Queued where the target is frozen.
            (_, SIGKILL) if matches!(r.outcome, Outcome::Fatal | Outcome::Queued) => {
                entry.killed(hop);
            }
            _ if is_by_itself => {
                if !entry.story.stops.is_empty() || sig == SIGABRT {
                    entry.note_hop(&hop);
                }
                entry.story.to_itself(hop);
            }
            (Kind::Kernel, SIGXCPU) => entry.story.to_itself(hop),
            _ if r.reason == Reason::CoreDumping => {
                entry.note_hop(&hop);
                entry.story.dumping(hop);
            }
            (_, SIGKILL) if is_protected => {
                entry.attempt(&hop);
                entry.story.refuse(hop);
            }
            (Kind::ParentDeath, _) => entry.asked(hop),
            (Kind::Tty, SIGINT | SIGQUIT) => entry.asked(hop),
            (Kind::Process, _) if r.reason != Reason::TargetExiting => match judge::meaning(r) {
                Meaning::Stop => entry.asked(hop),
                Meaning::Perhaps => entry.perhaps = Some(hop),
                Meaning::Other => {}
            },
            _ => {}
        }
        if let Some(key) = key(process) {
            self.wake_at(key);
        }
    }

    fn deliver(&mut self, r: &record::Deliver) {
        let process = &r.target.process;
        let Some(entry) = self.of(process) else {
            return;
        };
        let is_main = key(&entry.story.main) == key(process);
        let taken = Taken {
            mono_ns: r.when.mono_ns,
            outcome: r.outcome,
            reason: r.reason,
        };
        let sig = r.signal.number;
        entry.story.taken(r.generated_mono_ns, sig, process, taken);
        if let Some(perhaps) = &mut entry.perhaps
            && is_main
            && r.generated_mono_ns == Some(perhaps.when.mono_ns)
        {
            perhaps.taken = Some(taken);
        }
        if is_main && r.reason == Reason::UnkillableInitAtDequeue {
            let signal = SignalName {
                number: sig,
                name: r.signal.name.clone(),
            };
            let text = format!(
                "{} is dropped when {} takes it: there is no handler",
                signal.name,
                words::process(process)
            );
            entry.story.lost_at_dequeue(r.when, signal);
            entry
                .story
                .note(reference(r.when, Referred::Deliver), false, text);
        } else if is_main && r.outcome == Outcome::Handled && entry.phase != Phase::Dormant {
            let text = format!(
                "a handler of {} takes {}",
                words::process(process),
                r.signal.name
            );
            entry
                .story
                .note(reference(r.when, Referred::Deliver), false, text);
        }
    }

    fn exit(&mut self, r: &record::Exit) {
        let exited = Exited {
            when: r.when,
            process: r.process.clone(),
            code: r.exit_code,
            signal: r.signal.clone(),
            core_dumped: r.core_dumped,
        };
        let Some(own) = key(&r.process) else { return };
        let known = self.entries.get(&own).is_some();
        if !r.is_init && !known {
            return self.member_exits(own, exited);
        }
        let ends_here = !r.is_init || !self.sees_zap;
        let Some(entry) = self.entry(&r.process, r.is_init, r.container.as_ref(), r.when) else {
            return;
        };
        entry.before_exit(r.when);
        let text = words::exited(&exited);
        entry.story.note(exited.reference(), true, text);
        entry.dying(r.when);
        // What an exit follows on is counted from the exit.
        if !matches!(entry.phase, Phase::Over { .. }) {
            entry.phase = Phase::Dying {
                since: r.when.mono_ns,
            };
        }
        entry.story.exit.get_or_insert(exited);
        if ends_here {
            entry.phase = Phase::Over { at: r.when.mono_ns };
        }
        self.wake_at(own);
    }

    fn zap(&mut self, r: &record::Zap) {
        let Some(own) = key(&r.init) else { return };
        let Some(entry) = self.entry(&r.init, true, r.container.as_ref(), r.when) else {
            return;
        };
        match r.phase {
            ZapPhase::Begin => {
                entry
                    .story
                    .zap_begins(r.when, r.killed.as_deref().unwrap_or_default());
                let count = r.killed.as_ref().map_or(0, Vec::len) as u64;
                let text = format!(
                    "its PID namespace ends, and takes {} along",
                    words::processes(count)
                );
                entry
                    .story
                    .note(reference(r.when, Referred::Zap), true, text);
                entry.dying(r.when);
                if !matches!(entry.phase, Phase::Over { .. }) {
                    entry.phase = Phase::Dying {
                        since: r.when.mono_ns,
                    };
                }
            }
            ZapPhase::End => {
                if let Some(zap) = &mut entry.story.zap {
                    zap.ended = Some(r.when);
                    zap.duration_ns = r.duration_ns;
                }
                let text = "its PID namespace has ended".to_owned();
                entry
                    .story
                    .note(reference(r.when, Referred::Zap), true, text);
                entry.phase = Phase::Over { at: r.when.mono_ns };
            }
        }
        self.wake_at(own);
    }
}

impl Entry {
    fn note_hop(&mut self, hop: &Hop) {
        self.story.note(hop.reference(), true, words::hop(hop));
    }

    /// Somebody asked it to end, or tried to end it.
    fn attempt(&mut self, hop: &Hop) {
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

    fn asked(&mut self, hop: Hop) {
        let since = |stop: &Hop| hop.when.mono_ns.saturating_sub(stop.when.mono_ns);
        let is_old = |stop: &Hop| since(stop) > LONGEST_GRACE_NS;
        if self.story.first_stop().is_some_and(is_old) && self.phase == Phase::Open {
            // Asked again and again, and always handled.
            self.restart(hop.when);
        }
        self.attempt(&hop);
        self.story.stop(hop);
    }

    /// A SIGKILL that it does not survive.
    fn killed(&mut self, hop: Hop) {
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

    fn before_exit(&mut self, when: When) {
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
            self.story.stop(perhaps);
        }
    }
}

fn reference(when: When, record: Referred) -> Reference {
    Reference {
        mono_ns: when.mono_ns,
        record,
    }
}

/// Whether a filter hides a part of what an episode is made of.
fn narrows(filter: &str) -> bool {
    let name = filter.split(' ').next().unwrap_or_default();
    !HARMLESS.contains(&name)
}
