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

/// Whether a target is wanted, given its place; `sender_level` is 0 where there
/// is no sender.
#[inline(always)]
pub fn wants_target<R: Read>(
    pid: Pid<R>,
    level: u32,
    is_init: bool,
    tgid: u32,
    sender_level: u32,
    sender_tgid: u32,
) -> bool {
    if level == 0 && sender_level == 0 && !maps::gate(gate::HOST) {
        return false;
    }
    if maps::gate(gate::INITS_ONLY) && !is_init {
        return false;
    }
    if maps::gate(gate::PIDS) && !wants_pids(tgid, sender_tgid) {
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
fn wants_pids(target: u32, sender: u32) -> bool {
    // SAFETY: the values are plain bytes that the loader may change at any time.
    let (as_target, as_sender) = unsafe { (FILTER_PIDS.get(&target), FILTER_PIDS.get(&sender)) };
    as_target.is_some_and(|want| want & WANT_TARGET != 0)
        || as_sender.is_some_and(|want| want & WANT_SENDER != 0)
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
