//! A ring buffer, and how far the kernel side has got in it.
//!
//! aya reads records; it does not say why there is none: because all have been
//! read, or because the next one is reserved and not yet written, by a program
//! whose processor was taken away meanwhile. Whoever wants records in the order of
//! their times has to know. Not here: what the records say.

use std::num::NonZeroUsize;
use std::os::fd::{AsFd as _, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use aya::maps::{Map, MapData, RingBuf, ring_buf::RingBufItem};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use tokio::io::{Interest, unix::AsyncFd};

/// A ring.
pub struct Ring {
    ring: RingBuf<MapData>,
    positions: Positions,
}

impl Ring {
    /// # Errors
    /// When the map is no ring buffer, or its positions cannot be mapped.
    pub fn new(map: Map) -> anyhow::Result<Self> {
        let ring = RingBuf::try_from(map)?;
        let positions = Positions::new(&ring).context("cannot map the positions of a ring")?;
        Ok(Self { ring, positions })
    }

    /// The next record, if it has been written.
    pub fn take(&mut self) -> Option<RingBufItem<'_>> {
        self.ring.next()
    }

    /// How far records have been reserved, in bytes since the ring was made. Every
    /// record with a time before this call is below, whether it is written or not:
    /// the kernel side reserves first and looks at the clock then.
    pub fn reserved(&self) -> usize {
        self.positions.load(1)
    }

    /// How far they have been read.
    pub fn read(&self) -> usize {
        self.positions.load(0)
    }

    /// Registers it with the running tokio runtime.
    ///
    /// # Errors
    /// When the runtime has no I/O driver, or epoll refuses the descriptor.
    pub fn wakeups(&self) -> anyhow::Result<AsyncFd<OwnedFd>> {
        let fd = self.ring.as_fd().try_clone_to_owned()?;
        // SAFETY: `AsyncFd` owns this descriptor for its whole life, and an
        // `OwnedFd` never changes the descriptor that it holds.
        Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
    }
}

/// The first two pages of a ring, read-only: `consumer_pos`, then `producer_pos`
/// (`struct bpf_ringbuf`, `kernel/bpf/ringbuf.c`).
#[derive(Debug)]
struct Positions {
    pages: NonNull<std::ffi::c_void>,
    page: NonZeroUsize,
}

impl Positions {
    fn new(ring: &RingBuf<MapData>) -> anyhow::Result<Self> {
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?
            .and_then(|page| NonZeroUsize::new(usize::try_from(page).ok()?))
            .context("the size of a page is unknown")?;
        let both = page.checked_mul(NonZeroUsize::MIN.saturating_add(1));
        let both = both.context("pages beyond measure")?;
        // SAFETY: a new mapping, at a place of the kernel's choice.
        let pages = unsafe {
            mmap(
                None,
                both,
                ProtFlags::PROT_READ,
                MapFlags::MAP_SHARED,
                ring.as_fd(),
                0,
            )
        }?;
        Ok(Self { pages, page })
    }

    /// The number at the beginning of page 0 or 1.
    fn load(&self, page: usize) -> usize {
        debug_assert!(page < 2);
        let at = self
            .pages
            .as_ptr()
            .wrapping_byte_add(page * self.page.get());
        // SAFETY: within the two pages that stay mapped as long as `self`, at the
        // beginning of one; the kernel and aya write there an unsigned long, as a
        // whole.
        unsafe { &*at.cast::<AtomicUsize>() }.load(Ordering::Acquire)
    }
}

impl Drop for Positions {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length; no reference outlives `load`.
        let _ = unsafe { munmap(self.pages, 2 * self.page.get()) };
    }
}

// SAFETY: the pages are only read, atomically, and belong to no thread.
unsafe impl Send for Positions {}
