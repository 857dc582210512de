//! `sched:sched_process_exit`: the last thread of a process is going.

use aya_ebpf::{
    macros::{btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};
use tracer_common::{
    facts::{Exit, hook, kind},
    globals::gate,
};

use crate::{
    emit::{Account, Ring, Slot},
    filter,
    kernel::{self, Probed, Read, Task, Typed},
    maps,
};

#[btf_tracepoint(function = "sched_process_exit")]
pub fn exit_tp_btf(ctx: BtfTracePointContext) -> u32 {
    let group_dead = if maps::gate(gate::GROUP_DEAD_ARG) {
        Some(ctx.arg::<u64>(1))
    } else {
        None
    };
    handle::<Typed>(ctx.arg(0), group_dead);
    0
}

#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn exit_raw_tp(ctx: RawTracePointContext) -> i32 {
    let group_dead = if maps::gate(gate::GROUP_DEAD_ARG) {
        Some(ctx.arg::<u64>(1))
    } else {
        None
    };
    handle::<Probed>(ctx.arg(0), group_dead);
    0
}

/// `TP_PROTO(struct task_struct *p)`, from 6.16 also `bool group_dead`.
#[inline(always)]
fn handle<R: Read>(task: *const u8, group_dead: Option<u64>) {
    let Some(account) = Account::open(hook::SCHED_PROCESS_EXIT) else {
        return;
    };
    let last = match group_dead {
        // A bool argument carries garbage above its byte.
        Some(argument) => argument & 0xff != 0,
        // Two threads that exit at the same time may both see 0; the reader
        // takes the first of a process.
        None => kernel::live_of::<R>(task) == 0,
    };
    if !last {
        return account.filtered();
    }
    let task = Task::<R>::new(task);
    let signal = task.signal();
    let end = filter::End::new(task);
    let pid = end.pid;
    if !end.is_in_container() && !maps::gate(gate::NOISE) && !maps::gate(gate::TARGET_PIDS) {
        return account.filtered();
    }
    let is_init = pid.is_ns_init(end.level);
    if !is_init && !filter::wants_target(end, is_init, None) {
        return account.filtered();
    }
    let ring = if is_init { Ring::Matters } else { Ring::Rest };
    let Some(mut slot) = Slot::<Exit>::reserve(account, ring, kind::EXIT) else {
        return;
    };
    let record = slot.record();
    // SAFETY: the slot's memory is ours until it is submitted; every field is written.
    unsafe {
        task.describe(&raw mut (*record).task);
        (*record).exit_code = task.exit_code();
        (*record).group_exit_code = signal.group_exit_code();
        (*record).signal_flags = signal.flags();
        (*record)._pad = 0;
        pid.levels(&raw mut (*record).pid);
        (*record).cgroups = task.cgroups();
        pid.reaper(&raw mut (*record).reaper);
    }
    slot.submit();
}
