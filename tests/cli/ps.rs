//! `sigwhy ps`: what it foretells of a stop signal is what comes true.

use std::time::Duration;

use anyhow::Context as _;
use libc::{SIGCONT, SIGKILL, SIGSTOP, SIGTERM};
use serde_json::Value;
use sigwhy::lab::arena::{Disposition, Specimen, Status};

use super::live::{run, sigwhy};
use super::why::{freeze_v1, freeze_v2};
use crate::arena::arena;
use crate::cases::cgroup::Cgroup;

type Outcome = anyhow::Result<()>;

const SOON: Duration = Duration::from_secs(10);

/// What the list says about the container of an init.
fn row(init: &Specimen) -> anyhow::Result<Value> {
    let said = run(sigwhy().args(["ps", "--format", "json"]))?;
    anyhow::ensure!(said.err.is_empty(), "{:?}", said.err);
    said.records()?
        .into_iter()
        .find(|row| row["main"]["pid"] == init.pid())
        .with_context(|| format!("{init} is not listed"))
}

#[test]
fn it_foretells_what_becomes_of_the_signal() -> Outcome {
    let arena = arena()?;
    type Prepare = fn(&Specimen) -> anyhow::Result<()>;
    let cases: [(&str, &str, Prepare, bool); 5] = [
        ("unkillable_init", "dropped", |_| Ok(()), false),
        (
            "handler",
            "queued",
            |init| init.dispose(SIGTERM, Disposition::Handler),
            true,
        ),
        (
            "ignored",
            "dropped",
            |init| init.dispose(SIGTERM, Disposition::Ignore),
            false,
        ),
        ("blocked", "queued", |init| init.block(&[SIGTERM]), false),
        (
            "sigwait",
            "queued",
            |init| init.sigwait(&[SIGTERM], SOON),
            false,
        ),
    ];
    for (reason, outcome, prepare, is_caught) in cases {
        let host = arena.spawn_host("host")?;
        let init = host.spawn_init("init")?;
        prepare(&init)?;
        let row = row(&init)?;
        assert_eq!(row["stop"]["signal"], "SIGTERM", "{row}");
        assert_eq!(row["stop"]["reason"], reason, "{row}");
        assert_eq!(row["stop"]["outcome"], outcome, "{row}");
        assert_eq!(row["main"]["ns_pid"], 1);
        assert_eq!(row["processes"], 1);
        assert_eq!(row["shares_pid_ns"], false);
        host.kill(init.pid(), SIGTERM)?;
        if reason == "sigwait" {
            assert_eq!(init.awaited_signal(SOON)?, Some(SIGTERM));
        }
        assert_eq!(init.fate(SOON)?, Status::Alive, "{reason}");
        assert_eq!(init.caught(SIGTERM)? > 0, is_caught, "{reason}");
    }
    Ok(())
}

/// What is foretold of SIGTERM to an init in this state: the reason.
fn foretold(init: &Specimen, reason: &str) -> Outcome {
    let row = row(init)?;
    assert_eq!(row["stop"]["reason"], reason, "{row}");
    Ok(())
}

#[test]
fn of_who_is_stopped_it_says_so() -> Outcome {
    let arena = arena()?;
    let host = arena.spawn_host("host")?;
    let stopped = |prepare: fn(&Specimen) -> anyhow::Result<()>| -> anyhow::Result<Specimen> {
        let init = host.spawn_init("init")?;
        prepare(&init)?;
        host.kill(init.pid(), SIGSTOP)?;
        init.await_stop(SOON)?;
        Ok(init)
    };
    let handles = stopped(|init| init.dispose(SIGTERM, Disposition::Handler))?;
    foretold(&handles, "stopped")?;
    host.kill(handles.pid(), SIGTERM)?;
    // It waits as foretold, and is handled once it is continued.
    assert!(handles.stat().is_some_and(|stat| stat.state == 'T'));
    foretold(&handles, "stopped")?;
    host.kill(handles.pid(), SIGCONT)?;
    assert_eq!(handles.fate(SOON)?, Status::Alive);
    assert!(handles.caught(SIGTERM)? > 0);
    foretold(&handles, "handler")?;

    // Who would read it from a queue does not either.
    let waits = stopped(|init| init.sigwait(&[SIGTERM], 2 * SOON))?;
    foretold(&waits, "stopped")?;
    let reads = stopped(|init| init.signalfd(&[SIGTERM], 2 * SOON))?;
    foretold(&reads, "stopped")?;
    // What is dropped, or blocked, does not wait for that.
    foretold(&stopped(|_| Ok(()))?, "unkillable_init")?;
    foretold(&stopped(|init| init.block(&[SIGTERM]))?, "blocked")
}

#[test]
fn of_who_is_frozen_it_says_so() -> Outcome {
    let arena = arena()?;
    let host = arena.spawn_host("host")?;
    for version in [1, 2] {
        let group = match version {
            1 => Cgroup::v1_freezer("ps-v1"),
            _ => Cgroup::v2("ps-v2", "cgroup.freeze"),
        };
        let Some(group) = group else { continue };
        let handles = host.spawn_init("init")?;
        handles.dispose(SIGTERM, Disposition::Handler)?;
        let waits = host.spawn_init("init")?;
        waits.sigwait(&[SIGTERM], 4 * SOON)?;
        let plain = host.spawn_init("init")?;
        group.add(&[&handles, &waits, &plain])?;
        match version {
            1 => freeze_v1(&group)?,
            _ => freeze_v2(&group)?,
        }
        foretold(&handles, "frozen")?;
        foretold(&waits, "frozen")?;
        foretold(&plain, "unkillable_init")?;
        let said = run(sigwhy().args(["ps", "-c", &format!("pidns-{}", handles.pid_ns()?)]))?;
        let text = said.out.join("\n");
        assert!(text.contains("SIGTERM waits: it is frozen"), "{text}");
        // SIGKILL ends whom the freezer of v2 holds, and nobody whom that of v1 does.
        host.kill(plain.pid(), SIGKILL)?;
        match version {
            1 => assert!(plain.stat().is_some_and(|stat| !stat.is_dead())),
            _ => drop(plain.await_death(SOON)?),
        }
    }
    Ok(())
}

#[test]
fn the_machines_own_processes_are_no_container() -> Outcome {
    let said = run(sigwhy().args(["ps", "--format", "json"]))?;
    for row in said.records()? {
        let is_machines = row["pid_ns"] == 4_026_531_836_u64 && row["id"].is_null();
        assert!(!is_machines, "{row}");
    }
    Ok(())
}

#[test]
fn without_a_proc_it_says_so() -> Outcome {
    let said = run(sigwhy().args(["ps", "--root", "/nowhere"]))?;
    assert_eq!(said.status.code(), Some(1));
    assert_eq!(said.err.len(), 1, "{:?}", said.err);
    assert!(said.err[0].contains("/nowhere/proc"), "{:?}", said.err);
    Ok(())
}
