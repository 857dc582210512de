//! cgroup.kill and the freezers.

use libc::{SIGKILL, SIGTERM};
use sigwhy::lab::arena::{Disposition, Order, Specimen};

use super::cases;
use super::cgroup::Cgroup;
use super::scene::Family;
use crate::harness::expect::{Expect, deliver, died_of, exited, now, sig, zap_begins, zap_ends};

/// The SIGKILL of an init that ends its namespace.
fn zapped(init: &Specimen) -> Expect {
    sig(SIGKILL).by_way_of("zap", init, "same").forced(true)
}

cases! {
    x01_cgroup_kill_by_the_host
    "cgroup.kill by the host ends an init: it counts as its writer's" |s| {
        let Some(group) = Cgroup::v2("x01", "cgroup.kill") else { return Ok(()) };
        let Family { host, init, .. } = s.family()?;
        group.add(&[&init])?;
        host.order(Order::Write { path: group.path("cgroup.kill"), text: "1".into() })?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [
            sig(SIGKILL).fatal("forced_on_init").by(&host, "ancestor").forced(true).for_thread().code(0),
        ]);
    }
    x02_cgroup_kill_from_inside
    "written inside, cgroup.kill spares the init" |s| {
        let Some(group) = Cgroup::v2("x02", "cgroup.kill") else { return Ok(()) };
        let Family { init, inside, .. } = s.family()?;
        let other = init.spawn_child("other")?;
        group.add(&[&init, &other])?;
        inside.order(Order::Write { path: group.path("cgroup.kill"), text: "1".into() })?;
        s.dies_of(&other, SIGKILL)?;
        s.lives(&init)?;
        s.signals(&init, [
            sig(SIGKILL).dropped("unkillable_init").by(&inside, "same").forced(false).for_thread(),
        ]);
        s.signals(&other, [sig(SIGKILL).fatal("kill").by(&inside, "same").for_thread()]);
    }
    x03_frozen_by_v2
    "a v2-frozen init dies of SIGKILL, and hears nothing else" |s| {
        let Some(group) = Cgroup::v2("x03", "cgroup.freeze") else { return Ok(()) };
        let Family { host, init, .. } = s.family()?;
        init.dispose(SIGTERM, Disposition::Handler)?;
        group.add(&[&init])?;
        group.freeze_v2(s)?;
        host.kill(init.pid(), SIGTERM)?;
        host.kill(init.pid(), SIGKILL)?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [
            sig(SIGTERM).queued("frozen").by(&host, "ancestor"),
            sig(SIGKILL).fatal("forced_on_init").by(&host, "ancestor").forced(true),
        ]);
        s.deliveries(&init, [deliver(SIGKILL).outcome("fatal")]);
    }
    x03b_a_member_frozen_by_v2
    "a v2-frozen process dies with its PID namespace" |s| {
        let Some(group) = Cgroup::v2("x03b", "cgroup.freeze") else { return Ok(()) };
        let Family { init, inside, .. } = s.family()?;
        group.add(&[&inside])?;
        group.freeze_v2(s)?;
        init.order(Order::Exit { code: 0 })?;
        s.dies(&init)?;
        s.signals(&inside, [zapped(&init).fatal("kill")]);
        s.deliveries(&inside, [deliver(SIGKILL).outcome("fatal")]);
        s.zaps(&init, [zap_begins().killing(&[&inside]), zap_ends()]);
        s.exits(&inside, [died_of(SIGKILL)]);
        s.exits(&init, [exited(0)]);
    }
    x04_frozen_by_v1
    "a v1-frozen init does not even die before it is thawed" |s| {
        let Some(group) = Cgroup::v1_freezer("x04") else { return Ok(()) };
        let Family { host, init, .. } = s.family()?;
        group.add(&[&init])?;
        group.freeze_v1(s)?;
        host.kill(init.pid(), SIGKILL)?;
        std::thread::sleep(std::time::Duration::from_millis(30));
        assert!(init.stat().is_some_and(|stat| !stat.is_dead()));
        let thaw = now();
        group.write("freezer.state", "THAWED")?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [sig(SIGKILL).queued("frozen").by(&host, "ancestor").forced(true)]);
        s.deliveries(&init, [deliver(SIGKILL).outcome("fatal").after(thaw)]);
    }
    x05_a_member_frozen_by_v1
    "an init cannot end before its v1-frozen child is thawed, although that has its SIGKILL" |s| {
        let Some(group) = Cgroup::v1_freezer("x05") else { return Ok(()) };
        let Family { init, inside, .. } = s.family()?;
        let other = init.spawn_child("other")?;
        group.add(&[&inside])?;
        group.freeze_v1(s)?;
        init.order(Order::Exit { code: 3 })?;
        s.waits_in_zap(&init)?;
        assert!(inside.stat().is_some_and(|stat| !stat.is_dead()));
        let thaw = now();
        group.write("freezer.state", "THAWED")?;
        s.dies(&init)?;
        s.signals(&inside, [zapped(&init).queued("frozen")]);
        s.deliveries(&inside, [deliver(SIGKILL).outcome("fatal").after(thaw)]);
        s.signals(&other, [zapped(&init).fatal("kill")]);
        s.zaps(&init, [zap_begins().killing(&[&inside, &other]), zap_ends().after(thaw)]);
        s.exits(&inside, [died_of(SIGKILL).after(thaw)]);
        s.exits(&other, [died_of(SIGKILL)]);
        s.exits(&init, [exited(3)]);
    }
}
