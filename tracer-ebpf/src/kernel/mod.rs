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

use core::mem::MaybeUninit;

use aya_ebpf::{
    Global,
    helpers::generated::{self, bpf_get_current_task, bpf_get_current_task_btf},
};
use tracer_common::{for_each_offset, globals::ABSENT};

mod pid;
mod signal;
mod task;

pub use pid::Pid;
pub use signal::{Signal, action_class, class_of, info_class, insist_on_type, si_code};
pub use task::{Task, current_flags, hierarchy_of, is_leader, kernfs_id, live_of, tgid_of};

/// `task->flags`: the thread is exiting.
pub const PF_EXITING: u32 = 0x4;
/// `signal->flags`: the whole thread group is exiting.
pub const SIGNAL_GROUP_EXIT: u32 = 0x4;
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

/// The bits of a pointer, in a way that neither LLVM nor the verifier can reason
/// about beyond the comparison that is made of them.
#[inline(always)]
fn opaque(pointer: *const u8) -> u64 {
    let mut bits = pointer as u64;
    // SAFETY: an assignment of a register to itself.
    unsafe {
        core::arch::asm!("{bits} = {bits}", bits = inout(reg) bits, options(pure, nomem, nostack));
    }
    bits
}

/// Whether a pointer is null. Not by comparing with 0: of a pointer that the
/// verifier trusts it knows better, and deletes the test.
#[inline(always)]
fn is_null(pointer: *const u8) -> bool {
    opaque(pointer) <= 1
}
