//! Which container a process is in, from the kernel's facts alone.
//!
//! Any PID namespace other than the host's is a container, named after its
//! inode, with its init beside it. The inode is reused soon after a namespace
//! ends, so an entry belongs to the init that was seen with it: another init
//! means another container. A fact without an init is of that container only
//! where the kernel has ids for namespaces that it never reuses (6.18).

use std::sync::Arc;

use tracer_common::facts::{PidLevels, Reaper, Task};

use super::{bounded::Bounded, people};
use crate::record::{Comm, Container, ContainerRef, Runtime};

/// Containers known at one time; beyond it the oldest are forgotten, and named
/// again when they are next seen.
const LIMIT: usize = 16_384;

/// The containers seen so far.
#[derive(Debug)]
pub struct Containers {
    by_inode: Bounded<u32, Known>,
    /// The same without an init, for facts that do not tell whose they are.
    bare: Bounded<u32, ContainerRef>,
}

#[derive(Debug)]
struct Known {
    /// The init's start time, 0 where it is not known.
    init_start: u64,
    /// The namespace's own id, 0 where the kernel has none.
    ns_id: u64,
    container: ContainerRef,
}

impl Containers {
    pub fn new() -> Self {
        Self {
            by_inode: Bounded::new(LIMIT),
            bare: Bounded::new(LIMIT),
        }
    }

    /// The container of a process whose innermost namespace is `levels`;
    /// `reaper` is that namespace's init, where it was recorded.
    pub fn of(&mut self, levels: &PidLevels, reaper: Option<&Reaper>) -> Option<ContainerRef> {
        let levels = people::known(levels).filter(|levels| levels.level > 0)?;
        let known = self.by_inode.get(&levels.inum);
        let Some(reaper) = reaper.filter(|reaper| reaper.tgid != 0) else {
            let same = known.filter(|known| known.ns_id != 0 && known.ns_id == levels.ns_id);
            return Some(match same {
                Some(known) => known.container.clone(),
                None => self.without_init(levels.inum),
            });
        };
        if let Some(known) = known
            && known.init_start == reaper.start
            && known.ns_id == levels.ns_id
            // A container's init is often the runtime's own process first, and
            // takes its name by exec.
            && known.container.init_comm == Some(Comm::new(reaper.comm))
        {
            return Some(known.container.clone());
        }
        let container = container(levels.inum, Some(reaper));
        self.by_inode.insert(
            levels.inum,
            Known {
                init_start: reaper.start,
                ns_id: levels.ns_id,
                container: container.clone(),
            },
        );
        Some(container)
    }

    /// The container of an init that is at hand itself.
    pub fn of_init(&mut self, levels: &PidLevels, init: &Task) -> Option<ContainerRef> {
        // A thread may have a name of its own: what was known is better.
        if init.tid != init.tgid
            && let Some(known) = self.by_inode.get(&levels.inum)
            && (known.init_start, known.ns_id) == (init.start, levels.ns_id)
        {
            return Some(known.container.clone());
        }
        let reaper = Reaper {
            start: init.start,
            tgid: init.tgid,
            _pad: 0,
            comm: init.comm,
        };
        self.of(levels, Some(&reaper))
    }

    fn without_init(&mut self, inum: u32) -> ContainerRef {
        if let Some(bare) = self.bare.get(&inum) {
            return bare.clone();
        }
        let bare = container(inum, None);
        self.bare.insert(inum, bare.clone());
        bare
    }
}

fn container(inum: u32, init: Option<&Reaper>) -> ContainerRef {
    ContainerRef(Arc::new(Container {
        id: None,
        name: format!("pidns-{inum}"),
        runtime: Runtime::Unknown,
        image: None,
        pod: None,
        pod_namespace: None,
        cgroup: None,
        pid_ns: inum,
        init_pid: init.map(|init| init.tgid),
        init_comm: init.map(|init| Comm::new(init.comm)),
    }))
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
        // Without a reaper and without an id, it may be another's inode by now.
        let bare = containers.of(&levels(7), None).expect("a container");
        assert_eq!((bare.pid_ns, bare.init_pid), (7, None));
        let again = containers.of(&levels(7), Some(&first));
        assert_eq!(again, Some(a), "which does not forget the init");
        let second = reaper(100, 2, b"bash\0\0\0\0\0\0\0\0\0\0\0\0");
        containers.of(&levels(7), Some(&second));
        let third = reaper(200, 2, b"sh\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        let c = containers
            .of(&levels(7), Some(&third))
            .expect("a container");
        assert_eq!(c.init_pid, Some(200));
    }

    #[test]
    fn an_id_vouches_for_the_init() {
        let mut containers = Containers::new();
        let with_id = |ns_id| PidLevels { ns_id, ..levels(7) };
        let init = reaper(100, 1, b"bash\0\0\0\0\0\0\0\0\0\0\0\0");
        let first = containers.of(&with_id(50), Some(&init));
        assert_eq!(containers.of(&with_id(50), None), first);
        let heir = containers.of(&with_id(51), None).expect("a container");
        assert_eq!(heir.init_pid, None);
    }

    #[test]
    fn an_init_vouches_for_itself() {
        let mut containers = Containers::new();
        let old = reaper(100, 1, b"bash\0\0\0\0\0\0\0\0\0\0\0\0");
        containers.of(&levels(7), Some(&old));
        let mut init = Task {
            start: 2,
            tgid: 200,
            tid: 200,
            comm: *b"sh\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ..Task::default()
        };
        let own = containers.of_init(&levels(7), &init).expect("a container");
        assert_eq!(own.init_pid, Some(200));
        // Its last thread has another name, and is the same init.
        (init.tid, init.comm) = (203, [b'x'; 16]);
        assert_eq!(containers.of_init(&levels(7), &init), Some(own));
    }

    #[test]
    fn who_has_released_itself_is_in_none() {
        let gone = PidLevels {
            level: u32::MAX,
            ..levels(7)
        };
        assert_eq!(Containers::new().of(&gone, None), None);
    }

    #[test]
    fn the_host_is_none() {
        assert_eq!(Containers::new().of(&PidLevels::default(), None), None);
    }
}
