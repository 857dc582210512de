//! The kernel side's clock, and the wall clock beside it.

use nix::time::{ClockId, clock_gettime};

/// CLOCK_BOOTTIME in nanoseconds, the kernel side's clock.
pub fn boottime() -> u64 {
    now(ClockId::CLOCK_BOOTTIME)
}

/// `CLOCK_REALTIME - CLOCK_BOOTTIME` in ns, now: it changes whenever somebody
/// sets the clock, and a little while it is slewed.
pub fn offset() -> i64 {
    let before = boottime();
    let wall = now(ClockId::CLOCK_REALTIME);
    let after = boottime();
    wall as i64 - (before + (after - before) / 2) as i64
}

fn now(clock: ClockId) -> u64 {
    // The clocks used here exist on every kernel that has BPF ring buffers.
    clock_gettime(clock).map_or(0, |time| {
        time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
    })
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    #[test]
    fn the_offset_leads_to_the_wall_clock() {
        let wall = boottime().saturating_add_signed(offset());
        let other = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_nanos() as u64;
        assert!(wall.abs_diff(other) < 1_000_000_000, "{wall} {other}");
    }
}
