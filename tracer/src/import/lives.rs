//! What becomes of each process, by what comes later in the text; looked up before
//! records are made.
//!
//! A number is a process's until its end, and another one's later. Where forks are not
//! recorded, a new life begins with the first thing that the former one cannot have
//! done or got.

use std::collections::{HashMap, HashSet};

use tracer_common::signals::{self, SIGKILL};

use super::event::{Event, NOBODY, What};
use super::verdict;
use super::zaps::{Sign, Zaps, before_ends};
use crate::record::Comm;

/// As long as the same thread goes on sending within this time of a SIGCHLD for an end,
/// it is still the same one: who ends tells of its dead children first, for their new
/// parent, and of its own end last (`exit_notify`, which is not interrupted).
const TELLING_NS: u64 = 100_000_000;

/// How soon no number comes back: all others come before.
const ZOMBIE_NS: u64 = 1_000_000_000;

/// A signal that ends a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fatal {
    /// From where on the process is dying.
    pub place: usize,
    /// Where it was sent.
    pub sent: Option<usize>,
    pub sig: u32,
}

/// One life of a number.
#[derive(Debug, Clone, Default)]
pub struct Fate {
    /// The place of its first event.
    pub from: usize,
    /// When it was seen to begin.
    pub forked: Option<u64>,
    /// It ends its PID namespace: the first and the last SIGKILL for it, by their
    /// places.
    pub zap: Option<(usize, usize)>,
    /// The place and the code of the SIGCHLD for its end.
    pub end: Option<(usize, i32)>,
    /// A SIGKILL, or a fault with no handler: nothing protects from them.
    sure: Option<Fatal>,
    /// Another one whose default action was taken.
    taken: Option<Fatal>,
    /// The only one that was waiting as a signal had ended it.
    waiting: Option<Fatal>,
}

impl Fate {
    /// The signal that ends it, where one is known.
    pub fn fatal(&self) -> Option<Fatal> {
        let is_before_zap = |fatal: &Fatal| self.zap.is_none_or(|(first, _)| fatal.place < first);
        // The default action passes an init by.
        let taken = self.taken.filter(|_| self.zap.is_none());
        let known = self.sure.into_iter().chain(taken).filter(is_before_zap);
        known
            .min_by_key(|fatal| fatal.place)
            .or(self.waiting.filter(is_before_zap))
    }

    /// By the word of its SIGCHLD it exited of its own accord.
    pub fn has_exited(&self) -> bool {
        self.end.is_some_and(|(_, code)| code == verdict::EXITED)
    }

    /// By the word of its SIGCHLD a signal ended it.
    pub fn was_killed(&self) -> bool {
        self.end
            .is_some_and(|(_, code)| (verdict::KILLED..=verdict::DUMPED).contains(&code))
    }
}

/// All lives, by pid and in their order.
#[derive(Debug, Default)]
pub struct Lives {
    of: HashMap<u32, Vec<Fate>>,
}

impl Lives {
    pub fn of(events: &[Event], process_of: &HashMap<u32, u32>) -> Self {
        let mut looking = Looking {
            events,
            process_of,
            sees_exits: events.iter().any(|event| event.what == What::Exit),
            lives: Self::default(),
            now: HashMap::new(),
            exiting: HashSet::new(),
            zaps: Zaps::default(),
        };
        looking.look();
        looking.lives
    }

    pub fn get(&self, pid: u32, number: usize) -> Option<&Fate> {
        self.of.get(&pid)?.get(number)
    }

    /// Which life a number is in at this place, if it was in that one before.
    pub fn number(&self, pid: u32, before: usize, at: usize) -> usize {
        let mut number = before;
        while self
            .get(pid, number + 1)
            .is_some_and(|fate| fate.from <= at)
        {
            number += 1;
        }
        number
    }
}

/// What is known of the present life of a number.
#[derive(Debug, Default)]
struct Now {
    /// Its leader was seen to exit.
    has_exited: bool,
    /// Its name then, which does not change any more.
    comm: Option<Comm>,
    /// What was queued for it and not taken, and where it was sent.
    queued: Vec<(u32, usize)>,
    /// A thread of it took the SIGKILL that all threads of an ended process take.
    took_kill: bool,
}

struct Looking<'a> {
    events: &'a [Event],
    process_of: &'a HashMap<u32, u32>,
    sees_exits: bool,
    lives: Lives,
    now: HashMap<u32, Now>,
    /// Threads that were seen to exit, or to take the SIGKILL of a process that ends.
    exiting: HashSet<u32>,
    zaps: Zaps,
}

impl Looking<'_> {
    fn look(&mut self) {
        let ending = match self.sees_exits {
            true => Vec::new(),
            false => before_ends(self.events),
        };
        for (at, event) in self.events.iter().enumerate() {
            let pid = event.pid.unwrap_or_else(|| self.process(event.tid));
            if pid != NOBODY {
                self.acts(pid, at, event);
            }
            match event.what {
                What::Exit => {
                    self.exiting.insert(event.tid);
                    if event.tid == pid {
                        let now = self.now.entry(pid).or_default();
                        (now.has_exited, now.comm) = (true, event.comm);
                    }
                }
                What::Fork { child } => {
                    self.exiting.remove(&child);
                    // A thread has a number of its own, and no life.
                    if self.process(child) == child {
                        self.begin(child, at, Some(event.ns));
                    }
                }
                What::Deliver { sig, code, handler } => {
                    self.delivered(pid, at, event.tid, (sig, code, handler));
                }
                What::Generate { .. } => {
                    let is_ending = ending.get(at).is_some_and(|is| *is);
                    self.generated(pid, at, event, is_ending);
                }
            }
        }
        let found: Vec<_> = self.zaps.found().collect();
        for zap in found {
            let fates = self.lives.of.get_mut(&zap.pid);
            if let Some(fate) = fates.and_then(|fates| fates.get_mut(zap.life)) {
                let (first, last) = fate.zap.unwrap_or((zap.first, zap.last));
                fate.zap = Some((first.min(zap.first), last.max(zap.last)));
            }
        }
    }

    fn process(&self, tid: u32) -> u32 {
        *self.process_of.get(&tid).unwrap_or(&tid)
    }

    fn begin(&mut self, pid: u32, at: usize, forked: Option<u64>) {
        let fate = Fate {
            from: at,
            forked,
            ..Fate::default()
        };
        self.lives.of.entry(pid).or_default().push(fate);
        self.now.insert(pid, Now::default());
        self.exiting.remove(&pid);
    }

    fn last(&self, pid: u32) -> Option<&Fate> {
        self.lives.of.get(&pid)?.last()
    }

    fn fate(&mut self, pid: u32) -> &mut Fate {
        let fates = self.lives.of.entry(pid).or_default();
        if fates.is_empty() {
            fates.push(Fate::default());
        }
        let last = fates.len() - 1;
        &mut fates[last]
    }

    fn since_end(&self, fate: &Fate, at: usize) -> Option<u64> {
        let (place, _) = fate.end?;
        Some(self.events[at].ns.saturating_sub(self.events[place].ns))
    }

    /// A process does something: after its end it is another one.
    fn acts(&mut self, pid: u32, at: usize, event: &Event) {
        let is_leader = event.tid == pid;
        let has_exited = self.now.get(&pid).is_some_and(|now| now.has_exited);
        let is_other = match self.last(pid) {
            None => true,
            Some(fate) => match (&event.what, self.since_end(fate, at)) {
                (What::Generate { .. }, since) => since.is_some_and(|since| since > TELLING_NS),
                (_, Some(_)) => true,
                // Nobody exits twice, or takes a signal after it.
                (What::Exit | What::Deliver { .. }, None) => is_leader && has_exited,
                (What::Fork { .. }, None) => false,
            },
        };
        if is_other {
            self.begin(pid, at, None);
        }
        if !matches!(event.what, What::Generate { .. }) {
            self.exiting.remove(&event.tid);
        }
    }

    /// A signal for a process: after its end it may be for what is left of it.
    fn gets(&mut self, pid: u32, at: usize, tid: u32, comm: Comm) {
        let is_other = match self.last(pid) {
            None => true,
            Some(fate) => {
                let now = self.now.get(&pid);
                let was_named = now.and_then(|now| now.comm).filter(|_| tid == pid);
                // What is dead has the name that it died with.
                let is_renamed = was_named.is_some_and(|was| !is_same(was, comm));
                match self.since_end(fate, at) {
                    Some(since) => is_renamed || since > ZOMBIE_NS,
                    None => is_renamed && now.is_some_and(|now| now.has_exited),
                }
            }
        };
        if is_other {
            self.begin(pid, at, None);
        }
    }

    fn delivered(&mut self, pid: u32, at: usize, tid: u32, what: (u32, i32, u64)) {
        let (sig, code, handler) = what;
        if sig == SIGKILL {
            // Each thread of a process that ends takes it, and so do those that an
            // execve() ends.
            self.exiting.insert(tid);
            self.now.entry(pid).or_default().took_kill = true;
            return;
        }
        let sent = self.now.get_mut(&pid).and_then(|now| {
            let at = now.queued.iter().position(|(queued, _)| *queued == sig)?;
            Some(now.queued.swap_remove(at).1)
        });
        let is_harmless = signals::contains(signals::DEFAULT_IGNORE | signals::STOP, sig);
        if handler != 0 || is_harmless {
            return;
        }
        let fatal = Fatal {
            place: at,
            sent,
            sig,
        };
        let fate = self.fate(pid);
        let known = match verdict::is_forced(sig, code) {
            true => &mut fate.sure,
            false => &mut fate.taken,
        };
        known.get_or_insert(fatal);
    }

    fn generated(&mut self, by: u32, at: usize, event: &Event, is_ending: bool) {
        let What::Generate {
            sig,
            code,
            comm,
            target: tid,
            group,
            result,
        } = event.what
        else {
            return;
        };
        let pid = self.process(tid);
        self.gets(pid, at, tid, comm);
        let is_over = self.fate(pid).end.is_some();
        let now = self.now.entry(pid).or_default();
        // To 6.0 what is dying gets more, to no effect.
        if matches!(result, 0 | 4) && !is_over && !now.has_exited {
            if sig == SIGKILL {
                let fatal = Fatal {
                    place: at,
                    sent: Some(at),
                    sig,
                };
                self.fate(pid).sure.get_or_insert(fatal);
            } else if now.queued.iter().all(|(queued, _)| *queued != sig) {
                now.queued.push((sig, at));
            }
        }
        let is_zap_like = sig == SIGKILL && code == verdict::KERNEL && group;
        if is_zap_like && pid != by && by != NOBODY {
            let sign = self.sign(by, event.tid, at, is_ending);
            let life = self.lives.of.get(&by).map_or(0, |fates| fates.len() - 1);
            if let Some(sign) = sign {
                self.zaps.kills(at, event.tid, (by, life), pid, sign);
            }
        }
        if verdict::is_end(sig, code) && by != NOBODY {
            self.tells(by, at, event, code);
            self.zaps.tells(event.tid, by, pid, event.ns);
        }
    }

    /// What speaks for a sender of the kernel's SIGKILL being an init that ends.
    fn sign(&self, by: u32, tid: u32, at: usize, is_ending: bool) -> Option<Sign> {
        let before = self.last(by).and_then(|fate| fate.sure);
        let before = before.filter(|fatal| fatal.place < at);
        match before {
            _ if self.exiting.contains(&tid) => Some(Sign::Dying),
            _ if !is_ending => None,
            Some(fatal) if fatal.sig == SIGKILL => Some(Sign::Dying),
            Some(_) => Some(Sign::Faulted),
            None => Some(Sign::Ends),
        }
    }

    /// A process tells of an end: of its own, unless it was seen that it has not exited.
    /// Who traces others tells their parents of theirs.
    fn tells(&mut self, pid: u32, at: usize, event: &Event, code: i32) {
        let now = self.now.entry(pid).or_default();
        if self.sees_exits && !now.has_exited {
            return;
        }
        now.comm = event.comm.filter(|_| event.tid == pid).or(now.comm);
        // What `complete_signal` ends a process by is never taken: its threads take a
        // SIGKILL instead. Of several that wait nobody knows which it was.
        let others = signals::DEFAULT_IGNORE | signals::STOP | signals::COREDUMP;
        let mut waiting = now
            .queued
            .iter()
            .filter(|(sig, _)| !signals::contains(others, *sig));
        let waiting = match (waiting.next(), waiting.next()) {
            (Some((sig, place)), None) if code == verdict::KILLED && now.took_kill => Some(Fatal {
                place: *place,
                sent: Some(*place),
                sig: *sig,
            }),
            _ => None,
        };
        let fate = self.fate(pid);
        (fate.end, fate.waiting) = (Some((at, code)), waiting);
    }
}

/// Names as columns of a text have them, where what is before them is lost.
fn is_same(one: Comm, other: Comm) -> bool {
    one.as_str().trim() == other.as_str().trim()
}
