//! Process numbers: one in each PID namespace that a process is in.

use core::marker::PhantomData;

use tracer_common::{
    facts::{MAX_LEVELS, PidLevels, Reaper},
    filters,
    globals::INIT_PID_NS_INUM,
};

use super::{Probed, Read, field, is_null, off, pointer, task};
use crate::maps::SIZEOF_UPID;

/// How deep PID namespaces nest (`MAX_PID_NS_LEVEL`).
const MAX_PID_NS_LEVEL: u32 = 32;

/// `struct pid` of a thread-group leader.
pub struct Pid<R>(pub(super) *const u8, pub(super) PhantomData<R>);

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
        // A task that still runs after its group was released has no numbers.
        let known = !is_null(self.0);
        // SAFETY: the caller's promise; the indices stay below MAX_LEVELS.
        unsafe {
            (*out).level = if known { level } else { u32::MAX };
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
                let is_in = at <= inner;
                (*out).nrs[i] = if is_in { self.nr(at) } else { 0 };
                (*out).inums[i] = if is_in { self.inum(at) } else { 0 };
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

    /// The leader of the innermost namespace's init, to be followed by [`Probed`]
    /// only; null for the host's.
    #[inline(always)]
    fn init(self, level: u32) -> *const u8 {
        if !(1..=MAX_PID_NS_LEVEL).contains(&level) {
            return core::ptr::null();
        }
        let reaper = pointer::<Probed>(self.ns(level), &off::PIDNS_CHILD_REAPER);
        if is_null(reaper) {
            return core::ptr::null();
        }
        pointer::<Probed>(reaper, &off::TASK_GROUP_LEADER)
    }

    /// The init of the innermost namespace for the `UNWANTED` map; zeros for the
    /// host's.
    #[inline(always)]
    pub fn init_is(self, level: u32) -> filters::Init {
        let leader = self.init(level);
        if is_null(leader) {
            return [0; 3];
        }
        filters::init(
            field::<Probed, u64>(leader, &off::TASK_START_BOOTTIME),
            task::comm::<Probed>(leader),
        )
    }

    /// Fills in the init of the innermost namespace; zeros for the host's.
    ///
    /// # Safety
    /// `out` must be valid for writes.
    #[inline(always)]
    pub unsafe fn reaper(self, out: *mut Reaper) {
        let (mut start, mut tgid, mut comm) = (0, 0, [0; 2]);
        let leader = self.init(self.level());
        if !is_null(leader) {
            start = field::<Probed, u64>(leader, &off::TASK_START_BOOTTIME);
            tgid = field::<Probed, u32>(leader, &off::TASK_TGID);
            comm = task::comm::<Probed>(leader);
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
