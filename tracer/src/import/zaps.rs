//! Who is the init of a PID namespace that ends: whose group-wide SIGKILLs of the
//! kernel's are those of `zap_pid_ns_processes`.
//!
//! A process that has been seen to exit hardly sends such for another reason (from 7.2
//! on, closing a pidfd of CLONE_PIDFD_AUTOKILL does). One that has not may have asked
//! for memory: the OOM killer sends the same in the name of whoever asked, to one
//! process or to a whole cgroup. So where exits are not recorded, more has to speak for
//! an init, and what speaks against one is looked for.

use std::collections::HashMap;

use tracer_common::signals::SIGKILL;

use super::{
    event::{Event, What},
    verdict,
};

/// How long after the end of a process its victims may still tell of theirs: if they do,
/// it did not wait for them, as an init does. No process of the same number can have
/// come and gone by then.
const LATE_NS: u64 = 10_000_000_000;

/// What speaks for the sender being an init.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// It tells of its own end next.
    Ends,
    /// The same, and a fault has ended it before: only a core dump, which takes memory,
    /// would let it meet the OOM killer between the two.
    Faulted,
    /// It was exiting, or a SIGKILL was on it: then it gets what memory there is, and
    /// the OOM killer is left alone (`task_is_dying`, `task_will_free_mem`).
    Dying,
}

/// SIGKILLs of one thread in one life of its process.
#[derive(Debug)]
struct Run {
    pid: u32,
    life: usize,
    first: usize,
    last: usize,
    victims: usize,
    sign: Sign,
    /// A victim told somebody who was not killed with it.
    was_heard: bool,
    ended_ns: Option<u64>,
}

impl Run {
    /// The init ignores SIGCHLD by then (`zap_pid_ns_processes` has it so), so that what
    /// it kills tells nobody, or another victim. A victim of the OOM killer has a parent
    /// who hears of it, and may be alone.
    ///
    /// What came into the namespace from outside does tell somebody there: such an init
    /// is not known as one where its exit is not recorded.
    fn is_zap(&self) -> bool {
        match self.sign {
            Sign::Dying => true,
            Sign::Faulted => !self.was_heard,
            Sign::Ends => self.victims > 1 && !self.was_heard,
        }
    }
}

/// The end of a namespace: whose, in which life, and the places of the first and the
/// last SIGKILL for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub pid: u32,
    pub life: usize,
    pub first: usize,
    pub last: usize,
}

/// All that may be such ends.
#[derive(Debug, Default)]
pub struct Zaps {
    runs: Vec<Run>,
    /// By thread, its last one.
    of_thread: HashMap<u32, usize>,
    /// By pid, the last one that has it among its victims.
    of_victim: HashMap<u32, usize>,
}

impl Zaps {
    /// A thread of a process sends the kernel's SIGKILL to another process.
    pub fn kills(
        &mut self,
        at: usize,
        tid: u32,
        (pid, life): (u32, usize),
        victim: u32,
        sign: Sign,
    ) {
        let known = self.of_thread.get(&tid).copied().filter(|known| {
            let run = &self.runs[*known];
            (run.pid, run.life, run.ended_ns) == (pid, life, None)
        });
        let index = known.unwrap_or_else(|| {
            self.runs.push(Run {
                pid,
                life,
                first: at,
                last: at,
                victims: 0,
                sign,
                was_heard: false,
                ended_ns: None,
            });
            self.runs.len() - 1
        });
        self.of_thread.insert(tid, index);
        let run = &mut self.runs[index];
        run.last = at;
        run.sign = run.sign.max(sign);
        if self.of_victim.insert(victim, index) != Some(index) {
            run.victims += 1;
        }
    }

    /// A process tells another one of its end.
    pub fn tells(&mut self, tid: u32, pid: u32, parent: u32, ns: u64) {
        if let Some(index) = self.of_thread.get(&tid).copied() {
            self.runs[index].ended_ns.get_or_insert(ns);
        }
        let Some(index) = self.of_victim.get(&pid).copied() else {
            return;
        };
        let is_with_it = self.of_victim.get(&parent) == Some(&index);
        let run = &mut self.runs[index];
        let is_late = run
            .ended_ns
            .is_some_and(|ended| ns.saturating_sub(ended) > LATE_NS);
        run.was_heard |= !is_with_it && !is_late;
    }

    pub fn found(&self) -> impl Iterator<Item = Found> {
        self.runs
            .iter()
            .filter(|run| run.is_zap())
            .map(|run| Found {
                pid: run.pid,
                life: run.life,
                first: run.first,
                last: run.last,
            })
    }
}

/// For each event, whether the next thing that its thread does, SIGKILLs of the
/// kernel's aside, is to tell its parent of its end.
pub fn before_ends(events: &[Event]) -> Vec<bool> {
    let mut next: HashMap<u32, bool> = HashMap::new();
    let mut ending = vec![false; events.len()];
    for (at, event) in events.iter().enumerate().rev() {
        ending[at] = next.get(&event.tid).is_some_and(|is| *is);
        let (is_kill, is_end) = match event.what {
            What::Generate { sig, code, .. } => (
                sig == SIGKILL && code == verdict::KERNEL,
                verdict::is_end(sig, code),
            ),
            _ => (false, false),
        };
        if !is_kill {
            next.insert(event.tid, is_end);
        }
    }
    ending
}
