//! Containers by the names that people gave them.
//!
//! The kernel knows PID namespaces and cgroups by number; runtimes know names,
//! images and pods, and write them to files. This folder joins the two:
//! [`shapes`] reads a cgroup's path (pure), [`runtimes`] read the runtimes'
//! files, [`resolve`] asks both about one cgroup or namespace, [`sockets`] asks
//! the runtimes themselves about what files did not tell, [`nested`] looks into
//! the container around one, [`renames`] notices when a name changes, [`registry`] remembers the answers for the path of events (pure, never waits), [`role`] says who a
//! sender is in all this, and [`wanted`] which ones somebody asked for (both
//! pure).
//!
//! It decides nothing about signals. Files come first and are enough for most;
//! a hung or absent daemon costs a name, and nothing else.

pub mod cgroupfs;
pub mod nested;
pub mod process;
pub mod registry;
pub mod renames;
pub mod resolve;
pub mod role;
pub mod root;
pub mod runtimes;
pub mod shapes;
pub mod sockets;
pub mod wanted;

#[cfg(test)]
pub(crate) mod fixtures;

pub use registry::{Found, Place, Registry};
pub use renames::{Renamed, Renames};
pub use resolve::{Answer, Question, Resolver, Subject, Verdict};
pub use root::Root;
pub use wanted::{Called, Pattern, Wanted};

use std::path::PathBuf;
use std::sync::Arc;

use tracer_common::globals::INIT_PID_NS_INUM;

use crate::record::{Comm, Container, ContainerRef, Runtime};

/// How much of an id is enough for a person.
const SHORT_ID: usize = 12;

/// What a container is to its runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// It runs somebody's program.
    #[default]
    Container,
    /// The pause container that holds a pod's namespaces.
    Sandbox,
}

/// What a container is called. Everything but the runtime may be unknown.
///
/// The texts come from the runtime's files and from command lines: whoever
/// started the container chose them. Escape them before they reach a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub runtime: Runtime,
    /// The runtime's full id.
    pub id: Option<String>,
    /// The name that a person gave it, or its name inside its pod.
    pub name: Option<String>,
    pub image: Option<String>,
    pub pod: Option<String>,
    pub pod_namespace: Option<String>,
    pub pod_uid: Option<String>,
    pub kind: Kind,
    /// The signal that the runtime stops it with, where the runtime wrote one.
    pub stop_signal: Option<u32>,
    /// Seconds from that signal to SIGKILL, where the runtime wrote them.
    pub stop_timeout: Option<u32>,
    /// The command line that its init was started with.
    pub args: Vec<String>,
    /// Its init, in the numbers of the PID namespace that the runtime is in.
    pub init_pid: Option<u32>,
    /// When its init started, in clock ticks after boot (field 22 of
    /// `/proc/PID/stat`), where the runtime wrote it.
    pub init_start_ticks: Option<u64>,
    /// Inode of its init's PID namespace; the host's, or another container's,
    /// where it was started so.
    pub pid_ns: Option<u32>,
    /// One of its processes was seen in the host's PID namespace, where `pid_ns` is
    /// not known.
    pub on_host: bool,
    /// Its cgroup's path.
    pub cgroup: Option<String>,
    /// The user whose runtime runs it, 0 being root: who else may say what it is
    /// called.
    pub owner: u32,
    /// The file that its name is from, which is another one when the name is.
    pub source: Option<PathBuf>,
    /// The container around it, innermost first, by its full id.
    pub outer: Option<String>,
    /// A runtime's own files were found. If not, this is only what its cgroup's
    /// path or its parent's command line tells, and asking again may tell more.
    pub complete: bool,
}

impl Identity {
    /// A container of which only the runtime is known.
    pub fn new(runtime: Runtime) -> Self {
        Self {
            runtime,
            id: None,
            name: None,
            image: None,
            pod: None,
            pod_namespace: None,
            pod_uid: None,
            kind: Kind::Container,
            stop_signal: None,
            stop_timeout: None,
            args: Vec::new(),
            init_pid: None,
            init_start_ticks: None,
            pid_ns: None,
            on_host: false,
            cgroup: None,
            owner: 0,
            source: None,
            outer: None,
            complete: false,
        }
    }

    /// What to call it in one word: its name, else its pod's (a sandbox has no
    /// name), else the beginning of its id. `None` if it has none of them.
    pub fn label(&self) -> Option<String> {
        let sandbox = || self.pod.as_ref().map(|pod| format!("{pod} (pause)"));
        let short = |id: &String| match id.char_indices().nth(SHORT_ID) {
            Some((end, _)) if shapes::is_full_id(id) => id[..end].to_owned(),
            _ => id.clone(),
        };
        match self.kind {
            Kind::Sandbox => sandbox().or_else(|| self.name.clone()),
            Kind::Container => self.name.clone(),
        }
        .or_else(|| self.id.as_ref().map(short))
    }

    /// Whether its runtime could tell more than was found: an id that a runtime
    /// gave, and no files of that runtime, or no name in them.
    pub fn is_poor(&self) -> bool {
        let has_name = self.kind == Kind::Sandbox || self.name.is_some();
        self.id.as_deref().is_some_and(shapes::is_full_id) && !(self.complete && has_name)
    }

    /// Takes from `told`, which is about the same container, what is unknown here.
    pub fn fill(&mut self, told: &Self) {
        fn set<T: Clone>(own: &mut Option<T>, told: &Option<T>) {
            if own.is_none() {
                own.clone_from(told);
            }
        }
        if self.runtime == Runtime::Unknown {
            self.runtime = told.runtime;
        }
        if told.kind == Kind::Sandbox {
            self.kind = Kind::Sandbox;
        }
        set(&mut self.name, &told.name);
        set(&mut self.image, &told.image);
        set(&mut self.pod, &told.pod);
        set(&mut self.pod_namespace, &told.pod_namespace);
        set(&mut self.pod_uid, &told.pod_uid);
        set(&mut self.stop_signal, &told.stop_signal);
        set(&mut self.stop_timeout, &told.stop_timeout);
        set(&mut self.init_pid, &told.init_pid);
        if self.args.is_empty() {
            self.args.clone_from(&told.args);
        }
        self.complete = true;
    }

    /// Whether it runs among the processes of the host (`--pid=host`).
    pub fn is_hosted(&self) -> bool {
        match self.pid_ns {
            Some(inode) => inode == INIT_PID_NS_INUM,
            None => self.on_host,
        }
    }

    /// As records show it, of a process in PID namespace `pid_ns`, whose init is
    /// `init`.
    pub fn shown(&self, pid_ns: u32, init: Option<(u32, Comm)>) -> ContainerRef {
        // In another one's namespace that one's init is not its own.
        let is_own = |pid: &(u32, Comm)| self.init_pid.is_none_or(|own| own == pid.0);
        let init = init.filter(is_own);
        ContainerRef(Arc::new(Container {
            id: self.id.clone(),
            name: self.label().unwrap_or_else(|| format!("pidns-{pid_ns}")),
            runtime: self.runtime,
            image: self.image.clone(),
            pod: self.pod.clone(),
            pod_namespace: self.pod_namespace.clone(),
            cgroup: self.cgroup.clone(),
            pid_ns,
            init_pid: init.map(|(pid, _)| pid).or(self.init_pid),
            init_comm: init.map(|(_, comm)| comm),
        }))
    }

    /// Bytes that it takes on the heap, roughly.
    pub fn heap(&self) -> usize {
        let texts = [
            &self.id,
            &self.name,
            &self.image,
            &self.pod,
            &self.pod_namespace,
            &self.pod_uid,
            &self.cgroup,
            &self.outer,
        ];
        let texts = texts.into_iter().flatten().map(String::capacity);
        let source = self.source.iter().map(PathBuf::capacity);
        let args = self.args.iter().map(|arg| arg.capacity() + 24);
        texts.chain(args).chain(source).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_called_by_the_best_that_is_known() {
        let mut identity = Identity::new(Runtime::Containerd);
        assert_eq!(identity.label(), None);
        assert_eq!(identity.shown(7, None).name, "pidns-7");
        identity.init_pid = Some(100);
        let of = |init: u32| identity.shown(7, Some((init, Comm::from("pause"))));
        assert_eq!(
            (of(100).init_pid, of(100).init_comm.is_some()),
            (Some(100), true)
        );
        // A guest in the namespace of another container.
        assert_eq!((of(90).init_pid, of(90).init_comm), (Some(100), None));
        identity.init_pid = None;
        identity.id = Some("0123456789abcdef".repeat(4));
        assert_eq!(identity.label().as_deref(), Some("0123456789ab"));
        identity.id = Some("my-long-runc-name".to_owned());
        assert_eq!(identity.label().as_deref(), Some("my-long-runc-name"));
        identity.name = Some("app".to_owned());
        identity.pod = Some("web-0".to_owned());
        assert_eq!(identity.label().as_deref(), Some("app"));
        identity.kind = Kind::Sandbox;
        assert_eq!(identity.label().as_deref(), Some("web-0 (pause)"));
    }
}
