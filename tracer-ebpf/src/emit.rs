//! Into the rings, and the counters that make a loss visible.
//!
//! Every run of a program counts one `seen` and exactly one of `filtered`,
//! `submitted`, `ring_full`, so that the sums agree at all times.

use core::mem::MaybeUninit;

use aya_ebpf::{
    bindings::{BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP},
    helpers::{bpf_get_smp_processor_id, bpf_ktime_get_boot_ns},
    maps::{RingBuf, ring_buf::RingBufEntry},
};
use tracer_common::{
    facts::{Counters, Header, hook},
    globals::{WAKE_BYTES, WAKE_PERIOD_NS},
};

use crate::maps::{COUNTERS, MATTERS, REST, WAKE};

/// Adds 1 to a counter of this processor. Atomic although the slot is the
/// processor's own, where another run may come between a plain load and its
/// store. The signal hooks need not: they fire under siglock with interrupts off,
/// and where siglock sleeps (PREEMPT_RT) the kernel lets no program run twice on
/// a processor.
macro_rules! add_one {
    ($hook:expr, $slot:expr) => {{
        let slot: *mut u64 = $slot;
        if matches!($hook, hook::SIGNAL_GENERATE | hook::SIGNAL_DELIVER) {
            // SAFETY: `slot` points into a map value that the verifier has checked.
            unsafe { *slot += 1 };
            return;
        }
        // SAFETY: `slot` points into a map value that the verifier has checked.
        // Written out because LLVM offers BPF no atomic add that 5.10 accepts.
        unsafe {
            core::arch::asm!(
                "lock *(u64 *)({slot} + 0) += {one}",
                slot = in(reg) slot,
                one = in(reg) 1u64,
            );
        }
    }};
}

/// The counters of one hook on this processor.
pub struct Account {
    counters: *mut Counters,
    hook: u32,
}

impl Account {
    /// Counts the event as seen.
    #[inline(always)]
    pub fn open(hook: u32) -> Option<Self> {
        let counters = COUNTERS.get_ptr_mut(hook)?;
        let account = Self { counters, hook };
        account.seen();
        Some(account)
    }

    #[inline(always)]
    fn seen(&self) {
        // SAFETY: the pointer comes from the map.
        add_one!(self.hook, unsafe { &raw mut (*self.counters).seen });
    }

    #[inline(always)]
    pub fn filtered(self) {
        // SAFETY: the pointer comes from the map.
        add_one!(self.hook, unsafe { &raw mut (*self.counters).filtered });
    }

    #[inline(always)]
    fn ring_full(self) {
        // SAFETY: the pointer comes from the map.
        add_one!(self.hook, unsafe { &raw mut (*self.counters).ring_full });
    }

    #[inline(always)]
    fn submitted(self) {
        // SAFETY: the pointer comes from the map.
        add_one!(self.hook, unsafe { &raw mut (*self.counters).submitted });
    }
}

/// Which ring.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    Matters,
    Rest,
}

impl Ring {
    #[inline(always)]
    fn map(self) -> &'static RingBuf {
        match self {
            Self::Matters => &MATTERS,
            Self::Rest => &REST,
        }
    }
}

/// A reserved record with its header filled in.
pub struct Slot<T: 'static> {
    entry: RingBufEntry<T>,
    account: Account,
    ring: Ring,
    ts: u64,
}

impl<T: 'static> Slot<T> {
    /// Reserves a record, or counts a full ring. `T` must begin with a [`Header`].
    #[inline(always)]
    pub fn reserve(account: Account, ring: Ring, kind: u16) -> Option<Self> {
        let Some(mut entry) = ring.map().reserve::<T>(0) else {
            account.ring_full();
            return None;
        };
        // Not before the reservation: so the reader, who sees what is reserved,
        // knows that what it has not seen yet is younger than its look.
        let ts = now();
        let header = (&raw mut *entry).cast::<Header>();
        // SAFETY: every record begins with a header.
        unsafe {
            (*header).ts = ts;
            (*header).kind = kind;
            (*header).len = size_of::<T>() as u16;
            (*header).cpu = bpf_get_smp_processor_id();
        }
        Some(Self {
            entry,
            account,
            ring,
            ts,
        })
    }

    /// The record's memory; every field must be written before [`Self::submit`].
    #[inline(always)]
    pub fn record(&mut self) -> *mut T {
        let memory: *mut MaybeUninit<T> = &raw mut *self.entry;
        memory.cast()
    }

    /// Hands the record over, and wakes the reader where it is time.
    #[inline(always)]
    pub fn submit(self) {
        let flags = wake_flags(self.ring as u32, self.ts, size_of::<T>() as u64);
        self.account.submitted();
        self.entry.submit(flags);
    }

    /// Gives the record back: a filter that needs what was read said no.
    #[inline(always)]
    pub fn discard(self) {
        self.account.filtered();
        self.entry.discard(u64::from(BPF_RB_NO_WAKEUP));
    }
}

#[inline(always)]
fn now() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}

/// A wake-up costs more than the whole record. The first record after a quiet
/// time wakes the reader; then it is woken again when `WAKE_PERIOD_NS` has
/// passed or `WAKE_BYTES` have come. The reader looks again by itself a little
/// later than the period, so nothing stays behind.
#[inline(always)]
fn wake_flags(ring: u32, ts: u64, bytes: u64) -> u64 {
    let Some(wake) = WAKE.get_ptr_mut(ring) else {
        return u64::from(BPF_RB_FORCE_WAKEUP);
    };
    // SAFETY: the pointer comes from the map; races are harmless (see `Wake`).
    unsafe {
        let pending = (*wake).bytes + bytes;
        if ts.wrapping_sub((*wake).last) >= WAKE_PERIOD_NS || pending >= WAKE_BYTES {
            (*wake).last = ts;
            (*wake).bytes = 0;
            u64::from(BPF_RB_FORCE_WAKEUP)
        } else {
            (*wake).bytes = pending;
            u64::from(BPF_RB_NO_WAKEUP)
        }
    }
}
