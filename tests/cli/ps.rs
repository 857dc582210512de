//! `sigwhy ps`: what it foretells of a stop signal is what comes true.

use std::time::Duration;

use anyhow::Context as _;
use libc::SIGTERM;
use serde_json::Value;
use sigwhy::lab::arena::{Disposition, Specimen, Status};

use super::live::{run, sigwhy};
use crate::arena::arena;

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
