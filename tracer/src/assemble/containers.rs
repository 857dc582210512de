//! Which container a process is in: by its runtime's name for it where that is
//! known ([`Registry`]), else from the kernel's facts alone.
//!
//! By those, any PID namespace other than the host's is a container, named
//! after its inode, with its init beside it. The inode is reused soon after a namespace
//! ends, so an entry belongs to the init that was seen with it: another init
//! means another container. A fact without an init is of that container only
//! where the kernel has ids for namespaces that it never reuses (6.18).

use std::sync::Arc;

use tracer_common::facts::{CgroupMkdir, CgroupRmdir, Cgroups, PidLevels, Reaper, Task};

use super::{bounded::Bounded, people};
use crate::container::cgroupfs::{CgroupId, Hierarchy};
use crate::container::process::ProcessId;
use crate::container::{Found, Place, Registry};
use crate::record::{Comm, Container, ContainerRef, Runtime};

/// Containers known at one time; beyond it the oldest are forgotten, and named
/// again when they are next seen.
const LIMIT: usize = 16_384;

/// A process, as far as the facts tell where it is.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    pub task: &'a Task,
    pub levels: &'a PidLevels,
    /// Not recorded for processes of the host among themselves.
    pub cgroups: Option<&'a Cgroups>,
    /// The init of its innermost namespace, where it was recorded.
    pub reaper: Option<&'a Reaper>,
    /// When, CLOCK_BOOTTIME in ns.
    pub now: u64,
}

/// The containers seen so far.
#[derive(Debug)]
pub struct Containers {
    registry: Registry,
    /// Somebody answers its questions.
    names: bool,
    /// The number in `/proc/cgroups` of the v1 hierarchy that names containers.
    v1_hierarchy: Option<u32>,
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
    pub fn new(v1_hierarchy: Option<u32>, names: bool) -> Self {
        Self {
            registry: Registry::new(),
            names,
            v1_hierarchy,
            by_inode: Bounded::new(LIMIT),
            bare: Bounded::new(LIMIT),
        }
    }

    /// What is known by name, for whoever answers its questions.
    pub fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// A cgroup was made.
    pub fn cgroup_made(&mut self, made: &CgroupMkdir) {
        let Some(hierarchy) = self.hierarchy(made.hierarchy) else {
            return;
        };
        let bytes = &made.path[..made.path.len().min(made.len as usize)];
        // A path that was cut would name another cgroup.
        let is_whole = made.len > 0 && bytes.len() + 1 < made.path.len();
        if let (true, Ok(path)) = (is_whole, std::str::from_utf8(bytes)) {
            let id = CgroupId {
                hierarchy,
                id: made.id,
            };
            self.registry.cgroup_created(id, path, made.header.ts);
        }
    }

    /// A cgroup was removed. Who has died in it may still be told of.
    pub fn cgroup_gone(&mut self, gone: &CgroupRmdir) {
        if let Some(hierarchy) = self.hierarchy(gone.hierarchy) {
            let id = CgroupId {
                hierarchy,
                id: gone.id,
            };
            self.registry.cgroup_removed(id, gone.header.ts);
        }
    }

    /// The hierarchies that name containers, by their number.
    fn hierarchy(&self, number: u32) -> Option<Hierarchy> {
        match number {
            0 => Some(Hierarchy::V2),
            number if Some(number) == self.v1_hierarchy => Some(Hierarchy::V1),
            _ => None,
        }
    }

    /// The container of a process as far as it is known, and whether that is final.
    pub fn judge(&mut self, whose: Whose<'_>) -> (Option<ContainerRef>, bool) {
        let container = self.of(whose);
        let is_settled = !self.names
            || match (people::known(whose.levels), whose.cgroups) {
                (Some(levels), Some(cgroups)) => {
                    let place = Place::new(whose.task, levels, cgroups, whose.reaper);
                    self.registry.is_settled(&place)
                }
                _ => true,
            };
        (container, is_settled)
    }

    /// The init of a namespace has ended.
    pub fn ended(&mut self, levels: &PidLevels, init: &Task, now: u64) {
        let init = ProcessId {
            pid: init.tgid,
            start_ns: init.start,
        };
        self.registry.namespace_ended(levels.inum, init, now);
    }

    /// The container of a process; `None` on the host.
    pub fn of(&mut self, whose: Whose<'_>) -> Option<ContainerRef> {
        // Who has released itself has neither numbers nor a namespace.
        let levels = people::known(whose.levels)?;
        if let (true, Some(cgroups)) = (self.names, whose.cgroups) {
            let place = Place::new(whose.task, levels, cgroups, whose.reaper);
            if let Found::Named(container) = self.registry.find(&place, whose.now) {
                return Some(container);
            }
        }
        self.by_namespace(levels, whose.reaper)
    }

    /// By the PID namespace alone.
    fn by_namespace(
        &mut self,
        levels: &PidLevels,
        reaper: Option<&Reaper>,
    ) -> Option<ContainerRef> {
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
    pub fn of_init(
        &mut self,
        levels: &PidLevels,
        init: &Task,
        cgroups: &Cgroups,
        now: u64,
    ) -> Option<ContainerRef> {
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
        self.of(Whose {
            task: init,
            levels,
            cgroups: Some(cgroups),
            reaper: Some(&reaper),
            now,
        })
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

    fn whose(containers: &mut Containers, levels: &PidLevels) -> Option<ContainerRef> {
        containers.of(Whose {
            task: &Task::default(),
            levels,
            cgroups: None,
            reaper: None,
            now: 0,
        })
    }

    fn made(hierarchy: u32, path: &[u8]) -> CgroupMkdir {
        let mut made = CgroupMkdir {
            header: tracer_common::facts::Header::default(),
            id: 77,
            hierarchy,
            len: path.len() as u32,
            path: [b'x'; tracer_common::facts::CGROUP_PATH_LEN],
        };
        made.path[..path.len()].copy_from_slice(path);
        made
    }

    #[test]
    fn a_cgroup_is_asked_about_when_it_is_made() {
        let asked = |made: &CgroupMkdir| {
            let mut containers = Containers::new(Some(8), true);
            containers.cgroup_made(made);
            let due = containers.registry().next_want().unwrap_or_default();
            let questions = containers.registry().wants(due);
            questions.into_iter().find_map(|question| question.path)
        };
        let path = "/docker/0123";
        for hierarchy in [0, 8] {
            let said = asked(&made(hierarchy, path.as_bytes()));
            assert_eq!(said.as_deref(), Some(path), "{hierarchy}");
        }
        assert_eq!(asked(&made(5, path.as_bytes())), None, "another controller");
        assert_eq!(asked(&made(0, b"")), None, "unreadable");
        assert_eq!(asked(&made(0, b"/\xff")), None, "no text");
        assert_eq!(asked(&made(0, &[b'a'; 511])), None, "cut");
    }

    #[test]
    fn a_reused_inode_is_another_container() {
        let mut containers = Containers::new(None, true);
        let first = reaper(100, 1, b"bash\0\0\0\0\0\0\0\0\0\0\0\0");
        let a = containers
            .by_namespace(&levels(7), Some(&first))
            .expect("a container");
        assert_eq!((a.name.as_str(), a.init_pid), ("pidns-7", Some(100)));
        // Without a reaper and without an id, it may be another's inode by now.
        let bare = containers
            .by_namespace(&levels(7), None)
            .expect("a container");
        assert_eq!((bare.pid_ns, bare.init_pid), (7, None));
        let again = containers.by_namespace(&levels(7), Some(&first));
        assert_eq!(again, Some(a), "which does not forget the init");
        let second = reaper(100, 2, b"bash\0\0\0\0\0\0\0\0\0\0\0\0");
        containers.by_namespace(&levels(7), Some(&second));
        let third = reaper(200, 2, b"sh\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        let c = containers
            .by_namespace(&levels(7), Some(&third))
            .expect("a container");
        assert_eq!(c.init_pid, Some(200));
    }

    #[test]
    fn an_id_vouches_for_the_init() {
        let mut containers = Containers::new(None, true);
        let with_id = |ns_id| PidLevels { ns_id, ..levels(7) };
        let init = reaper(100, 1, b"bash\0\0\0\0\0\0\0\0\0\0\0\0");
        let first = containers.by_namespace(&with_id(50), Some(&init));
        assert_eq!(containers.by_namespace(&with_id(50), None), first);
        let heir = containers
            .by_namespace(&with_id(51), None)
            .expect("a container");
        assert_eq!(heir.init_pid, None);
    }

    #[test]
    fn an_init_vouches_for_itself() {
        let mut containers = Containers::new(None, true);
        let old = reaper(100, 1, b"bash\0\0\0\0\0\0\0\0\0\0\0\0");
        containers.by_namespace(&levels(7), Some(&old));
        let mut init = Task {
            start: 2,
            tgid: 200,
            tid: 200,
            comm: *b"sh\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ..Task::default()
        };
        let own = containers
            .of_init(&levels(7), &init, &Cgroups::default(), 0)
            .expect("a container");
        assert_eq!(own.init_pid, Some(200));
        // Its last thread has another name, and is the same init.
        (init.tid, init.comm) = (203, [b'x'; 16]);
        assert_eq!(
            containers.of_init(&levels(7), &init, &Cgroups::default(), 0),
            Some(own)
        );
    }

    #[test]
    fn who_has_released_itself_is_in_none() {
        let gone = PidLevels {
            level: u32::MAX,
            ..levels(7)
        };
        assert_eq!(whose(&mut Containers::new(None, true), &gone), None);
    }

    #[test]
    fn the_host_is_none() {
        assert_eq!(
            whose(&mut Containers::new(None, true), &PidLevels::default()),
            None
        );
    }
}
