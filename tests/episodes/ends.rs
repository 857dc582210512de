//! Ends: too early, by SIGKILL, by a fault.

use sigwhy::lab::arena::{Group, Place};

use super::*;
use crate::arena::arena;
use crate::cases::cgroup::Cgroup;
use crate::cases::machine::{CorePattern, Helper};
use crate::harness::skip::{own_machine, skip};

/// What a cgroup that is to run out of memory has, in MiB.
const MEMORY: usize = 32;

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
fn a_slow_core_dump() -> Outcome {
    if !own_machine() {
        skip("no kernel.core_pattern that may be set: not a machine of the tests' own");
        return Ok(());
    }
    // Cores of others that fault meanwhile are not kept waiting.
    let reader = Helper::new("/tmp/sigwhy-episode", "[ \"$1\" = dumper ] || exit 0")?;
    let _pattern = CorePattern::set("|/tmp/sigwhy-episode %e")?;
    let episode = told("dumper", |stage| {
        stage.init.post(Order::Fault)?;
        let path = format!("/proc/{}/status", stage.init.pid());
        until("it writes its core", || {
            std::fs::read_to_string(&path).is_ok_and(|text| text.contains("CoreDumping:\t1"))
        })?;
        stage.stop(SIGTERM)?;
        reader.let_go()?;
        stage.is_reaped()
    })?;
    found(&episode, &["INIT_CRASHED", "CORE_DUMP_SLOW"]);
    let summary = episode["diagnoses"][1]["summary"].as_str();
    let words = "did not hear SIGTERM: it was writing a core dump";
    assert!(summary.is_some_and(|text| text.contains(words)));
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
    let arena = arena()?;
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
fn an_oom_kill_of_pid1() -> Outcome {
    let Some(group) = Cgroup::memory("episode-oom") else {
        return Ok(());
    };
    group.limit_memory(MEMORY)?;
    let episode = told("app", |stage| {
        group.add(&[&stage.init])?;
        let mebibytes = 2 * MEMORY;
        stage.init.post(Order::Allocate { mebibytes })?;
        stage.is_reaped()
    })?;
    found(&episode, &["OOM_INIT"]);
    assert_eq!(episode["kill_sender"]["kind"], "oom");
    assert_eq!(episode["kill_sender"]["pid"], Value::Null);
    Ok(())
}

#[test]
fn an_oom_kill_of_a_member() -> Outcome {
    let Some(group) = Cgroup::memory("episode-child") else {
        return Ok(());
    };
    group.limit_memory(MEMORY)?;
    let episode = told("app", |stage| {
        group.add(&[&stage.server])?;
        let mebibytes = 2 * MEMORY;
        stage.server.post(Order::Allocate { mebibytes })?;
        stage.server.await_death(SOON).map(drop)
    })?;
    found(&episode, &["OOM_CHILD"]);
    assert_eq!(episode["ended"], Value::Null);
    Ok(())
}

#[test]
fn the_cpu_limit() -> Outcome {
    let episode = told("app", |stage| {
        stage.init.post(Order::BurnCpu { soft: 1, hard: 2 })?;
        stage.init.await_death(Duration::from_secs(45))?;
        stage.is_reaped()
    })?;
    found(&episode, &["RLIMIT_CPU"]);
    Ok(())
}

#[test]
fn cgroup_kill_from_inside() -> Outcome {
    let Some(group) = Cgroup::v2("episode-kill", "cgroup.kill") else {
        return Ok(());
    };
    let episode = told("app", |stage| {
        let other = stage.init.spawn_child("other")?;
        group.add(&[&stage.init, &other])?;
        let path = group.path("cgroup.kill");
        let text = "1".to_owned();
        stage.server.order(Order::Write { path, text })?;
        other.await_death(SOON)?;
        stage.init.fate(SOON).map(drop)
    })?;
    found(&episode, &["CGROUP_KILL_INSIDE"]);
    Ok(())
}

#[test]
fn a_sigkill_that_names_no_sender() -> Outcome {
    let episode = told("app", |stage| {
        stage.runtime.order(Order::Queue {
            pid: stage.init.pid(),
            tid: None,
            signal: SIGKILL,
            code: libc::SI_TIMER,
        })?;
        stage.init.fate(SOON).map(drop)
    })?;
    found(&episode, &["SIGQUEUE_NO_IDS"]);
    Ok(())
}

#[test]
fn a_thread_that_does_not_block() -> Outcome {
    let episode = told("app", |stage| {
        stage.init.threads(1, &[])?;
        stage.init.block(&[SIGTERM])?;
        // Where the init dies of it, the sender does too, perhaps before it answers.
        let _ = stage.server.kill(1, SIGTERM);
        if stage.init.fate(SOON)?.is_dead() {
            return stage.is_reaped();
        }
        // It is the other thread that takes it, in its own time.
        std::thread::sleep(slow(Duration::from_millis(100)));
        Ok(())
    })?;
    // A patched kernel drops it when it is taken.
    let is_patched = episode["exit_code"].is_null();
    let id = if is_patched {
        "PID1_NO_HANDLER"
    } else {
        "MT_INIT_KILLED"
    };
    found(&episode, &[id]);
    Ok(())
}
