//! `oom:mark_victim`: the OOM killer chose a process. The SIGKILL that it sends
//! comes from whichever task asked for memory, so this is the only sign of who
//! really sent it.

use aya_ebpf::{
    macros::{btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};
use tracer_common::{
    facts::{Oom, hook, kind},
    globals::gate,
};

use crate::{
    emit::{Account, Ring, Slot},
    kernel::{self, Probed, Typed},
    maps,
};

#[btf_tracepoint(function = "mark_victim")]
pub fn oom_tp_btf(ctx: BtfTracePointContext) -> u32 {
    let tgid = if maps::gate(gate::OOM_TASK_ARG) {
        kernel::tgid_of::<Typed>(ctx.arg(0))
    } else {
        ctx.arg::<u32>(0)
    };
    handle(tgid);
    0
}

#[raw_tracepoint(tracepoint = "mark_victim")]
pub fn oom_raw_tp(ctx: RawTracePointContext) -> i32 {
    let tgid = if maps::gate(gate::OOM_TASK_ARG) {
        kernel::tgid_of::<Probed>(ctx.arg(0))
    } else {
        ctx.arg::<u32>(0)
    };
    handle(tgid);
    0
}

/// `TP_PROTO(int pid)` on 5.10, `(struct task_struct *task, uid_t uid)` later.
#[inline(always)]
fn handle(tgid: u32) {
    let Some(account) = Account::open(hook::MARK_VICTIM) else {
        return;
    };
    let Some(mut slot) = Slot::<Oom>::reserve(account, Ring::Matters, kind::OOM) else {
        return;
    };
    let record = slot.record();
    // SAFETY: the slot's memory is ours until it is submitted; every field is written.
    unsafe {
        (*record).tgid = tgid;
        (*record)._pad = 0;
    }
    slot.submit();
}
