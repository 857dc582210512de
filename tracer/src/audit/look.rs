//! The facts about each container: its main process, the others, the dead.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::inits::Settings;
use super::{Audit, judge};
use crate::container::{Root, Wanted, process};
use crate::snapshot::takers::{self, Taker};
use crate::snapshot::{self, Dead, Row, Task, stop};
use crate::waits::has_keeper;
use crate::waits::scene::now_ticks;
use crate::waits::target;

/// What is known about one container.
#[derive(Debug, Clone)]
pub struct Facts {
    pub row: Row,
    pub main: Option<Task>,
    pub args: Vec<String>,
    /// What its environment tells PID 1s that ask it.
    pub settings: Settings,
    /// Who takes the stop signal beside the main thread.
    pub taker: Option<Taker>,
    /// The parent of the main process.
    pub parent: Option<Task>,
    /// Whoever else is in there, dead or alive.
    pub others: Vec<Task>,
    /// Numbers that some process on the machine has.
    pub taken: Arc<BTreeSet<u32>>,
    /// The parents of the dead, each once.
    pub parents: Vec<Task>,
    /// It is in the PID namespace of the machine.
    pub on_host: bool,
    pub now_ticks: Option<u64>,
}

/// Looks at every container that is wanted, and judges. Runtimes have `patience` to
/// say what files do not ([`snapshot::list`]).
pub fn look(root: &Root, wanted: &Wanted, patience: Option<Duration>) -> Vec<Audit> {
    let ts = target::now();
    facts(root, wanted, patience)
        .iter()
        .map(|facts| judge::judge(facts, ts))
        .collect()
}

/// How long ago the youngest main process began, in ns; `None` where there is none.
pub fn youngest_ns(root: &Root, wanted: &Wanted, patience: Option<Duration>) -> Option<u64> {
    let now = now_ticks(root)?;
    snapshot::list(root, Dead::Out, patience)
        .iter()
        .filter(|row| wanted.takes(*row))
        .filter_map(|row| process::stat(root, row.main.as_ref()?.pid))
        .map(|stat| process::nanoseconds(now.saturating_sub(stat.start_ticks)))
        .min()
}

fn facts(root: &Root, wanted: &Wanted, patience: Option<Duration>) -> Vec<Facts> {
    let mut rows = snapshot::list(root, Dead::Inits, patience);
    rows.retain(|row| wanted.takes(row));
    let mut all = Task::all(root);
    for task in all.iter_mut().filter(|task| task.is_dead()) {
        task.look_closer(root);
    }
    // A child is dead for a moment before it is reaped: where nothing tells since
    // when it is, it counts if it still is after a while.
    let is_unclear = |task: &&Task| task.is_dead() && task.idle_ns.is_none();
    if all.iter().any(|task| is_unclear(&task)) {
        thread::sleep(target::TWICE);
        let gone: BTreeSet<u32> = all
            .iter()
            .filter(is_unclear)
            .filter(|task| !Task::read(root, task.pid).is_some_and(|now| now.is_same(task)))
            .map(|task| task.pid)
            .collect();
        all.retain(|task| !gone.contains(&task.pid));
    }
    let everybody = Everybody::new(root, &all);
    rows.into_iter()
        .map(|row| everybody.facts(root, row))
        .filter(is_to_be_told)
        .collect()
}

/// Whatever runs, and what holds for all: looked through once, not for each container.
struct Everybody<'a> {
    by_pid: BTreeMap<u32, &'a Task>,
    by_ns: BTreeMap<u32, Vec<&'a Task>>,
    taken: Arc<BTreeSet<u32>>,
    host: Option<u32>,
    now_ticks: Option<u64>,
}

/// Whether it is there: what has ended since the list was made is left out, and so
/// is a dead PID 1 that is just being reaped, or that no shim or monitor is to reap.
fn is_to_be_told(facts: &Facts) -> bool {
    match &facts.main {
        Some(main) if main.is_dead() => {
            let is_forgotten = main.idle_ns.is_none_or(|ns| ns >= judge::FORGOTTEN_NS);
            is_forgotten && has_keeper(facts.row.runtime)
        }
        Some(_) => facts.row.stop.is_some(),
        None => false,
    }
}

impl<'a> Everybody<'a> {
    fn new(root: &Root, all: &'a [Task]) -> Self {
        let mut by_ns: BTreeMap<u32, Vec<&Task>> = BTreeMap::new();
        for task in all {
            if let Some(ns) = task.pid_ns {
                by_ns.entry(ns).or_default().push(task);
            }
        }
        Self {
            by_pid: all.iter().map(|task| (task.pid, task)).collect(),
            by_ns,
            taken: Arc::new(all.iter().map(|task| task.pid).collect()),
            host: process::host_ns(root),
            now_ticks: now_ticks(root),
        }
    }

    fn find(&self, pid: u32) -> Option<&'a Task> {
        self.by_pid.get(&pid).copied()
    }

    /// Who else is in a container.
    fn others(&self, row: &Row, main: Option<u32>) -> Vec<Task> {
        let listed = row.pids.iter().filter_map(|pid| self.find(*pid));
        // A namespace of its own has all that is in it; the dead of a shared one
        // cannot be told apart.
        let own = row.pid_ns.filter(|_| !row.shares_pid_ns);
        let inside = own.and_then(|ns| self.by_ns.get(&ns)).into_iter().flatten();
        let all: BTreeMap<u32, &Task> = listed
            .chain(inside.copied())
            .filter(|task| Some(task.pid) != main)
            .map(|task| (task.pid, task))
            .collect();
        all.into_values().cloned().collect()
    }

    fn facts(&self, root: &Root, row: Row) -> Facts {
        let main_pid = row.main.as_ref().map(|main| main.pid);
        let main = main_pid
            .and_then(|pid| self.find(pid))
            .cloned()
            .map(|mut main| {
                main.look_closer(root);
                main
            });
        let mut others = self.others(&row, main_pid);
        for task in &mut others {
            // Another init, say, behind the first.
            if Some(task.status.ppid) == main_pid {
                task.awaited = stop::waits_for(root, task.pid).unwrap_or(0);
            }
        }
        let dead = others.iter().filter(|task| task.is_dead());
        let parents: BTreeSet<u32> = dead.map(|task| task.status.ppid).collect();
        let parents = parents.into_iter().filter_map(|pid| self.find(pid));
        let signal = row.stop.map(|stop| stop.signal);
        Facts {
            args: main_pid.map_or_else(Vec::new, |pid| process::args(root, pid)),
            settings: main_pid.map_or_else(Settings::default, |pid| settings(root, pid)),
            taker: main_pid
                .zip(signal)
                .and_then(|(pid, signal)| takers::of(root, pid, signal)),
            parent: main
                .as_ref()
                .and_then(|main| self.find(main.status.ppid))
                .cloned(),
            main,
            parents: parents.cloned().collect(),
            others,
            taken: Arc::clone(&self.taken),
            on_host: self.host.is_some() && row.pid_ns == self.host,
            now_ticks: self.now_ticks,
            row,
        }
    }
}

fn settings(root: &Root, pid: u32) -> Settings {
    let environment = root.text(format!("/proc/{pid}/environ"));
    Settings::of(&environment.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::fixtures::{ID, Process, Tree};
    use crate::decide::Reason;

    /// A container with a process that came in by nsenter, and one in it whose own
    /// namespace is shared.
    #[test]
    fn who_is_in_a_container() {
        let tree = Tree::new();
        let docker = format!("/docker/{ID}");
        let host = 4_026_531_836;
        tree.process(&Process::init(1, "systemd", host, "/init.scope"));
        tree.process(&Process::new(60, "bash"));
        tree.process(&Process::init(100, "app", 4001, &docker).child_of(60));
        let status = "State:\tS\nPPid:\t60\nNSpid:\t100\t1\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n";
        tree.file("/proc/100/status", status);
        let inside = |pid, ns_pid, cgroup: &str| {
            let mut process = Process::init(pid, "server", 4001, cgroup).child_of(100);
            process.ns_pid = ns_pid;
            process
        };
        tree.process(&inside(102, 3, "/user.slice/session-1.scope"));
        tree.process(&inside(101, 2, &docker));
        tree.file("/proc/uptime", "100.00 1.00\n");
        let all = facts(&tree.root(), &Wanted::default(), None);
        let [one] = all.as_slice() else {
            panic!("{all:#?}");
        };
        let others: Vec<u32> = one.others.iter().map(|task| task.pid).collect();
        assert_eq!(others, [101, 102]);
        assert_eq!(one.parent.as_ref().map(|parent| parent.pid), Some(60));
        assert_eq!((one.now_ticks, one.on_host), (Some(10_000), false));
        let reason = one.row.stop.map(|stop| stop.reason);
        assert_eq!(reason, Some(Reason::UnkillableInit));
        for pid in [1, 60, 100, 101, 102] {
            assert!(one.taken.contains(&pid));
        }
    }
}
