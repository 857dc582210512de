//! Where a process is, and whose it is.

use tracer_common::facts::{Cgroups, MAX_LEVELS, PidLevels, Reaper, Task};
use tracer_common::globals::INIT_PID_NS_INUM;

use super::super::Identity;
use super::super::cgroupfs::Hierarchy;
use super::super::process::ProcessId;
use crate::record::{Comm, ContainerRef};

/// Deeper than this a process has released itself, and has no numbers.
const DEEPEST: u32 = 32;

/// The root of a hierarchy, which names nobody.
const ROOT_CGROUP: u64 = 1;

/// Where a process is, by the kernel's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub cgroups: Cgroups,
    /// Inode of its innermost PID namespace.
    pub pid_ns: u32,
    /// The inodes of the namespaces around that one, the host's first.
    pub around: [u32; MAX_LEVELS],
    /// 0 is the host.
    pub level: u32,
    /// The init of that namespace.
    pub init: Option<(ProcessId, Comm)>,
    /// The process itself.
    pub process: ProcessId,
}

impl Place {
    /// From the facts about a task; `reaper` is the init of its innermost
    /// namespace, where it was recorded.
    pub fn new(
        task: &Task,
        levels: &PidLevels,
        cgroups: &Cgroups,
        reaper: Option<&Reaper>,
    ) -> Self {
        let is_known = levels.level <= DEEPEST;
        let mut around = levels.inums;
        for slot in around.iter_mut().skip(levels.level as usize) {
            *slot = 0;
        }
        let init = reaper.filter(|reaper| reaper.tgid != 0).map(|reaper| {
            let id = ProcessId {
                pid: reaper.tgid,
                start_ns: reaper.start,
            };
            (id, Comm::new(reaper.comm))
        });
        Self {
            cgroups: *cgroups,
            pid_ns: if is_known { levels.inum } else { 0 },
            around,
            level: if is_known { levels.level } else { 0 },
            init: init.filter(|_| is_known),
            process: ProcessId {
                pid: task.tgid,
                start_ns: task.start,
            },
        }
    }

    /// Its cgroups that can name anybody, in the order in which they are asked.
    pub(super) fn ids(&self) -> impl Iterator<Item = (Hierarchy, u64)> + use<> {
        let Cgroups { v2, v1 } = self.cgroups;
        [(Hierarchy::V2, v2), (Hierarchy::V1, v1)]
            .into_iter()
            .filter(|(_, id)| *id > ROOT_CGROUP)
    }

    /// Whether this is in a PID namespace that the container made inside its own.
    pub(super) fn is_inside_of(&self, identity: &Identity) -> bool {
        let Some(own) = identity.pid_ns else {
            return false;
        };
        self.level > 0
            && own != self.pid_ns
            && (self.around.contains(&own) || own == INIT_PID_NS_INUM)
    }
}

/// Whose a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Named(ContainerRef),
    /// It was never asked for before: the answer may be there in a moment.
    Pending,
    /// No runtime's: a process of the host, or of a PID namespace without a name.
    Nobody,
}

impl Found {
    pub fn named(self) -> Option<ContainerRef> {
        match self {
            Self::Named(container) => Some(container),
            Self::Pending | Self::Nobody => None,
        }
    }
}
