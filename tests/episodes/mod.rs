//! Terminations on this very kernel, and what `live` finds wrong with each: the
//! exact list.
//!
//! The arena plays the container; a specimen of the host that is called `runc`
//! plays its runtime, with a grace of a tenth of a second.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use libc::{SIGKILL, SIGTERM};
use serde_json::Value;
use sigwhy::lab::arena::{Arena, Disposition, Order, Specimen};

use crate::arena::arena;
use crate::cli::live::Live;
use crate::harness::slow;

mod denied;
mod ends;
mod shared;
mod stops;
mod waits;

type Outcome = anyhow::Result<()>;

const SOON: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_millis(100);

/// A runtime, the init of a container and another process of it.
struct Stage {
    arena: Arena,
    runtime: Specimen,
    init: Specimen,
    server: Specimen,
}

impl Stage {
    fn new(init: &str) -> anyhow::Result<Self> {
        let arena = arena()?;
        let runtime = arena.spawn_host("runc")?;
        let init = runtime.spawn_init(init)?;
        let server = init.spawn_child("server")?;
        server.dispose(SIGTERM, Disposition::Handler)?;
        Ok(Self {
            arena,
            runtime,
            init,
            server,
        })
    }

    fn stop(&self, signal: i32) -> Outcome {
        self.runtime.kill(self.init.pid(), signal)
    }

    /// SIGTERM, the grace, SIGKILL.
    fn stop_and_kill(&self) -> Outcome {
        self.stop(SIGTERM)?;
        self.kill()
    }

    /// SIGKILL once the grace is over.
    fn kill(&self) -> Outcome {
        std::thread::sleep(GRACE);
        self.stop(SIGKILL)?;
        self.is_reaped()
    }

    /// Its parent has heard of its end, which comes after all of it.
    fn is_reaped(&self) -> Outcome {
        self.init.reap(SOON).map(drop)
    }

    fn exits(&self) -> Outcome {
        self.init.order(Order::Exit { code: 0 })?;
        self.is_reaped()
    }
}

/// An episode of this init's container: others end at the same time. Not by
/// `--container`, which as an inode keeps from view what was sent elsewhere.
fn is_of(init: &Specimen, record: &Value) -> bool {
    record["type"] == "episode" && record["init"]["pid"] == init.pid()
}

/// The last episode of the container that is told while `play` plays, and after.
fn told(init: &str, play: impl FnOnce(&Stage) -> Outcome) -> anyhow::Result<Value> {
    let stage = Stage::new(init)?;
    let live = Live::json(["--episodes-only"])?;
    play(&stage)?;
    let records = live.records()?;
    let last = records.iter().rfind(|record| is_of(&stage.init, record));
    last.cloned()
        .with_context(|| format!("no episode among {records:#?}"))
}

/// The same of an end that does not come, and is then let go.
fn stuck(
    init: &str,
    play: impl FnOnce(&Stage) -> Outcome,
    release: impl FnOnce(&Stage) -> Outcome,
) -> anyhow::Result<Value> {
    let stage = Stage::new(init)?;
    let live = Live::json(["--episodes-only"])?;
    let own = |record: &Value, state: &str| is_of(&stage.init, record) && record["state"] == state;
    play(&stage)?;
    let told = live.record(|record| own(record, "stuck"))?;
    release(&stage)?;
    let closed = live.record(|record| own(record, "closed"))?;
    ensure!(told["id"] == closed["id"], "{told}\n{closed}");
    Ok(told)
}

#[track_caller]
fn found(episode: &Value, ids: &[&str]) {
    let list = episode["diagnoses"].as_array();
    let got: Vec<_> = list
        .into_iter()
        .flatten()
        .filter_map(|diagnosis| diagnosis["id"].as_str())
        .collect();
    assert_eq!(got, ids, "{episode:#}");
    for diagnosis in list.into_iter().flatten() {
        assert!(
            diagnosis["fix"].as_str().is_some_and(|fix| fix.len() > 10),
            "{diagnosis}"
        );
    }
}

/// Waits for what takes its time.
fn until(what: &str, holds: impl Fn() -> bool) -> Outcome {
    let end = Instant::now() + slow(SOON);
    while !holds() {
        ensure!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

const GRACE_OVER: &str = "GRACE_EXPIRED_KILL";
