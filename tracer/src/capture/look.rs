//! When to look into the rings without being woken.
//!
//! The kernel side wakes the reader for the first record after a quiet time and
//! then for none within `WAKE_PERIOD_NS`, so whoever has been woken, or has
//! found something, must look once more after that time, however often it
//! looked in between. Once that look finds nothing either, the next record
//! wakes again, and no timer is needed: idleness costs nothing.

use std::time::Duration;

use tokio::time::Instant;
use tracer_common::globals::WAKE_PERIOD_NS;

use super::order::SLACK_NS;

/// From the last sign of life to the look that nothing else may come before: a
/// little more than the kernel side is silent for.
const LOOK_AGAIN: Duration = Duration::from_nanos(WAKE_PERIOD_NS + WAKE_PERIOD_NS / 4);

/// The two reasons to look.
#[derive(Debug, Default)]
pub struct Look {
    /// Records are held that will be old enough by then.
    slack_at: Option<Instant>,
    /// Something may have come that woke nobody.
    quiet_at: Option<Instant>,
}

impl Look {
    /// After a drain that began at `begun`: `alive` where it found something, or
    /// was woken for something; `held` where records wait for their turn.
    pub fn drained(&mut self, begun: Instant, now: Instant, alive: bool, held: bool) {
        if alive {
            self.quiet_at = Some(now + LOOK_AGAIN);
        } else if self.quiet_at.is_some_and(|at| begun >= at) {
            self.quiet_at = None;
        }
        self.slack_at = held.then(|| now + Duration::from_nanos(SLACK_NS));
    }

    /// The counters tell of records that the last drain has not found.
    pub fn hidden(&mut self, now: Instant) {
        self.quiet_at = Some(now + LOOK_AGAIN);
    }

    /// When to look next; `None` while only a wake-up can bring something.
    pub fn at(&self) -> Option<Instant> {
        [self.slack_at, self.quiet_at].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wakes_nobody_is_found_within_the_period() {
        let t0 = Instant::now();
        let ms = |n| t0 + Duration::from_millis(n);
        let mut look = Look::default();
        assert_eq!(look.at(), None);
        // Woken for one record, which is held for a moment.
        look.drained(t0, t0, true, true);
        assert_eq!(look.at(), Some(ms(2)));
        // It is told. Nothing new, but one of the next 10 ms would wake nobody.
        look.drained(ms(2), ms(2), false, false);
        assert_eq!(look.at(), Some(t0 + LOOK_AGAIN));
        look.drained(ms(5), ms(5), false, false);
        assert_eq!(
            look.at(),
            Some(t0 + LOOK_AGAIN),
            "an early look changes nothing"
        );
        // It has come: the same again from here.
        look.drained(ms(13), ms(13), true, true);
        look.drained(ms(15), ms(15), false, false);
        assert_eq!(look.at(), Some(ms(13) + LOOK_AGAIN));
        look.drained(ms(26), ms(26), false, false);
        assert_eq!(look.at(), None, "idle");
    }

    #[test]
    fn woken_for_nothing_is_a_sign_of_life() {
        // A record that is reserved and not yet committed hides those after it.
        let t0 = Instant::now();
        let mut look = Look::default();
        look.drained(t0, t0, true, false);
        assert_eq!(look.at(), Some(t0 + LOOK_AGAIN));
    }

    #[test]
    fn a_drain_that_was_late_to_end_does_not_count_as_the_last_look() {
        let t0 = Instant::now();
        let mut look = Look::default();
        look.drained(t0, t0, true, false);
        // It read the rings before the time, and came back after it.
        look.drained(
            t0 + Duration::from_millis(12),
            t0 + 2 * LOOK_AGAIN,
            false,
            false,
        );
        assert_eq!(look.at(), Some(t0 + LOOK_AGAIN));
    }
}
