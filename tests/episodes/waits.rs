//! Ends that do not come, and inits that cannot hear.

use libc::SIGSTOP;
use sigwhy::lab::arena::TracePolicy;

use super::*;
use crate::cases::cgroup::Cgroup;
use crate::cli::fuse::{FLUSH, Fuse, LOOKUP, OPEN};

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

#[test]
fn stuck_in_a_file_system_that_does_not_answer() -> Outcome {
    let Some(fuse) = Fuse::mount("episode-member")? else {
        return Ok(());
    };
    let episode = stuck(
        "app",
        |stage| {
            let (path, text) = (fuse.file(), "x".to_owned());
            stage.server.post(Order::Write { path, text })?;
            fuse.serve_until(LOOKUP)?;
            stage.stop(SIGKILL)
        },
        |stage| {
            fuse.abort();
            stage.is_reaped()
        },
    )?;
    found(&episode, &["ZAP_WAIT_DSTATE", "KILL_WITHOUT_STOP"]);
    Ok(())
}

#[test]
fn stuck_before_the_namespace_begins_to_end() -> Outcome {
    let Some(fuse) = Fuse::mount("episode-init")? else {
        return Ok(());
    };
    let episode = stuck(
        "app",
        |stage| {
            stage.init.post(Order::PtyOpen { path: fuse.file() })?;
            fuse.serve_one(OPEN)?;
            // It has the file once it answers again.
            stage.init.report()?;
            stage.stop(SIGKILL)?;
            fuse.serve_until(FLUSH)
        },
        |stage| {
            fuse.abort();
            stage.is_reaped()
        },
    )?;
    found(&episode, &["EXIT_BEFORE_ZAP_HANG", "KILL_WITHOUT_STOP"]);
    Ok(())
}

/// Freezes by writing, and returns once all members are.
fn freeze(group: &Cgroup, write: (&str, &str), shown: (&str, &str)) -> Outcome {
    group.write(write.0, write.1)?;
    until("all are frozen", || group.read(shown.0).contains(shown.1))
}

const V1: (&str, &str) = ("freezer.state", "FROZEN");

#[test]
fn stuck_in_the_v1_freezer() -> Outcome {
    let Some(group) = Cgroup::v1_freezer("episode-init") else {
        return Ok(());
    };
    let episode = stuck(
        "app",
        |stage| {
            group.add(&[&stage.init])?;
            freeze(&group, V1, V1)?;
            stage.stop(SIGKILL)
        },
        |stage| {
            group.write("freezer.state", "THAWED")?;
            stage.is_reaped()
        },
    )?;
    found(&episode, &["FROZEN_V1", "KILL_WITHOUT_STOP"]);
    Ok(())
}

#[test]
fn stuck_by_a_frozen_member() -> Outcome {
    let Some(group) = Cgroup::v1_freezer("episode-member") else {
        return Ok(());
    };
    let episode = stuck(
        "app",
        |stage| {
            group.add(&[&stage.server])?;
            freeze(&group, V1, V1)?;
            stage.stop(SIGKILL)
        },
        |stage| {
            group.write("freezer.state", "THAWED")?;
            stage.is_reaped()
        },
    )?;
    found(&episode, &["ZAP_WAIT_FROZEN", "KILL_WITHOUT_STOP"]);
    Ok(())
}

#[test]
fn a_paused_init() -> Outcome {
    let Some(group) = Cgroup::v2("episode-pause", "cgroup.freeze") else {
        return Ok(());
    };
    let episode = told("app", |stage| {
        stage.init.dispose(SIGTERM, Disposition::Handler)?;
        group.add(&[&stage.init])?;
        freeze(
            &group,
            ("cgroup.freeze", "1"),
            ("cgroup.events", "frozen 1"),
        )?;
        stage.stop_and_kill()
    })?;
    found(&episode, &["FROZEN_V2", GRACE_OVER]);
    Ok(())
}
