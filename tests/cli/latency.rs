//! How soon a signal is shown, however shortly after another one it comes.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use libc::SIGUSR2;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::live::Live;
use super::story::Story;
use crate::harness::slow;

type Outcome = anyhow::Result<()>;

/// Many times what the kernel side is silent for after a wake-up (10 ms), and
/// far below the second after which the counters are read.
const SOON: Duration = Duration::from_millis(100);

/// Waits for the `count`th of the records that `wanted` takes.
fn until(live: &Live, count: usize, wanted: impl Fn(&Value) -> bool) -> Outcome {
    let found = Cell::new(0);
    live.record(|record| {
        found.set(found.get() + usize::from(wanted(record)));
        found.get() == count
    })
    .map(drop)
}

#[test]
fn the_second_of_two_signals_is_shown_as_soon_as_the_first() -> Outcome {
    let story = Story::new("cli-late")?;
    let live = Live::json(["-c", &story.inode.to_string()])?;
    let target = Pid::from_raw(story.inside.pid());
    let ours = |record: &Value| {
        record["type"] == "signal"
            && record["target"]["pid"] == story.inside.pid()
            && record["signal"]["number"] == SIGUSR2
    };
    let mut late = Vec::new();
    let mut sent = 0;
    // The gaps that a wake-up covers, and those just before and after. Ignored,
    // so that each leaves one record and wakes nobody else.
    for gap in (1..=30).chain(1..=30) {
        // Quiet again, so that the first one wakes the reader.
        thread::sleep(Duration::from_millis(40));
        kill(target, Signal::SIGUSR2).context("the first")?;
        thread::sleep(Duration::from_millis(gap));
        kill(target, Signal::SIGUSR2).context("the second")?;
        let begun = Instant::now();
        sent += 2;
        until(&live, sent, ours)?;
        // Still below that second where everything is slow.
        if begun.elapsed() > slow(SOON).min(8 * SOON) {
            late.push((gap, begun.elapsed()));
        }
    }
    live.end()?;
    // A busy machine delays one or two; a lost wake-up, a quarter of them.
    ensure!(late.len() <= 4, "late by gap in ms: {late:?}");
    Ok(())
}
