//! Which container a process is in, from the kernel's facts alone.
//!
//! Any PID namespace other than the host's is a container, named after its
//! inode, with its init beside it. The inode is reused soon after a namespace
//! ends, so an entry belongs to the init that was seen with it: another init
//! means another container.

use std::sync::Arc;

use tracer_common::facts::{PidLevels, Reaper};

use super::bounded::Bounded;
use crate::record::{Comm, Container, ContainerRef, Runtime};

/// Containers known at one time; beyond it the oldest are forgotten, and named
/// again when they are next seen.
const LIMIT: usize = 16_384;

/// The containers seen so far.
#[derive(Debug)]
pub struct Containers {
    by_inode: Bounded<u32, Known>,
}

#[derive(Debug)]
struct Known {
    /// The init's start time, 0 where it is not known.
    init_start: u64,
    container: ContainerRef,
}

impl Containers {
    pub fn new() -> Self {
        Self {
            by_inode: Bounded::new(LIMIT),
        }
    }

    /// The container of a process whose innermost namespace is `levels`;
    /// `reaper` is that namespace's init, where it was recorded.
    pub fn of(&mut self, levels: &PidLevels, reaper: Option<&Reaper>) -> Option<ContainerRef> {
        if levels.level == 0 {
            return None;
        }
        let reaper = reaper.filter(|reaper| reaper.tgid != 0);
        if let Some(known) = self.by_inode.get(&levels.inum) {
            let same = reaper.is_none_or(|reaper| {
                // A container's init is often the runtime's own process first,
                // and takes its name by exec.
                reaper.start == known.init_start
                    && known.container.init_comm == Some(Comm::new(reaper.comm))
            });
            if same {
                return Some(known.container.clone());
            }
        }
        let container = ContainerRef(Arc::new(Container {
            id: None,
            name: format!("pidns-{}", levels.inum),
            runtime: Runtime::Unknown,
            image: None,
            pod: None,
            pod_namespace: None,
            cgroup: None,
            pid_ns: levels.inum,
            init_pid: reaper.map(|reaper| reaper.tgid),
            init_comm: reaper.map(|reaper| Comm::new(reaper.comm)),
        }));
        self.by_inode.insert(
            levels.inum,
            Known {
                init_start: reaper.map_or(0, |reaper| reaper.start),
                container: container.clone(),
            },
        );
        Some(container)
    }
}

impl Default for Containers {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaper(tgid: u32, start: u64, comm: &[u8; 16]) -> Reaper {
        Reaper {
            start,
            tgid,
            _pad: 0,
            comm: *comm,
        }
    }

    fn levels(inum: u32) -> PidLevels {
        PidLevels {
            level: 1,
            inum,
            ..PidLevels::default()
        }
    }

    #[test]
    fn a_reused_inode_is_another_container() {
        let mut containers = Containers::new();
        let first = reaper(100, 1, b"bash\0\0\0\0\0\0\0\0\0\0\0\0");
        let a = containers
            .of(&levels(7), Some(&first))
            .expect("a container");
        assert_eq!((a.name.as_str(), a.init_pid), ("pidns-7", Some(100)));
        // Without a reaper the known one stands.
        assert_eq!(containers.of(&levels(7), None), Some(a));
        let second = reaper(100, 2, b"bash\0\0\0\0\0\0\0\0\0\0\0\0");
        containers.of(&levels(7), Some(&second));
        let third = reaper(200, 2, b"sh\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        let c = containers
            .of(&levels(7), Some(&third))
            .expect("a container");
        assert_eq!(c.init_pid, Some(200));
    }

    #[test]
    fn the_host_is_none() {
        assert_eq!(Containers::new().of(&PidLevels::default(), None), None);
    }
}
