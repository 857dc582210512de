//! Signals for an init from outside of its PID namespace.

use libc::{
    EINVAL, EPERM, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGSTOP, SIGTERM,
    SIGTSTP, SIGURG, SIGUSR1, SIGWINCH,
};
use sigwhy::lab::arena::{Disposition, Group, Order, Place};

use super::cases;
use super::scene::{Family, fatal_kill};
use crate::harness::expect::{deliver, sig};

const SI_QUEUE: i32 = -1;
const SI_TIMER: i32 = -2;
const SI_SIGIO: i32 = -5;

cases! {
    e06_term_from_the_host
    "the host's SIGTERM is dropped as well: forced or not matters for SIGKILL and SIGSTOP only" |s| {
        let Family { host, init, .. } = s.family()?;
        host.kill(init.pid(), SIGTERM)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGTERM).dropped("unkillable_init").by(&host, "ancestor").forced(true)]);
        s.deliveries(&init, []);
    }
    e07_kill_from_the_host
    "the host's SIGKILL ends an init and all below it" |s| {
        let Family { host, init, inside } = s.family()?;
        host.kill(init.pid(), SIGKILL)?;
        s.dies_of(&init, SIGKILL)?;
        s.dies(&inside)?;
        s.signals(&init, [sig(SIGKILL).fatal("forced_on_init").by(&host, "ancestor").forced(true)]);
        s.deliveries(&init, [deliver(SIGKILL).outcome("fatal")]);
        s.signals(&inside, [sig(SIGKILL).fatal("kill").by_way_of("zap", &init, "same").forced(true)]);
    }
    e08_stop_and_continue_from_the_host
    "the host can stop an init; the SIGCONT is dropped and resumes it all the same" |s| {
        let Family { host, init, .. } = s.family()?;
        host.kill(init.pid(), SIGSTOP)?;
        s.stops(&init, SIGSTOP)?;
        host.kill(init.pid(), SIGCONT)?;
        s.lives(&init)?;
        s.signals(&init, [
            sig(SIGSTOP).queued("stop").by(&host, "ancestor").forced(true),
            sig(SIGCONT).dropped("default_ignore").by(&host, "ancestor"),
        ]);
        s.deliveries(&init, [deliver(SIGSTOP).outcome("stopped").reason("stop")]);
    }
    e09_tstp_from_the_host
    "only SIGSTOP can be forced upon an init, not SIGTSTP" |s| {
        let Family { host, init, .. } = s.family()?;
        host.kill(init.pid(), SIGTSTP)?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGTSTP).dropped("unkillable_init").by(&host, "ancestor").forced(true)]);
    }
    e10_the_other_signals_from_the_host
    "whatever can be caught and is not, an init drops" |s| {
        let Family { host, init, .. } = s.family()?;
        let all = [SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGALRM, libc::SIGRTMIN() + 3];
        for signal in all {
            host.kill(init.pid(), signal)?;
        }
        s.lives(&init)?;
        s.signals(&init, all.map(|n| sig(n).dropped("unkillable_init").by(&host, "ancestor").forced(true)));
    }
    e11_signals_that_do_nothing_by_default
    "what any process would drop is not laid to being an init" |s| {
        let Family { host, init, .. } = s.family()?;
        let all = [SIGCHLD, SIGCONT, SIGWINCH, SIGURG];
        for signal in all {
            host.kill(init.pid(), signal)?;
        }
        s.lives(&init)?;
        s.signals_and_child_exits(&init, all.map(|n| sig(n).dropped("default_ignore").by(&host, "ancestor")));
    }
    e12_a_sibling_namespace_counts_as_outside
    "kill(0, SIGKILL) in one namespace ends the init of another one in the same group" |s| {
        let host = s.host("leader")?;
        let a = host.spawn(Place::NewNamespace, Group::Inherit, "a")?;
        let b = host.spawn(Place::NewNamespace, Group::Inherit, "b")?;
        let child = a.spawn(Place::Same, Group::Inherit, "a-child")?;
        fatal_kill(&child, 0, SIGKILL)?;
        s.dies(&b)?;
        s.dies_of(&host, SIGKILL)?;
        s.lives(&a)?;
        s.signals(&b, [sig(SIGKILL).fatal("forced_on_init").by(&child, "unrelated").forced(true)]);
        s.signals(&a, [sig(SIGKILL).dropped("unkillable_init").by(&child, "same").forced(false)]);
        s.signals(&host, [sig(SIGKILL).fatal("kill").by(&child, "descendant").forced(false)]);
    }
    e12b_a_pidfd_of_a_sibling
    "a pidfd does not reach across namespaces" |s| {
        let host = s.host("host")?;
        let (a, b) = (host.spawn_init("a")?, host.spawn_init("b")?);
        let order = Order::PidfdSendForeign { host_pid: b.pid(), signal: SIGKILL };
        assert_eq!(a.errno_of(order)?, EINVAL);
        s.lives(&b)?;
        s.signals(&b, []);
    }
    e12c_out_of_the_namespace_by_the_group
    "kill(0) inside reaches a process of the host" |s| {
        let host = s.host("leader")?;
        let init = host.spawn(Place::NewNamespace, Group::Inherit, "init")?;
        let inside = init.spawn(Place::Same, Group::Inherit, "inside")?;
        fatal_kill(&inside, 0, SIGTERM)?;
        s.dies_of(&host, SIGTERM)?;
        s.lives(&init)?;
        s.signals(&host, [sig(SIGTERM).fatal("default_terminate").by(&inside, "descendant").forced(false)]);
        s.signals(&init, [sig(SIGTERM).dropped("unkillable_init").by(&inside, "same")]);
    }
    e31_sigqueue_kill_from_the_host
    "sigqueue from the host is as deadly as kill" |s| {
        let Family { host, init, .. } = s.family()?;
        host.order(Order::Queue { pid: init.pid(), tid: None, signal: SIGKILL, code: SI_QUEUE })?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [sig(SIGKILL).fatal("forced_on_init").by(&host, "ancestor").forced(true).code(SI_QUEUE)]);
    }
    e31b_a_siginfo_that_claims_a_timer
    "the host's SIGKILL with SI_TIMER names no sender, so nothing forces it" |s| {
        let Family { host, init, .. } = s.family()?;
        host.order(Order::Queue { pid: init.pid(), tid: None, signal: SIGKILL, code: SI_TIMER })?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGKILL).dropped("unkillable_init").forced(false).code(SI_TIMER)]);
    }
    e31c_a_siginfo_that_claims_sigio
    "the same with SI_SIGIO" |s| {
        let Family { host, init, .. } = s.family()?;
        host.order(Order::Queue { pid: init.pid(), tid: None, signal: SIGKILL, code: SI_SIGIO })?;
        s.lives(&init)?;
        s.signals(&init, [sig(SIGKILL).dropped("unkillable_init").forced(false).code(SI_SIGIO)]);
    }
    e33_without_permission
    "a refused kill is no signal: only check_kill_permission tells of it" |s| {
        let Family { init, .. } = s.family()?;
        let stranger = s.host("stranger")?;
        stranger.order(Order::SetUid { uid: 65534 })?;
        let kill = |signal| stranger.errno_of(Order::Kill { pid: init.pid(), signal });
        assert_eq!((kill(SIGTERM)?, kill(0)?, kill(SIGKILL)?), (EPERM, EPERM, EPERM));
        s.lives(&init)?;
        let refused = |signal| sig(signal).refused().by(&stranger, "ancestor").forced(false).code(0);
        s.signals_by_hook("permission", &init, [refused(SIGTERM), refused(SIGKILL)])?;
    }
    e33b_without_permission_for_a_thread
    "the same by tgkill, from inside" |s| {
        let Family { init, inside, .. } = s.family()?;
        inside.order(Order::SetUid { uid: 65534 })?;
        let order = Order::TgKill { tgid: 1, tid: 1, signal: SIGTERM };
        assert_eq!(inside.errno_of(order)?, EPERM);
        s.lives(&init)?;
        let refused = sig(SIGTERM).refused().by(&inside, "same").for_thread().code(-6);
        s.signals_by_hook("permission", &init, [refused])?;
    }
    e33c_some_of_a_group_without_permission
    "kill(-1) is refused by some and not by others, and succeeds" |s| {
        let Family { init, inside, .. } = s.family()?;
        let (own, foreign) = (init.spawn_child("own")?, init.spawn_child("foreign")?);
        own.order(Order::SetUid { uid: 65534 })?;
        inside.order(Order::SetUid { uid: 65534 })?;
        inside.kill(-1, SIGTERM)?;
        s.dies_of(&own, SIGTERM)?;
        s.lives(&foreign)?;
        s.signals(&own, [sig(SIGTERM).fatal("default_terminate").by(&inside, "same")]);
        s.signals_by_hook("permission", &foreign, [sig(SIGTERM).refused().by(&inside, "same")])?;
    }
    e44b_kill_at_the_top
    "a SIGKILL to the outer init ends the inner one by the zap" |s| {
        let Family { host, init, inside } = s.family()?;
        let nested = inside.spawn_init("nested")?;
        host.kill(init.pid(), SIGKILL)?;
        s.dies_of(&init, SIGKILL)?;
        s.dies(&nested)?;
        s.signals(&init, [sig(SIGKILL).fatal("forced_on_init").by(&host, "ancestor").forced(true)]);
        s.signals(&nested, [
            sig(SIGKILL).fatal("forced_on_init").by_way_of("zap", &init, "ancestor").forced(true),
        ]);
    }
    e54_kill_a_stopped_init
    "SIGKILL needs no SIGCONT" |s| {
        let Family { host, init, .. } = s.family()?;
        host.kill(init.pid(), SIGSTOP)?;
        s.stops(&init, SIGSTOP)?;
        host.kill(init.pid(), SIGKILL)?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [
            sig(SIGSTOP).queued("stop"),
            sig(SIGKILL).fatal("forced_on_init").forced(true),
        ]);
    }
    e56_tgkill_from_the_host
    "a SIGKILL to a thread ends the process" |s| {
        let Family { host, init, .. } = s.family()?;
        host.order(Order::TgKill { tgid: init.pid(), tid: init.pid(), signal: SIGKILL })?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [
            sig(SIGKILL).fatal("forced_on_init").by(&host, "ancestor").for_thread().code(-6).forced(true),
        ]);
    }
    e57_pidfd_from_the_host
    "pidfd_send_signal is kill by another handle" |s| {
        let Family { host, init, .. } = s.family()?;
        host.order(Order::PidfdSend { pid: init.pid(), signal: SIGTERM })?;
        s.lives(&init)?;
        host.order(Order::PidfdSend { pid: init.pid(), signal: SIGKILL })?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [
            sig(SIGTERM).dropped("unkillable_init").by(&host, "ancestor").forced(true),
            sig(SIGKILL).fatal("forced_on_init").by(&host, "ancestor").forced(true),
        ]);
    }
    e51_a_group_across_namespaces
    "some kernels forget the sender's pid on the way through a group: sigwhy does not" |s| {
        let host = s.host("host")?;
        let mut clobbers = Vec::new();
        for _ in 0..2 {
            // The kernel goes through a group from its newest member to its oldest.
            let oldest = s.host("oldest")?;
            let init = oldest.spawn(Place::NewNamespace, Group::Inherit, "init")?;
            let newest = oldest.spawn(Place::Same, Group::Inherit, "newest")?;
            let group = [&newest, &init, &oldest];
            for member in group {
                member.dispose(SIGUSR1, Disposition::Handler)?;
            }
            host.kill(-oldest.pid(), SIGUSR1)?;
            let mut seen = Vec::new();
            for member in group {
                s.lives(member)?;
                let report = member.report()?;
                let caught = report.caught.iter().find(|caught| caught.signal == SIGUSR1);
                seen.push(caught.map(|caught| caught.si_pid));
            }
            assert_eq!(seen[..2], [Some(host.pid()), Some(0)]);
            // The namespace of the init, where the sender has no pid, was in between.
            assert!([Some(host.pid()), Some(0)].contains(&seen[2]), "{seen:?}");
            clobbers.push(seen[2] == Some(0));
            for member in [&newest, &oldest] {
                s.signals(member, [sig(SIGUSR1).queued("handler").by(&host, "same").forced(false).code(0)]);
            }
            s.signals(&init, [sig(SIGUSR1).queued("handler").by(&host, "ancestor").forced(true).code(0)]);
        }
        assert_eq!(clobbers[0], clobbers[1], "a kernel does it or does not");
    }
    n04_a_handler_and_the_host
    "with a handler an init hears the host" |s| {
        let Family { host, init, .. } = s.family()?;
        init.dispose(SIGTERM, Disposition::Handler)?;
        host.kill(init.pid(), SIGTERM)?;
        s.lives(&init)?;
        assert_eq!(init.caught(SIGTERM)?, 1);
        s.signals(&init, [sig(SIGTERM).queued("handler").by(&host, "ancestor").forced(true)]);
        s.deliveries(&init, [deliver(SIGTERM).outcome("handled").reason("handler")]);
    }
    n05_among_processes_of_the_host
    "an ordinary process of the host: no namespace, nothing forced" |s| {
        let host = s.host("host")?;
        let victim = host.spawn_child("victim")?;
        victim.dispose(SIGUSR1, Disposition::Handler)?;
        host.kill(victim.pid(), SIGUSR1)?;
        host.kill(victim.pid(), SIGWINCH)?;
        s.lives(&victim)?;
        host.kill(victim.pid(), SIGKILL)?;
        s.dies_of(&victim, SIGKILL)?;
        s.signals(&victim, [
            sig(SIGUSR1).queued("handler").by(&host, "same").forced(false),
            sig(SIGWINCH).dropped("default_ignore").by(&host, "same").forced(false),
            sig(SIGKILL).fatal("kill").by(&host, "same").forced(false),
        ]);
    }
    n06_from_below_to_its_own_ancestor
    "a signal up the tree, by the process group, is an ordinary one" |s| {
        let host = s.host("leader")?;
        host.dispose(SIGUSR1, Disposition::Handler)?;
        let init = host.spawn(Place::NewNamespace, Group::Inherit, "init")?;
        init.dispose(SIGUSR1, Disposition::Handler)?;
        init.kill(0, SIGUSR1)?;
        s.lives(&init)?;
        s.lives(&host)?;
        s.signals(&host, [sig(SIGUSR1).queued("handler").by(&init, "descendant").forced(false)]);
        s.signals(&init, [sig(SIGUSR1).queued("handler").by(&init, "same").forced(false)]);
    }
    x13_an_unprivileged_container
    "a user namespace changes nothing: inside is shielded, the owner outside is not" |s| {
        let owner = s.host("owner")?;
        let runner = owner.spawn_child("runner")?;
        owner.order(Order::SetUid { uid: 65534 })?;
        runner.order(Order::SetUid { uid: 65534 })?;
        runner.order(Order::UnshareUser)?;
        let init = runner.spawn_child("init")?;
        assert_eq!(init.ns_pid(), 1);
        let inside = init.spawn_child("inside")?;
        inside.kill(1, SIGKILL)?;
        s.lives(&init)?;
        owner.kill(init.pid(), SIGTERM)?;
        s.lives(&init)?;
        owner.kill(init.pid(), SIGKILL)?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [
            sig(SIGKILL).dropped("unkillable_init").by(&inside, "same").forced(false),
            sig(SIGTERM).dropped("unkillable_init").by(&owner, "ancestor").forced(true),
            sig(SIGKILL).fatal("forced_on_init").by(&owner, "ancestor").forced(true),
        ]);
    }
}
