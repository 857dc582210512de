//! Terminations on this very kernel, and what `live` finds wrong with each: the
//! exact list.
//!
//! The arena plays the container; a specimen of the host that is called `runc`
//! plays its runtime, with a grace of a tenth of a second.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use libc::{SIGINT, SIGKILL, SIGSEGV, SIGSTOP, SIGTERM};
use serde_json::Value;
use sigwhy::lab::arena::{Answer, Arena, Disposition, Group, Order, Place, Specimen, TracePolicy};

use super::live::Live;
use super::story::of_type;
use crate::harness::slow;

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
        let arena = Arena::new(Path::new(env!("CARGO_BIN_EXE_sigwhy")))?;
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

/// The last episode of the container that is told while `play` plays, and after.
fn told(init: &str, play: impl FnOnce(&Stage) -> Outcome) -> anyhow::Result<Value> {
    let stage = Stage::new(init)?;
    let inode = stage.init.pid_ns()?.to_string();
    let live = Live::json(["--episodes-only", "-c", &inode])?;
    play(&stage)?;
    let records = live.records()?;
    let last = of_type(&records, "episode").last().cloned();
    last.with_context(|| format!("no episode among {records:#?}"))
}

/// The same of an end that does not come, and is then let go.
fn stuck(
    init: &str,
    play: impl FnOnce(&Stage) -> Outcome,
    release: impl FnOnce(&Stage) -> Outcome,
) -> anyhow::Result<Value> {
    let stage = Stage::new(init)?;
    let inode = stage.init.pid_ns()?.to_string();
    let live = Live::json(["--episodes-only", "-c", &inode])?;
    play(&stage)?;
    let told = live.record(|record| record["state"] == "stuck")?;
    release(&stage)?;
    let closed = live.record(|record| record["state"] == "closed")?;
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

const GRACE_OVER: &str = "GRACE_EXPIRED_KILL";

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
    // On a machine so slow that it was not young any more it looks as if it had
    // none; the handler is seen all the same.
    found(&episode, &["STARTUP_RACE", GRACE_OVER]);
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
fn a_shell_that_ends_before_its_child() -> Outcome {
    let episode = told("bash", |stage| {
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        stage.stop(SIGTERM)?;
        stage.init.fate(SOON)?;
        stage.exits()
    })?;
    found(&episode, &["SHELL_EXITS_FIRST"]);
    Ok(())
}

#[test]
fn an_init_that_ends_before_its_child() -> Outcome {
    let episode = told("app", Stage::exits)?;
    found(&episode, &["INIT_EXITED_FIRST"]);
    assert_eq!(episode["stop_signal"], Value::Null);
    assert_eq!(episode["ungraceful"], true);
    Ok(())
}

#[test]
fn a_forwarder_to_its_first_child() -> Outcome {
    let episode = told("tini", |stage| {
        let shell = stage.init.spawn_child("sh")?;
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        stage.stop(SIGTERM)?;
        stage.init.kill(shell.ns_pid(), SIGTERM)?;
        shell.reap(SOON)?;
        stage.exits()
    })?;
    found(&episode, &["FORWARD_DIRECT_CHILD_ONLY"]);
    Ok(())
}

#[test]
fn a_kill_at_once() -> Outcome {
    let episode = told("app", Stage::kill)?;
    found(&episode, &["KILL_WITHOUT_STOP"]);
    // It is older than the tracing: who knows what was sent before.
    assert_eq!(episode["complete"], false, "{episode:#}");
    Ok(())
}

#[test]
fn sigkill_from_inside() -> Outcome {
    let episode = told("app", |stage| {
        stage.server.kill(1, SIGKILL)?;
        stage.init.fate(SOON).map(drop)
    })?;
    found(&episode, &["KILL9_FROM_INSIDE"]);
    assert_eq!(episode["ended"], Value::Null);
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
fn abort_of_pid1() -> Outcome {
    let episode = told("app", |stage| {
        stage.server.clone().discard();
        stage.init.post(Order::Abort)?;
        stage.is_reaped()
    })?;
    found(&episode, &["PID1_ABORT_AS_SEGV"]);
    assert_eq!(episode["ending"], "crashed");
    Ok(())
}

#[test]
fn a_fault_of_pid1() -> Outcome {
    let episode = told("app", |stage| {
        stage.init.post(Order::Fault)?;
        stage.is_reaped()
    })?;
    found(&episode, &["INIT_CRASHED"]);
    assert_eq!(episode["exit_code"], 139);
    Ok(())
}

#[test]
fn a_forbidden_system_call() -> Outcome {
    let episode = told("app", |stage| {
        stage.init.post(Order::SeccompKill)?;
        stage.is_reaped()
    })?;
    found(&episode, &["SECCOMP_KILL"]);
    Ok(())
}

#[test]
fn a_reboot_inside() -> Outcome {
    let episode = told("app", |stage| {
        stage.server.post(Order::Reboot { power_off: false })?;
        stage.is_reaped()
    })?;
    found(&episode, &["REBOOT_IN_NS"]);
    Ok(())
}

#[test]
fn the_end_of_the_parent() -> Outcome {
    let episode = told("app", |stage| {
        stage.init.order(Order::ParentDeath { signal: SIGKILL })?;
        stage.runtime.order(Order::Exit { code: 0 })?;
        stage.init.await_death(SOON)?;
        // Nobody is left to reap it in good time: it is dead, which comes last.
        std::thread::sleep(slow(Duration::from_millis(50)));
        Ok(())
    })?;
    found(&episode, &["PDEATHSIG"]);
    Ok(())
}

#[test]
fn a_kill_of_a_shared_process_group() -> Outcome {
    let arena = Arena::new(Path::new(env!("CARGO_BIN_EXE_sigwhy")))?;
    let leader = arena.spawn_host("leader")?;
    let near = leader.spawn(Place::NewNamespace, Group::Inherit, "near")?;
    let far = leader.spawn(Place::NewNamespace, Group::Inherit, "far")?;
    let child = near.spawn(Place::Same, Group::Inherit, "child")?;
    let inode = far.pid_ns()?.to_string();
    let live = Live::json(["--episodes-only", "-c", &inode])?;
    child.post(Order::Kill {
        pid: 0,
        signal: SIGKILL,
    })?;
    let episode = live.record(|record| record["state"] == "closed")?;
    found(&episode, &["FOREIGN_PGRP_KILL"]);
    Ok(())
}

#[test]
fn a_key_of_the_terminal() -> Outcome {
    let arena = Arena::new(Path::new(env!("CARGO_BIN_EXE_sigwhy")))?;
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

#[test]
fn a_traced_init() -> Outcome {
    let episode = told("app", |stage| {
        let tracer = stage.arena.spawn_host("strace")?;
        tracer.seize(stage.init.pid(), TracePolicy::Swallow)?;
        stage.stop(SIGTERM)?;
        std::thread::sleep(GRACE);
        stage.stop(SIGKILL)?;
        stage.init.await_death(SOON)?;
        tracer.discard();
        stage.is_reaped()
    })?;
    found(&episode, &["TRACED_INIT", GRACE_OVER]);
    Ok(())
}

#[test]
fn a_stopped_init() -> Outcome {
    let episode = told("app", |stage| {
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        stage.stop(SIGSTOP)?;
        stage.init.await_stop(SOON)?;
        stage.stop_and_kill()
    })?;
    found(&episode, &["STOPPED", GRACE_OVER]);
    Ok(())
}

#[test]
fn stuck_by_an_unreaped_exec() -> Outcome {
    let exec = std::cell::OnceCell::new();
    let episode = stuck(
        "app",
        |stage| {
            let outside = stage.arena.spawn_host("docker-exec")?;
            let injected = outside.inject(&stage.init, "injected")?;
            let _ = exec.set(injected);
            stage.stop(SIGKILL)
        },
        |stage| {
            let injected = exec.get().context("one was injected")?;
            injected.reap(SOON)?;
            stage.is_reaped()
        },
    )?;
    found(&episode, &["ZAP_WAIT_INJECTED", "KILL_WITHOUT_STOP"]);
    assert_eq!(episode["ended"], Value::Null);
    Ok(())
}

#[test]
fn stuck_by_a_process_group() -> Outcome {
    let held = std::cell::OnceCell::new();
    let episode = stuck(
        "app",
        |stage| {
            let outside = stage.arena.spawn_host("docker-exec")?;
            let injected = outside.inject(&stage.init, "injected")?;
            let outsider = stage.arena.spawn_host("outsider")?;
            let pgid = injected.pid();
            outsider.order(Order::SetPgid { pid: 0, pgid })?;
            let _ = held.set(outsider);
            injected.order(Order::Exit { code: 0 })?;
            injected.reap(SOON)?;
            stage.server.order(Order::Exit { code: 0 })?;
            stage.server.reap(SOON)?;
            stage.stop(SIGKILL)
        },
        |stage| {
            let outsider = held.get().context("one holds it")?;
            outsider.order(Order::SetPgid { pid: 0, pgid: 0 })?;
            stage.is_reaped()
        },
    )?;
    found(&episode, &["ZAP_WAIT_PIDREF", "KILL_WITHOUT_STOP"]);
    Ok(())
}

#[test]
fn stuck_by_a_tracer() -> Outcome {
    let held = std::cell::OnceCell::new();
    let episode = stuck(
        "app",
        |stage| {
            let tracer = stage.arena.spawn_host("strace")?;
            tracer.seize(stage.server.pid(), TracePolicy::Neglect)?;
            let _ = held.set(tracer);
            stage.stop(SIGKILL)
        },
        |stage| {
            let tracer = held.get().context("one traces")?;
            tracer.clone().discard();
            stage.is_reaped()
        },
    )?;
    found(&episode, &["ZAP_WAIT_TRACED", "KILL_WITHOUT_STOP"]);
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
