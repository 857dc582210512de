//! Who is traced: cheap tests in the kernel, before any expensive read.
//!
//! A filter never decides anything about a signal; it only keeps records that
//! nobody asked for out of the rings.

use tracer_common::{
    globals::{WANT_SENDER, WANT_TARGET, gate},
    signals,
};

use crate::{
    kernel::{Pid, Read},
    maps::{self, FILTER_CGROUPS, FILTER_PID_NS, FILTER_PIDS, RESULT_SET, SIGNAL_SET},
};

/// Whether the signal itself is wanted.
#[inline(always)]
pub fn wants_signal(sig: u32) -> bool {
    signals::contains(SIGNAL_SET.load(), sig)
}

/// Whether the tracepoint's result is wanted.
#[inline(always)]
pub fn wants_result(result: u32) -> bool {
    RESULT_SET.load() & (1 << (result & 31)) != 0
}

/// Where a sender is, for a target's filters.
#[derive(Clone, Copy)]
pub struct From {
    pub level: u32,
    pub tgid: u32,
}

/// Whether a target is wanted, given its place; a delivery and an exit have no
/// sender.
#[inline(always)]
pub fn wants_target<R: Read>(
    pid: Pid<R>,
    level: u32,
    is_init: bool,
    tgid: u32,
    sender: Option<From>,
) -> bool {
    let from_host = match sender {
        Some(sender) => sender.level == 0,
        None => true,
    };
    if level == 0 && from_host && !maps::gate(gate::HOST) {
        return false;
    }
    if maps::gate(gate::INITS_ONLY) && !is_init {
        return false;
    }
    let by_pid = match sender {
        Some(_) => maps::gate(gate::PIDS),
        None => maps::gate(gate::TARGET_PIDS),
    };
    if by_pid && !wants_pids(tgid, sender) {
        return false;
    }
    if maps::gate(gate::PID_NS) {
        let inum = pid.inum(level);
        // SAFETY: the value is a plain byte that the loader may change at any time.
        if unsafe { FILTER_PID_NS.get(&inum) }.is_none() {
            return false;
        }
    }
    true
}

#[inline(always)]
fn wants_pids(target: u32, sender: Option<From>) -> bool {
    // SAFETY: the value is a plain byte that the loader may change at any time.
    if unsafe { FILTER_PIDS.get(&target) }.is_some_and(|want| want & WANT_TARGET != 0) {
        return true;
    }
    match sender {
        Some(From { tgid, .. }) => {
            // SAFETY: as above.
            unsafe { FILTER_PIDS.get(&tgid) }.is_some_and(|want| want & WANT_SENDER != 0)
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
