//! A process as `/proc` has it, with the thread that holds it up.
//!
//! Facts only. A process may end between two reads: `None` then.

use tracer_common::signals::{SIGKILL, contains};

use crate::container::{Root, process};

use super::status::Status;
use super::{Freezer, freezer, idle};

/// PF_EXITING of include/linux/sched.h.
const EXITING: u64 = 0x4;

/// PF_KTHREAD.
const KTHREAD: u64 = 0x20_0000;

/// Threads of one process that are looked at.
const MOST_THREADS: usize = 256;

/// Lines of a kernel stack that are kept: enough to name a file system.
const STACK: usize = 12;

/// A process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Task {
    pub pid: u32,
    pub comm: String,
    /// Inode of its PID namespace.
    pub pid_ns: Option<u32>,
    pub pgrp: u32,
    pub session: u32,
    pub start_ticks: u64,
    pub flags: u64,
    pub status: Status,
    /// What its main thread waits for in sigwait, where it was looked at: meanwhile
    /// that is not blocked.
    pub awaited: u64,
    /// What freezes it.
    pub freezer: Option<Freezer>,
    /// Those that are not dead, where they were looked at.
    pub alive: Vec<Thread>,
    /// For how long at least it has been dead or asleep, where it was looked at.
    pub idle_ns: Option<u64>,
}

/// A thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thread {
    pub tid: u32,
    pub state: char,
    pub exiting: bool,
    /// SIGKILL has been sent to it and is not taken.
    pub killed: bool,
    /// The kernel function that it sleeps in.
    pub wchan: Option<String>,
    /// The functions of its kernel stack, the innermost first; for root only.
    pub stack: Vec<String>,
}

/// Fields of `/proc/PID/stat` and of `/proc/PID/task/TID/stat`.
struct Stat {
    comm: String,
    state: char,
    pgrp: u32,
    session: u32,
    flags: u64,
    start_ticks: u64,
}

fn stat(text: &str) -> Option<Stat> {
    let (head, tail) = text.rsplit_once(')')?;
    let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
    // Field 3 of proc_pid_stat(5) is the first.
    let field = |number: usize| fields.get(number - 3).copied();
    Some(Stat {
        comm: head.split_once('(')?.1.to_owned(),
        state: field(3)?.chars().next()?,
        pgrp: field(5)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        flags: field(9)?.parse().ok()?,
        start_ticks: field(22)?.parse().ok()?,
    })
}

impl Task {
    /// Without what takes longer: [`Task::look_closer`].
    pub fn read(root: &Root, pid: u32) -> Option<Self> {
        let stat = stat(&root.text(format!("/proc/{pid}/stat"))?)?;
        let mut status = Status::parse(&root.text(format!("/proc/{pid}/status"))?)?;
        if status.tracer != 0 {
            status.tracer = leader(root, status.tracer).unwrap_or(status.tracer);
        }
        Some(Self {
            pid,
            comm: stat.comm,
            pid_ns: process::pid_ns(root, pid),
            pgrp: stat.pgrp,
            session: stat.session,
            start_ticks: stat.start_ticks,
            flags: stat.flags,
            status,
            ..Self::default()
        })
    }

    /// All there are, in the same way.
    pub fn all(root: &Root) -> Vec<Self> {
        let pids = process::all(root).into_iter();
        pids.filter_map(|pid| Self::read(root, pid)).collect()
    }

    /// Also reads its threads, its freezer and for how long it has been idle.
    pub fn look_closer(&mut self, root: &Root) {
        self.alive = threads(root, self.pid);
        let at = match self.sleeper() {
            Some(thread) => format!("/proc/{}/task/{}", self.pid, thread.tid),
            None => format!("/proc/{}", self.pid),
        };
        self.idle_ns = idle::span(root, &at);
        if !self.is_dead() {
            self.freezer = freezer::of(root, self.pid);
        }
    }

    /// Nothing of it runs any more.
    pub fn is_dead(&self) -> bool {
        self.status.is_dead()
    }

    /// Its number in its own PID namespace.
    pub fn nr(&self) -> Option<u32> {
        self.status.ns_pids.last().copied()
    }

    /// How many namespaces are above its own, as the reader sees it.
    pub fn level(&self) -> usize {
        self.status.ns_pids.len().saturating_sub(1)
    }

    /// The init of a PID namespace other than the reader's.
    pub fn is_init(&self) -> bool {
        self.level() > 0 && self.nr() == Some(1)
    }

    pub fn is_kernel_thread(&self) -> bool {
        self.flags & KTHREAD != 0
    }

    /// All of it that lives is on its way out. Where the threads were not looked
    /// at, the main one speaks for them.
    pub fn is_exiting(&self) -> bool {
        match self.alive.as_slice() {
            [] => self.flags & EXITING != 0 && !self.is_dead(),
            threads => threads.iter().all(|thread| thread.exiting),
        }
    }

    /// Whether the signal has been sent and not taken.
    pub fn has_pending(&self, signal: u32) -> bool {
        contains(self.status.pending, signal)
    }

    /// SIGKILL was sent to it, or to a thread of it, and is not taken.
    pub fn is_killed(&self) -> bool {
        self.has_pending(SIGKILL) || self.alive.iter().any(|thread| thread.killed)
    }

    /// Of the threads that live, the one that holds the process up: one that no
    /// signal wakes, else a traced or stopped one, else any that sleeps.
    pub fn sleeper(&self) -> Option<&Thread> {
        let rank = |thread: &&Thread| match thread.state {
            'D' => 0,
            't' | 'T' => 1,
            'S' | 'I' => 2,
            _ => 3,
        };
        self.alive.iter().min_by_key(rank)
    }

    /// The process of that number and start.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.pid, self.start_ticks) == (other.pid, other.start_ticks)
    }
}

/// The process of a thread: who traces is a thread, and only processes are listed.
fn leader(root: &Root, tid: u32) -> Option<u32> {
    let status = Status::parse(&root.text(format!("/proc/{tid}/status"))?)?;
    (status.tgid != 0).then_some(status.tgid)
}

fn threads(root: &Root, pid: u32) -> Vec<Thread> {
    let mut threads: Vec<Thread> = root
        .names(format!("/proc/{pid}/task"), MOST_THREADS)
        .iter()
        .filter_map(|tid| thread(root, pid, tid.parse().ok()?))
        .filter(|thread| !matches!(thread.state, 'Z' | 'X'))
        .collect();
    threads.sort_unstable_by_key(|thread| thread.tid);
    threads
}

fn thread(root: &Root, pid: u32, tid: u32) -> Option<Thread> {
    let at = format!("/proc/{pid}/task/{tid}");
    let stat = stat(&root.text(format!("{at}/stat"))?)?;
    let wchan = root
        .text(format!("{at}/wchan"))
        .map(|text| text.trim().to_owned())
        // It runs, or may not be looked at.
        .filter(|text| !text.is_empty() && text != "0");
    let stack = root.text(format!("{at}/stack")).unwrap_or_default();
    let status = root
        .text(format!("{at}/status"))
        .and_then(|text| Status::parse(&text));
    Some(Thread {
        tid,
        state: stat.state,
        exiting: stat.flags & EXITING != 0,
        killed: status.is_some_and(|status| contains(status.pending, SIGKILL)),
        wchan,
        stack: stack.lines().filter_map(function).take(STACK).collect(),
    })
}

/// `do_wait` of `[<0>] do_wait+0x5f/0xb0 [module]`.
fn function(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("] ")?;
    let name = rest.split(['+', ' ']).next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_with_a_hostile_comm() {
        let text = "1544 (a) Z 1 (b) S 1542 1540 21917 0 -1 4195596 91 0 0 0 0 0 0 0 20 0 1 0 3656101 0 0\n";
        let stat = stat(text).expect("it parses");
        assert_eq!((stat.comm.as_str(), stat.state), ("a) Z 1 (b", 'S'));
        assert_eq!((stat.pgrp, stat.session), (1540, 21917));
        assert_eq!(stat.flags & EXITING, EXITING);
        assert_eq!(stat.start_ticks, 3_656_101);
        assert!(super::stat("1 (x").is_none() && super::stat("").is_none());
    }

    #[test]
    fn a_line_of_a_stack() {
        let line = "[<0>] zap_pid_ns_processes+0x117/0x190";
        assert_eq!(function(line).as_deref(), Some("zap_pid_ns_processes"));
        let module = "[<0>] fuse_request_end+0x1/0x2 [fuse]";
        assert_eq!(function(module).as_deref(), Some("fuse_request_end"));
        assert_eq!(function("nonsense"), None);
    }

    #[test]
    fn this_very_process() {
        let root = Root::default();
        let mut task = Task::read(&root, std::process::id()).expect("it is here");
        task.look_closer(&root);
        assert!(!task.is_dead() && !task.is_exiting() && !task.is_kernel_thread());
        assert!(!task.alive.is_empty() && task.pid_ns.is_some());
        assert_eq!(Task::read(&root, 0), None);
    }

    #[test]
    fn the_thread_that_holds_it_up() {
        let thread = |tid, state| Thread {
            tid,
            state,
            ..Thread::default()
        };
        let task = Task {
            alive: vec![thread(1, 'S'), thread(2, 'D'), thread(3, 'R')],
            ..Task::default()
        };
        assert_eq!(task.sleeper().map(|thread| thread.tid), Some(2));
    }
}
