//! What is known about containers, for the path of events: a look-up reads no
//! file, waits for nobody, and costs the same however many there are.
//!
//! Neither key alone is the container. Of a cgroup the kernel's id is never
//! reused, and it tells containers apart that share a PID namespace
//! (`shareProcessNamespace`, `--pid=container:X`) or have none of their own
//! (`--pid=host`). A PID namespace tells those apart that were given no cgroup,
//! holds who came in by nsenter, and may be an inner one that a container made
//! for itself. So the cgroup is asked first, then the namespace; its inode is
//! reused at once, and an entry belongs to the init that it was made for.
//!
//! What is not known becomes a [`Question`] in [`Registry::wants`]; the answer
//! comes back through [`Registry::learn`]. A runtime writes its files some
//! milliseconds after it made the cgroup, so a poor answer is asked again a few
//! times, and then left alone for a while.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};
use std::sync::Arc;

use super::Identity;
use super::cgroupfs::CgroupId;
use super::process::ProcessId;
use super::resolve::{Answer, Question, Subject, Verdict};
use clock::Clock;
use entry::{Entry, State, is_same};
pub use place::{Found, Place};

pub(super) mod clock;
mod entry;
mod place;
mod rename;
#[cfg(test)]
mod tests;

/// Cgroups, and PID namespaces, that are known at one time.
pub const LIMIT: usize = 16_384;
/// How long a container that has ended is remembered, for events that come late.
pub const KEEP_NS: u64 = 180 * SECOND;
/// When to ask again after each poor answer.
const AGAIN_NS: [u64; 5] = [
    20_000_000,
    100_000_000,
    400_000_000,
    2 * SECOND,
    10 * SECOND,
];
/// After the last of them: not before this, and only if it is seen again.
const REST_NS: u64 = 60 * SECOND;
const SECOND: u64 = 1_000_000_000;

/// All that is known.
#[derive(Debug)]
pub struct Registry {
    cgroups: Clock<CgroupId, Entry>,
    namespaces: Clock<u32, Entry>,
    /// The same container, found by several of its cgroups and by its namespace.
    by_id: Clock<Box<str>, Arc<Identity>>,
    /// Questions by when they are due.
    due: BinaryHeap<Reverse<(u64, u64)>>,
    subjects: Clock<u64, Subject>,
    /// The number of the next question: they are due in the order they came in.
    serial: u64,
    /// What has ended, by when it is to be forgotten.
    ended: VecDeque<(u64, Subject, Option<ProcessId>)>,
    /// What was answered differently than before.
    renamed: Vec<Subject>,
    hosted: HashSet<CgroupId>,
    hosted_changed: bool,
    limit: usize,
}

impl Registry {
    pub fn new() -> Self {
        Self::with_limit(LIMIT)
    }

    /// With room for so many cgroups, and as many PID namespaces.
    pub fn with_limit(limit: usize) -> Self {
        Self {
            cgroups: Clock::new(limit),
            namespaces: Clock::new(limit),
            by_id: Clock::new(limit),
            due: BinaryHeap::new(),
            subjects: Clock::new(2 * limit),
            serial: 0,
            ended: VecDeque::new(),
            renamed: Vec::new(),
            hosted: HashSet::new(),
            hosted_changed: false,
            limit,
        }
    }

    /// Whose a process is. What is unknown is then in [`wants`](Self::wants).
    /// `now`: CLOCK_BOOTTIME in nanoseconds, as everywhere here.
    pub fn find(&mut self, place: &Place, now: u64) -> Found {
        let mut is_pending = false;
        for (hierarchy, id) in place.ids() {
            let id = CgroupId { hierarchy, id };
            let Some(entry) = self.cgroups.get_mut(&id) else {
                let entry = Entry::new(Some(place.process));
                self.insert(Subject::Cgroup(id), entry, now);
                is_pending = true;
                continue;
            };
            is_pending |= entry.is_pending();
            let asks = entry.may_ask(now);
            let found = match &entry.state {
                State::Named(identity) if !place.is_inside_of(identity) => entry.show(place),
                _ => None,
            };
            if asks {
                entry.process = Some(place.process);
                self.ask(Subject::Cgroup(id), now);
            }
            if let Some(found) = found {
                return Found::Named(found);
            }
        }
        match self.by_namespace(place, now) {
            // The namespace may be shared, and then it is another's: a wrong name
            // is worse than a late one.
            Found::Named(_) if is_pending => Found::Pending,
            Found::Nobody if is_pending => Found::Pending,
            found => found,
        }
    }

    fn by_namespace(&mut self, place: &Place, now: u64) -> Found {
        let Some((init, _)) = place.init.filter(|_| place.level > 0) else {
            return Found::Nobody;
        };
        let subject = Subject::PidNs(place.pid_ns);
        let known = self.namespaces.get_mut(&place.pid_ns);
        let Some(entry) = known.filter(|entry| entry.process.is_some_and(|p| is_same(p, init)))
        else {
            // New, or another one that got the inode.
            self.insert(subject, Entry::new(Some(init)), now);
            return Found::Pending;
        };
        let found = match entry.show(place) {
            Some(container) => Found::Named(container),
            None if entry.is_pending() => Found::Pending,
            None => Found::Nobody,
        };
        if entry.may_ask(now) {
            self.ask(subject, now);
        }
        found
    }

    /// A cgroup that has just been made. Names of containers are asked for before
    /// the first event then.
    pub fn cgroup_created(&mut self, id: CgroupId, path: &str, now: u64) {
        let mut entry = Entry::new(None);
        entry.path = Some(path.into());
        // The runtime's files come a little later.
        self.insert(Subject::Cgroup(id), entry, now + AGAIN_NS[0]);
    }

    /// A cgroup that was removed: no process can come into it any more.
    pub fn cgroup_removed(&mut self, id: CgroupId, now: u64) {
        self.end(Subject::Cgroup(id), None, now);
    }

    /// A PID namespace whose init has ended.
    pub fn namespace_ended(&mut self, pid_ns: u32, init: ProcessId, now: u64) {
        self.end(Subject::PidNs(pid_ns), Some(init), now);
    }

    /// Whether nothing more is to be learned about whose a process is. What
    /// [`find`](Self::find) says then is final, as long as the process and its
    /// init stay where they are.
    pub fn is_settled(&self, place: &Place) -> bool {
        for (hierarchy, id) in place.ids() {
            let Some(entry) = self.cgroups.peek(&CgroupId { hierarchy, id }) else {
                return false;
            };
            if !entry.is_settled() {
                return false;
            }
            if matches!(&entry.state, State::Named(identity) if !place.is_inside_of(identity)) {
                return true;
            }
        }
        let Some((init, _)) = place.init.filter(|_| place.level > 0) else {
            return true;
        };
        self.namespaces.peek(&place.pid_ns).is_some_and(|entry| {
            entry.process.is_some_and(|process| is_same(process, init)) && entry.is_settled()
        })
    }

    /// What has another name since the last call: whoever acted upon the old one
    /// has to think again.
    pub fn take_renamed(&mut self) -> Vec<Subject> {
        std::mem::take(&mut self.renamed)
    }

    /// Cgroups of containers that run in the host's PID namespace, where those have
    /// changed since the last call.
    pub fn take_hosted(&mut self) -> Option<&HashSet<CgroupId>> {
        std::mem::take(&mut self.hosted_changed).then_some(&self.hosted)
    }

    /// Questions that are due. Each comes once until it is answered.
    pub fn wants(&mut self, now: u64) -> Vec<Question> {
        self.sweep(now);
        let mut questions = Vec::new();
        while let Some(Reverse((at, _))) = self.due.peek()
            && *at <= now
        {
            let Some(Reverse((_, serial))) = self.due.pop() else {
                break;
            };
            let Some(subject) = self.subjects.remove(&serial) else {
                continue;
            };
            if let Some(entry) = self.entry(subject) {
                questions.push(Question {
                    subject,
                    process: entry.process,
                    path: entry.path.as_deref().map(str::to_owned),
                });
            }
        }
        questions
    }

    /// When the next question is due, for who waits.
    pub fn next_want(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes in an answer, also one that was not asked for.
    pub fn learn(&mut self, answer: Answer, now: u64) {
        let Answer {
            subject,
            process,
            verdict,
        } = answer;
        let found = match verdict {
            Verdict::Container(identity) => State::Named(self.shared(*identity)),
            Verdict::Host => State::Host,
            Verdict::Unknown => State::Unknown,
        };
        if let (State::Named(identity), Subject::Cgroup(id)) = (&found, subject) {
            self.hosted_changed |= match identity.is_hosted() {
                true => self.hosted.insert(id),
                false => self.hosted.remove(&id),
            };
        }
        let Some(entry) = self.entry(subject) else {
            let mut entry = Entry::new(process);
            entry.state = found;
            self.insert_quietly(subject, entry);
            return;
        };
        if matches!(subject, Subject::PidNs(_))
            && !matches!((entry.process, process), (Some(a), Some(b)) if is_same(a, b))
        {
            // The inode is another namespace's by now.
            return;
        }
        // A container that has ended is still called what it was called.
        let is_worse = match (&found, &entry.state) {
            (State::Unknown | State::Host, State::Named(_)) => true,
            (State::Named(new), State::Named(old)) => old.complete && !new.complete,
            _ => false,
        };
        let is_renamed = !is_worse && entry.tries > 0 && !entry.state.is_same(&found);
        if !is_worse {
            entry.state = found;
            entry.shown = None;
        }
        entry.asked = false;
        let again = AGAIN_NS.get(usize::from(entry.tries)).copied();
        let is_poor = entry.is_poor();
        entry.tries = if is_poor {
            entry.tries.saturating_add(1)
        } else {
            0
        };
        if is_renamed && self.renamed.len() < self.limit {
            self.renamed.push(subject);
        }
        if !is_poor {
            return;
        }
        match again {
            Some(pause) => self.ask(subject, now + pause),
            None => {
                if let Some(entry) = self.entry(subject) {
                    entry.rests_until = now + REST_NS;
                }
            }
        }
    }

    /// What is known about a container beyond its records, by its full id.
    pub fn identity(&self, id: &str) -> Option<&Identity> {
        self.by_id.peek(&Box::from(id)).map(Arc::as_ref)
    }

    /// Cgroups and PID namespaces that are known.
    pub fn len(&self) -> usize {
        self.cgroups.len() + self.namespaces.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap, without the names themselves.
    pub fn heap(&self) -> usize {
        self.cgroups.heap()
            + self.namespaces.heap()
            + self.by_id.heap()
            + self.subjects.heap()
            + self.due.capacity() * size_of::<(u64, u64)>()
            + self.ended.capacity() * size_of::<(u64, Subject, Option<ProcessId>)>()
    }

    /// To be changed, which is no reason to keep it.
    fn entry(&mut self, subject: Subject) -> Option<&mut Entry> {
        match subject {
            Subject::Cgroup(id) => self.cgroups.peek_mut(&id),
            Subject::PidNs(inode) => self.namespaces.peek_mut(&inode),
        }
    }

    fn insert_quietly(&mut self, subject: Subject, entry: Entry) {
        match subject {
            Subject::Cgroup(id) => {
                if let Some((lost, _)) = self.cgroups.insert(id, entry) {
                    self.hosted_changed |= self.hosted.remove(&lost);
                }
            }
            Subject::PidNs(inode) => drop(self.namespaces.insert(inode, entry)),
        }
    }

    fn insert(&mut self, subject: Subject, entry: Entry, at: u64) {
        self.insert_quietly(subject, entry);
        self.ask(subject, at);
    }

    /// Plans a question, unless there is one.
    fn ask(&mut self, subject: Subject, at: u64) {
        // What was let go leaves its question behind until that is due.
        if self.due.len() >= 4 * self.limit {
            return;
        }
        let serial = self.serial;
        let Some(entry) = self.entry(subject).filter(|entry| !entry.asked) else {
            return;
        };
        entry.asked = true;
        self.serial += 1;
        self.due.push(Reverse((at, serial)));
        if let Some((_, lost)) = self.subjects.insert(serial, subject)
            && let Some(entry) = self.entry(lost)
        {
            entry.asked = false;
        }
    }

    /// One copy of what several cgroups say alike.
    fn shared(&mut self, identity: Identity) -> Arc<Identity> {
        let Some(id) = identity.id.as_deref() else {
            return Arc::new(identity);
        };
        let key = Box::from(id);
        if let Some(known) = self.by_id.get_mut(&key)
            && **known == identity
        {
            return known.clone();
        }
        let shared = Arc::new(identity);
        self.by_id.insert(key, shared.clone());
        shared
    }

    fn end(&mut self, subject: Subject, process: Option<ProcessId>, now: u64) {
        if self.ended.len() >= 2 * self.limit {
            self.ended.pop_front();
        }
        if self.entry(subject).is_some() {
            self.ended.push_back((now + KEEP_NS, subject, process));
        }
    }

    /// Forgets what has ended long ago.
    fn sweep(&mut self, now: u64) {
        while self.ended.front().is_some_and(|(until, ..)| *until <= now) {
            let Some((_, subject, process)) = self.ended.pop_front() else {
                break;
            };
            match subject {
                Subject::Cgroup(id) => {
                    self.hosted_changed |= self.hosted.remove(&id);
                    self.cgroups.remove(&id);
                }
                Subject::PidNs(inode) => {
                    let is_it = self.namespaces.peek(&inode).is_some_and(|entry| {
                        matches!((entry.process, process), (Some(a), Some(b)) if is_same(a, b))
                    });
                    if is_it {
                        self.namespaces.remove(&inode);
                    }
                }
            }
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}
