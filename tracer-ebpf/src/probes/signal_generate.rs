//! `signal:signal_generate`: the kernel has decided what to do with a signal.
//!
//! Fired by `__send_signal_locked()` (and the posix timers' own path) under the
//! target's siglock, so on `result == IGNORED` the state read here is the state
//! that the kernel decided on.

use aya_ebpf::{
    macros::{btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};
use tracer_common::{
    facts::{SignalCore, SignalFull, bits, hook, info, kind, result},
    globals::gate,
    signals,
};

use crate::{
    emit::{Account, Ring, Slot},
    filter,
    kernel::{self, PF_EXITING, Pid, Probed, Read, SIGNAL_GROUP_EXIT, Signal, Task, Typed},
    maps::{self, ZAPPING},
};

/// `TRACE_SIGNAL_IGNORED`
const IGNORED: u32 = 1;

#[btf_tracepoint(function = "signal_generate")]
pub fn generate_tp_btf(ctx: BtfTracePointContext) -> u32 {
    kernel::insist_on_type(ctx.arg(1));
    handle::<Typed, Typed>(&Args {
        sig: ctx.arg(0),
        info: ctx.arg(1),
        target: ctx.arg(2),
        group: ctx.arg(3),
        result: ctx.arg(4),
    });
    0
}

/// For kernels (7.x) whose verifier knows that `info` may be 0 or 1, and takes it
/// for a number.
#[btf_tracepoint(function = "signal_generate")]
pub fn generate_scalar_info(ctx: BtfTracePointContext) -> u32 {
    handle::<Typed, Probed>(&Args {
        sig: ctx.arg(0),
        info: ctx.arg(1),
        target: ctx.arg(2),
        group: ctx.arg(3),
        result: ctx.arg(4),
    });
    0
}

#[raw_tracepoint(tracepoint = "signal_generate")]
pub fn generate_raw_tp(ctx: RawTracePointContext) -> i32 {
    handle::<Probed, Probed>(&Args {
        sig: ctx.arg(0),
        info: ctx.arg(1),
        target: ctx.arg(2),
        group: ctx.arg(3),
        result: ctx.arg(4),
    });
    0
}

/// `TP_PROTO(int sig, struct kernel_siginfo *info, struct task_struct *task, int group, int result)`,
/// the same from 5.10 to 7.2.
pub(super) struct Args {
    pub sig: u32,
    pub info: *const u8,
    pub target: *const u8,
    pub group: u32,
    pub result: u32,
}

/// What the tests have read already, so that nothing is read twice.
struct Seen<R> {
    target: Task<R>,
    target_pid: Pid<R>,
    sender: Task<R>,
    sender_pid: Pid<R>,
    signal: Signal<R>,
    signal_flags: u32,
    group_exit_code: u32,
    extra_bits: u16,
    carries_zap: bool,
}

#[inline(always)]
fn handle<R: Read, I: Read>(args: &Args) {
    if let Some(account) = Account::open(hook::SIGNAL_GENERATE) {
        record::<R, I>(args, account);
    }
}

/// Records a signal, if somebody asked for it. `R` reads what the kernel's types
/// lead to, `I` reads the siginfo.
#[inline(always)]
pub(super) fn record<R: Read, I: Read>(args: &Args, account: Account) {
    let sig = args.sig;
    let mut wanted = filter::wants_signal(sig) && filter::wants_result(args.result);
    // Before anything is read: most of what is filtered ends here.
    if !wanted && sig != signals::SIGKILL && sig != signals::SIGCHLD {
        return account.filtered();
    }
    if sig == 0 || sig > signals::SIGNAL_MAX {
        return account.filtered();
    }
    let carries_zap = tells_of_zap::<R>(args);
    if !wanted && !carries_zap {
        return account.filtered();
    }
    let (target, sender) = (Task::<R>::new(args.target), Task::<R>::current());
    let (target_end, sender_end) = (filter::End::new(target), filter::End::new(sender));
    let is_init = target_end.pid.is_ns_init(target_end.level);
    wanted = wanted && filter::wants_target(target_end, is_init, Some(sender_end));
    if !wanted && !carries_zap {
        return account.filtered();
    }

    let signal = target.signal();
    let seen = Seen {
        target,
        target_pid: target_end.pid,
        sender,
        sender_pid: sender_end.pid,
        signal,
        signal_flags: signal.flags(),
        group_exit_code: signal.group_exit_code(),
        extra_bits: if wanted { 0 } else { bits::BYPASS },
        carries_zap,
    };
    let fatal = seen.signal_flags & SIGNAL_GROUP_EXIT != 0 && seen.group_exit_code == sig;
    let dropped = args.result == IGNORED && !signals::contains(signals::DEFAULT_IGNORE, sig);
    let refused = args.result & u32::from(result::REFUSED) != 0;
    let matters = sig == signals::SIGKILL
        || refused
        || carries_zap
        || (is_init && (dropped || fatal))
        || (fatal && target_end.is_in_container());
    let ring = if matters { Ring::Matters } else { Ring::Rest };
    if matters
        || target_end.is_in_container()
        || sender_end.is_in_container()
        || maps::gate(gate::CGROUPS)
    {
        full::<R, I>(args, &seen, account, ring);
    } else if let Some(mut slot) = Slot::<SignalCore>::reserve(account, ring, kind::SIGNAL) {
        // SAFETY: the slot's memory is ours until it is submitted.
        unsafe { core::<R, I>(args, &seen, slot.record()) };
        slot.submit();
    }
}

/// Whether this signal tells how a PID namespace ends, whatever the filters
/// say: the SIGKILLs of an exiting init to its namespace, and, where the zap is
/// inferred, the init's own SIGCHLD, which is its end.
#[inline(always)]
fn tells_of_zap<R: Read>(args: &Args) -> bool {
    if args.sig == signals::SIGKILL {
        return kernel::info_class(args.info) == info::PRIV
            && kernel::current_flags::<R>() & PF_EXITING != 0;
    }
    if args.sig == signals::SIGCHLD {
        let tgid = kernel::tgid_of::<R>(R::current());
        // SAFETY: the value is copied at once.
        let Some(start) = (unsafe { ZAPPING.get(&tgid) }).copied() else {
            return false;
        };
        // The number may be another process's by now.
        return start == Task::<R>::current().start();
    }
    false
}

#[inline(always)]
fn full<R: Read, I: Read>(args: &Args, seen: &Seen<R>, account: Account, ring: Ring) {
    let Some(mut slot) = Slot::<SignalFull>::reserve(account, ring, kind::SIGNAL_FULL) else {
        return;
    };
    let record = slot.record();
    // SAFETY: the slot's memory is ours until it is submitted; every field is written.
    let cgroups = unsafe {
        core::<R, I>(args, seen, (&raw mut (*record).core).cast());
        seen.target_pid.levels(&raw mut (*record).target_pid);
        seen.sender_pid.levels(&raw mut (*record).sender_pid);
        (*record).target_cgroups = seen.target.cgroups();
        (*record).sender_cgroups = seen.sender.cgroups();
        seen.target_pid.reaper(&raw mut (*record).reaper);
        (*record).sender_nr = seen.sender_pid.nr_in(
            seen.sender_pid.level(),
            seen.target_pid,
            seen.target_pid.level(),
        );
        (*record).pdeath_signal = seen.target.pdeath_signal();
        (*record)._pad = 0;
        seen.sender.ancestors(&raw mut (*record).ancestors);
        // Last: what comes after its branches is verified once for each.
        (*record).parent_nr = seen.sender.parent_nr(seen.sender_pid);
        (*record).target_cgroups
    };
    if seen.extra_bits == 0 && !filter::wants_cgroups(cgroups.v2, cgroups.v1) {
        if !seen.carries_zap {
            return slot.discard();
        }
        // SAFETY: as above.
        unsafe { (*record).core.bits |= bits::BYPASS };
    }
    slot.submit();
}

/// Fills in the slim record.
///
/// # Safety
/// `out` must be valid for writes.
#[inline(always)]
unsafe fn core<R: Read, I: Read>(args: &Args, seen: &Seen<R>, out: *mut SignalCore) {
    let sig = args.sig;
    let class = kernel::info_class(args.info);
    let mask = signals::mask(sig);
    let mut facts = seen.extra_bits;
    if seen.target.blocked() & mask != 0 {
        facts |= bits::BLOCKED;
    }
    if seen.target.real_blocked() & mask != 0 {
        facts |= bits::REAL_BLOCKED;
    }
    if seen.target.ptraced() {
        facts |= bits::PTRACED;
    }
    if seen.target.dumping_core(seen.signal, seen.signal_flags) {
        facts |= bits::CORE_DUMP;
    }
    let handler = seen.target.handler_class(sig);
    // SAFETY: the caller's promise; every field but the header is written.
    unsafe {
        (*out).code = kernel::si_code::<I>(class, args.info);
        (*out).sig = sig as u8;
        (*out).result = args.result as u8;
        (*out).info = class;
        (*out).group = (args.group != 0) as u8;
        seen.target.describe(&raw mut (*out).target);
        seen.sender.describe(&raw mut (*out).sender);
        (*out).signal_flags = seen.signal_flags;
        (*out).group_exit_code = seen.group_exit_code;
        (*out).exit_state = seen.target.exit_state() as u16;
        (*out).bits = facts;
        (*out).handler = handler;
        // Only a SIGKILL asks what SIGTERM would have met.
        (*out).sigterm_handler = if sig == signals::SIGKILL {
            seen.target.handler_class(signals::SIGTERM)
        } else {
            handler
        };
        (*out).live = seen.signal.live();
        (*out).jobctl = seen.target.jobctl();
        (*out).state = seen.target.state();
    }
}
