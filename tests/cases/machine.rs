//! What takes a machine of one's own: its PID 1 and its kernel threads for
//! targets, its core dumps and its keys. Skipped on any other.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use libc::{SIGKILL, SIGSTOP, SIGTERM};
use sigwhy::lab::arena::Order;

use super::cases;
use super::scene::Family;
use crate::harness::expect::{deliver, now, sig, zap_begins, zap_ends};
use crate::harness::skip::{own_machine, skip};

/// The machine's own init.
const GLOBAL_INIT: i32 = 1;

/// The kernel thread that makes the others (`kthreadd`).
const KTHREADD: i32 = 2;

/// A program of ours that the kernel runs as root, and that waits for a file.
/// Dropped, it is let go and removed.
pub struct Helper {
    program: PathBuf,
    gate: PathBuf,
}

impl Helper {
    /// With this script before the waiting.
    pub fn new(program: &str, first: &str) -> anyhow::Result<Self> {
        let program = PathBuf::from(program);
        let gate = std::env::temp_dir().join(format!("sigwhy-gate-{}", now()));
        fs::create_dir_all(std::env::temp_dir()).context("making the directory of the gate")?;
        let script = format!(
            "#!/bin/sh\n{first}\nwhile [ ! -e {} ]; do sleep 0.1; done\n",
            gate.display()
        );
        fs::write(&program, script)
            .and_then(|()| fs::set_permissions(&program, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("writing {}", program.display()))?;
        Ok(Self { program, gate })
    }

    pub fn let_go(&self) -> anyhow::Result<()> {
        fs::write(&self.gate, "").with_context(|| format!("writing {}", self.gate.display()))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.let_go();
        let _ = fs::remove_file(&self.program);
    }
}

/// `kernel.core_pattern`, put back when dropped. There is one of it for all tests.
pub struct CorePattern {
    before: String,
    _alone: MutexGuard<'static, ()>,
}

static CORE_PATTERN: Mutex<()> = Mutex::new(());

impl CorePattern {
    const PATH: &str = "/proc/sys/kernel/core_pattern";

    pub fn set(pattern: &str) -> anyhow::Result<Self> {
        let alone = CORE_PATTERN.lock().unwrap_or_else(PoisonError::into_inner);
        let before = fs::read_to_string(Self::PATH).context("reading kernel.core_pattern")?;
        fs::write(Self::PATH, pattern).context("setting kernel.core_pattern")?;
        Ok(Self {
            before,
            _alone: alone,
        })
    }
}

impl Drop for CorePattern {
    fn drop(&mut self) {
        let _ = fs::write(Self::PATH, &self.before);
    }
}

cases! {
    x10_the_machines_own_init
    "root's own SIGKILL and SIGSTOP do not reach PID 1 of the machine, and without a handler nothing does" |s| {
        if !own_machine() {
            skip("no PID 1 that may be signalled: not a machine of the tests' own");
            return Ok(());
        }
        let host = s.host("host")?;
        for signal in [SIGTERM, SIGKILL, SIGSTOP] {
            host.kill(GLOBAL_INIT, signal)?;
        }
        assert!(Path::new("/proc/1").exists(), "the machine would have panicked");
        s.signals_of_stranger(GLOBAL_INIT, [
            sig(SIGTERM).dropped("unkillable_init").by(&host, "same").forced(false),
            sig(SIGKILL).dropped("global_init").by(&host, "same").forced(false),
            sig(SIGSTOP).dropped("global_init").by(&host, "same").forced(false),
        ])?;
    }
    n21_a_kernel_thread
    "a kernel thread ignores every signal, SIGKILL too, unless it asks for some" |s| {
        if !own_machine() {
            skip("no kernel threads that may be signalled: not a machine of the tests' own");
            return Ok(());
        }
        let host = s.host("host")?;
        for signal in [SIGTERM, SIGKILL, SIGSTOP] {
            host.kill(KTHREADD, signal)?;
        }
        s.signals_of_stranger(KTHREADD, [SIGTERM, SIGKILL, SIGSTOP].map(|signal| {
            sig(signal).dropped("ignored").by(&host, "same").forced(false)
        }))?;
    }
    n22_a_core_dump
    "while a core dump is written only SIGKILL reaches the process" |s| {
        if !own_machine() {
            skip("no kernel.core_pattern that may be set: not a machine of the tests' own");
            return Ok(());
        }
        // Others that fault meanwhile are not to wait.
        let slow_reader = Helper::new("/tmp/sigwhy-core", "[ \"$1\" = dumper ] || exit 0")?;
        let _pattern = CorePattern::set(&format!("|{} %e", slow_reader.program.display()))?;
        let host = s.host("host")?;
        let dumper = host.spawn_child("dumper")?;
        dumper.post(Order::Fault)?;
        s.until("it writes its core", || {
            fs::read_to_string(format!("/proc/{}/status", dumper.pid()))
                .is_ok_and(|status| status.contains("CoreDumping:\t1"))
        })?;
        host.kill(dumper.pid(), SIGTERM)?;
        assert!(dumper.stat().is_some_and(|stat| !stat.is_dead()));
        host.kill(dumper.pid(), SIGKILL)?;
        s.dies_of(&dumper, SIGKILL)?;
        s.signals(&dumper, [
            sig(libc::SIGSEGV).fatal("default_core").by_kernel("fault"),
            sig(SIGTERM).dropped("core_dumping").by(&host, "same").forced(false),
            sig(SIGKILL).fatal("kill").by(&host, "same").forced(false),
        ]);
    }
    z1_a_child_in_uninterruptible_sleep
    "an init waits for a child that waits for a device or a server, and takes no SIGKILL there" |s| {
        if !own_machine() {
            skip("no /sbin/request-key that may be replaced: not a machine of the tests' own");
            return Ok(());
        }
        if !Path::new("/proc/keys").exists() {
            skip("the kernel has no keys (CONFIG_KEYS)");
            return Ok(());
        }
        let server = Helper::new("/sbin/request-key", "")?;
        let Family { init, inside, .. } = s.family()?;
        inside.post(Order::RequestKey { description: format!("sigwhy-{}", now()) })?;
        let sleeps = || inside.stat().is_some_and(|stat| stat.state == 'D');
        s.until("it sleeps, uninterruptible", sleeps)?;
        init.order(Order::Exit { code: 0 })?;
        s.waits_in_zap(&init)?;
        assert!(sleeps(), "{:?}", inside.stat());
        let released = now();
        server.let_go()?;
        s.dies(&inside)?;
        s.dies(&init)?;
        s.zaps(&init, [zap_begins().killing(&[&inside]), zap_ends().after(released)]);
        s.signals(&inside, [sig(SIGKILL).fatal("kill").by_way_of("zap", &init, "same").forced(true)]);
        s.deliveries(&inside, [deliver(SIGKILL).outcome("fatal").reason("group_exit").after(released)]);
    }
}
