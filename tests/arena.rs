//! The arena by itself: what becomes of real processes under real signals, with
//! no tracer looking. Numbers like E07 are the experiments of the kernel study.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::slow;
use libc::{
    SIGABRT, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGSEGV, SIGSTOP, SIGTERM, SIGUSR1,
};
use sigwhy::lab::arena::{
    Answer, Arena, DEFAULT_LIFE, Disposition, Order, Specimen, Status, TracePolicy,
};

/// Long enough for a busy machine, and never waited out when all is well.
const SOON: Duration = Duration::from_secs(20);

type Outcome = anyhow::Result<()>;

/// An arena whose processes live as long as a test may take on a slow machine.
pub fn arena() -> anyhow::Result<Arena> {
    let life = slow(Duration::from_secs(DEFAULT_LIFE));
    Arena::with_life(Path::new(env!("CARGO_BIN_EXE_sigwhy")), life.as_secs())
}

/// A host process, an init below it, and a process inside with that init.
fn family(arena: &Arena) -> anyhow::Result<(Specimen, Specimen, Specimen)> {
    let host = arena.spawn_host("host")?;
    let init = host.spawn_init("init")?;
    let inside = init.spawn_child("inside")?;
    Ok((host, init, inside))
}

const fn killed_by(signal: i32) -> Status {
    Status::Signaled {
        signal,
        core: false,
    }
}

#[test]
fn a_specimen_knows_its_namespaces() -> Outcome {
    let arena = arena()?;
    let (host, init, inside) = family(&arena)?;
    assert_eq!((init.ns_pid(), inside.ns_pid()), (1, 2));
    assert_eq!(host.ns_pid(), host.pid());
    assert_ne!(host.pid_ns()?, init.pid_ns()?);
    assert_eq!(inside.pid_ns()?, init.pid_ns()?);
    let nested = inside.spawn_init("nested")?;
    assert_eq!(nested.ns_pid(), 1);
    assert!(nested.pid_for_parent() > inside.ns_pid());
    assert_ne!(nested.pid_ns()?, init.pid_ns()?);
    // From outside, into the same namespace: its parent has no pid there.
    let injected = host.inject(&init, "injected")?;
    assert_eq!(injected.pid_ns()?, init.pid_ns()?);
    assert_eq!(injected.report()?.ppid, 0);
    assert_eq!(init.stat().map(|stat| stat.comm), Some("init".into()));
    Ok(())
}

#[test]
fn e01_to_e03_an_init_survives_what_is_sent_inside() -> Outcome {
    let arena = arena()?;
    let (_host, init, inside) = family(&arena)?;
    for signal in [SIGTERM, SIGKILL, SIGSTOP, SIGSEGV] {
        inside.kill(1, signal)?;
        assert_eq!(init.fate(SOON)?, Status::Alive, "signal {signal}");
    }
    Ok(())
}

#[test]
fn e04_e05_e06_handlers_and_the_host() -> Outcome {
    let arena = arena()?;
    let (host, init, inside) = family(&arena)?;
    host.kill(init.pid(), SIGTERM)?;
    assert_eq!(init.fate(SOON)?, Status::Alive);
    init.dispose(SIGTERM, Disposition::Handler)?;
    inside.kill(1, SIGTERM)?;
    assert_eq!(init.fate(SOON)?, Status::Alive);
    host.kill(init.pid(), SIGTERM)?;
    assert_eq!(init.caught(SIGTERM)?, 2);
    init.dispose(SIGTERM, Disposition::Ignore)?;
    inside.kill(1, SIGTERM)?;
    assert_eq!(init.caught(SIGTERM)?, 2);
    assert_eq!(init.signal_sets()?.ignored, 1 << (SIGTERM - 1));
    Ok(())
}

#[test]
fn e07_a_kill_from_outside_takes_the_whole_namespace() -> Outcome {
    let arena = arena()?;
    let (host, init, inside) = family(&arena)?;
    host.kill(init.pid(), SIGKILL)?;
    assert_eq!(init.await_death(SOON)?, killed_by(SIGKILL));
    // Its parent is gone, and nobody could have reaped it but the kernel.
    assert_eq!(inside.await_death(SOON)?, Status::Gone);
    init.reap(SOON)?;
    assert_eq!(init.fate(SOON)?, Status::Gone);
    Ok(())
}

#[test]
fn e08_e54_a_stop_from_outside() -> Outcome {
    let arena = arena()?;
    let (host, init, inside) = family(&arena)?;
    host.kill(init.pid(), SIGSTOP)?;
    assert_eq!(init.await_stop(SOON)?, Status::Stopped(SIGSTOP));
    assert_eq!(init.fate(SOON)?, Status::Stopped(SIGSTOP));
    inside.kill(1, SIGCONT)?;
    assert_eq!(init.fate(SOON)?, Status::Alive);
    host.kill(init.pid(), SIGSTOP)?;
    init.await_stop(SOON)?;
    host.kill(init.pid(), SIGKILL)?;
    assert_eq!(init.await_death(SOON)?, killed_by(SIGKILL));
    Ok(())
}

#[test]
fn e12_a_sibling_namespace_counts_as_outside() -> Outcome {
    use sigwhy::lab::arena::{Group, Place};
    let arena = arena()?;
    let host = arena.spawn_host("leader")?;
    let a = host.spawn(Place::NewNamespace, Group::Inherit, "a")?;
    let b = host.spawn(Place::NewNamespace, Group::Inherit, "b")?;
    let child = a.spawn(Place::Same, Group::Inherit, "a-child")?;
    // The leader and the sender die of it too; not the sender's own init.
    child.post(Order::Kill {
        pid: 0,
        signal: SIGKILL,
    })?;
    assert!(b.await_death(SOON)?.is_dead());
    assert_eq!(host.await_death(SOON)?, killed_by(SIGKILL));
    assert_eq!(a.fate(SOON)?, Status::Alive);
    Ok(())
}

#[test]
fn e13_e14_blocked_signals_wait_and_are_dropped_later() -> Outcome {
    let arena = arena()?;
    let (_host, init, inside) = family(&arena)?;
    init.block(&[SIGTERM])?;
    inside.kill(1, SIGTERM)?;
    inside.kill(1, SIGTERM)?;
    assert_eq!(init.signal_sets()?.shared_pending, 1 << (SIGTERM - 1));
    init.block(&[])?;
    assert_eq!(init.fate(SOON)?, Status::Alive);
    assert_eq!(init.signal_sets()?.shared_pending, 0);
    Ok(())
}

#[test]
fn e15c_threads_do_not_make_an_init_mortal() -> Outcome {
    let arena = arena()?;
    let (_host, init, inside) = family(&arena)?;
    let tids = init.threads(2, &[])?;
    assert_eq!(tids.len(), 2);
    assert_eq!(init.stat().map(|stat| stat.threads), Some(3));
    inside.kill(1, SIGTERM)?;
    assert_eq!(init.fate(SOON)?, Status::Alive);
    init.order(Order::EndThreads)?;
    // A thread that has been joined may still be on its way out of the kernel.
    let end = Instant::now() + SOON;
    while init.stat().is_some_and(|stat| stat.threads > 1) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(init.stat().map(|stat| stat.threads), Some(1));
    Ok(())
}

#[test]
fn e16_e17_signals_that_are_waited_for() -> Outcome {
    let arena = arena()?;
    let (host, init, _inside) = family(&arena)?;
    init.sigwait(&[SIGTERM, SIGUSR1], SOON)?;
    host.kill(init.pid(), SIGTERM)?;
    assert_eq!(init.awaited_signal(SOON)?, Some(SIGTERM));
    init.signalfd(&[SIGUSR1], SOON)?;
    host.kill(init.pid(), SIGUSR1)?;
    assert_eq!(init.awaited_signal(SOON)?, Some(SIGUSR1));
    // It must be seen to sleep, which takes time on a busy machine.
    init.sigwait(&[SIGTERM], Duration::from_secs(1))?;
    assert_eq!(init.awaited_signal(SOON)?, None);
    Ok(())
}

#[test]
fn e18_a_tracer_may_swallow_or_hand_on() -> Outcome {
    let arena = arena()?;
    let host = arena.spawn_host("tracer")?;
    let target = arena.spawn_host("target")?;
    target.dispose(SIGTERM, Disposition::Handler)?;
    host.seize(target.pid(), TracePolicy::Swallow)?;
    host.kill(target.pid(), SIGTERM)?;
    assert_eq!(target.caught(SIGTERM)?, 0);
    host.order(Order::Untrace { pid: target.pid() })?;
    host.seize(target.pid(), TracePolicy::Reinject)?;
    host.kill(target.pid(), SIGTERM)?;
    assert_eq!(target.caught(SIGTERM)?, 1);
    host.order(Order::Untrace { pid: target.pid() })?;
    host.kill(target.pid(), SIGTERM)?;
    assert_eq!(target.caught(SIGTERM)?, 2);
    Ok(())
}

#[test]
fn e19_zombies_stay_unless_children_reap_themselves() -> Outcome {
    let arena = arena()?;
    let (_host, init, inside) = family(&arena)?;
    inside.order(Order::Exit { code: 7 })?;
    assert_eq!(inside.await_death(SOON)?, Status::Exited(7));
    init.dispose(SIGCHLD, Disposition::Ignore)?;
    let other = init.spawn_child("other")?;
    other.order(Order::Exit { code: 0 })?;
    assert_eq!(other.await_death(SOON)?, Status::Gone);
    Ok(())
}

#[test]
fn e20_e22_faults_are_not_survived() -> Outcome {
    let arena = arena()?;
    for (order, signal) in [
        (Order::Fault, SIGSEGV),
        (
            Order::Abort,
            if cfg!(target_arch = "x86_64") {
                SIGSEGV
            } else {
                SIGABRT
            },
        ),
        (Order::SeccompKill, libc::SIGSYS),
    ] {
        let init = arena.spawn_init("faulty")?;
        init.post(order.clone())?;
        match init.await_death(SOON)? {
            Status::Signaled { signal: by, .. } => assert_eq!(by, signal, "{order:?}"),
            status => panic!("{order:?}: {status:?}"),
        }
    }
    Ok(())
}

#[test]
fn e28_a_reboot_inside_ends_the_namespace_only() -> Outcome {
    let arena = arena()?;
    for (power_off, signal) in [(false, SIGHUP), (true, SIGINT)] {
        let (_host, init, inside) = family(&arena)?;
        inside.post(Order::Reboot { power_off })?;
        assert_eq!(init.reap(SOON)?, killed_by(signal));
    }
    Ok(())
}

#[test]
fn dangerous_orders_are_refused_at_home() -> Outcome {
    let arena = arena()?;
    let host = arena.spawn_host("host")?;
    let all = Order::Kill {
        pid: -1,
        signal: SIGKILL,
    };
    assert!(matches!(host.ask(all.clone())?, Answer::Unfit(_)));
    let reboot = Order::Reboot { power_off: false };
    assert!(matches!(host.ask(reboot)?, Answer::Unfit(_)));
    // The group to be signalled by kill(0) is the specimen's own.
    let mine = nix::unistd::getpgrp().as_raw();
    assert_ne!(host.stat().map(|stat| stat.pgrp), Some(mine));
    Ok(())
}

#[test]
fn e44_nested_inits() -> Outcome {
    let arena = arena()?;
    let (_host, init, inside) = family(&arena)?;
    let nested = inside.spawn_init("nested")?;
    let leaf = nested.spawn_child("leaf")?;
    leaf.kill(1, SIGKILL)?;
    assert_eq!(nested.fate(SOON)?, Status::Alive);
    inside.kill(nested.pid_for_parent(), SIGKILL)?;
    assert_eq!(nested.await_death(SOON)?, killed_by(SIGKILL));
    assert_eq!(init.fate(SOON)?, Status::Alive);
    Ok(())
}

#[test]
fn x11_the_main_thread_may_go_first() -> Outcome {
    let arena = arena()?;
    let (host, init, _inside) = family(&arena)?;
    init.order(Order::LeaderExit)?;
    let stat = init.stat().expect("the process lives");
    assert_eq!((stat.state, stat.threads), ('Z', 2));
    assert!(!init.fate(SOON)?.is_dead());
    host.kill(init.pid(), SIGKILL)?;
    assert_eq!(init.reap(SOON)?, killed_by(SIGKILL));
    Ok(())
}

#[test]
fn e46_execve_keeps_the_pid_and_resets_handlers() -> Outcome {
    let arena = arena()?;
    let (_host, init, inside) = family(&arena)?;
    init.dispose(SIGTERM, Disposition::Handler)?;
    init.dispose(SIGUSR1, Disposition::Ignore)?;
    init.block(&[SIGHUP])?;
    inside.kill(1, SIGHUP)?;
    init.exec("second")?;
    let sets = init.signal_sets()?;
    assert_eq!(sets.caught & (1 << (SIGTERM - 1)), 0);
    assert_ne!(sets.ignored & (1 << (SIGUSR1 - 1)), 0);
    assert_eq!(sets.blocked, 1 << (SIGHUP - 1));
    assert_eq!(sets.shared_pending, 1 << (SIGHUP - 1));
    assert_eq!(init.stat().map(|stat| stat.comm), Some("second".into()));
    Ok(())
}

#[test]
fn nothing_outlives_the_arena() -> Outcome {
    let arena = arena()?;
    let (host, init, inside) = family(&arena)?;
    host.kill(init.pid(), SIGSTOP)?;
    init.await_stop(SOON)?;
    drop(arena);
    let end = Instant::now() + SOON;
    let all = [host, init, inside];
    while all
        .iter()
        .any(|s| s.stat().is_some_and(|stat| !stat.is_dead()))
    {
        assert!(Instant::now() < end, "{all:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

#[test]
fn starting_one_is_quick() -> Outcome {
    let arena = arena()?;
    let host = arena.spawn_host("host")?;
    let begin = Instant::now();
    for _ in 0..50 {
        host.spawn_init("quick")?.discard();
    }
    let each = begin.elapsed() / 50;
    eprintln!("{each:?} for one init");
    assert!(
        each < slow(Duration::from_millis(100)),
        "{each:?} for one init"
    );
    Ok(())
}
