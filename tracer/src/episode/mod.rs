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

use crate::record::{ContainerRef, Preroll, Process, Record, When};

mod entry;
mod events;
mod hop;
pub mod judge;
mod members;
pub mod scene;
pub mod story;
#[cfg(test)]
pub(crate) mod tape;
#[cfg(test)]
mod tests;
pub mod words;

use entry::{Entry, Phase};
use story::{Key, State, Story, key};

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
    /// The begin of what comes of this container was forgotten by a flight recorder.
    partial: Option<ContainerRef>,
    /// Filters hide a part of what episodes are made of.
    is_narrowed: bool,
    /// Nobody knows what is in a container: whoever is asked to end counts as one.
    is_imported: bool,
    sees_zap: bool,
    /// Stories keep their scenes.
    pictures: bool,
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
            partial: None,
            is_narrowed: false,
            is_imported: false,
            sees_zap: true,
            pictures: false,
        }
    }

    /// Takes a record, and appends the stories that are to be told by its time.
    pub fn take(&mut self, record: &Record, told: &mut Vec<Story>) {
        // Nothing came until now.
        self.tick(record.mono_ns(), told);
        match record {
            Record::Start(start) => {
                *self = Self {
                    pictures: self.pictures,
                    ..Self::new()
                };
                self.watched_from = Some(start.when.mono_ns);
                self.is_narrowed = start.filters.iter().any(|filter| narrows(filter));
                self.is_imported = start.imported.is_some();
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
            Record::Preroll(r) => self.preroll(r),
            Record::Episode(_) | Record::Stop(_) => {}
        }
        if self.pictures && !self.is_narrowed {
            self.picture(record);
        }
    }

    /// Records are missing before this time: what is under way may lack a part, and of
    /// what begins then nobody knows what came before.
    pub fn gap(&mut self, mono_ns: u64) {
        for entry in self.entries.values_mut() {
            entry.story.lossy = true;
        }
        self.watched_from = Some(mono_ns);
    }

    /// What comes next is older than what came before: the stream's time goes back.
    fn preroll(&mut self, r: &Preroll) {
        self.now = r.since.mono_ns;
        self.watched_from = Some(r.since.mono_ns);
        self.partial = r.container.clone().filter(|_| !r.whole);
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
            let mut story = Story::new(
                main.clone(),
                is_init,
                container.cloned(),
                when,
                self.watched_from,
            );
            story.scene = self.pictures.then(Box::default);
            let is_partial = |(partial, own): (&ContainerRef, &ContainerRef)| {
                (&partial.id, partial.pid_ns) == (&own.id, own.pid_ns)
            };
            // Another tracer does not say when it lost something.
            story.lossy = (self.is_imported && self.lost > 0)
                || self.partial.as_ref().zip(container).is_some_and(is_partial);
            self.entries.insert(
                key,
                Entry {
                    story,
                    phase: Phase::Dormant,
                    attempt: when.mono_ns,
                    quiet: QUIET_INSIDE_NS,
                    perhaps: None,
                    perhaps_shot: None,
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
}

/// Whether a filter hides a part of what an episode is made of.
pub fn narrows(filter: &str) -> bool {
    let name = filter.split(' ').next().unwrap_or_default();
    !HARMLESS.contains(&name)
}
