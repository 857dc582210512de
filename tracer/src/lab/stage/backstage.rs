//! What the thread that performs and the one that watches share.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::explain::Answer;
use crate::lab::cast::Cast;
use crate::lab::scenario::Actor;

/// A step that was done, in words.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Told {
    /// CLOCK_BOOTTIME just before it was done, or just after where what it found
    /// is told, in nanoseconds.
    pub mono_ns: u64,
    pub text: String,
    /// What the model said, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Box<Answer>>,
}

/// What the performing thread and the watching one share.
#[derive(Debug, Default)]
pub struct Backstage {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    cast: Cast,
    told: Vec<Told>,
    cancelled: bool,
    cue: Cue,
    /// Signals that the tracer has seen sent to actors.
    sent: HashSet<(Actor, u32)>,
}

/// Whether the stage goes on by itself.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Cue {
    /// It does.
    #[default]
    Never,
    /// Before each step that is told, it waits to be told so.
    Wanted,
    /// It waits now.
    Awaited,
}

impl Backstage {
    /// With `stepwise`, the stage waits for [`Backstage::cue`] before each step
    /// that is told.
    pub fn new(stepwise: bool) -> Self {
        let backstage = Self::default();
        if stepwise {
            backstage.lock().cue = Cue::Wanted;
        }
        backstage
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain data, whole at every moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the performance before its next step, or within a pause.
    pub fn cancel(&self) {
        self.lock().cancelled = true;
        self.changed.notify_all();
    }

    /// Reads who is on stage by now.
    pub fn with_cast<T>(&self, read: impl FnOnce(&Cast) -> T) -> T {
        read(&self.lock().cast)
    }

    /// Changes who is on stage.
    pub(super) fn update_cast(&self, write: impl FnOnce(&mut Cast)) {
        write(&mut self.lock().cast);
    }

    /// Lets the stage know that an actor has been sent a signal.
    pub fn note_sent(&self, to: Actor, signal: u32) {
        self.lock().sent.insert((to, signal));
    }

    /// Whether an actor has been sent a signal by now, as the tracer saw it.
    pub(super) fn was_sent(&self, to: Actor, signal: u32) -> bool {
        self.lock().sent.contains(&(to, signal))
    }

    /// The steps told since the last call.
    pub fn take_told(&self) -> Vec<Told> {
        std::mem::take(&mut self.lock().told)
    }

    pub(super) fn tell(&self, told: Told) {
        self.lock().told.push(told);
    }

    /// Whether the stage waits for its cue.
    pub fn awaits_cue(&self) -> bool {
        self.lock().cue == Cue::Awaited
    }

    /// Lets the stage do its next step; with `all`, the rest of them.
    pub fn cue(&self, all: bool) {
        self.lock().cue = if all { Cue::Never } else { Cue::Wanted };
        self.changed.notify_all();
    }

    /// Waits for the cue, if there is one to wait for.
    pub(super) fn await_cue(&self) -> anyhow::Result<()> {
        let mut state = self.lock();
        if state.cue == Cue::Wanted {
            state.cue = Cue::Awaited;
        }
        while state.cue == Cue::Awaited && !state.cancelled {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if state.cancelled {
            bail!("interrupted");
        }
        Ok(())
    }

    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.lock().cancelled {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Sleeps, unless it is cancelled.
    pub(super) fn pause(&self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        let mut state = self.lock();
        while !state.cancelled {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            (state, _) = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        bail!("interrupted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_waits_for_its_cue_only_where_there_is_one() {
        let alone = Backstage::new(false);
        alone.await_cue().expect("goes on by itself");
        assert!(!alone.awaits_cue());

        let stepwise = Backstage::new(true);
        std::thread::scope(|scope| {
            let stage = scope.spawn(|| stepwise.await_cue().and_then(|()| stepwise.await_cue()));
            while !stepwise.awaits_cue() {
                std::thread::yield_now();
            }
            // The second time it goes on by itself.
            stepwise.cue(true);
            stage.join().expect("no panic").expect("not cancelled");
        });
    }

    #[test]
    fn a_cancelled_stage_waits_no_longer() {
        let backstage = Backstage::new(true);
        std::thread::scope(|scope| {
            let stage = scope.spawn(|| backstage.await_cue());
            while !backstage.awaits_cue() {
                std::thread::yield_now();
            }
            backstage.cancel();
            assert!(stage.join().expect("no panic").is_err());
        });
        assert!(backstage.check().is_err());
        assert!(backstage.pause(Duration::from_secs(60)).is_err());
    }
}
