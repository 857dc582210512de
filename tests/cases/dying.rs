//! Targets that are dying or dead, and namespaces that end.

use libc::{SIGKILL, SIGTERM};
use sigwhy::lab::arena::{Order, TracePolicy};

use super::cases;
use super::scene::{Family, SOON};
use crate::harness::expect::{now, sig, zap_begins, zap_ends};

cases! {
    e35_a_zombie
    "nothing reaches a zombie, whatever the kernel prints" |s| {
        let host = s.host("host")?;
        let zombie = host.spawn_child("zombie")?;
        zombie.order(Order::Exit { code: 0 })?;
        s.dies(&zombie)?;
        host.kill(zombie.pid(), SIGTERM)?;
        host.kill(zombie.pid(), SIGKILL)?;
        // `result` is `delivered` on 5.10 and 5.15, `ignored` since.
        s.signals(&zombie, [
            sig(SIGTERM).outcome("dropped").reason("target_exiting").by(&host, "same"),
            sig(SIGKILL).outcome("dropped").reason("target_exiting").by(&host, "same"),
        ]);
    }
    e36_an_init_that_waits_for_an_injected_process
    "an init cannot end before the outside parent has reaped what it put in, and no signal helps" |s| {
        let Family { host, init, inside } = s.family()?;
        let outside = s.host("docker-exec")?;
        let injected = outside.inject(&init, "injected")?;
        init.order(Order::Exit { code: 0 })?;
        s.dies(&injected)?;
        s.waits_in_zap(&init)?;
        host.kill(init.pid(), SIGKILL)?;
        host.kill(init.pid(), SIGTERM)?;
        s.waits_in_zap(&init)?;
        let released = now();
        injected.reap(SOON)?;
        s.dies(&init)?;
        s.zaps(&init, [zap_begins().killing(&[&inside, &injected]), zap_ends().after(released)]);
        s.signals(&injected, [sig(SIGKILL).fatal("kill").by_way_of("zap", &init, "same").forced(true)]);
        s.signals(&init, [
            sig(SIGKILL).outcome("dropped").reason("target_exiting").by(&host, "ancestor"),
            sig(SIGTERM).outcome("dropped").reason("target_exiting").by(&host, "ancestor"),
        ]);
    }
    e37_into_a_dead_namespace
    "a namespace that ends takes nobody in" |s| {
        let Family { init, .. } = s.family()?;
        let outside = s.host("outside")?;
        let injected = outside.inject(&init, "injected")?;
        init.order(Order::Exit { code: 0 })?;
        s.dies(&injected)?;
        let late = outside.inject(&init, "late");
        assert!(late.is_err(), "{late:?}");
        injected.reap(SOON)?;
        s.dies(&init)?;
        s.signals(&init, []);
    }
    e38_held_by_a_tracer
    "a traced zombie holds up the end of its namespace" |s| {
        let Family { init, inside, .. } = s.family()?;
        let tracer = s.host("tracer")?;
        tracer.seize(inside.pid(), TracePolicy::Neglect)?;
        init.order(Order::Exit { code: 0 })?;
        s.until("the traced child is a zombie", || {
            inside.stat().is_some_and(|stat| stat.state == 'Z')
        })?;
        s.waits_in_zap(&init)?;
        let released = now();
        tracer.discard();
        s.dies(&init)?;
        s.zaps(&init, [zap_begins().killing(&[&inside]), zap_ends().after(released)]);
        s.signals(&inside, [sig(SIGKILL).fatal("kill").by_way_of("zap", &init, "same").forced(true)]);
    }
    e59_an_init_exits
    "the end of an init is a SIGKILL for everybody inside" |s| {
        let Family { init, inside, .. } = s.family()?;
        let other = init.spawn_child("other")?;
        init.order(Order::Exit { code: 0 })?;
        s.dies(&init)?;
        s.zaps(&init, [zap_begins().killing(&[&inside, &other]), zap_ends()]);
        for member in [&inside, &other] {
            s.signals(member, [sig(SIGKILL).fatal("kill").by_way_of("zap", &init, "same").forced(true).code(0x80)]);
        }
        s.signals(&init, []);
    }
}
