//! Where a case plays: its arena, its expectations, and the comparison.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use sigwhy::lab::arena::{Arena, Order, Specimen, Status, procfs};

use crate::harness::expect::{Expect, compare, is_own_zap, zap_begins};
use crate::harness::watch::{Beacon, Identity, shared};

/// Long enough for a busy machine, and never waited out when all is well.
pub const SOON: Duration = Duration::from_secs(20);

/// If set, only what became of the processes is checked: for a machine that
/// cannot run the tracer.
const FATES_ONLY: &str = "SIGWHY_TEST_FATES_ONLY";

/// The stage of one case.
pub struct Scene {
    arena: Arena,
    lists: Vec<List>,
}

/// What must be said about one target.
struct List {
    kind: &'static str,
    /// SIGCHLD counts.
    child_exits: bool,
    target: Identity,
    /// For a person.
    name: String,
    expected: Vec<Expect>,
}

/// A host process, an init that is its child, and a process inside.
pub struct Family {
    pub host: Specimen,
    pub init: Specimen,
    pub inside: Specimen,
}

/// Runs a case: its body, then the comparison.
pub fn run(about: &str, body: impl FnOnce(&mut Scene) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let exe = Path::new(env!("CARGO_BIN_EXE_sigwhy"));
    let fates_only = std::env::var_os(FATES_ONLY).is_some();
    if !fates_only {
        shared(exe)?;
    }
    let mut scene = Scene {
        arena: Arena::new(exe)?,
        lists: Vec::new(),
    };
    body(&mut scene).with_context(|| about.to_owned())?;
    if fates_only {
        return Ok(());
    }
    scene.compare().with_context(|| about.to_owned())
}

impl Scene {
    pub fn host(&self, comm: &str) -> anyhow::Result<Specimen> {
        self.arena.spawn_host(comm)
    }

    pub fn family(&self) -> anyhow::Result<Family> {
        let host = self.host("host")?;
        let init = host.spawn_init("init")?;
        let inside = init.spawn_child("inside")?;
        Ok(Family { host, init, inside })
    }

    /// Every `signal` record about this target, in order; SIGCHLD is left out.
    pub fn signals<const N: usize>(&mut self, target: &Specimen, expected: [Expect; N]) {
        self.list("signal", false, target, expected.into());
    }

    /// Every `signal` record about this target, if this kernel has the hook for it;
    /// none where it has not.
    pub fn signals_by_hook<const N: usize>(
        &mut self,
        hook: &str,
        target: &Specimen,
        expected: [Expect; N],
    ) -> anyhow::Result<()> {
        let is_played = std::env::var_os(FATES_ONLY).is_none();
        if is_played && shared(Path::new(env!("CARGO_BIN_EXE_sigwhy")))?.has_hook(hook) {
            self.signals(target, expected);
        } else {
            self.signals(target, []);
        }
        Ok(())
    }

    /// The same, SIGCHLD included.
    pub fn signals_and_child_exits<const N: usize>(
        &mut self,
        target: &Specimen,
        expected: [Expect; N],
    ) {
        self.list("signal", true, target, expected.into());
    }

    /// Every `deliver` record about this target, in order; SIGCHLD is left out.
    pub fn deliveries<const N: usize>(&mut self, target: &Specimen, expected: [Expect; N]) {
        self.list("deliver", false, target, expected.into());
    }

    /// Every `zap` record about the end of this init's namespace, in order.
    pub fn zaps<const N: usize>(&mut self, init: &Specimen, expected: [Expect; N]) {
        self.list("zap", true, init, expected.into());
    }

    /// The `exit` record of this process; none if it lives on.
    pub fn exits<const N: usize>(&mut self, process: &Specimen, expected: [Expect; N]) {
        self.list("exit", true, process, expected.into());
    }

    fn list(
        &mut self,
        kind: &'static str,
        child_exits: bool,
        target: &Specimen,
        expected: Vec<Expect>,
    ) {
        assert!(expected.iter().all(|expect| expect.kind() == kind));
        self.lists.push(List {
            kind,
            child_exits,
            target: target.into(),
            name: target.to_string(),
            expected,
        });
    }

    /// Every `signal` record about a process that is none of the arena's;
    /// SIGCHLD is left out. To be called once all has happened.
    pub fn signals_of_stranger<const N: usize>(
        &mut self,
        pid: i32,
        expected: [Expect; N],
    ) -> anyhow::Result<()> {
        let stat = procfs::stat(pid).with_context(|| format!("there is no process {pid}"))?;
        self.lists.push(List {
            kind: "signal",
            child_exits: false,
            target: Identity {
                pid,
                start_ticks: stat.start_ticks,
            },
            name: format!("{:?} (pid {pid})", stat.comm),
            expected: expected.into(),
        });
        Ok(())
    }

    /// Lives, and has taken everything that was sent.
    pub fn lives(&self, target: &Specimen) -> anyhow::Result<()> {
        let fate = target.fate(SOON)?;
        ensure!(fate == Status::Alive, "{target}: {fate:?}, want it alive");
        Ok(())
    }

    /// Dies of this signal, with or without a core dump.
    pub fn dies_of(&self, target: &Specimen, signal: i32) -> anyhow::Result<()> {
        match target.await_death(SOON)? {
            Status::Signaled { signal: by, .. } if by == signal => Ok(()),
            fate => bail!("{target}: {fate:?}, want it dead of signal {signal}"),
        }
    }

    /// Dies of this signal, as its parent learns when it reaps it: where the end
    /// of the main thread is not the end of the process.
    pub fn is_reaped_of(&self, target: &Specimen, signal: i32) -> anyhow::Result<()> {
        match target.reap(SOON)? {
            Status::Signaled { signal: by, .. } if by == signal => Ok(()),
            fate => bail!("{target}: {fate:?}, want it dead of signal {signal}"),
        }
    }

    /// Dies, however.
    pub fn dies(&self, target: &Specimen) -> anyhow::Result<()> {
        let fate = target.await_death(SOON)?;
        ensure!(fate.is_dead(), "{target}: {fate:?}, want it dead");
        Ok(())
    }

    pub fn stops(&self, target: &Specimen, signal: i32) -> anyhow::Result<()> {
        let fate = target.await_stop(SOON)?;
        ensure!(
            fate == Status::Stopped(signal),
            "{target}: {fate:?}, want it stopped by {signal}"
        );
        Ok(())
    }

    /// Has begun to end its namespace, and waits for what is left in it: its
    /// `zap` record is there, and its end is not.
    pub fn waits_in_zap(&self, init: &Specimen) -> anyhow::Result<()> {
        self.until("the init waits in its zap", || waits_while_exiting(init))?;
        if std::env::var_os(FATES_ONLY).is_some() {
            return Ok(());
        }
        let watch = shared(Path::new(env!("CARGO_BIN_EXE_sigwhy")))?;
        // Whatever is not printed by then has not happened.
        watch.catch_up(&mut Beacon::new(self.arena.spawn_host("beacon")?))?;
        let wrong = compare(
            &watch.records_of_at_least(init, &["zap"], 1),
            &[zap_begins()],
        );
        ensure!(wrong.is_empty(), "zap records of {init}:\n{wrong}");
        // Awake or not: it also wakes for those that do die.
        let dead = init.stat().is_none_or(|stat| stat.is_dead());
        ensure!(!dead, "{init} waits no longer");
        Ok(())
    }

    /// Waits until something about a target is so.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) -> anyhow::Result<()> {
        let end = std::time::Instant::now() + SOON;
        while !holds() {
            ensure!(std::time::Instant::now() < end, "never happened: {what}");
            std::thread::sleep(Duration::from_micros(500));
        }
        Ok(())
    }

    fn compare(&self) -> anyhow::Result<()> {
        let watch = shared(Path::new(env!("CARGO_BIN_EXE_sigwhy")))?;
        watch.catch_up(&mut Beacon::new(self.arena.spawn_host("beacon")?))?;
        let mut wrong = String::new();
        for list in &self.lists {
            let List {
                kind,
                target,
                name,
                expected,
                ..
            } = list;
            let least = expected.iter().filter(|e| !e.is_optional()).count();
            let mut records: Vec<_> = watch
                .records_of_at_least(*target, &[kind], least)
                .into_iter()
                .filter(|r| list.child_exits || r["signal"]["number"] != libc::SIGCHLD)
                .collect();
            if records.len() > least {
                records.retain(|record| !is_own_zap(record));
            }
            let text = compare(&records, expected) + &too_short(&records);
            if !text.is_empty() {
                wrong += &format!("{kind} records of {name}:\n{text}");
            }
        }
        ensure!(
            watch.lost() == 0,
            "the tracer lost {} records",
            watch.lost()
        );
        ensure!(wrong.is_empty(), "\n{wrong}");
        Ok(())
    }
}

/// Says so if the end of a zap claims less time than lies between its records:
/// the time since the begin of what the begin was told of.
fn too_short(records: &[Value]) -> String {
    let [begin, end] = records else {
        return String::new();
    };
    let at = |record: &Value| record["mono_ns"].as_u64();
    match (end["duration_ns"].as_u64(), at(begin), at(end)) {
        (Some(lasted), Some(from), Some(to)) if lasted < to.saturating_sub(from) => {
            format!("  the zap lasted {lasted} ns, from {from} to {to}\n")
        }
        _ => String::new(),
    }
}

/// Whether a process is past the start of its exit, not dead, and asleep. In
/// which function it sleeps is no test's to see on every kernel.
fn waits_while_exiting(process: &Specimen) -> bool {
    /// PF_EXITING of include/linux/sched.h.
    const EXITING: u64 = 4;
    let text = std::fs::read_to_string(format!("/proc/{}/stat", process.pid()));
    // Field 9 of proc_pid_stat(5), the seventh after the name, has the flags.
    let flags = text.ok().and_then(|text| {
        let (_, fields) = text.rsplit_once(") ")?;
        fields.split(' ').nth(6)?.parse::<u64>().ok()
    });
    // Where another thread than the main one waits, that one is a zombie.
    flags.is_some_and(|flags| flags & EXITING != 0)
        && process
            .stat()
            .is_some_and(|stat| !stat.is_dead() && matches!(stat.state, 'S' | 'I' | 'Z'))
}

/// A kill(2) whose sender does not outlive it, or may not.
pub fn fatal_kill(sender: &Specimen, pid: i32, signal: i32) -> anyhow::Result<()> {
    sender.post(Order::Kill { pid, signal })
}
