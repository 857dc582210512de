//! The machine as it is now, from `/proc` and the runtimes' files, and from the
//! runtimes where files do not tell: which containers run, and what would become
//! of the signal that stops them.
//!
//! No BPF: what was not there at the moment of reading is not
//! seen. A list of processes is never of one moment; what ends on the way is
//! left out.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::container::process::{self, ProcessId};
use crate::container::{Called, Identity, Kind, Question, Resolver, Root, Subject, Verdict};
use crate::container::{shapes, sockets};
use crate::decide::names;
use crate::kernel::cgroup::v1_controller;
use crate::record::Runtime;
use freezer::Freezers;

pub mod freezer;
mod idle;
mod nesting;
pub mod status;
pub mod stop;
pub mod takers;
pub mod task;
pub mod text;

#[cfg(test)]
mod tests;

pub use freezer::Freezer;
pub use nesting::outer;
pub use stop::Stop;
pub use task::{Task, Thread};

/// A container that runs now. Unknown is null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    pub name: String,
    pub runtime: Runtime,
    pub id: Option<String>,
    pub image: Option<String>,
    pub pod: Option<String>,
    pub pod_namespace: Option<String>,
    pub pod_uid: Option<String>,
    /// The pause container of a pod.
    pub sandbox: bool,
    pub cgroup: Option<String>,
    /// Inode of its PID namespace.
    pub pid_ns: Option<u32>,
    /// The PID namespace is the host's, or another container's.
    pub shares_pid_ns: bool,
    /// Its main process: that which the runtime signals to stop it.
    pub main: Option<Main>,
    /// How many processes it has.
    pub processes: usize,
    /// What becomes of its stop signal.
    pub stop: Option<Stop>,
    /// Seconds from there to SIGKILL, where the runtime wrote them.
    pub stop_timeout: Option<u32>,
    /// Who is in it, as this `/proc` numbers them.
    #[serde(skip)]
    pub pids: Vec<u32>,
    /// Of them, the init of its PID namespace.
    #[serde(skip)]
    pub init: Option<u32>,
}

/// The main process of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Main {
    /// As this `/proc` numbers it.
    pub pid: u32,
    /// In its own PID namespace; 1 is the init, which the kernel protects.
    pub ns_pid: Option<u32>,
    pub comm: String,
    pub args: Vec<String>,
}

/// What tells containers apart: a cgroup that is certainly one, and the PID
/// namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    cgroup: Option<String>,
    pid_ns: u32,
}

/// How many processes there are in other PID namespaces that this one may not look
/// at: without root, those of other users. What is listed is less than there is then.
pub fn unseen(root: &Root) -> usize {
    // Whoever is about to be dead has no namespaces any more, which is another error.
    let may_not = |pid: u32| {
        std::fs::read_link(root.at(format!("/proc/{pid}/ns/pid")))
            .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
    };
    let is_inside = |pid: u32| process::ns_pids(root, pid).is_some_and(|n| n.len() > 1);
    let all = process::all(root).into_iter();
    all.filter(|pid| may_not(*pid) && is_inside(*pid)).count()
}

/// Whether the dead are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dead {
    /// They are not.
    Out,
    /// The PID 1 of a container is, where nobody has reaped it.
    Inits,
}

/// Everything that runs in a container or in a PID namespace of its own, by name,
/// from files alone.
pub fn containers(root: &Root) -> Vec<Row> {
    list(root, Dead::Out, None)
}

/// The same, and what does not run any more. What files did not tell is asked of the
/// runtimes, which have so long to answer in all; `None` is not at all.
pub fn list(root: &Root, dead: Dead, patience: Option<Duration>) -> Vec<Row> {
    let table = root.text("/proc/cgroups").unwrap_or_default();
    let controller = v1_controller(&table);
    let host = process::host_ns(root);
    let mut groups: BTreeMap<Key, Vec<u32>> = BTreeMap::new();
    for pid in process::all(root) {
        let Some(key) = key(root, pid, controller, host, dead) else {
            continue;
        };
        groups.entry(key).or_default().push(pid);
    }
    let mut resolver = Resolver::new(root.clone(), controller);
    let inits: BTreeMap<u32, ProcessId> = resolver.inits().into_iter().collect();
    let mut found: Vec<(Key, Option<Identity>, Vec<u32>)> = groups
        .into_iter()
        .map(|(key, pids)| {
            let identity = identify(&mut resolver, &key, &pids, inits.get(&key.pid_ns));
            (key, identity, pids)
        })
        .collect();
    if let Some(patience) = patience {
        ask(root, &mut found, patience);
    }
    let freezers = Freezers::read(root);
    let mut rows: Vec<Row> = merged(found)
        .into_iter()
        .map(|(key, identity, pids)| row(root, &key, identity, &pids, &inits, host, &freezers))
        .collect();
    rows.sort_by(|a, b| (&a.name, &a.id, a.pid_ns).cmp(&(&b.name, &b.id, b.pid_ns)));
    rows
}

/// Has runtimes asked about those that files did not name.
fn ask(root: &Root, found: &mut [(Key, Option<Identity>, Vec<u32>)], patience: Duration) {
    let poor = found
        .iter_mut()
        .filter_map(|(_, identity, _)| identity.as_mut().filter(|identity| identity.is_poor()));
    let mut poor: Vec<&mut Identity> = poor.collect();
    let asked = poor.iter().map(|identity| (**identity).clone()).collect();
    let told = sockets::ask_all(root, asked, patience);
    for (identity, told) in poor.iter_mut().zip(told) {
        **identity = told;
    }
}

/// Where a process belongs; `None` for one of the host, and for the dead that are
/// not listed.
fn key(
    root: &Root,
    pid: u32,
    controller: Option<&str>,
    host: Option<u32>,
    dead: Dead,
) -> Option<Key> {
    let is_init =
        || process::ns_pids(root, pid).is_some_and(|n| n.len() > 1 && n.last() == Some(&1));
    if process::stat(root, pid)?.is_dead && (dead == Dead::Out || !is_init()) {
        return None;
    }
    let pid_ns = process::pid_ns(root, pid)?;
    let cgroups = process::cgroups(root, pid, controller)?;
    let paths = [cgroups.v2, cgroups.v1, cgroups.systemd];
    let cgroup = shapes::innermost(paths.into_iter().flatten())
        .filter(|(_, shape)| !shape.weak)
        .map(|(_, shape)| shape.cgroup);
    (cgroup.is_some() || Some(pid_ns) != host).then_some(Key { cgroup, pid_ns })
}

fn identify(
    resolver: &mut Resolver,
    key: &Key,
    pids: &[u32],
    init: Option<&ProcessId>,
) -> Option<Identity> {
    let by_cgroup = key.cgroup.as_ref().and_then(|path| {
        let pid = *pids.iter().min()?;
        let process = ProcessId { pid, start_ns: 0 };
        match resolver.at(path, Some(process)) {
            Verdict::Container(identity) => Some(*identity),
            Verdict::Host | Verdict::Unknown => None,
        }
    });
    // A namespace inside of a container's is another one, without that name.
    let is_its = |identity: &Identity| {
        identity.pid_ns.is_none_or(|own| own == key.pid_ns)
            || init.is_none_or(|init| !pids.contains(&init.pid))
    };
    if let Some(identity) = by_cgroup {
        return is_its(&identity).then_some(identity);
    }
    let question = Question {
        subject: Subject::PidNs(key.pid_ns),
        process: init.copied(),
        path: None,
    };
    match resolver.resolve(&question).verdict {
        Verdict::Container(identity) => Some(*identity),
        Verdict::Host | Verdict::Unknown => None,
    }
}

/// One entry for each container: who came in by nsenter has another cgroup.
fn merged(found: Vec<(Key, Option<Identity>, Vec<u32>)>) -> Vec<(Key, Option<Identity>, Vec<u32>)> {
    let mut merged: Vec<(Key, Option<Identity>, Vec<u32>)> = Vec::new();
    for (key, identity, pids) in found {
        let same = merged.iter_mut().find(|(other, known, _)| {
            match (
                identity.as_ref().and_then(|i| i.id.as_ref()),
                known.as_ref().and_then(|i| i.id.as_ref()),
            ) {
                (Some(a), Some(b)) => a == b,
                (None, None) => other.pid_ns == key.pid_ns && other.cgroup == key.cgroup,
                _ => false,
            }
        });
        match same {
            Some((_, _, all)) => all.extend(pids),
            None => merged.push((key, identity, pids)),
        }
    }
    merged
}

fn row(
    root: &Root,
    key: &Key,
    identity: Option<Identity>,
    pids: &[u32],
    inits: &BTreeMap<u32, ProcessId>,
    host: Option<u32>,
    freezers: &Freezers,
) -> Row {
    let init = inits.get(&key.pid_ns).map(|init| init.pid);
    let own_init = init.filter(|init| pids.contains(init));
    let main = identity
        .as_ref()
        .and_then(|identity| identity.init_pid)
        .filter(|pid| pids.contains(pid))
        .or(own_init)
        .or_else(|| pids.iter().min().copied());
    let identity = identity.unwrap_or_else(|| Identity::new(Runtime::Unknown));
    let stop = main.and_then(|pid| {
        let freezer = freezers.of(root, pid);
        stop::predict(root, pid, &identity, host, freezer.as_ref())
    });
    let main = main.and_then(|pid| {
        Some(Main {
            pid,
            ns_pid: process::ns_pids(root, pid)?.last().copied(),
            comm: process::stat(root, pid)?.comm,
            args: process::args(root, pid),
        })
    });
    Row {
        name: identity
            .label()
            .unwrap_or_else(|| format!("pidns-{}", key.pid_ns)),
        runtime: identity.runtime,
        sandbox: identity.kind == Kind::Sandbox,
        id: identity.id,
        image: identity.image,
        pod: identity.pod,
        pod_namespace: identity.pod_namespace,
        pod_uid: identity.pod_uid,
        cgroup: identity.cgroup.or_else(|| key.cgroup.clone()),
        pid_ns: Some(key.pid_ns),
        shares_pid_ns: own_init.is_none(),
        main,
        processes: pids.len(),
        pids: pids.to_vec(),
        init: own_init,
        stop,
        stop_timeout: identity.stop_timeout,
    }
}

impl<'a> From<&'a Row> for Called<'a> {
    fn from(row: &'a Row) -> Self {
        Self {
            name: &row.name,
            id: row.id.as_deref(),
            runtime: row.runtime,
            image: row.image.as_deref(),
            pod: row.pod.as_deref(),
            pod_namespace: row.pod_namespace.as_deref(),
            pid_ns: row.pid_ns,
            init: row.main.as_ref().map(|main| main.comm.as_str().into()),
        }
    }
}

impl Row {
    /// The stop signal's name and what becomes of it: `SIGTERM dropped`.
    pub fn stop_words(&self) -> String {
        match &self.stop {
            Some(stop) => format!("{} {}", names::signal(stop.signal), stop.words()),
            None => "unknown".to_owned(),
        }
    }
}
