//! The runtimes, one file each: who claims a container, and what it calls it.
//!
//! A runtime is one implementation of [`Source`] and one line in [`ALL`]. Its
//! files are read as they are found at that moment; nothing is asked of a
//! daemon here ([`super::sockets`] does). A file may be missing, half written, or hold anything: what is not
//! understood is as good as not there.

use super::process::{self, ProcessId};
use super::root::is_plain;
use super::shapes::{Shape, is_full_id};
use super::{Identity, Root};
use crate::record::Runtime;

pub mod containerd;
pub mod crio;
pub mod crun;
pub mod docker;
mod lenient;
pub mod lxc;
pub mod nspawn;
pub mod oci;
pub mod podman;
pub mod runc;
mod users;

#[cfg(test)]
mod tests;

/// Something that keeps files about its containers.
pub trait Source: Sync {
    /// What this source calls the container, `None` if it is not one of its own.
    fn identify(&self, root: &Root, clue: &Clue) -> Option<Identity>;
}

/// The order matters: docker and CRI-O use the files of those below them, and
/// know more.
pub const ALL: [&dyn Source; 8] = [
    &docker::Docker,
    &crio::CriO,
    &podman::Podman,
    &containerd::Containerd,
    &runc::Runc,
    &crun::Crun,
    &lxc::Lxc,
    &nspawn::Nspawn,
];

/// What is known about a container before any runtime was asked.
#[derive(Debug, Clone, Default)]
pub struct Clue {
    /// Its cgroup's whole path, that of the process that was seen in it.
    pub path: Option<String>,
    pub shape: Option<Shape>,
    /// A process in it.
    pub process: Option<ProcessId>,
    /// That process is the init of its PID namespace.
    pub is_init: bool,
    /// The parent of that init: the runtime's own process that watches over it.
    pub parent: Option<Parent>,
}

/// The process that a runtime leaves beside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Cut at 15 bytes.
    pub comm: String,
    pub uid: u32,
    pub args: Vec<String>,
}

impl Parent {
    /// `None` if it is gone.
    pub fn read(root: &Root, pid: u32) -> Option<Self> {
        Some(Self {
            comm: process::stat(root, pid)?.comm,
            uid: process::uid(root, pid)?,
            args: process::args(root, pid),
        })
    }

    /// The value behind an option, given as `-o value` or `--option=value`; the
    /// last one if there are several.
    pub fn option(&self, names: &[&str]) -> Option<&str> {
        let mut found = None;
        let mut args = self.args.iter().skip(1);
        while let Some(arg) = args.next() {
            if names.contains(&arg.as_str()) {
                found = args.next().map(String::as_str).or(found);
            } else if let Some((name, value)) = arg.split_once('=')
                && names.contains(&name)
            {
                found = Some(value);
            }
        }
        found
    }

    /// The same, if it can be part of a path.
    fn plain(&self, names: &[&str]) -> Option<&str> {
        self.option(names).filter(|value| is_plain(value))
    }

    pub fn is_shim(&self) -> bool {
        self.comm.starts_with("containerd-shim")
    }

    pub fn is_conmon(&self) -> bool {
        self.comm == "conmon"
    }

    /// The container that it was started for. A shim may serve a whole pod, and
    /// then this is the pod's sandbox.
    pub fn id(&self) -> Option<&str> {
        if self.is_shim() {
            self.plain(&["-id", "--id"])
        } else if self.is_conmon() {
            self.plain(&["-c", "--cid"])
        } else {
            None
        }
    }
}

/// An id to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    pub id: &'a str,
    /// Certainly a container's id, and not only a name of a directory.
    pub is_certain: bool,
}

impl Clue {
    /// Ids to look for, the likeliest first.
    pub fn candidates(&self) -> Vec<Candidate<'_>> {
        let mut all = Vec::new();
        if let Some(shape) = &self.shape
            && !shape.weak
            && let Some(id) = &shape.id
        {
            all.push(Candidate {
                id,
                is_certain: true,
            });
        } else {
            // In what looks like nothing, any component may be a runtime's id; the
            // deepest is the innermost.
            let path = self.path.as_deref().unwrap_or_default();
            all.extend(path.rsplit('/').take(16).map(|id| Candidate {
                id,
                is_certain: false,
            }));
            if self.is_init
                && let Some(id) = self.parent.as_ref().and_then(Parent::id)
            {
                // A shim's may be that of the pod.
                let is_certain =
                    is_full_id(id) && self.parent.as_ref().is_some_and(Parent::is_conmon);
                all.push(Candidate { id, is_certain });
            }
        }
        all.retain(|candidate| is_plain(candidate.id));
        all
    }

    /// Whether the path leaves room for this runtime.
    pub fn may_be(&self, runtime: Runtime) -> bool {
        match self.shape.as_ref().and_then(|shape| shape.runtime) {
            None => true,
            // They are what most of the others start their containers with.
            Some(Runtime::Runc | Runtime::Crun) => {
                !matches!(runtime, Runtime::Lxc | Runtime::Nspawn)
            }
            Some(guess) => guess == runtime,
        }
    }

    /// Whether a container whose init is `pid` is the one looked for. Of ids
    /// that are taken again (`web`), a file may be that of a namesake: the init
    /// must be alive, and in the same cgroup or the same process.
    pub fn is_init_of(&self, root: &Root, pid: u32, start_ticks: Option<u64>) -> bool {
        let Some(stat) = process::stat(root, pid) else {
            return false;
        };
        if start_ticks.is_some_and(|ticks| ticks != stat.start_ticks) {
            return false;
        }
        if self.is_init && self.process.is_some_and(|process| process.pid == pid) {
            return true;
        }
        let Some(path) = &self.path else {
            return false;
        };
        let Some(text) = root.text(format!("/proc/{pid}/cgroup")) else {
            return false;
        };
        // Any hierarchy: which one the path is of is not known here.
        text.lines()
            .filter_map(|line| line.splitn(3, ':').nth(2))
            .any(|own| own != "/" && contains(own, path))
    }

    /// An identity with what the path alone tells.
    fn start(&self, runtime: Runtime) -> Identity {
        let mut identity = Identity::new(runtime);
        if let Some(shape) = &self.shape {
            identity.id.clone_from(&shape.id);
            identity.pod_uid.clone_from(&shape.pod_uid);
            identity.outer.clone_from(&shape.outer);
            identity.cgroup = Some(shape.cgroup.clone());
        }
        identity
    }
}

/// Whether cgroup `inner` is `outer` or inside of it.
fn contains(outer: &str, inner: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What the container is called. `None` if nobody claims it and its path says
/// nothing certain.
pub fn identify(root: &Root, clue: &Clue) -> Option<Identity> {
    let mut identity = ALL
        .iter()
        .find_map(|source| source.identify(root, clue))
        .or_else(|| by_path(clue))?;
    identity.owner = users::owners(clue).first().copied().unwrap_or(0);
    if identity.pid_ns.is_none() {
        identity.pid_ns = identity
            .init_pid
            .filter(|pid| {
                identity.init_start_ticks.is_none_or(|ticks| {
                    process::stat(root, *pid).is_some_and(|stat| stat.start_ticks == ticks)
                })
            })
            .and_then(|pid| process::pid_ns(root, pid));
    }
    // Where no runtime says where it begins, it is where the process is.
    if identity.cgroup.is_none() {
        identity.cgroup = clue.path.clone().filter(|path| path != "/");
    }
    Some(identity)
}

/// What the path alone tells.
fn by_path(clue: &Clue) -> Option<Identity> {
    let shape = clue.shape.as_ref().filter(|shape| !shape.weak)?;
    let mut identity = clue.start(shape.runtime.unwrap_or(Runtime::Unknown));
    if let Some(parent) = &clue.parent
        && parent.is_shim()
        && identity.runtime == Runtime::Unknown
    {
        identity.runtime = match parent.option(&["-namespace", "--namespace"]) {
            Some("moby") => Runtime::Docker,
            _ => Runtime::Containerd,
        };
    }
    Some(identity)
}
