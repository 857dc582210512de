//! `check_kill_permission()`: may this sender signal that process?
//!
//! Where the kernel says no, the system call fails and nothing else happens: no
//! `signal_generate`, no trace of it but the sender's errno. This is the one place
//! where both ends of a refused signal are known.
//!
//! Seen by its return. A return has no arguments for a kretprobe, so the entry
//! keeps them. Granted ones, which are nearly all, end at the first comparison.

use aya_ebpf::{
    helpers::bpf_get_current_pid_tgid,
    macros::{fexit, kprobe, kretprobe},
    programs::{FExitContext, ProbeContext, RetProbeContext},
};
use tracer_common::facts::{hook, result};

use super::signal_generate::{Args, record};
use crate::{
    emit::Account,
    filter,
    kernel::{self, Probed},
    maps::ASKING,
};

/// `si_code` of tkill(2) and tgkill(2).
const SI_TKILL: i32 = -6;
/// The largest errno that a result has room for; there are none above 133.
const MAX_ERRNO: u32 = 0x7f;

/// `int check_kill_permission(int sig, struct kernel_siginfo *info, struct task_struct *t)`,
/// the same from 5.10 to 7.2.
#[fexit(function = "check_kill_permission")]
pub fn denied_fexit(ctx: FExitContext) -> u32 {
    let error = ctx.arg::<i32>(3);
    if error != 0 {
        denied(error, ctx.arg(0), ctx.arg(1), ctx.arg(2));
    }
    0
}

#[kprobe(function = "check_kill_permission")]
pub fn denied_kprobe(ctx: ProbeContext) -> u32 {
    let (Some(sig), Some(info), Some(target)) =
        (ctx.arg::<u32>(0), ctx.arg::<u64>(1), ctx.arg::<u64>(2))
    else {
        return 0;
    };
    if filter::wants_signal(sig) && filter::wants_result(u32::from(result::REFUSED)) {
        // Fails where memory is short, and then this one is not told.
        let _ = ASKING.insert(
            &bpf_get_current_pid_tgid(),
            &[u64::from(sig), info, target],
            0,
        );
    }
    0
}

#[kretprobe(function = "check_kill_permission")]
pub fn denied_kretprobe(ctx: RetProbeContext) -> u32 {
    let asker = bpf_get_current_pid_tgid();
    // SAFETY: the value is copied at once.
    let Some([sig, info, target]) = (unsafe { ASKING.get(&asker) }).copied() else {
        return 0;
    };
    let _ = ASKING.remove(&asker);
    let error = ctx.ret::<i32>();
    if error != 0 {
        denied(error, sig as u32, info as *const u8, target as *const u8);
    }
    0
}

/// Records a refusal as a signal whose result is an errno. Unlike at the
/// tracepoint no lock is held: what is read of the target may be a moment old.
#[inline(always)]
fn denied(error: i32, sig: u32, info: *const u8, target: *const u8) {
    let Some(account) = Account::open(hook::CHECK_KILL_PERMISSION) else {
        return;
    };
    let code = kernel::si_code::<Probed>(kernel::info_class(info), info);
    record::<Probed, Probed>(
        &Args {
            sig,
            info,
            target,
            group: (code != SI_TKILL) as u32,
            result: u32::from(result::REFUSED) | (error.unsigned_abs() & MAX_ERRNO),
        },
        account,
    );
}
