//! What keeps an init from ending its namespace: of each blocker, that the zap
//! is told of at once, is not over while it is held up, and is over when it is
//! let go. That of a tracer and of an outside parent are with the dying, those of
//! the freezer with the cgroups, and that of a disk with the machine.

use sigwhy::lab::arena::{Answer, Order};

use super::cases;
use super::scene::{Family, SOON};
use crate::harness::expect::{now, zap_begins, zap_ends};

cases! {
    z5_the_outside_parent_dies
    "what was put in goes to the reaper of its dead parent, not to the init that waits for it" |s| {
        let Family { init, inside, .. } = s.family()?;
        let shim = s.host("shim")?;
        shim.order(Order::Subreaper)?;
        let outside = shim.spawn_child("docker-exec")?;
        let injected = outside.inject(&init, "injected")?;
        init.order(Order::Exit { code: 0 })?;
        s.dies(&injected)?;
        s.waits_in_zap(&init)?;
        outside.order(Order::Exit { code: 0 })?;
        s.dies(&outside)?;
        s.until("the zombie becomes a child of the subreaper", || {
            injected.stat().is_some_and(|stat| stat.ppid == shim.pid() && stat.state == 'Z')
        })?;
        s.waits_in_zap(&init)?;
        let released = now();
        let reap = Order::Reap { pid: injected.pid(), millis: SOON.as_millis() as u64 };
        let reaped = shim.ask(reap)?;
        assert!(matches!(reaped, Answer::Status(status) if status.is_dead()), "{reaped:?}");
        s.dies(&init)?;
        s.zaps(&init, [zap_begins().killing(&[&inside, &injected]), zap_ends().after(released)]);
    }
    x14_a_process_group_without_its_leader
    "Z6: an outsider in the group of a dead process keeps its pid, and the namespace with no task in it" |s| {
        let Family { init, inside, .. } = s.family()?;
        let outside = s.host("docker-exec")?;
        let injected = outside.inject(&init, "injected")?;
        let outsider = s.host("outsider")?;
        outsider.order(Order::SetPgid { pid: 0, pgid: injected.pid() })?;
        injected.order(Order::Exit { code: 0 })?;
        injected.reap(SOON)?;
        init.order(Order::Exit { code: 0 })?;
        s.waits_in_zap(&init)?;
        for member in [&inside, &injected] {
            assert!(member.stat().is_none(), "{member} is there still");
        }
        let released = now();
        outsider.order(Order::SetPgid { pid: 0, pgid: 0 })?;
        s.dies(&init)?;
        s.zaps(&init, [zap_begins().killing(&[&inside]), zap_ends().after(released)]);
    }
    z6_the_outsider_ends
    "the same, where the outsider exits" |s| {
        let Family { init, inside, .. } = s.family()?;
        let outside = s.host("docker-exec")?;
        let injected = outside.inject(&init, "injected")?;
        let outsider = outside.spawn_child("outsider")?;
        outsider.order(Order::SetPgid { pid: 0, pgid: injected.pid() })?;
        init.order(Order::Exit { code: 0 })?;
        s.dies(&injected)?;
        injected.reap(SOON)?;
        s.waits_in_zap(&init)?;
        let released = now();
        outsider.order(Order::Exit { code: 0 })?;
        outsider.reap(SOON)?;
        s.dies(&init)?;
        s.zaps(&init, [zap_begins().killing(&[&inside, &injected]), zap_ends().after(released)]);
    }
    z7_a_nested_init_that_waits
    "an init waits for a nested one, which waits for what was put into its own namespace" |s| {
        let Family { init, inside, .. } = s.family()?;
        let nested = init.spawn_init("nested")?;
        let leaf = nested.spawn_child("leaf")?;
        let outside = s.host("docker-exec")?;
        let injected = outside.inject(&nested, "injected")?;
        init.order(Order::Exit { code: 0 })?;
        s.dies(&injected)?;
        s.waits_in_zap(&init)?;
        s.waits_in_zap(&nested)?;
        let released = now();
        injected.reap(SOON)?;
        s.dies(&nested)?;
        s.dies(&init)?;
        // The outer zap goes through the inner namespace as well, and leaves
        // nobody for the inner one to kill.
        s.zaps(&init, [
            zap_begins().killing(&[&inside, &nested, &leaf, &injected]),
            zap_ends().after(released),
        ]);
        s.zaps(&nested, [zap_begins().killing(&[]), zap_ends().after(released)]);
    }
}
