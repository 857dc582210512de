//! One question about one cgroup or PID namespace, answered from files.
//!
//! This is the part that waits for the disk: it belongs on a thread of its own.
//! It keeps nothing but the tree of cgroups; what was answered is remembered by
//! the [`Registry`](super::Registry).

use std::collections::HashMap;

use tracer_common::globals::INIT_PID_NS_INUM;

use super::cgroupfs::{CgroupId, Hierarchy, Index};
use super::process::{self, ProcessId, Stat};
use super::runtimes::{self, Clue, Parent};
use super::shapes::{self, Place, Shape};
use super::{Identity, Root};

/// How far up the parents of a process are followed.
const MOST_PARENTS: usize = 32;

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    Cgroup(CgroupId),
    /// A PID namespace by its inode, which is reused: the question's process
    /// says whose.
    PidNs(u32),
}

/// Who is in this cgroup, or in this PID namespace?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub subject: Subject,
    /// The init of the namespace; of a cgroup, any process that was seen in it.
    pub process: Option<ProcessId>,
    /// The cgroup's path, where it is known already.
    pub path: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A container; perhaps not [complete](Identity::complete).
    Container(Box<Identity>),
    /// No container's: a cgroup of the host.
    Host,
    /// Nothing tells, or nothing yet.
    Unknown,
}

/// To a question, with what it was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub subject: Subject,
    /// The namespace's init that was asked about.
    pub process: Option<ProcessId>,
    pub verdict: Verdict,
}

/// Answers questions.
#[derive(Debug)]
pub struct Resolver {
    root: Root,
    /// The v1 controller that the kernel side reads.
    controller: Option<String>,
    index: Index,
}

impl Resolver {
    /// `controller`: see [`crate::kernel::cgroup::v1_controller`].
    pub fn new(root: Root, controller: Option<&str>) -> Self {
        Self {
            index: Index::new(root.clone(), controller),
            controller: controller.map(str::to_owned),
            root,
        }
    }

    pub fn resolve(&mut self, question: &Question) -> Answer {
        let verdict = match question.subject {
            Subject::Cgroup(id) => self.cgroup(id, question),
            Subject::PidNs(inode) => self.pid_ns(inode, question.process),
        };
        Answer {
            subject: question.subject,
            process: question.process,
            verdict,
        }
    }

    /// Everything that runs now, for a registry that starts.
    pub fn survey(&mut self) -> Vec<Answer> {
        self.index.walk();
        let cgroups: Vec<(CgroupId, String)> = self
            .index
            .iter()
            .map(|(id, path)| (id, path.to_owned()))
            .collect();
        let mut answers: Vec<Answer> = cgroups
            .into_iter()
            .map(|(id, path)| {
                self.resolve(&Question {
                    subject: Subject::Cgroup(id),
                    process: None,
                    path: Some(path),
                })
            })
            .collect();
        for (inode, init) in self.inits() {
            answers.push(self.resolve(&Question {
                subject: Subject::PidNs(inode),
                process: Some(init),
                path: None,
            }));
        }
        answers
    }

    /// The init of every PID namespace but the one that `/proc` shows.
    pub fn inits(&self) -> Vec<(u32, ProcessId)> {
        let mut inits = HashMap::new();
        for pid in process::all(&self.root) {
            let is_init = process::ns_pids(&self.root, pid)
                .is_some_and(|numbers| numbers.len() > 1 && numbers.last() == Some(&1));
            if !is_init {
                continue;
            }
            if let (Some(inode), Some(stat)) = (
                process::pid_ns(&self.root, pid),
                process::stat(&self.root, pid),
            ) {
                inits.insert(inode, id_of(pid, &stat));
            }
        }
        let mut inits: Vec<_> = inits.into_iter().collect();
        inits.sort_unstable_by_key(|(inode, _)| *inode);
        inits
    }

    fn cgroup(&mut self, id: CgroupId, question: &Question) -> Verdict {
        let given = question.path.clone();
        let Some(path) = given.or_else(|| self.path_of(id, question.process)) else {
            return Verdict::Unknown;
        };
        // What the path only hints at is told by who is in there, as nspawn's.
        let is_weak = || shapes::shape(&path).is_some_and(|shape| shape.weak);
        let process = question.process.or_else(|| {
            let pid = is_weak().then(|| self.members(id.hierarchy, &path).first().copied())??;
            Some(id_of(pid, &process::stat(&self.root, pid)?))
        });
        let mut verdict = self.at(&path, process);
        if let Verdict::Container(identity) = &mut verdict
            && identity.pid_ns.is_none()
        {
            identity.on_host = self.is_on_host(id.hierarchy, &path);
        }
        verdict
    }

    /// Whether a process of a cgroup is in the host's PID namespace.
    fn is_on_host(&self, hierarchy: Hierarchy, path: &str) -> bool {
        let mut members = self.members(hierarchy, path).into_iter();
        let pid_ns = members.find_map(|pid| process::pid_ns(&self.root, pid));
        pid_ns == Some(INIT_PID_NS_INUM)
    }

    /// The processes in a cgroup itself.
    fn members(&self, hierarchy: Hierarchy, path: &str) -> Vec<u32> {
        let directory = self.index.directory(hierarchy, path);
        let text = directory.and_then(|at| self.root.text(at.join("cgroup.procs")));
        let text = text.unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Who is in the cgroup at a path; `process`: any that was seen in it.
    pub fn at(&self, path: &str, process: Option<ProcessId>) -> Verdict {
        let Place::Container(shape) = shapes::place(path) else {
            return Verdict::Host;
        };
        let is_weak = shape.weak;
        let mut clue = Clue {
            path: Some(path.to_owned()),
            shape: Some(shape),
            process,
            ..Clue::default()
        };
        if let Some((init, parent)) = process.and_then(|process| self.top(process)) {
            clue.process = Some(init);
            clue.is_init = true;
            clue.parent = parent;
        }
        match runtimes::identify(&self.root, &clue) {
            Some(identity) => Verdict::Container(Box::new(identity)),
            // A mere guess from the path, that nobody claims.
            None if is_weak => Verdict::Unknown,
            None => Verdict::Host,
        }
    }

    /// The path of a cgroup: what a process that was in it says, if it still is
    /// there, else by a walk through the tree.
    fn path_of(&mut self, id: CgroupId, process: Option<ProcessId>) -> Option<String> {
        let said = process
            .filter(|process| process::is_still(&self.root, *process))
            .and_then(|process| {
                let of = process::cgroups(&self.root, process.pid, self.controller.as_deref())?;
                match id.hierarchy {
                    Hierarchy::V2 => of.v2,
                    Hierarchy::V1 => of.v1,
                }
            })
            .filter(|path| self.index.id(id.hierarchy, path) == Some(id.id));
        if let Some(path) = said {
            self.index.learn(id, &path);
            return Some(path);
        }
        self.index.path(id)
    }

    /// The init of the namespace that a process is in, if the process descends
    /// from it, and the process outside that made it.
    fn top(&self, process: ProcessId) -> Option<(ProcessId, Option<Parent>)> {
        if !process::is_still(&self.root, process) {
            return None;
        }
        let mut pid = process.pid;
        for _ in 0..MOST_PARENTS {
            let numbers = process::ns_pids(&self.root, pid)?;
            let stat = process::stat(&self.root, pid)?;
            if numbers.last() == Some(&1) {
                // The host's own has nobody above it.
                let is_inside = numbers.len() > 1;
                let parent = Parent::read(&self.root, stat.ppid);
                return is_inside.then(|| (id_of(pid, &stat), parent));
            }
            if stat.ppid == 0 {
                return None;
            }
            pid = stat.ppid;
        }
        None
    }

    fn pid_ns(&self, inode: u32, init: Option<ProcessId>) -> Verdict {
        let Some(init) = init.filter(|init| process::is_still(&self.root, *init)) else {
            return Verdict::Unknown;
        };
        let Some(clue) = self.clue_of_init(init) else {
            return Verdict::Unknown;
        };
        let Some(identity) = runtimes::identify(&self.root, &clue) else {
            return Verdict::Unknown;
        };
        // A namespace made inside of a container is another one, without a name.
        let is_inner = match identity.pid_ns {
            Some(own) => own != inode,
            None => self.is_made_inside(init, clue.shape.as_ref()),
        };
        if is_inner {
            return Verdict::Host;
        }
        let mut identity = identity;
        identity.pid_ns = Some(inode);
        Verdict::Container(Box::new(identity))
    }

    fn clue_of_init(&self, init: ProcessId) -> Option<Clue> {
        let stat = process::stat(&self.root, init.pid)?;
        let cgroups = process::cgroups(&self.root, init.pid, self.controller.as_deref())?;
        let paths = [cgroups.v2, cgroups.v1, cgroups.systemd];
        let (path, shape) = match shapes::innermost(paths.iter().flatten().cloned()) {
            Some((path, shape)) => (Some(path), Some(shape)),
            None => (paths.into_iter().flatten().next(), None),
        };
        Some(Clue {
            path,
            shape,
            process: Some(init),
            is_init: true,
            parent: Parent::read(&self.root, stat.ppid),
        })
    }

    /// Whether the parent of an init is in the same container.
    fn is_made_inside(&self, init: ProcessId, shape: Option<&Shape>) -> bool {
        let (Some(shape), Some(stat)) = (shape, process::stat(&self.root, init.pid)) else {
            return false;
        };
        let Some(cgroups) = process::cgroups(&self.root, stat.ppid, self.controller.as_deref())
        else {
            return false;
        };
        [cgroups.v2, cgroups.v1, cgroups.systemd]
            .iter()
            .flatten()
            .filter_map(|path| shapes::shape(path))
            .any(|above| above.cgroup == shape.cgroup)
    }
}

/// A process by its number and a start that is within its clock tick.
fn id_of(pid: u32, stat: &Stat) -> ProcessId {
    ProcessId {
        pid,
        start_ns: process::nanoseconds(stat.start_ticks),
    }
}

#[cfg(test)]
mod tests;
