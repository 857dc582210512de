//! `cgroup:cgroup_mkdir`: a cgroup was made. A container's cgroup is named by
//! its runtime, and it is there before the container's first process: whoever
//! knows its path when it is made need not look for it when it is gone.
//! `cgroup:cgroup_rmdir`: nobody will come into it any more.
//!
//! Raw tracepoints alone: a machine makes a handful of these in a minute.

use aya_ebpf::{
    helpers::generated::bpf_probe_read_kernel_str, macros::raw_tracepoint,
    programs::RawTracePointContext,
};
use tracer_common::facts::{CGROUP_PATH_LEN, CgroupMkdir, CgroupRmdir, hook, kind};

use crate::{
    emit::{Account, Ring, Slot},
    kernel::{self, Probed},
};

/// `TP_PROTO(struct cgroup *cgrp, const char *path)`
#[raw_tracepoint(tracepoint = "cgroup_mkdir")]
pub fn mkdir_raw_tp(ctx: RawTracePointContext) -> i32 {
    let Some(account) = Account::open(hook::CGROUP_MKDIR) else {
        return 0;
    };
    let Some(mut slot) = Slot::<CgroupMkdir>::reserve(account, Ring::Matters, kind::CGROUP_MKDIR)
    else {
        return 0;
    };
    let record = slot.record();
    let cgroup = ctx.arg::<*const u8>(0);
    // SAFETY: the slot's memory is ours until it is submitted; every field is
    // written, of the path as much as `len` says. The helper takes any address.
    unsafe {
        (*record).id = kernel::kernfs_id::<Probed>(cgroup);
        (*record).hierarchy = kernel::hierarchy_of::<Probed>(cgroup);
        let read = bpf_probe_read_kernel_str(
            (&raw mut (*record).path).cast(),
            CGROUP_PATH_LEN as u32,
            ctx.arg::<*const core::ffi::c_void>(1),
        );
        // With its NUL, or an error.
        (*record).len = if read > 0 { read as u32 - 1 } else { 0 };
    }
    slot.submit();
    0
}

/// `TP_PROTO(struct cgroup *cgrp, const char *path)`
#[raw_tracepoint(tracepoint = "cgroup_rmdir")]
pub fn rmdir_raw_tp(ctx: RawTracePointContext) -> i32 {
    let Some(account) = Account::open(hook::CGROUP_RMDIR) else {
        return 0;
    };
    let Some(mut slot) = Slot::<CgroupRmdir>::reserve(account, Ring::Matters, kind::CGROUP_RMDIR)
    else {
        return 0;
    };
    let record = slot.record();
    let cgroup = ctx.arg::<*const u8>(0);
    // SAFETY: the slot's memory is ours until it is submitted; every field is written.
    unsafe {
        (*record).id = kernel::kernfs_id::<Probed>(cgroup);
        (*record).hierarchy = kernel::hierarchy_of::<Probed>(cgroup);
        (*record)._pad = 0;
    }
    slot.submit();
    0
}
