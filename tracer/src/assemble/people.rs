//! Facts about a task to the processes of a record.

use tracer_common::{
    facts::{Ancestor as AncestorFacts, Cgroups, PidLevels, Task},
    globals::INIT_PID_NS_INUM,
};

use crate::{
    decide::{Handler, Relation},
    record::{self, Ancestor, Comm, ContainerRef, Disposition, Process},
};

/// The place of a task of the host, which slim records leave out.
pub fn host_levels(task: &Task) -> PidLevels {
    PidLevels {
        level: 0,
        nr: task.tgid,
        inum: INIT_PID_NS_INUM,
        ..PidLevels::default()
    }
}

/// A process with all its numbers. `uid_known` is false where the kernel's BTF
/// does not say where credentials are.
pub fn process(
    task: &Task,
    levels: &PidLevels,
    cgroups: Option<&Cgroups>,
    container: Option<ContainerRef>,
    uid_known: bool,
) -> Process {
    let known = |id: u64| (id != 0).then_some(id);
    Process {
        pid: Some(task.tgid),
        tid: Some(task.tid),
        ns_pid: Some(levels.nr),
        pid_ns: Some(levels.inum),
        ns_level: Some(levels.level),
        comm: Some(Comm::new(task.comm)),
        uid: uid_known.then_some(task.uid),
        start_ns: Some(task.start),
        container,
        ns_pids: (levels.level > 0).then(|| {
            let shown = (levels.level as usize + 1).min(levels.nrs.len());
            levels.nrs[..shown].to_vec()
        }),
        pid_ns_id: known(levels.ns_id),
        cgroup_id: cgroups.and_then(|ids| known(ids.v2)),
        cgroup_v1_id: cgroups.and_then(|ids| known(ids.v1)),
    }
}

/// The ancestors that were recorded, up to the first unknown one.
pub fn ancestors(facts: &[AncestorFacts]) -> Vec<Ancestor> {
    facts
        .iter()
        .take_while(|ancestor| ancestor.tgid != 0)
        .map(|ancestor| Ancestor {
            pid: ancestor.tgid,
            comm: Comm::new(ancestor.comm),
        })
        .collect()
}

/// Where the sender's PID namespace is, seen from the target's.
pub fn relation(sender: &PidLevels, target: &PidLevels) -> Relation {
    let is_inside = |inner: &PidLevels, outer: &PidLevels| {
        inner
            .inums
            .get(outer.level as usize)
            .is_some_and(|inum| outer.level < inner.level && *inum == outer.inum)
    };
    if sender.level == target.level && sender.inum == target.inum {
        Relation::Same
    } else if sender.level == 0 || is_inside(target, sender) {
        Relation::Ancestor
    } else if target.level == 0 || is_inside(sender, target) {
        Relation::Descendant
    } else {
        Relation::Unrelated
    }
}

/// The model's word to the record's.
pub fn shown_relation(relation: Relation) -> record::Relation {
    match relation {
        Relation::Same => record::Relation::Same,
        Relation::Ancestor => record::Relation::Ancestor,
        Relation::Descendant => record::Relation::Descendant,
        Relation::Unrelated => record::Relation::Unrelated,
        Relation::Kernel => record::Relation::Kernel,
    }
}

/// The model's word to the record's; null where it could not be read.
pub fn disposition(handler: Handler) -> Option<Disposition> {
    match handler {
        Handler::Default => Some(Disposition::Default),
        Handler::Ignore => Some(Disposition::Ignore),
        Handler::Function | Handler::Kthread | Handler::KthreadKernel => Some(Disposition::Handler),
        Handler::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(level: u32, inums: &[u32]) -> PidLevels {
        let mut levels = PidLevels {
            level,
            inum: inums[level as usize],
            ..PidLevels::default()
        };
        levels.inums[..inums.len()].copy_from_slice(inums);
        levels
    }

    #[test]
    fn relations() {
        let host = at(0, &[1]);
        let (a, b) = (at(1, &[1, 10]), at(1, &[1, 20]));
        let inner = at(2, &[1, 10, 100]);
        assert_eq!(relation(&host, &host), Relation::Same);
        assert_eq!(relation(&host, &inner), Relation::Ancestor);
        assert_eq!(relation(&a, &inner), Relation::Ancestor);
        assert_eq!(relation(&inner, &a), Relation::Descendant);
        assert_eq!(relation(&a, &host), Relation::Descendant);
        assert_eq!(relation(&a, &b), Relation::Unrelated);
        assert_eq!(relation(&b, &inner), Relation::Unrelated);
    }
}
