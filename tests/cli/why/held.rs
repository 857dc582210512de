//! A PID 1 that a freezer, a SIGSTOP or its own mask keeps from a stop signal: before
//! one waits for it, and with one that does.

use libc::SIGSTOP;

use super::*;

/// What is said of a PID 1 with a handler that is held, with no signal waiting for it:
/// how it is, and what a SIGTERM would wait for.
pub fn would(stage: &Stage, reason: &str, how: &str, until: &str) -> Outcome {
    let verdict = stage.verdict("not_stuck")?;
    let sigterm = &verdict["sigterm"];
    assert_eq!(sigterm["reason"], reason, "{verdict:#}");
    assert_eq!(sigterm["outcome"], "queued", "{verdict:#}");
    let said = ask(&stage.init.pid().to_string(), &[])?;
    let text = said.out.join("\n");
    let words = format!("a SIGTERM to it would wait {until}");
    assert!(text.contains(how) && text.contains(&words), "{text}");
    Ok(())
}

pub fn freeze_v1(group: &Cgroup) -> Outcome {
    freeze(
        group,
        ("freezer.state", "FROZEN"),
        "freezer.state",
        "FROZEN",
    )
}

pub fn freeze_v2(group: &Cgroup) -> Outcome {
    freeze(group, ("cgroup.freeze", "1"), "cgroup.events", "frozen 1")
}

/// Returns once the file says that all are frozen.
fn freeze(group: &Cgroup, (file, how): (&str, &str), shown: &str, frozen: &str) -> Outcome {
    group.write(file, how)?;
    let end = Instant::now() + slow(SOON);
    while !group.read(shown).contains(frozen) {
        ensure!(Instant::now() < end, "it does not freeze");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

#[test]
fn a_frozen_init() -> Outcome {
    let stage = Stage::new()?;
    let Some(group) = Cgroup::v1_freezer("why-init") else {
        return Ok(());
    };
    stage.init.dispose(SIGTERM, Disposition::Handler)?;
    group.add(&[&stage.init])?;
    freeze_v1(&group)?;
    // Paused is not stuck.
    would(
        &stage,
        "frozen",
        "is frozen by cgroup",
        "until it is thawed",
    )?;
    stage.kill()?;
    stage.stuck("frozen_v1", Some("Z2"), "FROZEN_V1")?;
    group.write("freezer.state", "THAWED")?;
    stage.is_reaped()
}

#[test]
fn a_stop_that_waits() -> Outcome {
    let stage = Stage::new()?;
    stage.init.dispose(SIGTERM, Disposition::Handler)?;
    stage.host.kill(stage.init.pid(), SIGSTOP)?;
    stage.init.await_stop(SOON)?;
    would(&stage, "stopped", "is stopped;", "until it is continued")?;
    stage.host.kill(stage.init.pid(), SIGTERM)?;
    let verdict = stage.stuck("stopped", None, "STOPPED")?;
    let cont = format!("kill -CONT {}", stage.init.pid());
    assert_eq!(verdict["commands"][0], cont);
    stage.kill()?;
    stage.is_reaped()?;

    let stage = Stage::new()?;
    stage.init.block(&[SIGTERM])?;
    stage.host.kill(stage.init.pid(), SIGTERM)?;
    stage.stuck("blocked", None, "SIG_BLOCKED")?;
    stage.kill()?;
    stage.is_reaped()
}
