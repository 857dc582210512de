//! `sigwhy why --watch`: it stays, tells what changes, and says what ended it.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use libc::SIGTERM;
use nix::sys::signal::Signal;
use sigwhy::lab::arena::TracePolicy;

use super::live::{Live, sigwhy};
use super::why::Stage;
use crate::harness::slow;

type Outcome = anyhow::Result<()>;

const SOON: Duration = Duration::from_secs(20);

#[test]
fn it_stays_until_it_is_over() -> Outcome {
    let stage = Stage::new()?;
    let outside = stage.arena.spawn_host("docker-exec")?;
    let injected = outside.inject(&stage.init, "injected")?;
    stage.kill()?;
    injected.await_death(SOON)?;
    stage.verdict("stuck")?;
    let pid = stage.init.pid().to_string();
    let watch = Live::spawn(sigwhy().args(["why", &pid, "--watch"]))?;
    watch.line(": stuck")?;
    watch.line("Why:")?;
    // A look takes little of a CPU, however long it stays.
    let before = cpu_ticks(watch.pid())?;
    std::thread::sleep(Duration::from_secs(2));
    let used = cpu_ticks(watch.pid())? - before;
    let most = slow(Duration::from_millis(600));
    let used = Duration::from_millis(10 * used);
    ensure!(used < most, "{used:?} of the CPU in about two seconds");
    injected.reap(SOON)?;
    stage.is_reaped()?;
    let said = watch.wait()?;
    assert_eq!(said.status.code(), Some(0), "{:?}", said.err);
    let out = said.out.join("\n");
    assert!(out.contains(": gone"), "{out}");
    let reaped = format!(
        "What freed it: docker-exec {} reaped injected",
        outside.pid()
    );
    assert!(out.contains(&reaped), "{out}");
    Ok(())
}

/// What a process has used of CPUs, in clock ticks.
fn cpu_ticks(pid: u32) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, tail) = text.rsplit_once(')').context("a stat")?;
    let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

#[test]
fn ctrl_c_ends_watching_and_says_how_it_stands() -> Outcome {
    let stage = Stage::new()?;
    let pid = stage.init.pid().to_string();
    let watch = Live::spawn(sigwhy().args(["why", &pid, "-w", "--format", "json"]))?;
    watch.record(|record| record["status"] == "not_stuck")?;
    watch.signal(Signal::SIGINT)?;
    let said = watch.wait()?;
    assert_eq!((said.status.code(), said.out.len()), (Some(0), 1));
    assert!(said.err.is_empty(), "{:?}", said.err);

    stage.init.block(&[SIGTERM])?;
    stage.host.kill(stage.init.pid(), SIGTERM)?;
    let watch = Live::spawn(sigwhy().args(["why", &pid, "-w", "--format", "json"]))?;
    watch.record(|record| record["status"] == "stuck")?;
    assert_eq!(watch.end()?.status.code(), Some(3));
    Ok(())
}

#[test]
fn a_watch_tells_a_wait_that_begins() -> Outcome {
    let stage = Stage::new()?;
    let pid = stage.init.pid().to_string();
    let watch = Live::spawn(sigwhy().args(["why", &pid, "--watch", "--format", "json"]))?;
    watch.record(|record| record["status"] == "not_stuck")?;
    let tracer = stage.arena.spawn_host("strace")?;
    tracer.seize(stage.server.pid(), TracePolicy::Neglect)?;
    stage.kill()?;
    watch.record(|record| record["wait"] == "traced")?;
    let who = format!("strace {} ended", tracer.pid());
    tracer.discard();
    stage.is_reaped()?;
    let said = watch.wait()?;
    let records = said.records()?;
    let last = records.last().context("a last word")?;
    assert_eq!(last["status"], "gone", "{last:#}");
    let freed = last["freed_by"].as_str().context("what freed it")?;
    assert!(freed.starts_with(&who), "{freed}");
    Ok(())
}
