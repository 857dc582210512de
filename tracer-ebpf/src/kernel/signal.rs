//! Signals: what a siginfo and a handler say, and the state of a thread group.

use core::marker::PhantomData;

use tracer_common::facts::{handler, info};

use super::{Read, Typed, field, off, opaque};

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
fn siginfo_code<R: Read>(info: *const u8) -> i32 {
    field::<R, u32>(info, &off::SIGINFO_CODE) as i32
}

/// Reads from a real siginfo by its type, and makes nothing of it.
///
/// For the begin of a program: a verifier that takes `info` for a number refuses
/// this there, and not after it has walked most of the program. Every start pays
/// for a refusal.
#[inline(always)]
pub fn insist_on_type(siginfo: *const u8) {
    if opaque(siginfo) > 1 {
        let _ = siginfo_code::<Typed>(siginfo);
    }
}

/// What `info` is: the kernel passes two magic values that are no pointers.
///
/// Under tp_btf the verifier holds a trusted pointer to be non-null and deletes
/// a comparison with 0 (since 6.5), so 0 is what is neither 1 nor above, and
/// LLVM must not see through that.
#[inline(always)]
pub fn info_class(siginfo: *const u8) -> u8 {
    if opaque(siginfo) > 1 {
        info::POINTER
    } else if opaque(siginfo) == 1 {
        info::PRIV
    } else {
        info::NOINFO
    }
}

/// `si_code` as the kernel's own event prints it.
#[inline(always)]
pub fn si_code<R: Read>(class: u8, siginfo: *const u8) -> i32 {
    const SI_USER: i32 = 0;
    const SI_KERNEL: i32 = 0x80;
    match class {
        info::NOINFO => SI_USER,
        info::PRIV => SI_KERNEL,
        _ => siginfo_code::<R>(siginfo),
    }
}

/// `struct signal_struct`.
pub struct Signal<R>(pub(super) *const u8, pub(super) PhantomData<R>);

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
