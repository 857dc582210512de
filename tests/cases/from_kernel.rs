//! Signals that the kernel itself sends: faults, timers, limits, terminals, the
//! ends of parents, tracers and namespaces.

use std::time::Duration;

use libc::{
    SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGKILL, SIGPIPE, SIGSEGV, SIGSTOP, SIGSYS, SIGTERM,
    SIGUSR1, SIGXCPU, SIGXFSZ,
};
use sigwhy::lab::arena::{Disposition, Group, Order, Place, TracePolicy};

use super::cases;
use super::scene::Family;
use crate::harness::expect::{deliver, sig};

const SI_KERNEL: i32 = 0x80;
const SI_TIMER: i32 = -2;
const POLL_IN: i32 = 1;

/// Whether seccomp punishes with a signal: before 5.16 the kernel ends the
/// process with SIGSYS for its status, and sends nothing.
fn seccomp_sends_a_signal() -> bool {
    let symbols = std::fs::read_to_string("/proc/kallsyms").unwrap_or_default();
    symbols
        .lines()
        .any(|line| line.ends_with(" force_sig_seccomp"))
}

cases! {
    e20_a_real_fault
    "a fault takes an init's shield away before it is sent" |s| {
        let Family { init, .. } = s.family()?;
        init.post(Order::Fault)?;
        s.dies_of(&init, SIGSEGV)?;
        s.signals(&init, [sig(SIGSEGV).fatal("default_core").by_kernel("fault").forced(false).for_thread().code(1)]);
        s.deliveries(&init, [deliver(SIGSEGV).outcome("fatal").reason("default_core")]);
    }
    e55_a_fault_under_a_tracer
    "the shield stays while an init is traced: it faults for ever, and dies of it when let go" |s| {
        let Family { host, init, .. } = s.family()?;
        host.seize(init.pid(), TracePolicy::ReinjectTimes(3))?;
        init.post(Order::Fault)?;
        s.dies_of(&init, SIGSEGV)?;
        let fault = || sig(SIGSEGV).by_kernel("fault").forced(false).for_thread().code(1);
        // The fourth is thrown away by the tracer, which lets go with it.
        let traced = || fault().queued("ptrace");
        s.signals(&init, [traced(), traced(), traced(), traced(), fault().fatal("default_core")]);
        let vanished = || deliver(SIGSEGV).outcome("dropped").reason("unkillable_init_at_dequeue");
        s.deliveries(&init, [
            vanished(),
            vanished(),
            vanished(),
            deliver(SIGSEGV).outcome("fatal").reason("default_core"),
        ]);
    }
    #[cfg(target_arch = "x86_64")]
    e22_abort
    "abort() of an init: two SIGABRT are dropped, then hlt faults" |s| {
        let Family { init, .. } = s.family()?;
        init.post(Order::Abort)?;
        s.dies_of(&init, SIGSEGV)?;
        s.signals(&init, [
            sig(libc::SIGABRT).dropped("unkillable_init").by(&init, "same").for_thread().code(-6),
            sig(libc::SIGABRT).dropped("unkillable_init").by(&init, "same").for_thread().code(-6),
            sig(SIGSEGV).fatal("default_core").by_kernel("fault").for_thread().code(SI_KERNEL),
        ]);
    }
    e23_a_broken_pipe
    "SIGPIPE is dropped for an init, which gets EPIPE" |s| {
        let Family { init, .. } = s.family()?;
        assert_eq!(init.errno_of(Order::BrokenPipe)?, libc::EPIPE);
        s.lives(&init)?;
        s.signals(&init, [sig(SIGPIPE).dropped("unkillable_init").by_kernel("io").forced(false)]);
    }
    n13_a_file_too_big
    "SIGXFSZ is dropped for an init, which gets EFBIG" |s| {
        let Family { init, .. } = s.family()?;
        assert_eq!(init.errno_of(Order::FileTooBig)?, libc::EFBIG);
        s.lives(&init)?;
        s.signals(&init, [sig(SIGXFSZ).dropped("unkillable_init").by_kernel("io").forced(false)]);
    }
    n14_a_readable_descriptor
    "who asked to be told of input is told by the input, not by who brought it" |s| {
        let Family { init, .. } = s.family()?;
        init.dispose(SIGUSR1, Disposition::Handler)?;
        init.order(Order::ReadableDescriptor { signal: 0 })?;
        init.order(Order::ReadableDescriptor { signal: SIGUSR1 })?;
        s.lives(&init)?;
        assert_eq!(init.caught(SIGUSR1)?, 1);
        s.signals(&init, [
            sig(SIGIO).dropped("unkillable_init").by_kernel("io").forced(true).code(SI_KERNEL),
            sig(SIGUSR1).queued("handler").by_kernel("io").forced(false).code(POLL_IN),
        ]);
    }
    n15_an_orphaned_process_group
    "stopped jobs get a hang-up and go on when the shell above them is gone" |s| {
        let Family { init, .. } = s.family()?;
        let shell = init.spawn(Place::Same, Group::Inherit, "shell")?;
        shell.order(Order::SetSid)?;
        let job = shell.spawn_child("job")?;
        shell.kill(job.ns_pid(), SIGSTOP)?;
        s.stops(&job, SIGSTOP)?;
        shell.order(Order::Exit { code: 0 })?;
        s.dies_of(&job, SIGHUP)?;
        s.signals(&job, [
            sig(SIGSTOP).queued("stop").by(&shell, "same"),
            sig(SIGHUP).queued("stopped").by_kernel("kernel").forced(true),
            sig(SIGCONT).dropped("default_ignore").by_kernel("kernel").forced(true),
        ]);
        s.deliveries(&job, [
            deliver(SIGSTOP).outcome("stopped").reason("stop"),
            deliver(SIGHUP).outcome("fatal").reason("default_terminate"),
        ]);
    }
    n16_a_child_that_stops
    "a parent is told of its child's stops too" |s| {
        let Family { host, init, inside } = s.family()?;
        host.kill(inside.pid(), SIGSTOP)?;
        s.stops(&inside, SIGSTOP)?;
        host.kill(inside.pid(), SIGCONT)?;
        s.lives(&inside)?;
        let told = || sig(libc::SIGCHLD).dropped("default_ignore").by_way_of("child_exit", &inside, "same");
        s.signals_and_child_exits(&init, [
            told().forced(false).code(libc::CLD_STOPPED),
            told().forced(false).code(libc::CLD_CONTINUED),
        ]);
    }
    e24_an_alarm
    "SIGALRM comes from a timer, whoever was running" |s| {
        let Family { init, .. } = s.family()?;
        init.order(Order::Alarm { millis: 20 })?;
        std::thread::sleep(crate::harness::slow(Duration::from_millis(300)));
        s.lives(&init)?;
        s.signals(&init, [sig(SIGALRM).dropped("unkillable_init").by_kernel("timer").forced(true)]);
    }
    e25_the_cpu_limit
    "SIGXCPU is dropped, the SIGKILL of the hard limit is not" |s| {
        let Family { init, .. } = s.family()?;
        init.post(Order::BurnCpu { soft: 1, hard: 2 })?;
        let fate = init.await_death(Duration::from_secs(45))?;
        assert!(fate.is_dead(), "{fate:?}");
        s.signals(&init, [
            sig(SIGXCPU).dropped("unkillable_init").by_kernel("kernel").forced(true),
            sig(SIGKILL).fatal("forced_on_init").by_kernel("kernel").forced(true),
        ]);
    }
    e26_parent_death_by_kill
    "PR_SET_PDEATHSIG with SIGKILL ends an init whose parent is outside" |s| {
        let Family { host, init, .. } = s.family()?;
        init.order(Order::ParentDeath { signal: SIGKILL })?;
        host.order(Order::Exit { code: 0 })?;
        s.dies(&init)?;
        s.signals(&init, [
            sig(SIGKILL).fatal("forced_on_init").by_way_of("parent_death", &host, "ancestor").forced(true),
        ]);
    }
    e26b_parent_death_by_term
    "with SIGTERM it is dropped" |s| {
        let Family { host, init, .. } = s.family()?;
        init.order(Order::ParentDeath { signal: SIGTERM })?;
        host.order(Order::Exit { code: 0 })?;
        s.dies(&host)?;
        s.lives(&init)?;
        s.signals(&init, [
            sig(SIGTERM).dropped("unkillable_init").by_way_of("parent_death", &host, "ancestor").forced(true),
        ]);
    }
    e27_seccomp
    "a system call that seccomp punishes ends an init" |s| {
        let Family { init, .. } = s.family()?;
        init.post(Order::SeccompKill)?;
        s.dies_of(&init, SIGSYS)?;
        if !seccomp_sends_a_signal() {
            s.signals(&init, []);
            return Ok(());
        }
        s.signals(&init, [sig(SIGSYS).fatal("default_core").by_kernel("fault").for_thread()]);
        s.deliveries(&init, [deliver(SIGSYS).outcome("fatal")]);
    }
    e28_reboot_inside
    "reboot(RESTART) inside ends the namespace, as SIGHUP to its parent" |s| {
        let Family { init, inside, .. } = s.family()?;
        inside.post(Order::Reboot { power_off: false })?;
        s.is_reaped_of(&init, SIGHUP)?;
        s.signals(&init, [sig(SIGKILL).fatal("forced_on_init").by_kernel("kernel").forced(true).for_thread()]);
    }
    e28b_power_off_inside
    "reboot(POWER_OFF) inside, as SIGINT" |s| {
        let Family { init, inside, .. } = s.family()?;
        inside.post(Order::Reboot { power_off: true })?;
        s.is_reaped_of(&init, SIGINT)?;
        s.signals(&init, [sig(SIGKILL).fatal("forced_on_init").by_kernel("kernel").forced(true).for_thread()]);
    }
    e50_a_terminal
    "^C and a hang-up come from the terminal, and an init drops them" |s| {
        let host = s.host("terminal")?;
        let init = host.spawn(Place::NewNamespace, Group::Inherit, "init")?;
        let sigwhy::lab::arena::Answer::Text(path) = host.ask(Order::PtyMake)? else {
            anyhow::bail!("no pty");
        };
        init.order(Order::SetSid)?;
        init.order(Order::PtyOpen { path })?;
        host.order(Order::PtyWrite { bytes: vec![3] })?;
        // A worker of the kernel reads the ^C, and the hang-up would discard it.
        std::thread::sleep(crate::harness::slow(Duration::from_millis(300)));
        host.order(Order::PtyClose)?;
        s.lives(&init)?;
        s.signals(&init, [
            sig(SIGINT).dropped("unkillable_init").by_kernel("tty").forced(true),
            sig(SIGHUP).dropped("unkillable_init").by_kernel("tty").forced(true),
            sig(SIGCONT).dropped("default_ignore").by_kernel("tty"),
        ]);
    }
    e60_a_posix_timer
    "a timer that sends SIGKILL does not end an init: it is never forced" |s| {
        let Family { init, .. } = s.family()?;
        init.order(Order::Timer { signal: SIGKILL, millis: 10 })?;
        std::thread::sleep(crate::harness::slow(Duration::from_millis(300)));
        s.lives(&init)?;
        s.signals(&init, [
            sig(SIGKILL).dropped("unkillable_init").by_kernel("timer").forced(false).code(SI_TIMER),
        ]);
    }
    n07_a_posix_timer_of_an_ordinary_process
    "the same timer with a handler" |s| {
        let host = s.host("timed")?;
        host.dispose(SIGUSR1, Disposition::Handler)?;
        host.order(Order::Timer { signal: SIGUSR1, millis: 10 })?;
        std::thread::sleep(crate::harness::slow(Duration::from_millis(300)));
        assert_eq!(host.caught(SIGUSR1)?, 1);
        s.signals(&host, [sig(SIGUSR1).queued("handler").by_kernel("timer").code(SI_TIMER)]);
        s.deliveries(&host, [deliver(SIGUSR1).outcome("handled")]);
    }
    x07_the_tracer_dies
    "PTRACE_O_EXITKILL is the kernel's SIGKILL" |s| {
        let Family { init, .. } = s.family()?;
        let tracer = s.host("tracer")?;
        tracer.order(Order::Trace {
            pid: init.pid(),
            attach: false,
            exit_kill: true,
            policy: TracePolicy::Reinject,
        })?;
        tracer.post(Order::Exit { code: 0 })?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [sig(SIGKILL).fatal("forced_on_init").by_kernel("kernel").forced(true).for_thread()]);
    }
}
