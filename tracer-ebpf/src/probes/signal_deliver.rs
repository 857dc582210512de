//! `signal:signal_deliver`: a signal left the queue of the running task.
//!
//! Fired by `get_signal()` before the handler decision, under siglock. It is the
//! only trace of the second place where an init's signal vanishes.

use aya_ebpf::{
    macros::{btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};
use tracer_common::{
    facts::{DeliverCore, DeliverFull, bits, handler, hook, info, kind},
    globals::gate,
    signals,
};

use crate::{
    emit::{Account, Ring, Slot},
    filter,
    kernel::{self, Probed, Read, Task, Typed},
    maps,
};

#[btf_tracepoint(function = "signal_deliver")]
pub fn deliver_tp_btf(ctx: BtfTracePointContext) -> u32 {
    kernel::insist_on_type(ctx.arg(1));
    handle::<Typed, Typed>(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

/// For kernels whose verifier takes `info` for a number, as in `signal_generate`.
#[btf_tracepoint(function = "signal_deliver")]
pub fn deliver_scalar_info(ctx: BtfTracePointContext) -> u32 {
    handle::<Typed, Probed>(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

#[raw_tracepoint(tracepoint = "signal_deliver")]
pub fn deliver_raw_tp(ctx: RawTracePointContext) -> i32 {
    handle::<Probed, Probed>(ctx.arg(0), ctx.arg(1), ctx.arg(2));
    0
}

/// `TP_PROTO(int sig, struct kernel_siginfo *info, struct k_sigaction *ka)`
#[inline(always)]
fn handle<R: Read, I: Read>(sig: u32, siginfo: *const u8, action: *const u8) {
    let Some(account) = Account::open(hook::SIGNAL_DELIVER) else {
        return;
    };
    if sig == 0 || sig > signals::SIGNAL_MAX || !filter::wants_signal(sig) {
        return account.filtered();
    }
    let target = Task::<R>::current();
    let signal = target.signal();
    let signal_flags = signal.flags();
    // Every thread of a dying group takes a SIGKILL without a siginfo, whatever
    // ended the group; so does every other thread at execve.
    let info_class = kernel::info_class(siginfo);
    let group_exit = sig == signals::SIGKILL && info_class == info::NOINFO;
    if group_exit && !maps::gate(gate::NOISE) {
        return account.filtered();
    }
    let end = filter::End::new(target);
    let pid = end.pid;
    let is_init = pid.is_ns_init(end.level);
    if !filter::wants_target(end, is_init, None) {
        return account.filtered();
    }
    let class = kernel::action_class::<R>(action);
    let matters = is_init && class == handler::DEFAULT && !group_exit;
    let ring = if matters { Ring::Matters } else { Ring::Rest };
    if end.is_in_container() || maps::gate(gate::CGROUPS) {
        let Some(mut slot) = Slot::<DeliverFull>::reserve(account, ring, kind::DELIVER_FULL) else {
            return;
        };
        let record = slot.record();
        // SAFETY: the slot's memory is ours until it is submitted; every field is written.
        let cgroups = unsafe {
            core::<R, I>(
                sig,
                (info_class, siginfo),
                class,
                target,
                signal_flags,
                (&raw mut (*record).core).cast(),
            );
            pid.levels(&raw mut (*record).target_pid);
            (*record).target_cgroups = target.cgroups();
            pid.reaper(&raw mut (*record).reaper);
            (*record).target_cgroups
        };
        if !filter::wants_cgroups(cgroups.v2, cgroups.v1) {
            return slot.discard();
        }
        slot.submit();
    } else if let Some(mut slot) = Slot::<DeliverCore>::reserve(account, ring, kind::DELIVER) {
        // SAFETY: as above.
        unsafe {
            core::<R, I>(
                sig,
                (info_class, siginfo),
                class,
                target,
                signal_flags,
                slot.record(),
            )
        };
        slot.submit();
    }
}

/// Fills in the slim record.
///
/// # Safety
/// `out` must be valid for writes.
#[inline(always)]
unsafe fn core<R: Read, I: Read>(
    sig: u32,
    (info_class, siginfo): (u8, *const u8),
    class: u8,
    target: Task<R>,
    signal_flags: u32,
    out: *mut DeliverCore,
) {
    let mut facts = 0;
    if target.ptraced() {
        facts |= bits::PTRACED;
    }
    let signal = target.signal();
    // SAFETY: the caller's promise; every field but the header is written.
    unsafe {
        (*out).code = kernel::si_code::<I>(info_class, siginfo);
        (*out).sig = sig as u8;
        (*out).info = info_class;
        (*out).handler = class;
        (*out)._pad = 0;
        target.describe(&raw mut (*out).target);
        (*out).signal_flags = signal_flags;
        (*out).group_exit_code = signal.group_exit_code();
        (*out).exit_state = target.exit_state() as u16;
        (*out).bits = facts;
        (*out).live = signal.live();
        (*out)._pad2 = 0;
    }
}
