//! Who is traced: cheap tests in the kernel, before any expensive read.
//!
//! A filter never decides anything about a signal; it only keeps records that
//! nobody asked for out of the rings.

use tracer_common::{
    facts::result,
    filters::{self, HOSTED_V1, HOSTED_V2},
    globals::{WANT_SENDER, WANT_TARGET, gate},
    signals,
};

use crate::{
    kernel::{Pid, Read, Task},
    maps::{
        self, FILTER_CGROUPS, FILTER_PID_NS, FILTER_PIDS, HOSTED, HOSTED_COUNT, RESULT_SET,
        SIGNAL_SET, UNWANTED,
    },
};

/// Whether the signal itself is wanted.
#[inline(always)]
pub fn wants_signal(sig: u32) -> bool {
    signals::contains(SIGNAL_SET.load(), sig)
}

/// Whether the tracepoint's result is wanted, or a refusal is.
#[inline(always)]
pub fn wants_result(of: u32) -> bool {
    let bit = if of & u32::from(result::REFUSED) != 0 {
        result::REFUSED_BIT
    } else {
        of & 31
    };
    RESULT_SET.load() & (1 << bit) != 0
}

/// A process at one end of an event, as far as filters look at it.
pub struct End<R> {
    task: Task<R>,
    pub pid: Pid<R>,
    /// 0 is the host.
    pub level: u32,
    /// In a container nevertheless, one that was started in the host's namespace.
    is_hosted: bool,
}

impl<R> Clone for End<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for End<R> {}

impl<R: Read> End<R> {
    #[inline(always)]
    pub fn new(task: Task<R>) -> Self {
        let pid = task.pid();
        let level = pid.level();
        Self {
            task,
            pid,
            level,
            is_hosted: level == 0 && is_hosted(task),
        }
    }

    #[inline(always)]
    pub fn is_in_container(self) -> bool {
        self.level > 0 || self.is_hosted
    }
}

/// Whether a task of the host's PID namespace is in a container's cgroup. Costs one
/// load where there is no such container.
#[inline(always)]
fn is_hosted<R: Read>(task: Task<R>) -> bool {
    if !maps::gate(gate::HOSTED) || HOSTED_COUNT.get(0).is_none_or(|count| *count == 0) {
        return false;
    }
    let cgroups = task.cgroups();
    // SAFETY: the values are plain bytes that the loader may change at any time.
    unsafe {
        HOSTED
            .get(&cgroups.v2)
            .is_some_and(|of| of & HOSTED_V2 != 0)
            || HOSTED
                .get(&cgroups.v1)
                .is_some_and(|of| of & HOSTED_V1 != 0)
    }
}

/// Whether a target is wanted, given its place; a delivery and an exit have no
/// sender.
#[inline(always)]
pub fn wants_target<R: Read>(target: End<R>, is_init: bool, sender: Option<End<R>>) -> bool {
    let from_host = match sender {
        Some(sender) => !sender.is_in_container(),
        None => true,
    };
    if !target.is_in_container() && from_host && !maps::gate(gate::HOST) {
        return false;
    }
    if maps::gate(gate::SENDERS_NAMED) && sender.is_some() && from_host {
        return false;
    }
    if maps::gate(gate::INITS_ONLY) && !is_init {
        return false;
    }
    let by_pid = match sender {
        Some(_) => maps::gate(gate::PIDS),
        None => maps::gate(gate::TARGET_PIDS),
    };
    if by_pid && !wants_pids(target.task.tgid(), sender) {
        return false;
    }
    if maps::gate(gate::PID_NS) {
        let inum = target.pid.inum(target.level);
        // SAFETY: the value is a plain byte that the loader may change at any time.
        if unsafe { FILTER_PID_NS.get(&inum) }.is_none() {
            return false;
        }
    }
    !maps::gate(gate::NAMED) || (target.is_in_container() && !is_unwanted(target))
}

/// Whether the reader knows this target's container and nobody asked for it. What
/// it has not seen yet is never unwanted.
#[inline(always)]
fn is_unwanted<R: Read>(target: End<R>) -> bool {
    let cgroups = target.task.cgroups();
    let place = filters::place(cgroups.v2, cgroups.v1, target.pid.inum(target.level));
    // SAFETY: the value is copied at once. Should it be another entry's by now, it
    // is another init's.
    let Some(known) = (unsafe { UNWANTED.get(&place) }).copied() else {
        return false;
    };
    // Another init, or the same by a new name, is another question.
    let init = target.pid.init_is(target.level);
    (known[0] ^ init[0]) | (known[1] ^ init[1]) | (known[2] ^ init[2]) == 0
}

#[inline(always)]
fn wants_pids<R: Read>(target: u32, sender: Option<End<R>>) -> bool {
    // SAFETY: the value is a plain byte that the loader may change at any time.
    if unsafe { FILTER_PIDS.get(&target) }.is_some_and(|want| want & WANT_TARGET != 0) {
        return true;
    }
    match sender {
        Some(sender) => {
            // SAFETY: as above.
            unsafe { FILTER_PIDS.get(&sender.task.tgid()) }
                .is_some_and(|want| want & WANT_SENDER != 0)
        }
        None => false,
    }
}

/// Whether a cgroup is wanted: consulted after the ids have been read.
#[inline(always)]
pub fn wants_cgroups(v2: u64, v1: u64) -> bool {
    if !maps::gate(gate::CGROUPS) {
        return true;
    }
    // SAFETY: the values are plain bytes that the loader may change at any time.
    unsafe { FILTER_CGROUPS.get(&v2).is_some() || FILTER_CGROUPS.get(&v1).is_some() }
}
