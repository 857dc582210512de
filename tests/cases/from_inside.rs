//! Signals for an init, and for others, from its own PID namespace.

use libc::{EINVAL, EPERM, ESRCH, SIGKILL, SIGSEGV, SIGSTOP, SIGTERM, SIGUSR1};
use sigwhy::lab::arena::{Disposition, Group, Order, Place};

use super::cases;
use super::scene::{Family, SOON, fatal_kill};
use crate::harness::expect::{deliver, sig};

/// `si_code` of rt_sigqueueinfo(2).
const SI_KERNEL: i32 = 0x80;
const SI_QUEUE: i32 = -1;

cases! {
    e01_term_to_an_init_without_handler
    "an init without a handler never hears of a SIGTERM from inside" |s| {
        let Family { init, inside, .. } = s.family()?;
        inside.kill(1, SIGTERM)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGTERM).dropped("unkillable_init").by(&inside, "same").forced(false).code(0)]);
        s.deliveries(&init, []);
    }
    e02_kill_to_an_init_from_inside
    "a SIGKILL from inside is dropped like any other" |s| {
        let Family { init, inside, .. } = s.family()?;
        inside.kill(1, SIGKILL)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGKILL).dropped("unkillable_init").by(&inside, "same").forced(false)]);
    }
    e03_stop_to_an_init_from_inside
    "a SIGSTOP from inside does not stop it" |s| {
        let Family { init, inside, .. } = s.family()?;
        inside.kill(1, SIGSTOP)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGSTOP).dropped("unkillable_init").by(&inside, "same").forced(false)]);
    }
    e04_an_init_with_a_handler
    "a handler makes an init hear" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.dispose(SIGTERM, Disposition::Handler)?;
        inside.kill(1, SIGTERM)?;
        s.lives(&init)?;
        assert_eq!(init.caught(SIGTERM)?, 1);
        s.signals(&init, [sig(SIGTERM).queued("handler").by(&inside, "same").forced(false)]);
        s.deliveries(&init, [deliver(SIGTERM).outcome("handled").reason("handler")]);
    }
    e05_an_init_that_ignores
    "SIG_IGN is the reason before being an init is" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.dispose(SIGTERM, Disposition::Ignore)?;
        inside.kill(1, SIGTERM)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGTERM).dropped("ignored").by(&inside, "same")]);
    }
    e21_segv_by_kill
    "a SIGSEGV that is only sent is no fault" |s| {
        let Family { init, inside, .. } = s.family()?;
        inside.kill(1, SIGSEGV)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGSEGV).dropped("unkillable_init").by(&inside, "same").code(0)]);
    }
    e31d_sigqueue_kill_from_inside
    "sigqueue makes no difference from inside" |s| {
        let Family { init, inside, .. } = s.family()?;
        let order = Order::Queue { pid: 1, tid: None, signal: SIGKILL, code: SI_QUEUE };
        inside.order(order)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGKILL).dropped("unkillable_init").by(&inside, "same").code(SI_QUEUE)]);
    }
    e31e_forged_kernel_siginfo
    "nobody may claim to be the kernel towards others" |s| {
        let Family { init, inside, .. } = s.family()?;
        let order = Order::Queue { pid: 1, tid: None, signal: SIGKILL, code: SI_KERNEL };
        assert_eq!(inside.errno_of(order)?, EPERM);
        s.lives(&init)?;
        s.signals(&init, []);
    }
    e31f_kill_itself_as_the_kernel
    "an init can end itself by a siginfo that says SI_KERNEL" |s| {
        let Family { init, .. } = s.family()?;
        init.post(Order::Queue { pid: 1, tid: None, signal: SIGKILL, code: SI_KERNEL })?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [sig(SIGKILL).fatal("forced_on_init").forced(true).code(SI_KERNEL)]);
    }
    e31g_kill_itself
    "an init cannot end itself by kill(2)" |s| {
        let Family { init, .. } = s.family()?;
        init.kill(1, SIGKILL)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGKILL).dropped("unkillable_init").by(&init, "same").forced(false)]);
    }
    e31h_stop_itself_as_the_kernel
    "an init can stop itself by a siginfo that says SI_KERNEL" |s| {
        let Family { init, .. } = s.family()?;
        init.post(Order::Queue { pid: 1, tid: None, signal: SIGSTOP, code: SI_KERNEL })?;
        s.stops(&init, SIGSTOP)?;
        s.signals(&init, [sig(SIGSTOP).queued("stop").forced(true).code(SI_KERNEL)]);
        s.deliveries(&init, [deliver(SIGSTOP).outcome("stopped").reason("stop")]);
    }
    e32_signals_that_are_never_generated
    "signal 0, no such process, no such signal: no record" |s| {
        let Family { init, inside, .. } = s.family()?;
        let errno = |pid, signal| inside.errno_of(Order::Kill { pid, signal });
        assert_eq!(errno(1, 0)?, 0);
        assert_eq!(errno(30_000, SIGTERM)?, ESRCH);
        assert_eq!(errno(1, 65)?, EINVAL);
        s.signals(&init, []);
    }
    e40_an_ordinary_process_inside
    "an ordinary process dies of SIGKILL" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.kill(inside.ns_pid(), SIGKILL)?;
        s.dies_of(&inside, SIGKILL)?;
        s.signals(&inside, [sig(SIGKILL).fatal("kill").by(&init, "same").forced(false)]);
        s.deliveries(&inside, [deliver(SIGKILL).outcome("fatal")]);
    }
    e41_kill_everybody_from_inside
    "kill(-1) skips the init and the caller" |s| {
        let Family { init, inside, .. } = s.family()?;
        let other = init.spawn_child("other")?;
        inside.kill(-1, SIGKILL)?;
        s.dies_of(&other, SIGKILL)?;
        s.lives(&init)?;
        s.lives(&inside)?;
        s.signals(&init, []);
        s.signals(&inside, []);
        s.signals(&other, [sig(SIGKILL).fatal("kill").by(&inside, "same")]);
    }
    e42_a_process_group_with_its_init
    "kill(0) reaches an init of the same group, and is dropped there" |s| {
        let host = s.host("host")?;
        let init = host.spawn_init("init")?;
        let inside = init.spawn(Place::Same, Group::Inherit, "inside")?;
        fatal_kill(&inside, 0, SIGTERM)?;
        s.dies_of(&inside, SIGTERM)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGTERM).dropped("unkillable_init").by(&inside, "same").forced(false)]);
        s.signals(&inside, [sig(SIGTERM).fatal("default_terminate").by(&inside, "same")]);
    }
    e45_injected_as_docker_exec_does
    "a process that setns put inside counts as inside" |s| {
        let Family { host, init, .. } = s.family()?;
        let injected = host.inject(&init, "exec")?;
        injected.kill(1, SIGKILL)?;
        s.lives(&init)?;
        s.signals(&init, [
            sig(SIGKILL).dropped("unkillable_init").by(&injected, "same").forced(false)
                .with("/sender/injected", true).with("/sender/role", "exec"),
        ]);
    }
    e46_execve_resets_handlers
    "after execve the handler is gone, and so is the hearing" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.dispose(SIGTERM, Disposition::Handler)?;
        init.exec("second")?;
        inside.kill(1, SIGTERM)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGTERM).dropped("unkillable_init").by(&inside, "same")]);
    }
    e46b_execve_keeps_what_is_ignored
    "SIG_IGN survives execve" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.dispose(SIGTERM, Disposition::Ignore)?;
        init.exec("second")?;
        inside.kill(1, SIGTERM)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGTERM).dropped("ignored").by(&inside, "same")]);
    }
    e46c_execve_keeps_the_mask
    "the mask and what is pending survive execve" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.block(&[SIGTERM])?;
        init.exec("second")?;
        inside.kill(1, SIGTERM)?;
        s.lives(&init)?;
        assert_ne!(init.signal_sets()?.shared_pending & 1 << (SIGTERM - 1), 0);
        s.signals(&init, [sig(SIGTERM).queued("blocked").by(&inside, "same")]);
        s.deliveries(&init, []);
    }
    e53_a_subreaper_is_no_init
    "a child subreaper is as mortal as any process" |s| {
        let host = s.host("host")?;
        let reaper = host.spawn_child("subreaper")?;
        reaper.order(Order::Subreaper)?;
        host.kill(reaper.pid(), SIGTERM)?;
        s.dies_of(&reaper, SIGTERM)?;
        s.signals(&reaper, [sig(SIGTERM).fatal("default_terminate").by(&host, "same").forced(false)]);
    }
    e58_an_init_that_signals_everybody
    "kill(-1) by an init spares itself" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.kill(-1, SIGTERM)?;
        s.dies_of(&inside, SIGTERM)?;
        s.signals(&init, []);
        s.signals(&inside, [sig(SIGTERM).fatal("default_terminate").by(&init, "same")]);
    }
    e44_nested_inits
    "a nested init is shielded from its own namespace, not from the one around it" |s| {
        let Family { init, inside, .. } = s.family()?;
        let nested = inside.spawn_init("nested")?;
        let leaf = nested.spawn_child("leaf")?;
        leaf.kill(1, SIGKILL)?;
        s.lives(&nested)?;
        inside.kill(nested.pid_for_parent(), SIGKILL)?;
        s.dies_of(&nested, SIGKILL)?;
        s.lives(&init)?;
        s.signals(&nested, [
            sig(SIGKILL).dropped("unkillable_init").by(&leaf, "same").forced(false),
            sig(SIGKILL).fatal("forced_on_init").by(&inside, "ancestor").forced(true),
        ]);
        s.signals(&leaf, [sig(SIGKILL).fatal("kill").by_way_of("zap", &nested, "same").forced(true)]);
    }
    n01_reraise_in_the_handler
    "Node.js as an init: it raises the signal again from its handler, and that one vanishes" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.dispose(SIGTERM, Disposition::Reraise)?;
        inside.kill(1, SIGTERM)?;
        s.lives(&init)?;
        assert_eq!(init.caught(SIGTERM)?, 1);
        s.signals(&init, [
            sig(SIGTERM).queued("handler").by(&inside, "same"),
            sig(SIGTERM).queued("blocked").by(&init, "same").for_thread().code(-6),
        ]);
        s.deliveries(&init, [
            deliver(SIGTERM).outcome("handled").reason("handler"),
            deliver(SIGTERM).outcome("dropped").reason("unkillable_init_at_dequeue"),
        ]);
    }
    n02_a_handler_for_one_time
    "SA_RESETHAND: the second signal meets no handler" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.dispose(SIGUSR1, Disposition::HandlerOnce)?;
        inside.kill(1, SIGUSR1)?;
        s.lives(&init)?;
        inside.kill(1, SIGUSR1)?;
        s.lives(&init)?;
        assert_eq!(init.caught(SIGUSR1)?, 1);
        s.signals(&init, [
            sig(SIGUSR1).queued("handler"),
            sig(SIGUSR1).dropped("unkillable_init"),
        ]);
    }
    n03_tgkill_from_inside
    "a SIGKILL to the main thread of an init is dropped as one to the process is" |s| {
        let Family { init, inside, .. } = s.family()?;
        inside.order(Order::TgKill { tgid: 1, tid: 1, signal: SIGKILL })?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGKILL).dropped("unkillable_init").by(&inside, "same").for_thread().code(-6)]);
    }
    x09_an_orphan_is_the_inits_child
    "who reaps an orphan is told of its end" |s| {
        let Family { init, inside, .. } = s.family()?;
        let orphan = inside.spawn_child("orphan")?;
        inside.order(Order::Exit { code: 0 })?;
        s.dies(&inside)?;
        s.until("the orphan becomes a child of the init", || {
            orphan.stat().is_some_and(|stat| stat.ppid == init.pid())
        })?;
        orphan.order(Order::Exit { code: 0 })?;
        s.dies(&orphan)?;
        s.signals_and_child_exits(&init, [
            sig(libc::SIGCHLD).dropped("default_ignore").by_way_of("child_exit", &inside, "same").forced(false),
            sig(libc::SIGCHLD).dropped("default_ignore").by_way_of("child_exit", &orphan, "same").forced(false),
        ]);
    }
    e19_a_child_of_an_init_exits
    "SIGCHLD is dropped by default, and the zombie stays" |s| {
        let Family { init, inside, .. } = s.family()?;
        inside.order(Order::Exit { code: 3 })?;
        assert_eq!(inside.await_death(SOON)?, sigwhy::lab::arena::Status::Exited(3));
        s.signals_and_child_exits(&init, [
            sig(libc::SIGCHLD).dropped("default_ignore").code(1)
                .by_way_of("child_exit", &inside, "same").forced(false),
        ]);
    }
    e19b_children_that_reap_themselves
    "where SIGCHLD is ignored it is not even sent" |s| {
        let Family { init, inside, .. } = s.family()?;
        init.dispose(libc::SIGCHLD, Disposition::Ignore)?;
        inside.order(Order::Exit { code: 0 })?;
        assert_eq!(inside.await_death(SOON)?, sigwhy::lab::arena::Status::Gone);
        s.signals_and_child_exits(&init, []);
    }
}
