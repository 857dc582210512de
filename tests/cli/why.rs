//! `sigwhy why`: each wait made for real, what is said about it, and that what is
//! said to free it does.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use libc::{SIGKILL, SIGTERM};
use serde_json::Value;
use sigwhy::lab::arena::{Answer, Arena, Disposition, Order, Specimen, TracePolicy};

use super::fuse::{FLUSH, Fuse, LOOKUP, OPEN};
use super::live::{Said, run, sigwhy};
use crate::arena::arena;
use crate::cases::cgroup::Cgroup;
use crate::cases::machine::Helper;
use crate::harness::skip::{own_machine, skip};
use crate::harness::slow;

mod adopted;
mod held;

use held::would;
pub use held::{freeze_v1, freeze_v2};

type Outcome = anyhow::Result<()>;

const SOON: Duration = Duration::from_secs(20);

/// PID 1 of a namespace, whoever made it, and another process in there.
pub struct Stage {
    pub arena: Arena,
    pub host: Specimen,
    pub init: Specimen,
    pub server: Specimen,
}

impl Stage {
    pub fn new() -> anyhow::Result<Self> {
        let arena = arena()?;
        let host = arena.spawn_host("launcher")?;
        let init = host.spawn_init("app")?;
        let server = init.spawn_child("server")?;
        Ok(Self {
            arena,
            host,
            init,
            server,
        })
    }

    pub fn kill(&self) -> Outcome {
        self.host.kill(self.init.pid(), SIGKILL)
    }

    pub fn is_reaped(&self) -> Outcome {
        self.init.reap(SOON).map(drop)
    }

    /// The verdict, once it is what it is to be: dying takes its time.
    pub fn verdict(&self, status: &str) -> anyhow::Result<Value> {
        verdict_of(&self.init, status)
    }

    /// The same of a wait.
    fn stuck(&self, wait: &str, number: Option<&str>, id: &str) -> anyhow::Result<Value> {
        let verdict = self.verdict("stuck")?;
        ensure!(verdict["wait"] == wait, "{verdict:#}");
        ensure!(verdict["wait_number"].as_str() == number, "{verdict:#}");
        ensure!(verdict["diagnosis"]["id"] == id, "{verdict:#}");
        ensure!(verdict["subject"]["pid"] == self.init.pid(), "{verdict:#}");
        ensure!(verdict["frees"].is_string(), "{verdict:#}");
        Ok(verdict)
    }
}

fn ask(target: &str, options: &[&str]) -> anyhow::Result<Said> {
    run(sigwhy().arg("why").arg(target).args(options))
}

fn verdict_of(process: &Specimen, status: &str) -> anyhow::Result<Value> {
    verdict_by(&process.pid().to_string(), &[], status)
}

fn verdict_by(called: &str, options: &[&str], status: &str) -> anyhow::Result<Value> {
    let end = Instant::now() + slow(SOON);
    loop {
        let said = ask(called, &[&["--format", "json"], options].concat())?;
        let verdict = said.records()?.into_iter().next();
        let verdict = verdict.with_context(|| format!("no verdict: {:?}", said.err))?;
        let code = if verdict["status"] == "stuck" { 3 } else { 0 };
        ensure!(said.status.code() == Some(code), "{verdict:#}");
        if verdict["status"] == status {
            return Ok(verdict);
        }
        ensure!(Instant::now() < end, "want it {status}: {verdict:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_runs_is_not_stuck() -> Outcome {
    let stage = Stage::new()?;
    let verdict = stage.verdict("not_stuck")?;
    assert_eq!(verdict["type"], "why");
    assert_eq!(verdict["holders"], serde_json::json!([]));
    assert_eq!(verdict["container"]["runtime"], "unknown");
    let sigterm = &verdict["sigterm"];
    assert_eq!(
        (&sigterm["signal"], &sigterm["outcome"], &sigterm["reason"]),
        (
            &"SIGTERM".into(),
            &"dropped".into(),
            &"unkillable_init".into()
        )
    );
    // By the name of its namespace it is the same.
    let ns = format!("pidns-{}", stage.init.pid_ns()?);
    let said = ask(&ns, &[])?;
    assert_eq!(said.status.code(), Some(0), "{:?}", said.err);
    assert!(said.out[0].starts_with(&ns), "{:?}", said.out);
    assert!(said.out[0].ends_with(": not stuck"), "{:?}", said.out);
    let text = said.out.join("\n");
    let words = "a SIGTERM to it would be dropped: PID 1 without a handler";
    assert!(text.contains(words), "{text}");
    stage.init.dispose(SIGTERM, Disposition::Handler)?;
    let verdict = stage.verdict("not_stuck")?;
    assert_eq!(verdict["sigterm"]["reason"], "handler", "{verdict:#}");
    // And a process of the host, or another one inside, by itself.
    for process in [&stage.host, &stage.server] {
        let verdict = verdict_of(process, "not_stuck")?;
        assert_eq!(verdict["subject"]["pid"], process.pid(), "{verdict:#}");
    }
    Ok(())
}

#[test]
fn an_unreaped_exec() -> Outcome {
    let stage = Stage::new()?;
    let outside = stage.arena.spawn_host("docker-exec")?;
    let injected = outside.inject(&stage.init, "injected")?;
    stage.kill()?;
    injected.await_death(SOON)?;
    let verdict = stage.stuck("injected", Some("Z4"), "ZAP_WAIT_INJECTED")?;
    let holder = &verdict["holders"][0];
    assert_eq!(holder["process"]["pid"], injected.pid(), "{verdict:#}");
    assert_eq!(holder["process"]["ns_pid"], injected.ns_pid());
    assert_eq!(holder["parent"]["pid"], outside.pid(), "{verdict:#}");
    assert_eq!(holder["parent"]["comm"], "docker-exec");
    // It may be asked about by anything in there.
    let verdict = verdict_of(&injected, "stuck")?;
    assert_eq!(verdict["subject"]["pid"], stage.init.pid(), "{verdict:#}");
    // And is among all that is stuck.
    let said = run(sigwhy().args(["why", "--format", "json"]))?;
    assert_eq!(said.status.code(), Some(3));
    let is_it = |v: &Value| v["subject"]["pid"] == stage.init.pid();
    assert!(said.records()?.iter().any(is_it), "{:?}", said.out);
    injected.reap(SOON)?;
    stage.is_reaped()
}

#[test]
fn an_exec_whose_parent_has_died() -> Outcome {
    let stage = Stage::new()?;
    let shim = stage.arena.spawn_host("shim")?;
    shim.order(Order::Subreaper)?;
    let outside = shim.spawn_child("docker-exec")?;
    let injected = outside.inject(&stage.init, "injected")?;
    stage.kill()?;
    injected.await_death(SOON)?;
    outside.order(Order::Exit { code: 0 })?;
    outside.await_death(SOON)?;
    let end = Instant::now() + slow(SOON);
    while injected.stat().is_none_or(|stat| stat.ppid != shim.pid()) {
        ensure!(Instant::now() < end, "it has no new parent");
        std::thread::sleep(Duration::from_millis(1));
    }
    // With a subreaper around, the machine's PID 1 has no part in it.
    let verdict = stage.stuck("injected", Some("Z4"), "ZAP_WAIT_INJECTED")?;
    assert_eq!(
        verdict["holders"][0]["parent"]["pid"],
        shim.pid(),
        "{verdict:#}"
    );
    let reap = Order::Reap {
        pid: injected.pid(),
        millis: 20_000,
    };
    assert!(matches!(shim.ask(reap)?, Answer::Status(status) if status.is_dead()));
    stage.is_reaped()
}

#[test]
fn a_tracer() -> Outcome {
    let stage = Stage::new()?;
    let tracer = stage.arena.spawn_host("strace")?;
    tracer.seize(stage.server.pid(), TracePolicy::Neglect)?;
    stage.kill()?;
    let verdict = stage.stuck("traced", Some("Z3"), "ZAP_WAIT_TRACED")?;
    let holder = &verdict["holders"][0];
    assert_eq!(holder["tracer"]["pid"], tracer.pid(), "{verdict:#}");
    assert_eq!(holder["process"]["pid"], stage.server.pid());
    let kill = format!("kill -9 {}", tracer.pid());
    assert_eq!(verdict["commands"][0], kill, "{verdict:#}");
    tracer.discard();
    stage.is_reaped()
}

#[test]
fn a_number_without_a_process() -> Outcome {
    let stage = Stage::new()?;
    let outside = stage.arena.spawn_host("docker-exec")?;
    let injected = outside.inject(&stage.init, "injected")?;
    let outsider = stage.arena.spawn_host("outsider")?;
    let pgid = injected.pid();
    outsider.order(Order::SetPgid { pid: 0, pgid })?;
    injected.order(Order::Exit { code: 0 })?;
    injected.reap(SOON)?;
    stage.kill()?;
    let verdict = stage.stuck("reference", Some("Z6"), "ZAP_WAIT_PIDREF")?;
    let holder = &verdict["holders"][0];
    assert_eq!(holder["process"], Value::Null);
    let suspects = holder["suspects"].as_array().context("a list")?;
    let is_it = |suspect: &Value| suspect["pid"] == outsider.pid();
    assert!(suspects.iter().any(is_it), "{verdict:#}");
    outsider.order(Order::SetPgid { pid: 0, pgid: 0 })?;
    stage.is_reaped()
}

#[test]
fn a_nested_namespace() -> Outcome {
    let stage = Stage::new()?;
    let nested = stage.init.spawn_init("nested")?;
    let outside = stage.arena.spawn_host("docker-exec")?;
    let injected = outside.inject(&nested, "injected")?;
    stage.kill()?;
    injected.await_death(SOON)?;
    let verdict = stage.stuck("injected", Some("Z7"), "ZAP_WAIT_INJECTED")?;
    let holder = &verdict["holders"][0];
    assert_eq!(holder["through"][0]["pid"], nested.pid(), "{verdict:#}");
    assert_eq!(holder["process"]["pid"], injected.pid());
    injected.reap(SOON)?;
    stage.is_reaped()
}

#[test]
fn a_frozen_member() -> Outcome {
    let stage = Stage::new()?;
    let Some(group) = Cgroup::v1_freezer("why-member") else {
        return Ok(());
    };
    group.add(&[&stage.server])?;
    freeze_v1(&group)?;
    stage.kill()?;
    let verdict = stage.stuck("frozen_v1", Some("Z2"), "ZAP_WAIT_FROZEN")?;
    let freezer = &verdict["holders"][0]["freezer"];
    assert_eq!(freezer["version"], 1, "{verdict:#}");
    assert_eq!(freezer["file"], group.path("freezer.state"), "{verdict:#}");
    // What it says to do does it.
    let command = verdict["commands"][0].as_str().context("a command")?;
    let done = std::process::Command::new("sh")
        .args(["-c", command])
        .status()?;
    ensure!(done.success(), "{command}");
    stage.is_reaped()
}

#[test]
fn a_paused_init() -> Outcome {
    let stage = Stage::new()?;
    let Some(group) = Cgroup::v2("why-pause", "cgroup.freeze") else {
        return Ok(());
    };
    stage.init.dispose(SIGTERM, Disposition::Handler)?;
    group.add(&[&stage.init])?;
    freeze_v2(&group)?;
    would(
        &stage,
        "frozen",
        "is frozen by cgroup",
        "until it is thawed",
    )?;
    stage.host.kill(stage.init.pid(), SIGTERM)?;
    let verdict = stage.stuck("frozen_v2", None, "FROZEN_V2")?;
    assert_eq!(verdict["holders"][0]["freezer"]["thaw"], "0", "{verdict:#}");
    stage.kill()?;
    stage.is_reaped()
}

#[test]
fn a_dead_init_that_nobody_reaps() -> Outcome {
    let stage = Stage::new()?;
    stage.kill()?;
    stage.init.await_death(SOON)?;
    let verdict = stage.verdict("stuck")?;
    assert_eq!(verdict["wait"], "unreaped", "{verdict:#}");
    // No runtime is known, so none is said to be gone.
    assert_eq!(verdict["diagnosis"], Value::Null);
    let parent = &verdict["holders"][0]["parent"];
    assert_eq!(parent["pid"], stage.host.pid(), "{verdict:#}");
    stage.is_reaped()
}

#[test]
fn an_uninterruptible_sleep() -> Outcome {
    if !own_machine() {
        skip("no /sbin/request-key that may be replaced: not a machine of the tests' own");
        return Ok(());
    }
    if !Path::new("/proc/keys").exists() {
        skip("the kernel has no keys (CONFIG_KEYS)");
        return Ok(());
    }
    let server = Helper::new("/sbin/request-key", "")?;
    let stage = Stage::new()?;
    let description = format!("sigwhy-why-{}", std::process::id());
    stage.server.post(Order::RequestKey { description })?;
    let end = Instant::now() + slow(SOON);
    while stage.server.stat().is_none_or(|stat| stat.state != 'D') {
        ensure!(Instant::now() < end, "it does not sleep");
        std::thread::sleep(Duration::from_millis(1));
    }
    stage.kill()?;
    let verdict = stage.stuck("uninterruptible", Some("Z1"), "ZAP_WAIT_DSTATE")?;
    let holder = &verdict["holders"][0];
    assert_eq!(holder["process"]["state"], "D", "{verdict:#}");
    server.let_go()?;
    stage.is_reaped()
}

#[test]
fn a_file_system_that_does_not_answer() -> Outcome {
    let Some(fuse) = Fuse::mount("member")? else {
        return Ok(());
    };
    let stage = Stage::new()?;
    let (path, text) = (fuse.file(), "x".to_owned());
    stage.server.post(Order::Write { path, text })?;
    fuse.serve_until(LOOKUP)?;
    stage.kill()?;
    let verdict = stage.stuck("uninterruptible", Some("Z1"), "ZAP_WAIT_DSTATE")?;
    let holder = &verdict["holders"][0];
    assert_eq!(holder["process"]["pid"], stage.server.pid(), "{verdict:#}");
    let frees = verdict["frees"].as_str().unwrap_or_default();
    assert!(frees.contains("FUSE"), "{verdict:#}");
    fuse.abort();
    stage.is_reaped()
}

#[test]
fn an_init_that_hangs_on_its_way_out() -> Outcome {
    let Some(fuse) = Fuse::mount("init")? else {
        return Ok(());
    };
    let stage = Stage::new()?;
    stage.init.post(Order::PtyOpen { path: fuse.file() })?;
    fuse.serve_one(OPEN)?;
    // It has the file once it answers again.
    stage.init.report()?;
    stage.kill()?;
    fuse.serve_until(FLUSH)?;
    let verdict = stage.stuck("exit_hang", Some("Z8"), "EXIT_BEFORE_ZAP_HANG")?;
    assert_eq!(verdict["holders_total"], 1, "{verdict:#}");
    fuse.abort();
    stage.is_reaped()
}

#[test]
fn bad_usage() -> Outcome {
    let said = ask("nobody-is-called-so", &[])?;
    assert_eq!(said.status.code(), Some(1));
    assert_eq!(said.err.len(), 1, "{:?}", said.err);
    assert!(said.err[0].contains("sigwhy ps"), "{:?}", said.err);
    let said = run(sigwhy().args(["why", "--watch"]))?;
    assert_eq!(said.status.code(), Some(2));
    let said = run(sigwhy().args(["why", "1", "--root", "/nowhere"]))?;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.err[0].contains("/nowhere/proc"), "{:?}", said.err);
    Ok(())
}
