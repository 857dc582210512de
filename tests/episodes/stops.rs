//! Stop signals: dropped, ignored, waiting, handled to no avail; and healthy.

use libc::{SIGINT, SIGSEGV};
use sigwhy::lab::arena::{Answer, Group, Place};

use super::*;
use crate::arena::arena;

#[test]
fn a_stop_without_a_handler() -> Outcome {
    let episode = told("app", |stage| {
        stage.server.clone().discard();
        stage.stop_and_kill()
    })?;
    found(&episode, &["PID1_NO_HANDLER", GRACE_OVER]);
    assert_eq!(episode["state"], "closed");
    assert_eq!(episode["ending"], "killed");
    assert_eq!(episode["ungraceful"], true);
    assert_eq!(episode["exit_code"], 137);
    assert_eq!(episode["stop_signal"]["name"], "SIGTERM");
    assert_eq!(episode["stop_sender"]["comm"], "runc");
    assert_eq!(episode["kill_sender"]["comm"], "runc");
    let grace = episode["grace_ns"].as_u64().context("a grace")?;
    ensure!(grace >= GRACE.as_nanos() as u64, "{grace}");
    Ok(())
}

#[test]
fn a_shell_as_pid1() -> Outcome {
    let episode = told("bash", Stage::stop_and_kill)?;
    found(&episode, &["PID1_SHELL_WRAPPER", GRACE_OVER]);
    let killed = &episode["killed_by_zap"];
    assert_eq!(killed[0]["comm"], "server", "{episode:#}");
    assert_eq!(killed[0]["had_sigterm_handler"], true);
    assert_eq!(episode["killed_by_zap_total"], 1);
    Ok(())
}

#[test]
fn a_quick_stop_is_healthy() -> Outcome {
    let episode = told("app", |stage| {
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        stage.stop(SIGTERM)?;
        stage.init.fate(SOON)?;
        stage.init.kill(stage.server.ns_pid(), SIGTERM)?;
        stage.exits()
    })?;
    found(&episode, &[]);
    assert_eq!(episode["ungraceful"], false, "{episode:#}");
    assert_eq!(episode["ending"], "exited");
    assert_eq!(episode["exit_code"], 0);
    assert_eq!(episode["complete"], true, "{episode:#}");
    Ok(())
}

#[test]
fn another_stop_signal_than_it_handles() -> Outcome {
    let episode = told("app", |stage| {
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        stage.stop(SIGINT)?;
        stage.kill()
    })?;
    found(&episode, &["WRONG_STOPSIGNAL", GRACE_OVER]);
    Ok(())
}

#[test]
fn stopped_while_starting() -> Outcome {
    let episode = told("app", |stage| {
        stage.stop(SIGTERM)?;
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        stage.kill()
    })?;
    // On a machine so slow that it was not young any more, it only had none.
    let at = |pointer| episode.pointer(pointer).and_then(Value::as_u64);
    let age = at("/began/mono_ns").zip(at("/init/start_ns"));
    let (began, started) = age.context("its age")?;
    let is_young = began - started <= 5_000_000_000;
    let id = if is_young {
        "STARTUP_RACE"
    } else {
        "PID1_NO_HANDLER"
    };
    found(&episode, &[id, GRACE_OVER]);
    Ok(())
}

#[test]
fn a_handler_that_raises_the_signal_again() -> Outcome {
    let episode = told("node", |stage| {
        stage.init.dispose(SIGTERM, Disposition::Reraise)?;
        stage.stop_and_kill()
    })?;
    found(&episode, &["RERAISE_DROPPED", GRACE_OVER]);
    Ok(())
}

#[test]
fn ignored_as_inherited() -> Outcome {
    let episode = told("app", |stage| {
        stage.init.dispose(SIGTERM, Disposition::Ignore)?;
        stage.stop_and_kill()
    })?;
    found(&episode, &["SIG_IGN_INHERITED", GRACE_OVER]);
    Ok(())
}

#[test]
fn a_blocked_stop_signal() -> Outcome {
    let episode = told("app", |stage| {
        stage.init.block(&[SIGTERM])?;
        stage.stop(SIGTERM)?;
        stage.stop_and_kill()
    })?;
    found(&episode, &["SIG_BLOCKED", GRACE_OVER]);
    assert_eq!(episode["complete"], true, "{episode:#}");
    Ok(())
}

#[test]
fn a_sigwait_that_passes_nothing_on() -> Outcome {
    let episode = told("app", |stage| {
        stage.init.sigwait(&[SIGTERM], SOON)?;
        stage.stop_and_kill()
    })?;
    found(&episode, &["CONSUMED_NOT_FORWARDED", GRACE_OVER]);
    Ok(())
}

#[test]
fn a_handler_that_does_not_exit() -> Outcome {
    let episode = told("app", |stage| {
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        stage.stop_and_kill()
    })?;
    found(&episode, &["HANDLER_NO_EXIT", GRACE_OVER]);
    Ok(())
}

#[test]
fn a_child_that_does_not_exit() -> Outcome {
    let episode = told("tini", |stage| {
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        stage.stop(SIGTERM)?;
        stage.init.kill(stage.server.ns_pid(), SIGTERM)?;
        stage.server.fate(SOON)?;
        stage.kill()
    })?;
    found(&episode, &["HANDLER_NO_EXIT", GRACE_OVER]);
    let summary = episode["diagnoses"][0]["summary"].as_str();
    ensure!(
        summary.is_some_and(|text| text.starts_with("server")),
        "{summary:?}"
    );
    Ok(())
}

#[test]
fn a_shell_with_a_trap() -> Outcome {
    let episode = told("bash", |stage| {
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        stage.stop_and_kill()
    })?;
    found(&episode, &["SHELL_TRAP_DEFERRED", GRACE_OVER]);
    Ok(())
}

#[test]
fn a_package_manager_that_keeps_the_signal() -> Outcome {
    // It ends by itself, and its child with it.
    let episode = told("npm run start", |stage| {
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        stage.stop(SIGTERM)?;
        stage.init.fate(SOON)?;
        stage.exits()
    })?;
    found(&episode, &["PM_SWALLOWS"]);
    assert_eq!(episode["killed_by_zap"][0]["comm"], "server");
    // Or it waits for its child, which knows nothing.
    let episode = told("npm", |stage| {
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        stage.stop_and_kill()
    })?;
    found(&episode, &["PM_SWALLOWS", GRACE_OVER]);
    Ok(())
}

#[test]
fn a_pipe_that_nobody_reads() -> Outcome {
    let episode = told("app", |stage| {
        stage.server.clone().discard();
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        for _ in 0..3 {
            let errno = stage.init.errno_of(Order::BrokenPipe)?;
            ensure!(errno == libc::EPIPE, "errno {errno}");
        }
        stage.stop(SIGTERM)?;
        stage.init.fate(SOON)?;
        stage.exits()
    })?;
    found(&episode, &["SIGPIPE_SWALLOWED"]);
    let summary = episode["diagnoses"][0]["summary"].as_str();
    ensure!(summary.is_some_and(|text| text.contains(" 3 times")));
    Ok(())
}

#[test]
fn who_lives_on_is_told_in_a_while() -> Outcome {
    let stage = Stage::new("app")?;
    let inode = stage.init.pid_ns()?.to_string();
    let live = Live::json(["--episodes-only", "-c", &inode])?;
    stage.server.kill(1, SIGTERM)?;
    let episode = live.record(|record| record["type"] == "episode")?;
    found(&episode, &["PID1_NO_HANDLER"]);
    assert_eq!(episode["ending"], "lives_on");
    assert_eq!(episode["state"], "closed");
    Ok(())
}

#[test]
fn a_core_signal_for_pid1() -> Outcome {
    let episode = told("app", |stage| {
        stage.stop(SIGSEGV)?;
        stage.init.fate(SOON).map(drop)
    })?;
    found(&episode, &["PID1_RAISE_CORE_DROPPED"]);
    Ok(())
}

#[test]
fn a_key_of_the_terminal() -> Outcome {
    let arena = arena()?;
    let host = arena.spawn_host("terminal")?;
    let init = host.spawn(Place::NewNamespace, Group::Inherit, "init")?;
    let Answer::Text(path) = host.ask(Order::PtyMake)? else {
        anyhow::bail!("no pty");
    };
    init.order(Order::SetSid)?;
    init.order(Order::PtyOpen { path })?;
    let inode = init.pid_ns()?.to_string();
    let live = Live::json(["--episodes-only", "-c", &inode])?;
    host.order(Order::PtyWrite { bytes: vec![3] })?;
    let episode = live.record(|record| record["type"] == "episode")?;
    found(&episode, &["CTRL_C_DROPPED"]);
    Ok(())
}

/// What the machine shows by default: a paragraph, and no single event is lost.
#[test]
fn the_paragraph() -> Outcome {
    let stage = Stage::new("bash")?;
    let inode = stage.init.pid_ns()?.to_string();
    let live = Live::text(["-c", &inode])?;
    stage.stop_and_kill()?;
    live.line("stopped ungracefully")?;
    live.line("pid1-shell-wrapper: ")?;
    live.line("Fix: ")?;
    let said = live.end()?;
    assert!(said.out.iter().any(|line| line.contains("DROPPED")));

    let silent = Live::text(["--no-episodes", "-c", "pidns-1"])?.end()?;
    assert_eq!(silent.out, [""; 0]);
    Ok(())
}
