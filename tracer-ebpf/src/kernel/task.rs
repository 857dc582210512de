//! Tasks: who they are, and the state that decides about their signals.

use core::marker::PhantomData;

use aya_ebpf::helpers::bpf_probe_read_kernel;
use tracer_common::facts::{self, Ancestor, Cgroups, handler};

use super::{Pid, Probed, Read, Signal, class_of, field, is_null, off, pointer};
use crate::maps::{CSS_SET_V1_SLOT, SIGNAL_TGID_PID, SIZEOF_K_SIGACTION};
use tracer_common::globals::ABSENT;

/// `signal->flags`, to 5.16: the group writes a core dump.
const SIGNAL_GROUP_COREDUMP: u32 = 0x8;

/// `struct task_struct`.
pub struct Task<R> {
    base: *const u8,
    signal: *const u8,
    way: PhantomData<R>,
}

impl<R> Clone for Task<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for Task<R> {}

/// The flags of the running task, before anything else of it is looked at.
#[inline(always)]
pub fn current_flags<R: Read>() -> u32 {
    field::<R, u32>(R::current(), &off::TASK_FLAGS)
}

/// The thread group id of a task of which nothing else is wanted.
#[inline(always)]
pub fn tgid_of<R: Read>(task: *const u8) -> u32 {
    field::<R, u32>(task, &off::TASK_TGID)
}

/// Whether a task is its group's leader, of which nothing else is wanted.
#[inline(always)]
pub fn is_leader<R: Read>(task: *const u8) -> bool {
    field::<R, u32>(task, &off::TASK_PID) == tgid_of::<R>(task)
}

/// `signal->live` of a task of which nothing else is wanted yet.
#[inline(always)]
pub fn live_of<R: Read>(task: *const u8) -> u16 {
    Signal::<R>(pointer::<R>(task, &off::TASK_SIGNAL), PhantomData).live()
}

impl<R: Read> Task<R> {
    #[inline(always)]
    pub fn new(base: *const u8) -> Self {
        Self {
            base,
            signal: pointer::<R>(base, &off::TASK_SIGNAL),
            way: PhantomData,
        }
    }

    #[inline(always)]
    pub fn current() -> Self {
        Self::new(R::current())
    }

    #[inline(always)]
    pub fn flags(self) -> u32 {
        field::<R, u32>(self.base, &off::TASK_FLAGS)
    }

    #[inline(always)]
    pub fn tgid(self) -> u32 {
        field::<R, u32>(self.base, &off::TASK_TGID)
    }

    #[inline(always)]
    pub fn exit_code(self) -> u32 {
        field::<R, u32>(self.base, &off::TASK_EXIT_CODE)
    }

    #[inline(always)]
    pub fn exit_state(self) -> u32 {
        field::<R, u32>(self.base, &off::TASK_EXIT_STATE)
    }

    #[inline(always)]
    pub fn jobctl(self) -> u32 {
        // The low half: x86-64 and arm64 are little-endian, and every bit that
        // is looked at is below 32.
        field::<R, u32>(self.base, &off::TASK_JOBCTL)
    }

    #[inline(always)]
    pub fn state(self) -> u32 {
        field::<R, u32>(self.base, &off::TASK_STATE)
    }

    #[inline(always)]
    pub fn pdeath_signal(self) -> u32 {
        field::<R, u32>(self.base, &off::TASK_PDEATH_SIGNAL)
    }

    #[inline(always)]
    pub fn blocked(self) -> u64 {
        field::<R, u64>(self.base, &off::TASK_BLOCKED)
    }

    #[inline(always)]
    pub fn real_blocked(self) -> u64 {
        field::<R, u64>(self.base, &off::TASK_REAL_BLOCKED)
    }

    #[inline(always)]
    pub fn ptraced(self) -> bool {
        field::<R, u32>(self.base, &off::TASK_PTRACE) != 0
    }

    /// The thread group's leader, by way of `signal->curr_target`, which is one
    /// of its threads. The direct way costs at load time: whenever a pointer is
    /// loaded from a task that the verifier trusts, 6.x looks through all of the
    /// kernel's types by name, and the leader is trusted, too. That came to
    /// 100 ms of start-up. What is found through `signal` is not.
    ///
    /// `copy_signal()` sets `curr_target` and `__exit_signal()` moves it on, so it
    /// is a thread of the group as long as there is one. Two tasks have none that
    /// can be read: the boot processor's idle task, and one that still runs after
    /// its group was released. For them this reads zeros.
    #[inline(always)]
    fn leader(self) -> *const u8 {
        let thread = pointer::<R>(self.signal, &off::SIGNAL_CURR_TARGET);
        pointer::<R>(thread, &off::TASK_GROUP_LEADER)
    }

    #[inline(always)]
    pub fn start(self) -> u64 {
        field::<R, u64>(self.leader(), &off::TASK_START_BOOTTIME)
    }

    #[inline(always)]
    fn comm(self) -> [u64; 2] {
        comm::<R>(self.base)
    }

    #[inline(always)]
    pub fn signal(self) -> Signal<R> {
        Signal(self.signal, PhantomData)
    }

    /// The pid structure of the thread group (`task_tgid()`): its numbers are the
    /// process's, also when the thread at hand is not the leader.
    #[inline(always)]
    pub fn pid(self) -> Pid<R> {
        Pid(pointer::<R>(self.signal, &SIGNAL_TGID_PID), PhantomData)
    }

    /// One of [`handler`] for `sig`, which must be 1..=64.
    #[inline(always)]
    pub fn handler_class(self, sig: u32) -> u8 {
        let sighand = pointer::<R>(self.base, &off::TASK_SIGHAND);
        let at = off::SIGHAND_ACTION.load()
            + off::SIGACTION_HANDLER.load()
            + (sig - 1) * SIZEOF_K_SIGACTION.load();
        // Through the helper in both ways: a typed load takes no variable offset.
        // SAFETY: the helper takes any address and reports a fault.
        match unsafe { bpf_probe_read_kernel(sighand.wrapping_add(at as usize).cast::<u64>()) } {
            Ok(address) => class_of(address),
            Err(_) => handler::UNKNOWN,
        }
    }

    /// Whether the group writes a core dump: `signal->core_state` from 5.17,
    /// before that `mm->core_state` or a flag.
    #[inline(always)]
    pub fn dumping_core(self, signal: Signal<R>, signal_flags: u32) -> bool {
        if off::SIGNAL_CORE_STATE.load() != ABSENT {
            return !is_null(pointer::<R>(signal.0, &off::SIGNAL_CORE_STATE));
        }
        if signal_flags & SIGNAL_GROUP_COREDUMP != 0 {
            return true;
        }
        let mm = pointer::<R>(self.base, &off::TASK_MM);
        !is_null(mm) && !is_null(pointer::<R>(mm, &off::MM_CORE_STATE))
    }

    /// Fills in who this task is.
    ///
    /// # Safety
    /// `out` must be valid for writes.
    #[inline(always)]
    pub unsafe fn describe(self, out: *mut facts::Task) {
        let (tgid, tid) = (self.tgid(), field::<R, u32>(self.base, &off::TASK_PID));
        let leader = self.leader();
        // The thread's own: kill(2) asks for these, not for the leader's.
        let cred = pointer::<R>(self.base, &off::TASK_CRED);
        // SAFETY: the caller's promise; every field is written, since reserved
        // ring memory holds old bytes.
        unsafe {
            (*out).start = field::<R, u64>(leader, &off::TASK_START_BOOTTIME);
            (*out).tgid = tgid;
            (*out).tid = tid;
            (*out).uid = field::<R, u32>(cred, &off::CRED_UID);
            (*out).flags = self.flags();
            (&raw mut (*out).comm).cast::<[u64; 2]>().write(self.comm());
        }
    }

    /// Where the process stands in the cgroup hierarchies.
    #[inline(always)]
    pub fn cgroups(self) -> Cgroups {
        let css_set = pointer::<R>(self.leader(), &off::TASK_CGROUPS);
        let v2 = pointer::<R>(css_set, &off::CSS_SET_DFL_CGRP);
        let v1 = if CSS_SET_V1_SLOT.load() == ABSENT {
            0
        } else {
            let css = pointer::<R>(css_set, &CSS_SET_V1_SLOT);
            kernfs_id::<R>(pointer::<R>(css, &off::CSS_CGROUP))
        };
        Cgroups {
            v2: kernfs_id::<R>(v2),
            v1,
        }
    }

    /// The parent's number in the innermost namespace of `own`, which is this task's
    /// pid: 0 if it is not visible there, `u32::MAX` if there is none to read.
    #[inline(always)]
    pub fn parent_nr(self, own: Pid<R>) -> u32 {
        let parent = pointer::<R>(self.leader(), &off::TASK_REAL_PARENT);
        if is_null(parent) {
            return u32::MAX;
        }
        let parent = Task::<Probed>::new(parent).pid();
        if is_null(parent.0) {
            return u32::MAX;
        }
        let own = Pid::<Probed>(own.0, PhantomData);
        parent.nr_in(parent.level(), own, own.level())
    }

    /// Fills in the ancestors, the parent first; the rest stays zero.
    ///
    /// # Safety
    /// `out` must be valid for writes of the whole array.
    #[inline(always)]
    pub unsafe fn ancestors(self, out: *mut [Ancestor; facts::ANCESTORS]) {
        let mut parent = pointer::<R>(self.leader(), &off::TASK_REAL_PARENT);
        for generation in 0..facts::ANCESTORS {
            // SAFETY: the index is below the array's length; the caller's promise.
            // `comm` is only 4-aligned here, hence the unaligned write.
            unsafe {
                let entry = out.cast::<Ancestor>().add(generation);
                (*entry).tgid = field::<R, u32>(parent, &off::TASK_TGID);
                (&raw mut (*entry).comm)
                    .cast::<[u32; 4]>()
                    .write(split(comm::<R>(parent)));
            }
            parent = pointer::<R>(parent, &off::TASK_REAL_PARENT);
        }
    }
}

/// `task_struct.comm`, in two loads, since a typed load has at most eight bytes.
#[inline(always)]
pub(super) fn comm<R: Read>(task: *const u8) -> [u64; 2] {
    let offset = off::TASK_COMM.load();
    // SAFETY: two words of a char array of 16.
    unsafe { [R::read(task, offset), R::read(task, offset + 8)] }
}

/// Two words as four halves, for a destination that is only 4-aligned.
#[inline(always)]
fn split([low, high]: [u64; 2]) -> [u32; 4] {
    [
        low as u32,
        (low >> 32) as u32,
        high as u32,
        (high >> 32) as u32,
    ]
}

#[inline(always)]
pub fn kernfs_id<R: Read>(cgroup: *const u8) -> u64 {
    field::<R, u64>(pointer::<R>(cgroup, &off::CGROUP_KN), &off::KN_ID)
}

/// The id of a cgroup's hierarchy, 0 for v2.
#[inline(always)]
pub fn hierarchy_of<R: Read>(cgroup: *const u8) -> u32 {
    field::<R, u32>(
        pointer::<R>(cgroup, &off::CGROUP_ROOT),
        &off::CGROUP_ROOT_HIERARCHY,
    )
}
