//! `zap_pid_ns_processes()`: the last thread of an init ends its PID namespace.
//!
//! Best seen by its entry and return (fentry/fexit, else kprobe/kretprobe).
//! Where the kernel allows neither, `sched_process_wait` by an exiting task
//! tells that it runs, since only it waits while exiting, and the release of
//! the init that it is over. The wait is watched in any case: it comes when
//! every SIGKILL is out.

use aya_ebpf::{
    EbpfContext,
    macros::{btf_tracepoint, fentry, fexit, kprobe, kretprobe, raw_tracepoint},
    programs::{
        BtfTracePointContext, FEntryContext, FExitContext, ProbeContext, RawTracePointContext,
        RetProbeContext,
    },
};
use aya_log_ebpf::warn;
use tracer_common::facts::{self, Cgroups, PidLevels, hook, kind, zap};

use crate::{
    emit::{Account, Ring, Slot},
    kernel::{self, PF_EXITING, Probed, Read, Task, Typed},
    maps::ZAPPING,
};

#[fentry(function = "zap_pid_ns_processes")]
pub fn zap_fentry(_ctx: FEntryContext) -> u32 {
    step::<Probed>(hook::ZAP_ENTER, zap::ENTER);
    0
}

#[fexit(function = "zap_pid_ns_processes")]
pub fn zap_fexit(_ctx: FExitContext) -> u32 {
    step::<Probed>(hook::ZAP_LEAVE, zap::LEAVE);
    0
}

#[kprobe(function = "zap_pid_ns_processes")]
pub fn zap_kprobe(_ctx: ProbeContext) -> u32 {
    step::<Probed>(hook::ZAP_ENTER, zap::ENTER);
    0
}

#[kretprobe(function = "zap_pid_ns_processes")]
pub fn zap_kretprobe(_ctx: RetProbeContext) -> u32 {
    step::<Probed>(hook::ZAP_LEAVE, zap::LEAVE);
    0
}

#[btf_tracepoint(function = "sched_process_wait")]
pub fn wait_tp_btf(ctx: BtfTracePointContext) -> u32 {
    wait::<Typed>(&ctx);
    0
}

#[raw_tracepoint(tracepoint = "sched_process_wait")]
pub fn wait_raw_tp(ctx: RawTracePointContext) -> i32 {
    wait::<Probed>(&ctx);
    0
}

#[btf_tracepoint(function = "sched_process_free")]
pub fn free_tp_btf(ctx: BtfTracePointContext) -> u32 {
    free::<Typed>(ctx.arg(0));
    0
}

#[raw_tracepoint(tracepoint = "sched_process_free")]
pub fn free_raw_tp(ctx: RawTracePointContext) -> i32 {
    free::<Probed>(ctx.arg(0));
    0
}

/// Records a step of the zap that the running task does.
#[inline(always)]
fn step<R: Read>(hook: u32, phase: u32) {
    let Some(account) = Account::open(hook) else {
        return;
    };
    let task = Task::<R>::current();
    if phase == zap::LEAVE {
        // Fails where the wait was not seen, and then there is nothing to forget.
        let _ = ZAPPING.remove(&task.tgid());
    }
    record(account, task, phase);
}

/// `wait4()` fires this before it sleeps, once per turn of the zap's loop; the
/// first turn is recorded.
#[inline(always)]
fn wait<R: Read>(ctx: &impl EbpfContext) {
    let Some(account) = Account::open(hook::SCHED_PROCESS_WAIT) else {
        return;
    };
    if kernel::current_flags::<R>() & PF_EXITING == 0 {
        return account.filtered();
    }
    let task = Task::<R>::current();
    let pid = task.pid();
    if !pid.is_ns_init(pid.level()) {
        return account.filtered();
    }
    let (tgid, start) = (task.tgid(), task.start());
    // SAFETY: the value is copied at once.
    if unsafe { ZAPPING.get(&tgid) }.is_some_and(|known| *known == start) {
        return account.filtered();
    }
    if ZAPPING.insert(&tgid, &start, 0).is_err() {
        // Costs the exact end of this zap, and repeats its beginning.
        warn!(ctx, "no room to remember the zap of init {}", tgid);
    }
    record(account, task, zap::WAIT);
}

/// A task is released. Only the tgid and the start are left to read.
#[inline(always)]
fn free<R: Read>(task: *const u8) {
    let Some(account) = Account::open(hook::SCHED_PROCESS_FREE) else {
        return;
    };
    // Every thread is released by itself, an init's others while it still zaps;
    // the leader is the last.
    if !kernel::is_leader::<R>(task) {
        return account.filtered();
    }
    let tgid = kernel::tgid_of::<R>(task);
    // SAFETY: the value is copied at once.
    let Some(start) = (unsafe { ZAPPING.get(&tgid) }).copied() else {
        return account.filtered();
    };
    let _ = ZAPPING.remove(&tgid);
    let Some(mut slot) = Slot::<facts::Zap>::reserve(account, Ring::Matters, kind::ZAP) else {
        return;
    };
    let record = slot.record();
    // SAFETY: the slot's memory is ours until it is submitted; every field is written.
    unsafe {
        (*record).phase = zap::RELEASED;
        (*record).pid_allocated = 0;
        (&raw mut (*record).init).write(facts::Task {
            start,
            tgid,
            tid: 0,
            uid: 0,
            flags: 0,
            comm: [0; facts::COMM_LEN],
        });
        (&raw mut (*record).pid).write(PidLevels {
            level: 0,
            nr: 0,
            inum: 0,
            _pad: 0,
            ns_id: 0,
            nrs: [0; facts::MAX_LEVELS],
            inums: [0; facts::MAX_LEVELS],
        });
        (&raw mut (*record).cgroups).write(Cgroups { v2: 0, v1: 0 });
    }
    slot.submit();
}

#[inline(always)]
fn record<R: Read>(account: Account, task: Task<R>, phase: u32) {
    let Some(mut slot) = Slot::<facts::Zap>::reserve(account, Ring::Matters, kind::ZAP) else {
        return;
    };
    let pid = task.pid();
    let record = slot.record();
    // SAFETY: the slot's memory is ours until it is submitted; every field is written.
    unsafe {
        (*record).phase = phase;
        (*record).pid_allocated = pid.pid_allocated(pid.level());
        task.describe(&raw mut (*record).init);
        pid.levels(&raw mut (*record).pid);
        (*record).cgroups = task.cgroups();
    }
    slot.submit();
}
