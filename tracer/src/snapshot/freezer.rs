//! Whether a process is frozen, by which freezer, and which file thaws it.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::container::Root;
use crate::container::cgroupfs::Mounts;

/// A cgroup that freezes what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Freezer {
    /// 1 or 2. The freezer of v1 keeps SIGKILL from its tasks, that of v2 does not.
    pub version: u8,
    /// The cgroup that says so: the process's own or one above it.
    pub cgroup: String,
    /// What is written where to thaw it; null where the cgroup is not mounted here.
    pub file: Option<String>,
    pub thaw: &'static str,
}

/// The hierarchies that freeze, as they are mounted: a mount table is long where
/// there are many containers, and is read once for all of them.
#[derive(Debug, Clone, Default)]
pub struct Freezers(Mounts);

impl Freezers {
    pub fn read(root: &Root) -> Self {
        let mounts = ["/proc/1/mountinfo", "/proc/self/mountinfo"]
            .iter()
            .find_map(|path| root.text(path))
            .unwrap_or_default();
        Self(Mounts::parse(&mounts, Some("freezer")))
    }

    /// What freezes the process; `None` where nothing does, or it cannot be read.
    pub fn of(&self, root: &Root, pid: u32) -> Option<Freezer> {
        let cgroups = root.text(format!("/proc/{pid}/cgroup"))?;
        let (v1, v2) = paths(&cgroups);
        v1.zip(self.0.v1.as_deref())
            .and_then(|(path, mount)| frozen_v1(root, mount, path))
            .or_else(|| {
                v2.zip(self.0.v2.as_deref())
                    .and_then(|(path, mount)| frozen_v2(root, mount, path))
            })
    }
}

/// The same of one process.
pub fn of(root: &Root, pid: u32) -> Option<Freezer> {
    Freezers::read(root).of(root, pid)
}

/// Its cgroups in the v1 freezer's hierarchy and in v2.
fn paths(text: &str) -> (Option<&str>, Option<&str>) {
    let (mut v1, mut v2) = (None, None);
    for line in text.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(hierarchy), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        if controllers.split(',').any(|name| name == "freezer") {
            v1 = Some(path);
        } else if hierarchy == "0" && controllers.is_empty() {
            v2 = Some(path);
        }
    }
    (v1, v2)
}

fn directory(mount: &Path, path: &str) -> PathBuf {
    mount.join(path.trim_start_matches('/'))
}

/// The path and those above it, without the root, which no freezer has.
fn upwards(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| {
        path.rsplit_once('/').map(|(above, _)| above)
    })
    .filter(|path| !path.is_empty() && *path != "/")
}

fn frozen_v1(root: &Root, mount: &Path, path: &str) -> Option<Freezer> {
    let read = |path: &str, file: &str| root.text(directory(mount, path).join(file));
    let state = read(path, "freezer.state")?;
    if !matches!(state.trim(), "FROZEN" | "FREEZING") {
        return None;
    }
    let who = upwards(path)
        .find(|path| read(path, "freezer.self_freezing").is_some_and(|on| on.trim() == "1"))
        .unwrap_or(path);
    Some(Freezer {
        version: 1,
        cgroup: who.to_owned(),
        file: Some(
            directory(mount, who)
                .join("freezer.state")
                .display()
                .to_string(),
        ),
        thaw: "THAWED",
    })
}

fn frozen_v2(root: &Root, mount: &Path, path: &str) -> Option<Freezer> {
    let read = |path: &str, file: &str| root.text(directory(mount, path).join(file));
    let who = upwards(path)
        .find(|path| read(path, "cgroup.freeze").is_some_and(|on| on.trim() == "1"))?;
    Some(Freezer {
        version: 2,
        cgroup: who.to_owned(),
        file: Some(
            directory(mount, who)
                .join("cgroup.freeze")
                .display()
                .to_string(),
        ),
        thaw: "0",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::fixtures::Tree;

    const MOUNTS: &str = "30 1 0:26 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n\
                          31 1 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    fn tree() -> Tree {
        let tree = Tree::new();
        tree.file("/proc/1/mountinfo", MOUNTS);
        tree.file("/proc/7/cgroup", "6:freezer:/docker/a/b\n0::/slice/x\n");
        tree.file(
            "/sys/fs/cgroup/freezer/docker/a/b/freezer.state",
            "THAWED\n",
        );
        tree.file("/sys/fs/cgroup/unified/slice/x/cgroup.freeze", "0\n");
        tree.file("/sys/fs/cgroup/unified/slice/cgroup.freeze", "0\n");
        tree
    }

    #[test]
    fn nothing_freezes() {
        assert_eq!(of(&tree().root(), 7), None);
        assert_eq!(of(&tree().root(), 8), None);
    }

    #[test]
    fn by_a_cgroup_above() {
        let tree = tree();
        tree.file(
            "/sys/fs/cgroup/freezer/docker/a/b/freezer.state",
            "FROZEN\n",
        );
        tree.file(
            "/sys/fs/cgroup/freezer/docker/a/b/freezer.self_freezing",
            "0\n",
        );
        tree.file(
            "/sys/fs/cgroup/freezer/docker/a/freezer.self_freezing",
            "1\n",
        );
        let found = of(&tree.root(), 7).expect("frozen");
        assert_eq!((found.version, found.cgroup.as_str()), (1, "/docker/a"));
        let file = "/sys/fs/cgroup/freezer/docker/a/freezer.state";
        assert_eq!(found.file.as_deref(), Some(file));
    }

    #[test]
    fn by_v2() {
        let tree = tree();
        tree.file("/sys/fs/cgroup/unified/slice/cgroup.freeze", "1\n");
        let found = of(&tree.root(), 7).expect("frozen");
        assert_eq!((found.version, found.cgroup.as_str()), (2, "/slice"));
        assert_eq!(found.thaw, "0");
    }
}
