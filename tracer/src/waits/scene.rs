//! The facts about one PID namespace: who is in it and below it, and who outside
//! has a say in its end.
//!
//! A list of processes is never of one moment. A wait that is one is still there
//! at a second look: that is for the caller ([`super::target`]).

use std::collections::{BTreeMap, BTreeSet};

use crate::container::{Root, process};
use crate::snapshot::{self, Task};

/// Clock ticks per second of `/proc/uptime`'s successor in `/proc/PID/stat`.
const TICKS: f64 = 100.0;

/// One PID namespace.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    /// Its inode.
    pub ns: u32,
    /// Who is in it, or in a namespace below it.
    pub tasks: Vec<Task>,
    /// Of each namespace below it, the one around.
    pub outer: BTreeMap<u32, u32>,
    /// Parents and tracers outside, and whoever may hold a number of it.
    pub others: Vec<Task>,
    /// Of `others`, those who are in a process group without a leader, but not in
    /// a session without one: only setpgid(2) brings that about, or the end of
    /// the first of a pipeline.
    pub suspects: Vec<u32>,
    /// Now, in clock ticks after boot.
    pub now_ticks: Option<u64>,
}

impl Scene {
    /// Looks closer at those of `all` that concern a namespace. `None` where nobody is
    /// in it.
    pub fn read(root: &Root, ns: u32, all: &[Task]) -> Option<Self> {
        let all: Vec<&Task> = all.iter().filter(|task| !task.is_kernel_thread()).collect();
        let outer = below(root, ns, &all);
        let is_in = |task: &Task| {
            let own = task.pid_ns;
            own == Some(ns) || own.is_some_and(|own| outer.contains_key(&own))
        };
        let (inside, outside): (Vec<&Task>, Vec<&Task>) =
            all.iter().copied().partition(|task| is_in(task));
        if inside.is_empty() {
            return None;
        }
        let mut tasks: Vec<Task> = inside.into_iter().cloned().collect();
        for task in &mut tasks {
            task.look_closer(root);
        }
        let suspects = suspects(&outside, &all);
        let concerned: BTreeSet<u32> = tasks
            .iter()
            .flat_map(|task| [task.status.ppid, task.status.tracer])
            .chain(suspects.iter().copied())
            .collect();
        let is_concerned = |task: &&Task| concerned.contains(&task.pid);
        let mut others: Vec<Task> = outside.into_iter().filter(is_concerned).cloned().collect();
        for task in &mut others {
            task.look_closer(root);
        }
        Some(Self {
            ns,
            tasks,
            outer,
            others,
            suspects,
            now_ticks: now_ticks(root),
        })
    }

    /// The same of one process, which may be of the host.
    pub fn of_process(root: &Root, pid: u32) -> Option<Self> {
        let mut task = Task::read(root, pid)?;
        task.look_closer(root);
        let concerned = [task.status.ppid, task.status.tracer];
        let others = concerned.iter().filter_map(|pid| {
            let mut other = Task::read(root, *pid)?;
            other.look_closer(root);
            Some(other)
        });
        Some(Self {
            ns: task.pid_ns.unwrap_or(0),
            others: others.collect(),
            tasks: vec![task],
            now_ticks: now_ticks(root),
            ..Self::default()
        })
    }

    /// Anybody of it, by number.
    pub fn task(&self, pid: u32) -> Option<&Task> {
        self.tasks
            .iter()
            .chain(&self.others)
            .find(|task| task.pid == pid)
    }

    /// The init of a namespace.
    pub fn init(&self, ns: u32) -> Option<&Task> {
        let is_it = |task: &&Task| task.pid_ns == Some(ns) && task.is_init();
        self.tasks.iter().find(is_it)
    }

    /// Whether a process is in the namespace or below it.
    pub fn is_inside(&self, pid: u32, ns: u32) -> bool {
        self.members(ns).any(|task| task.pid == pid)
    }

    /// Who is in a namespace or below it.
    pub fn members(&self, ns: u32) -> impl Iterator<Item = &Task> {
        self.tasks
            .iter()
            .filter(move |task| self.is_below(task.pid_ns, ns))
    }

    fn is_below(&self, own: Option<u32>, ns: u32) -> bool {
        let mut at = own;
        // Not deeper than the kernel nests (MAX_PID_NS_LEVEL).
        for _ in 0..33 {
            match at {
                Some(inode) if inode == ns => return true,
                Some(inode) => at = self.outer.get(&inode).copied(),
                None => return false,
            }
        }
        false
    }

    /// Since the youngest of its processes began, in ns.
    pub fn youngest_ns(&self) -> Option<u64> {
        let start = self.tasks.iter().map(|task| task.start_ticks).max()?;
        let ticks = self.now_ticks?.checked_sub(start)?;
        Some(process::nanoseconds(ticks))
    }

    /// How old a process is, in ns.
    pub fn age_ns(&self, task: &Task) -> Option<u64> {
        let ticks = self.now_ticks?.checked_sub(task.start_ticks)?;
        Some(process::nanoseconds(ticks))
    }
}

/// Now, in the ticks that `/proc/PID/stat` has.
pub fn now_ticks(root: &Root) -> Option<u64> {
    let text = root.text("/proc/uptime")?;
    let seconds: f64 = text.split(' ').next()?.parse().ok()?;
    (seconds >= 0.0).then_some((seconds * TICKS) as u64)
}

/// The namespaces below one, each with that around it.
fn below(root: &Root, ns: u32, all: &[&Task]) -> BTreeMap<u32, u32> {
    let level = all
        .iter()
        .find(|task| task.pid_ns == Some(ns))
        .map_or(0, |task| task.level());
    let mut around: BTreeMap<u32, u32> = BTreeMap::new();
    for task in all {
        let Some(own) = task.pid_ns else { continue };
        if task.level() > level
            && !around.contains_key(&own)
            && let Some(outer) = snapshot::outer(root, task.pid)
        {
            around.insert(own, outer);
        }
    }
    let leads_here = |mut at: u32| {
        for _ in 0..33 {
            match around.get(&at) {
                Some(outer) if *outer == ns => return true,
                Some(outer) => at = *outer,
                None => return false,
            }
        }
        false
    };
    let found: Vec<u32> = around
        .keys()
        .copied()
        .filter(|at| leads_here(*at))
        .collect();
    around.retain(|at, _| found.contains(at));
    around
}

/// Who of those outside may hold a number of the namespace.
fn suspects(outside: &[&Task], all: &[&Task]) -> Vec<u32> {
    let there: BTreeSet<u32> = all.iter().map(|task| task.pid).collect();
    outside
        .iter()
        // Who leads a session cannot change its group, and a daemon's double fork
        // leaves it in a group and a session of the same dead number.
        .filter(|task| task.pgrp != 0 && task.pgrp != task.session)
        .filter(|task| !there.contains(&task.pgrp) && !task.is_dead())
        .map(|task| task.pid)
        .collect()
}
