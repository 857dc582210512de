//! Facts about a task to the processes of a record.

use std::cmp::Ordering;

use tracer_common::{
    facts::{Ancestor as AncestorFacts, Cgroups, MAX_LEVELS, PidLevels, Task},
    globals::INIT_PID_NS_INUM,
};

use crate::{
    decide::{Handler, Relation},
    record::{self, Ancestor, Comm, ContainerRef, Disposition, Process},
};

/// How deep PID namespaces nest (`MAX_PID_NS_LEVEL`).
const DEEPEST: u32 = 32;

/// The levels, where the kernel side could read them: a process that has
/// released itself has no numbers any more, and says `u32::MAX`.
pub fn known(levels: &PidLevels) -> Option<&PidLevels> {
    (levels.level <= DEEPEST).then_some(levels)
}

/// Whether this is the init of a PID namespace other than the host's.
pub fn is_ns_init(levels: &PidLevels) -> bool {
    known(levels).is_some_and(|levels| levels.level >= 1 && levels.nr == 1)
}

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
    let is_known = |id: u64| (id != 0).then_some(id);
    let levels = known(levels);
    Process {
        pid: Some(task.tgid),
        tid: Some(task.tid),
        ns_pid: levels.map(|levels| levels.nr),
        pid_ns: levels.map(|levels| levels.inum),
        ns_level: levels.map(|levels| levels.level),
        comm: Some(Comm::new(task.comm)),
        uid: uid_known.then_some(task.uid),
        start_ns: Some(task.start),
        container,
        // Further down than what is recorded it would look complete and not be.
        ns_pids: levels
            .filter(|levels| levels.level > 0)
            .and_then(|levels| Some(levels.nrs.get(..=levels.level as usize)?.to_vec())),
        pid_ns_id: levels.and_then(|levels| is_known(levels.ns_id)),
        cgroup_id: cgroups.and_then(|ids| is_known(ids.v2)),
        cgroup_v1_id: cgroups.and_then(|ids| is_known(ids.v1)),
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

/// Whether a process in a container has a parent outside of its PID namespace and is
/// not the init there: what setns(2) and a fork bring in.
pub fn is_injected(own: &PidLevels, parent_nr: u32) -> bool {
    known(own).is_some_and(|own| own.level > 0 && own.nr != 1) && parent_nr == 0
}

/// Where the sender's PID namespace is, seen from the target's. `sender_nr` is
/// the sender's number in the target's namespace, 0 where it is not visible
/// there. The records hold the inodes of the first [`MAX_LEVELS`] levels.
pub fn relation(sender: &PidLevels, target: &PidLevels, sender_nr: u32) -> Relation {
    let (Some(sender), Some(target)) = (known(sender), known(target)) else {
        // Of at least one nothing is known but whether the target could see it;
        // the host sees all, and most that it sees are its own.
        return if sender_nr != 0 {
            Relation::Descendant
        } else if target.level == 0 {
            Relation::Same
        } else {
            Relation::Unrelated
        };
    };
    let at = |levels: &PidLevels, level: u32| levels.inums.get(level as usize).copied();
    match sender.level.cmp(&target.level) {
        Ordering::Equal if sender.inum == target.inum => Relation::Same,
        // Nobody can see anybody else's.
        Ordering::Equal => Relation::Unrelated,
        Ordering::Less => {
            let contains = match at(target, sender.level) {
                _ if sender.level == 0 => true,
                Some(inum) => inum == sender.inum,
                // Too deep to be recorded. Where the path agrees as far as it is,
                // the sender could only reach what it contains: kill(2) finds
                // nothing else.
                None => sender.inums[..MAX_LEVELS] == target.inums[..MAX_LEVELS],
            };
            if contains {
                Relation::Ancestor
            } else {
                Relation::Unrelated
            }
        }
        // Whoever has a number in a namespace is in it, or further inside.
        Ordering::Greater
            if target.level == 0
                || sender_nr != 0
                || at(sender, target.level) == Some(target.inum) =>
        {
            Relation::Descendant
        }
        Ordering::Greater => Relation::Unrelated,
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
        assert_eq!(relation(&host, &host, 0), Relation::Same);
        assert_eq!(relation(&host, &inner, 0), Relation::Ancestor);
        assert_eq!(relation(&a, &inner, 0), Relation::Ancestor);
        assert_eq!(relation(&inner, &a, 0), Relation::Descendant);
        assert_eq!(relation(&a, &host, 0), Relation::Descendant);
        assert_eq!(relation(&a, &b, 0), Relation::Unrelated);
        assert_eq!(relation(&b, &inner, 0), Relation::Unrelated);
    }

    /// A place in a line of namespaces `100, 101, ...` below the host.
    fn deep(level: u32) -> PidLevels {
        let mut levels = PidLevels {
            level,
            nr: 5,
            inum: 100 + level,
            ..PidLevels::default()
        };
        for (i, inum) in levels.inums.iter_mut().enumerate() {
            if i as u32 <= level {
                *inum = 100 + i as u32;
            }
        }
        levels
    }

    #[test]
    fn relations_deeper_than_what_is_recorded() {
        let (seven, nine, twelve) = (deep(7), deep(9), deep(12));
        assert_eq!(relation(&nine, &nine, 5), Relation::Same);
        assert_eq!(relation(&seven, &twelve, 0), Relation::Ancestor);
        assert_eq!(relation(&nine, &twelve, 0), Relation::Ancestor);
        assert_eq!(relation(&twelve, &nine, 5), Relation::Descendant);
        assert_eq!(relation(&twelve, &seven, 5), Relation::Descendant);
        // A cousin, invisible from the target.
        assert_eq!(relation(&twelve, &nine, 0), Relation::Unrelated);
        let mut other = deep(9);
        other.inums[3] = 7;
        assert_eq!(relation(&other, &twelve, 0), Relation::Unrelated);
        let mut neighbour = deep(9);
        neighbour.inum = 7;
        assert_eq!(relation(&neighbour, &nine, 0), Relation::Unrelated);
    }

    #[test]
    fn numbers_are_complete_or_left_out() {
        let numbers = |levels: &PidLevels| {
            process(&Task::default(), levels, None, None, true)
                .ns_pids
                .map(|numbers| numbers.len())
        };
        assert_eq!(numbers(&deep(0)), None);
        assert_eq!(numbers(&deep(1)), Some(2));
        assert_eq!(numbers(&deep(7)), Some(8));
        assert_eq!(numbers(&deep(8)), None);
        assert_eq!(numbers(&deep(32)), None);
    }

    #[test]
    fn who_has_released_itself_has_no_place() {
        let gone = PidLevels {
            level: u32::MAX,
            inum: INIT_PID_NS_INUM,
            ..PidLevels::default()
        };
        let shown = process(&Task::default(), &gone, None, None, true);
        assert_eq!(
            (shown.ns_pid, shown.pid_ns, shown.ns_level, shown.ns_pids),
            (None, None, None, None)
        );
        assert!(!is_ns_init(&gone));
        let (host, inside) = (deep(0), deep(1));
        assert_eq!(relation(&gone, &inside, 0), Relation::Unrelated);
        assert_eq!(relation(&inside, &gone, 0), Relation::Unrelated);
        assert_eq!(relation(&gone, &host, 0), Relation::Same);
        assert_eq!(relation(&gone, &gone, 0), Relation::Unrelated);
    }
}
