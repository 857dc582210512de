//! The facts about each container: its main process, the others, the dead.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::inits::Settings;
use super::{Audit, judge};
use crate::container::{Root, Wanted, process};
use crate::snapshot::takers::{self, Taker};
use crate::snapshot::{self, Dead, Row, Task};
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
    /// The parents of the dead.
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
    let host = process::host_ns(root);
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
    let taken: Arc<BTreeSet<u32>> = Arc::new(all.iter().map(|task| task.pid).collect());
    rows.into_iter()
        .map(|row| of(root, row, &all, &taken, host))
        .filter(is_to_be_told)
        .collect()
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

fn of(root: &Root, row: Row, all: &[Task], taken: &Arc<BTreeSet<u32>>, host: Option<u32>) -> Facts {
    let main_pid = row.main.as_ref().map(|main| main.pid);
    let find = |pid: u32| all.iter().find(|task| task.pid == pid);
    let main = main_pid.and_then(find).cloned().map(|mut main| {
        main.look_closer(root);
        main
    });
    // A namespace of its own has all that is in it; the dead of a shared one
    // cannot be told apart.
    let is_its = |task: &&Task| {
        Some(task.pid) != main_pid
            && (row.pids.contains(&task.pid) || (!row.shares_pid_ns && task.pid_ns == row.pid_ns))
    };
    let others: Vec<Task> = all.iter().filter(is_its).cloned().collect();
    let parents = others
        .iter()
        .filter(|task| task.is_dead())
        .filter_map(|task| find(task.status.ppid).cloned())
        .collect();
    let signal = row.stop.map(|stop| stop.signal);
    Facts {
        args: main_pid.map_or_else(Vec::new, |pid| process::args(root, pid)),
        settings: main_pid.map_or_else(Settings::default, |pid| settings(root, pid)),
        taker: main_pid
            .zip(signal)
            .and_then(|(pid, signal)| takers::of(root, pid, signal)),
        parent: main
            .as_ref()
            .and_then(|main| find(main.status.ppid))
            .cloned(),
        main,
        others,
        parents,
        taken: Arc::clone(taken),
        on_host: host.is_some() && row.pid_ns == host,
        now_ticks: now_ticks(root),
        row,
    }
}

fn settings(root: &Root, pid: u32) -> Settings {
    let environment = root.text(format!("/proc/{pid}/environ"));
    Settings::of(&environment.unwrap_or_default())
}
