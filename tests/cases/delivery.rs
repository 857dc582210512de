//! Signals that are queued: blocked, waited for, traced, stopped, and what
//! becomes of them when they leave the queue.

use libc::{EAGAIN, SIGCONT, SIGKILL, SIGSTOP, SIGTERM, SIGTSTP, SIGUSR1, SIGWINCH};
use sigwhy::lab::arena::{Disposition, Order, TracePolicy};

use super::cases;
use super::scene::{Family, SOON};
use crate::harness::expect::{deliver, sig};

cases! {
    e13_dropped_at_delivery
    "a blocked SIGTERM is kept, and vanishes when it is unblocked" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.block(&[SIGTERM])?;
        inside.kill(1, SIGTERM)?;
        init.block(&[])?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGTERM).queued("blocked").by(&inside, "same")]);
        s.deliveries(&init, [deliver(SIGTERM).outcome("dropped").reason("unkillable_init_at_dequeue")]);
    }
    e14_twice_is_once
    "a second SIGTERM while one is pending is gone" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.block(&[SIGTERM])?;
        inside.kill(1, SIGTERM)?;
        inside.kill(1, SIGTERM)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGTERM).queued("blocked"), sig(SIGTERM).coalesced()]);
        s.deliveries(&init, []);
    }
    e16_waited_for
    "tini's way: sigtimedwait takes it, and it is never delivered" |s| {
        let Family { host, init, .. } = s.family()?;
        init.sigwait(&[SIGTERM], SOON)?;
        host.kill(init.pid(), SIGTERM)?;
        assert_eq!(init.awaited_signal(SOON)?, Some(SIGTERM));
        s.signals(&init, [sig(SIGTERM).queued("sigwait").by(&host, "ancestor")]);
        s.deliveries(&init, []);
    }
    e17_signalfd
    "systemd's way: a signalfd reads it, and it is never delivered" |s| {
        let Family { host, init, .. } = s.family()?;
        init.signalfd(&[SIGTERM], SOON)?;
        host.kill(init.pid(), SIGTERM)?;
        assert_eq!(init.awaited_signal(SOON)?, Some(SIGTERM));
        s.signals(&init, [sig(SIGTERM).queued("blocked").by(&host, "ancestor")]);
        s.deliveries(&init, []);
    }
    e18_traced
    "a tracer gets to see what would be dropped, except SIGKILL" |s| {
        let Family { host, init, inside } = s.family()?;
        host.seize(init.pid(), TracePolicy::Reinject)?;
        inside.kill(1, SIGTERM)?;
        s.lives(&init)?;
        inside.kill(1, SIGKILL)?;
        s.lives(&init)?;
        s.signals(&init, [
            sig(SIGTERM).queued("ptrace").by(&inside, "same"),
            sig(SIGKILL).dropped("unkillable_init").by(&inside, "same"),
        ]);
        s.deliveries(&init, [deliver(SIGTERM).outcome("dropped").reason("unkillable_init_at_dequeue")]);
    }
    e18b_traced_and_stopped
    "a tracer can hand an init a SIGSTOP from inside" |s| {
        let Family { host, init, inside } = s.family()?;
        host.seize(init.pid(), TracePolicy::Reinject)?;
        inside.kill(1, SIGSTOP)?;
        s.until("it stops for its tracer", || {
            init.stat().is_some_and(|stat| stat.state == 't')
        })?;
        // First for the signal, then, handed on, for the group stop.
        std::thread::sleep(std::time::Duration::from_millis(20));
        s.signals(&init, [sig(SIGSTOP).queued("ptrace").by(&inside, "same")]);
        s.deliveries(&init, [deliver(SIGSTOP).outcome("stopped").reason("stop")]);
    }
    n08_swallowed_by_a_tracer
    "what a tracer keeps for itself is never delivered" |s| {
        let Family { host, init, inside } = s.family()?;
        init.dispose(SIGTERM, Disposition::Handler)?;
        host.seize(init.pid(), TracePolicy::Swallow)?;
        inside.kill(1, SIGTERM)?;
        s.lives(&init)?;
        assert_eq!(init.caught(SIGTERM)?, 0);
        s.signals(&init, [sig(SIGTERM).queued("ptrace")]);
        s.deliveries(&init, []);
    }
    e43_the_queue_is_full
    "RLIMIT_SIGPENDING: EAGAIN, a lost siginfo, or neither" |s| {
        let host = s.host("host")?;
        let target = s.host("target")?;
        let rt = libc::SIGRTMIN() + 2;
        target.order(Order::LimitPending { count: 0 })?;
        target.block(&[rt, SIGUSR1])?;
        let queue = Order::Queue { pid: target.pid(), tid: None, signal: rt, code: -1 };
        assert_eq!(host.errno_of(queue)?, EAGAIN);
        host.kill(target.pid(), rt)?;
        host.kill(target.pid(), SIGUSR1)?;
        s.lives(&target)?;
        s.signals(&target, [
            sig(rt).failed().by(&host, "same").code(-1),
            sig(rt).queued("blocked").with("/result", "lose_info"),
            sig(SIGUSR1).queued("blocked"),
        ]);
    }
    e49_pending_and_then_ignored
    "what is pending when SIG_IGN is set is flushed without a word" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.block(&[SIGTERM])?;
        inside.kill(1, SIGTERM)?;
        init.dispose(SIGTERM, Disposition::Ignore)?;
        init.block(&[])?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGTERM).queued("blocked")]);
        s.deliveries(&init, []);
    }
    x08_a_stopped_init
    "a handler of a stopped init runs after the SIGCONT that is dropped" |s| {
        let Family { host, init, inside } = s.family()?;
        init.dispose(SIGTERM, Disposition::Handler)?;
        host.kill(init.pid(), SIGSTOP)?;
        s.stops(&init, SIGSTOP)?;
        inside.kill(1, SIGTERM)?;
        inside.kill(1, SIGCONT)?;
        s.lives(&init)?;
        assert_eq!(init.caught(SIGTERM)?, 1);
        s.signals(&init, [
            sig(SIGSTOP).queued("stop"),
            sig(SIGTERM).queued("stopped").by(&inside, "same"),
            sig(SIGCONT).dropped("default_ignore").by(&inside, "same"),
        ]);
        s.deliveries(&init, [
            deliver(SIGSTOP).outcome("stopped"),
            deliver(SIGTERM).outcome("handled"),
        ]);
    }
    n17_a_stopped_process
    "SIGTERM does not reach a stopped process, and ends it when it goes on" |s| {
        let host = s.host("host")?;
        let victim = host.spawn_child("victim")?;
        host.kill(victim.pid(), SIGSTOP)?;
        s.stops(&victim, SIGSTOP)?;
        host.kill(victim.pid(), SIGTERM)?;
        s.stops(&victim, SIGSTOP)?;
        host.kill(victim.pid(), SIGCONT)?;
        s.dies_of(&victim, SIGTERM)?;
        s.signals(&victim, [
            sig(SIGSTOP).queued("stop").by(&host, "same").forced(false),
            sig(SIGTERM).queued("stopped").by(&host, "same").forced(false),
            sig(SIGCONT).dropped("default_ignore").by(&host, "same"),
        ]);
        s.deliveries(&victim, [
            deliver(SIGSTOP).outcome("stopped").reason("stop"),
            deliver(SIGTERM).outcome("fatal").reason("default_terminate"),
        ]);
    }
    n18_a_stop_that_can_be_caught
    "SIGTSTP stops an ordinary process" |s| {
        let host = s.host("host")?;
        let victim = host.spawn_child("victim")?;
        host.kill(victim.pid(), SIGTSTP)?;
        s.stops(&victim, SIGTSTP)?;
        s.signals(&victim, [sig(SIGTSTP).queued("stop").by(&host, "same").forced(false)]);
        s.deliveries(&victim, [
            deliver(SIGTSTP).outcome("stopped").reason("stop").with("/rule", "get_signal/stop_unless_orphaned_pgrp"),
        ]);
    }
    n19_nothing_to_do_on_delivery
    "what was blocked and does nothing by default does nothing when it is unblocked" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.block(&[SIGWINCH])?;
        inside.kill(1, SIGWINCH)?;
        init.block(&[])?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGWINCH).queued("blocked").by(&inside, "same")]);
        s.deliveries(&init, [deliver(SIGWINCH).outcome("ignored").reason("default_ignore")]);
    }
    n20_handed_on_to_one_that_ignores
    "a tracer sees even what is ignored, and hands it on to no effect" |s| {
        let Family { host, init, inside } = s.family()?;
        init.dispose(SIGTERM, Disposition::Ignore)?;
        host.seize(init.pid(), TracePolicy::Reinject)?;
        inside.kill(1, SIGTERM)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGTERM).queued("ptrace").by(&inside, "same")]);
        s.deliveries(&init, [deliver(SIGTERM).outcome("ignored").reason("ignored")]);
    }
    n09_blocked_by_an_ordinary_process
    "unblocked at last, it ends an ordinary process" |s| {
        let host = s.host("host")?;
        let victim = host.spawn_child("victim")?;
        victim.block(&[SIGTERM])?;
        host.kill(victim.pid(), SIGTERM)?;
        s.lives(&victim)?;
        victim.post(Order::Mask { mask: 0 })?;
        s.dies_of(&victim, SIGTERM)?;
        s.signals(&victim, [sig(SIGTERM).queued("blocked").by(&host, "same")]);
        s.deliveries(&victim, [deliver(SIGTERM).outcome("fatal").reason("default_terminate")]);
    }
    n10_real_time_signals_queue
    "a real-time signal queues as often as it is sent" |s| {
        let Family { init, inside, .. } = s.family()?;
        let rt = libc::SIGRTMIN() + 1;
        init.dispose(rt, Disposition::Handler)?;
        init.block(&[rt])?;
        inside.kill(1, rt)?;
        inside.kill(1, rt)?;
        init.block(&[])?;
        s.lives(&init)?;
        assert_eq!(init.caught(rt)?, 2);
        s.signals(&init, [sig(rt).queued("blocked"), sig(rt).queued("blocked")]);
        s.deliveries(&init, [deliver(rt).outcome("handled"), deliver(rt).outcome("handled")]);
    }
}
