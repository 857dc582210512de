//! The only code that follows kernel pointers.
//!
//! [`Read`] has two ways to load a field. Under a BTF-typed program (tp_btf,
//! fentry) a plain load at a constant offset verifies and costs a third of the
//! helper; everywhere else only `bpf_probe_read_kernel` may follow a pointer.
//! The newtypes below read the same through both.
//!
//! Offsets are read-only globals that the loader fills from the running
//! kernel's BTF; an absent field reads as zero here, and the loader has said
//! which ability that costs.

use core::{marker::PhantomData, mem::MaybeUninit};

use aya_ebpf::{
    Global,
    helpers::{
        bpf_probe_read_kernel,
        generated::{self, bpf_get_current_task, bpf_get_current_task_btf},
    },
};
use tracer_common::{
    facts::{self, Ancestor, Cgroups, MAX_LEVELS, PidLevels, Reaper, handler},
    for_each_offset,
    globals::{ABSENT, INIT_PID_NS_INUM},
};

use crate::maps::{CSS_SET_V1_SLOT, SIGNAL_TGID_PID, SIZEOF_K_SIGACTION, SIZEOF_UPID};

/// `task->flags`: the thread is exiting.
pub const PF_EXITING: u32 = 0x4;
/// How deep PID namespaces nest (`MAX_PID_NS_LEVEL`).
const MAX_PID_NS_LEVEL: u32 = 32;
/// `signal->flags`: the whole thread group is exiting.
pub const SIGNAL_GROUP_EXIT: u32 = 0x4;
/// `signal->flags`, to 5.16: the group writes a core dump.
const SIGNAL_GROUP_COREDUMP: u32 = 0x8;

macro_rules! declare {
    ($($global:ident: $type_name:literal [$($path:literal),+] $ability:ident;)+) => {
        /// One global per field: `Global::load` is a volatile read of the whole
        /// value, so a struct of offsets would be read whole each time.
        mod off {
            use super::{ABSENT, Global};
            $(
                #[unsafe(no_mangle)]
                pub static $global: Global<u32> = Global::new(ABSENT);
            )+
        }
    };
}
for_each_offset!(declare);

/// A way to load from kernel memory.
pub trait Read {
    /// Loads a `T` at `base + offset`; zero where that cannot be read.
    ///
    /// # Safety
    /// For [`Typed`], `base` must be a pointer that the verifier knows by its
    /// BTF type, and `offset` a field of that type.
    unsafe fn read<T: Copy + Default>(base: *const u8, offset: u32) -> T;
    /// The running task, as a base for this way.
    fn current() -> *const u8;
}

/// Plain loads, checked by the verifier against the type.
pub struct Typed;
/// Loads through `bpf_probe_read_kernel`.
pub struct Probed;

impl Read for Typed {
    #[inline(always)]
    unsafe fn read<T: Copy + Default>(base: *const u8, offset: u32) -> T {
        // SAFETY: the verifier refuses the program unless this stays within the
        // type of `base`; a fault reads as zero (BPF_PROBE_MEM). Volatile keeps
        // LLVM from merging or splitting the load.
        unsafe {
            base.wrapping_add(offset as usize)
                .cast::<T>()
                .read_volatile()
        }
    }

    #[inline(always)]
    fn current() -> *const u8 {
        // SAFETY: a helper without arguments.
        unsafe { bpf_get_current_task_btf() as *const u8 }
    }
}

impl Read for Probed {
    #[inline(always)]
    unsafe fn read<T: Copy + Default>(base: *const u8, offset: u32) -> T {
        let mut value = MaybeUninit::<T>::uninit();
        // The answer is not looked at: where the address cannot be read, the
        // helper fills the destination with zeros. A branch for each of some
        // hundred reads is more than the verifiers before 6.12 can walk.
        // SAFETY: the helper takes any address, and writes all of `value`.
        unsafe {
            generated::bpf_probe_read_kernel(
                value.as_mut_ptr().cast(),
                size_of::<T>() as u32,
                base.wrapping_add(offset as usize).cast(),
            );
            value.assume_init()
        }
    }

    #[inline(always)]
    fn current() -> *const u8 {
        // SAFETY: a helper without arguments.
        unsafe { bpf_get_current_task() as *const u8 }
    }
}

/// Reads a field by its global; zero where the kernel has no such field.
#[inline(always)]
fn field<R: Read, T: Copy + Default>(base: *const u8, offset: &Global<u32>) -> T {
    let offset = offset.load();
    if offset == ABSENT {
        return T::default();
    }
    // SAFETY: the loader resolved the offset for the type that `base` points to.
    unsafe { R::read(base, offset) }
}

/// Reads a pointer field.
#[inline(always)]
fn pointer<R: Read>(base: *const u8, offset: &Global<u32>) -> *const u8 {
    field::<R, PtrBits>(base, offset).0
}

/// A pointer with a default, so that it can be read like any other field.
#[derive(Clone, Copy)]
struct PtrBits(*const u8);

impl Default for PtrBits {
    #[inline(always)]
    fn default() -> Self {
        Self(core::ptr::null())
    }
}

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
            // Only whether it is null: as a number, which no type is looked up for.
            return field::<R, u64>(signal.0, &off::SIGNAL_CORE_STATE) != 0;
        }
        if signal_flags & SIGNAL_GROUP_COREDUMP != 0 {
            return true;
        }
        let mm = pointer::<R>(self.base, &off::TASK_MM);
        !mm.is_null() && !pointer::<R>(mm, &off::MM_CORE_STATE).is_null()
    }

    /// Fills in who this task is.
    ///
    /// # Safety
    /// `out` must be valid for writes.
    #[inline(always)]
    pub unsafe fn describe(self, out: *mut facts::Task) {
        let (tgid, tid) = (self.tgid(), field::<R, u32>(self.base, &off::TASK_PID));
        let leader = self.leader();
        let cred = pointer::<R>(leader, &off::TASK_CRED);
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

    /// # Safety
    /// `out` must be valid for writes.
    #[inline(always)]
    pub unsafe fn cgroups(self, out: *mut Cgroups) {
        let css_set = pointer::<R>(self.leader(), &off::TASK_CGROUPS);
        let v2 = pointer::<R>(css_set, &off::CSS_SET_DFL_CGRP);
        let v1 = if CSS_SET_V1_SLOT.load() == ABSENT {
            0
        } else {
            let css = pointer::<R>(css_set, &CSS_SET_V1_SLOT);
            kernfs_id::<R>(pointer::<R>(css, &off::CSS_CGROUP))
        };
        // SAFETY: the caller's promise.
        unsafe {
            (*out).v2 = kernfs_id::<R>(v2);
            (*out).v1 = v1;
        }
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
fn comm<R: Read>(task: *const u8) -> [u64; 2] {
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
fn kernfs_id<R: Read>(cgroup: *const u8) -> u64 {
    field::<R, u64>(pointer::<R>(cgroup, &off::CGROUP_KN), &off::KN_ID)
}

/// The class of a handler's address.
#[inline(always)]
pub fn class_of(address: u64) -> u8 {
    match address {
        0 => handler::DEFAULT,
        1 => handler::IGNORE,
        2 => handler::KTHREAD,
        3 => handler::KTHREAD_KERNEL,
        _ => handler::FUNCTION,
    }
}

/// The class of the handler in a `struct k_sigaction`.
#[inline(always)]
pub fn action_class<R: Read>(action: *const u8) -> u8 {
    class_of(field::<R, u64>(action, &off::SIGACTION_HANDLER))
}

/// `kernel_siginfo.si_code` of a real siginfo.
#[inline(always)]
pub fn siginfo_code<R: Read>(info: *const u8) -> i32 {
    field::<R, u32>(info, &off::SIGINFO_CODE) as i32
}

/// `struct signal_struct`.
pub struct Signal<R>(*const u8, PhantomData<R>);

impl<R> Clone for Signal<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for Signal<R> {}

impl<R: Read> Signal<R> {
    #[inline(always)]
    pub fn flags(self) -> u32 {
        field::<R, u32>(self.0, &off::SIGNAL_FLAGS)
    }

    #[inline(always)]
    pub fn group_exit_code(self) -> u32 {
        field::<R, u32>(self.0, &off::SIGNAL_GROUP_EXIT_CODE)
    }

    /// Live threads, saturating.
    #[inline(always)]
    pub fn live(self) -> u16 {
        let live = field::<R, u32>(self.0, &off::SIGNAL_LIVE);
        if live > u16::MAX as u32 {
            u16::MAX
        } else {
            live as u16
        }
    }
}

/// `struct pid` of a thread-group leader.
pub struct Pid<R>(*const u8, PhantomData<R>);

impl<R> Clone for Pid<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for Pid<R> {}

impl<R: Read> Pid<R> {
    #[inline(always)]
    pub fn level(self) -> u32 {
        field::<R, u32>(self.0, &off::PID_LEVEL)
    }

    /// The number at `level`.
    #[inline(always)]
    fn nr(self, level: u32) -> u32 {
        let at = off::PID_NUMBERS.load() + off::UPID_NR.load();
        if level == 0 {
            // SAFETY: the first element is part of the struct on every kernel.
            return unsafe { R::read(self.0, at) };
        }
        // Before 6.5 `numbers` has one element for BTF, and typed loads end there.
        // SAFETY: the helper takes any address.
        unsafe { Probed::read(self.0, at + level * SIZEOF_UPID.load()) }
    }

    /// The namespace at `level`, to be followed by [`Probed`] only.
    #[inline(always)]
    fn ns(self, level: u32) -> *const u8 {
        let at = off::PID_NUMBERS.load() + off::UPID_NS.load() + level * SIZEOF_UPID.load();
        // SAFETY: the helper takes any address.
        let address: u64 = unsafe { Probed::read(self.0, at) };
        address as *const u8
    }

    /// Whether this is the init of a PID namespace other than the host's. The
    /// number is what counts: SIGNAL_UNKILLABLE is gone once the init dies.
    #[inline(always)]
    pub fn is_ns_init(self, level: u32) -> bool {
        (1..=MAX_PID_NS_LEVEL).contains(&level) && self.nr(level) == 1
    }

    /// The inode of the innermost namespace.
    #[inline(always)]
    pub fn inum(self, level: u32) -> u32 {
        if level == 0 || level > MAX_PID_NS_LEVEL {
            return INIT_PID_NS_INUM;
        }
        field::<Probed, u32>(self.ns(level), &off::PIDNS_INUM)
    }

    /// This process's number in the innermost namespace of `other`, 0 if it is
    /// not visible there (`task_pid_nr_ns`).
    #[inline(always)]
    pub fn nr_in(self, level: u32, other: Self, other_level: u32) -> u32 {
        if level < other_level || other_level > MAX_PID_NS_LEVEL {
            return 0;
        }
        if other_level == 0 || self.ns(other_level) as u64 == other.ns(other_level) as u64 {
            self.nr(other_level)
        } else {
            0
        }
    }

    /// Fills in all levels.
    ///
    /// # Safety
    /// `out` must be valid for writes.
    #[inline(always)]
    pub unsafe fn levels(self, out: *mut PidLevels) {
        let level = self.level();
        let inner = if level > MAX_PID_NS_LEVEL { 0 } else { level };
        // SAFETY: the caller's promise; the indices stay below MAX_LEVELS.
        unsafe {
            (*out).level = level;
            (*out).nr = self.nr(inner);
            (*out).inum = self.inum(inner);
            (*out)._pad = 0;
            (*out).ns_id = if inner == 0 {
                0
            } else {
                field::<Probed, u64>(self.ns(inner), &off::PIDNS_ID)
            };
            for i in 0..MAX_LEVELS {
                let at = i as u32;
                let known = at <= inner;
                (*out).nrs[i] = if known { self.nr(at) } else { 0 };
                (*out).inums[i] = if known { self.inum(at) } else { 0 };
            }
        }
    }

    /// `pid_namespace.pid_allocated` of the innermost namespace.
    #[inline(always)]
    pub fn pid_allocated(self, level: u32) -> u32 {
        if level == 0 || level > MAX_PID_NS_LEVEL {
            return 0;
        }
        field::<Probed, u32>(self.ns(level), &off::PIDNS_PID_ALLOCATED)
    }

    /// Fills in the init of the innermost namespace; zeros for the host's.
    ///
    /// # Safety
    /// `out` must be valid for writes.
    #[inline(always)]
    pub unsafe fn reaper(self, out: *mut Reaper) {
        let level = self.level();
        let (mut start, mut tgid, mut comm) = (0, 0, [0; 2]);
        if (1..=MAX_PID_NS_LEVEL).contains(&level) {
            let reaper = pointer::<Probed>(self.ns(level), &off::PIDNS_CHILD_REAPER);
            if !reaper.is_null() {
                let leader = pointer::<Probed>(reaper, &off::TASK_GROUP_LEADER);
                start = field::<Probed, u64>(leader, &off::TASK_START_BOOTTIME);
                tgid = field::<Probed, u32>(leader, &off::TASK_TGID);
                comm = self::comm::<Probed>(leader);
            }
        }
        // SAFETY: the caller's promise.
        unsafe {
            (*out).start = start;
            (*out).tgid = tgid;
            (*out)._pad = 0;
            (&raw mut (*out).comm).cast::<[u64; 2]>().write(comm);
        }
    }
}
