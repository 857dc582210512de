//! cgroup.kill and the freezers. Skipped, with a word, where the hierarchy is
//! not there or not ours to change; in CI that is a failure.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use libc::{SIGKILL, SIGTERM};
use sigwhy::lab::arena::{Disposition, Order, Specimen};

use super::cases;
use super::scene::Family;
use crate::harness::expect::{deliver, sig};

/// A cgroup of our own, removed when dropped.
struct Cgroup(PathBuf);

impl Cgroup {
    /// `None`, with a word, if there is no such hierarchy.
    fn new(name: &str, roots: &[&str], needs: &str) -> anyhow::Result<Option<Self>> {
        for root in roots {
            let dir = Path::new(root).join(format!("sigwhy-test-{}-{name}", std::process::id()));
            if !Path::new(root).join("cgroup.procs").exists() {
                continue;
            }
            if fs::create_dir(&dir).is_err() {
                continue;
            }
            let group = Self(dir);
            if group.0.join(needs).exists() {
                return Ok(Some(group));
            }
        }
        if std::env::var_os("CI").is_some_and(|ci| ci == "true") {
            anyhow::bail!(
                "no cgroup hierarchy with {needs} that may be changed, and CI skips nothing"
            );
        }
        eprintln!("skipped: no cgroup hierarchy with {needs} that may be changed");
        Ok(None)
    }

    fn v2(name: &str, needs: &str) -> anyhow::Result<Option<Self>> {
        Self::new(name, &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], needs)
    }

    fn v1_freezer(name: &str) -> anyhow::Result<Option<Self>> {
        Self::new(name, &["/sys/fs/cgroup/freezer"], "freezer.state")
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).display().to_string()
    }

    fn write(&self, file: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path(file);
        fs::write(&path, text).with_context(|| format!("writing {text:?} to {path}"))
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    fn add(&self, members: &[&Specimen]) -> anyhow::Result<()> {
        members
            .iter()
            .try_for_each(|member| self.write("cgroup.procs", &member.pid().to_string()))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = self.write("freezer.state", "THAWED");
        let _ = self.write("cgroup.freeze", "0");
        // Members that still live go back to where the rest of the machine is.
        if let Some(parent) = self.0.parent() {
            for pid in self.read("cgroup.procs").lines() {
                let _ = fs::write(parent.join("cgroup.procs"), pid);
            }
        }
        // Busy until the last dead member has left.
        for _ in 0..500 {
            if fs::remove_dir(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

cases! {
    x01_cgroup_kill_by_the_host
    "cgroup.kill by the host ends an init: it counts as its writer's" |s| {
        let Some(group) = Cgroup::v2("x01", "cgroup.kill")? else { return Ok(()) };
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
        let Some(group) = Cgroup::v2("x02", "cgroup.kill")? else { return Ok(()) };
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
        let Some(group) = Cgroup::v2("x03", "cgroup.freeze")? else { return Ok(()) };
        let Family { host, init, .. } = s.family()?;
        init.dispose(SIGTERM, Disposition::Handler)?;
        group.add(&[&init])?;
        group.write("cgroup.freeze", "1")?;
        s.until("it is frozen", || group.read("cgroup.events").contains("frozen 1"))?;
        host.kill(init.pid(), SIGTERM)?;
        host.kill(init.pid(), SIGKILL)?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [
            sig(SIGTERM).queued("frozen").by(&host, "ancestor"),
            sig(SIGKILL).fatal("forced_on_init").by(&host, "ancestor").forced(true),
        ]);
        s.deliveries(&init, [deliver(SIGKILL).outcome("fatal")]);
    }
    x04_frozen_by_v1
    "a v1-frozen init does not even die before it is thawed" |s| {
        let Some(group) = Cgroup::v1_freezer("x04")? else { return Ok(()) };
        let Family { host, init, .. } = s.family()?;
        group.add(&[&init])?;
        group.write("freezer.state", "FROZEN")?;
        s.until("it is frozen", || group.read("freezer.state").trim() == "FROZEN")?;
        host.kill(init.pid(), SIGKILL)?;
        std::thread::sleep(std::time::Duration::from_millis(30));
        assert!(init.stat().is_some_and(|stat| !stat.is_dead()));
        group.write("freezer.state", "THAWED")?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [sig(SIGKILL).queued("frozen").by(&host, "ancestor").forced(true)]);
        s.deliveries(&init, [deliver(SIGKILL).outcome("fatal")]);
    }
}
