//! A cgroup of a case's own, in whichever hierarchy of the machine has what the
//! case needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context as _;
use sigwhy::lab::arena::Specimen;

use super::scene::Scene;
use crate::harness::skip::{own_machine, skip};

/// Where cgroup v2 is mounted: alone, or beside v1.
const V2: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

const V1_MEMORY: &str = "/sys/fs/cgroup/memory";

/// A directory of a hierarchy, removed when dropped.
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// Makes one below the first of `roots` where it has the file `needs`.
    fn below<'a>(
        roots: impl IntoIterator<Item = &'a Path>,
        name: &str,
        needs: &str,
    ) -> Option<Self> {
        roots.into_iter().find_map(|root| {
            let dir = root.join(format!("sigwhy-test-{}-{name}", std::process::id()));
            if !root.join("cgroup.procs").exists() || fs::create_dir(&dir).is_err() {
                return None;
            }
            let group = Self(dir);
            group.has(needs).then_some(group)
        })
    }

    /// In cgroup v2. `None`, and the test is skipped, if that has no such file or
    /// is not ours to change.
    pub fn v2(name: &str, needs: &str) -> Option<Self> {
        let group = Self::below(V2.map(Path::new), name, needs);
        if group.is_none() {
            skip(&format!(
                "no cgroup v2 hierarchy with {needs} that may be changed"
            ));
        }
        group
    }

    /// In a v1 freezer hierarchy. `None`, and the test is skipped, if there is none.
    pub fn v1_freezer(name: &str) -> Option<Self> {
        let found = freezer_root().as_deref().map_err(String::as_str);
        let group = found.and_then(|root| {
            Self::below([root], name, "freezer.state")
                .ok_or("no v1 freezer hierarchy that may be changed")
        });
        group.map_err(skip).ok()
    }

    /// In whichever hierarchy has the memory controller. `None`, and the test is
    /// skipped, if none has.
    pub fn memory(name: &str) -> Option<Self> {
        let group = Self::below(V2.map(Path::new), name, "memory.max")
            .or_else(|| Self::below([Path::new(V1_MEMORY)], name, "memory.limit_in_bytes"));
        if group.is_none() {
            skip("no memory controller in a cgroup hierarchy that may be changed");
        }
        group
    }

    /// Lets its members have this much memory together, and no swap.
    pub fn limit_memory(&self, mebibytes: usize) -> anyhow::Result<()> {
        let limit = (mebibytes << 20).to_string();
        if self.has("memory.max") {
            self.write("memory.max", &limit)?;
            // Where the kernel has no swap, it has no such file.
            if self.has("memory.swap.max") {
                self.write("memory.swap.max", "0")?;
            }
            return Ok(());
        }
        self.write("memory.limit_in_bytes", &limit)?;
        if self.has("memory.memsw.limit_in_bytes") {
            self.write("memory.memsw.limit_in_bytes", &limit)?;
        }
        Ok(())
    }

    pub fn path(&self, file: &str) -> String {
        self.0.join(file).display().to_string()
    }

    /// Whether it has this file.
    pub fn has(&self, file: &str) -> bool {
        self.0.join(file).exists()
    }

    pub fn write(&self, file: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path(file);
        fs::write(&path, text).with_context(|| format!("writing {text:?} to {path}"))
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    pub fn add(&self, members: &[&Specimen]) -> anyhow::Result<()> {
        members
            .iter()
            .try_for_each(|member| self.write("cgroup.procs", &member.pid().to_string()))
    }

    /// Returns once all members are frozen.
    pub fn freeze_v1(&self, scene: &Scene) -> anyhow::Result<()> {
        self.write("freezer.state", "FROZEN")?;
        scene.until("all are frozen", || {
            self.read("freezer.state").trim() == "FROZEN"
        })
    }

    /// Returns once all members are frozen.
    pub fn freeze_v2(&self, scene: &Scene) -> anyhow::Result<()> {
        self.write("cgroup.freeze", "1")?;
        scene.until("all are frozen", || {
            self.read("cgroup.events").contains("frozen 1")
        })
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
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Where a v1 freezer hierarchy is; on a machine of our own it is mounted, once,
/// if there is none. Else why there is none.
fn freezer_root() -> &'static Result<PathBuf, String> {
    static ROOT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    ROOT.get_or_init(|| {
        let usual = Path::new("/sys/fs/cgroup/freezer");
        if usual.join("cgroup.procs").exists() {
            return Ok(usual.to_owned());
        }
        if !own_machine() {
            return Err("no v1 freezer hierarchy is mounted".to_owned());
        }
        let dir = std::env::temp_dir().join("sigwhy-test-freezer");
        fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let mounted = Command::new("mount")
            .args(["-t", "cgroup", "-o", "freezer", "freezer"])
            .arg(&dir)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Ok(dir),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr)
                    .trim()
                    .replace('\n', "; ");
                Err(format!("the kernel has no v1 freezer: {why}"))
            }
            Err(error) => Err(format!("mount(8) does not run: {error}")),
        }
    })
}
