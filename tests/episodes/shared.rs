//! Containers without a PID namespace of their own: what is left of them is killed
//! one by one.
//!
//! A process that is no init is known by its cgroup alone, and which of them is
//! the main one by its runtime's word: a `state.json` where runc has its own.
//! `tests/runtimes/docker.rs` has the same of Docker's.

use super::*;
use crate::cli::cgroup::{OwnCgroup, new_id};
use crate::cli::names::OfRunc;

/// The last episode of a container whose main process has a child, and which its
/// runtime stops: first the one, then who is left. `main` has the runtime start it.
fn stopped(main: impl FnOnce(&Specimen) -> anyhow::Result<Specimen>) -> anyhow::Result<Value> {
    let id = new_id();
    // Before the arena, so that it is dropped, and removed, after its members.
    let cgroup = OwnCgroup::of_runc(&id)?;
    let arena = arena()?;
    let runtime = arena.spawn_host("runc")?;
    let main = main(&runtime)?;
    cgroup.admit(&main)?;
    // Its children are where it is.
    let left = main.spawn_child("worker")?;
    let _word = OfRunc::told(&id, &main, &[])?;
    let live = Live::json(["--episodes-only", "-c", &id])?;
    runtime.kill(main.pid(), SIGTERM)?;
    main.reap(SOON)?;
    runtime.kill(left.pid(), SIGKILL)?;
    left.await_death(SOON)?;
    let records = live.records()?;
    let is_its = |record: &&Value| record["container"]["id"] == *id;
    let episode = records.iter().rfind(is_its).cloned();
    let episode = episode.with_context(|| format!("no episode among {records:#?}"))?;
    assert_eq!(episode["init"]["pid"], main.pid(), "{episode:#}");
    Ok(episode)
}

#[test]
fn a_container_among_the_hosts_processes() -> Outcome {
    let episode = stopped(|runtime| runtime.spawn_child("app"))?;
    found(&episode, &["HOST_PIDNS"]);
    Ok(())
}

#[test]
fn a_container_in_another_ones_namespace() -> Outcome {
    let episode = stopped(|runtime| {
        let pause = runtime.spawn_init("pause")?;
        runtime.inject(&pause, "app")
    })?;
    found(&episode, &["SHARED_PIDNS"]);
    Ok(())
}
