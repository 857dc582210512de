//! From a cgroup's id to its path.
//!
//! The id is the inode of the cgroup's directory, 64 bits wide and not reused
//! (kernfs counts generations), but only within its hierarchy. There is no call
//! that turns it into a path without CAP_DAC_READ_SEARCH and a handle made by
//! hand, so the tree is walked: once, and again when an unknown id is asked for.

use std::collections::HashMap;
use std::os::unix::fs::DirEntryExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Root;

/// Directories beyond which a walk stops.
const MOST: usize = 200_000;
/// The deepest that a walk goes; the kernel's own limit is by number, not depth.
const DEEPEST: usize = 64;
/// Walks are at least this far apart, and ten times as long as one took.
const PAUSE: Duration = Duration::from_secs(1);

/// A tree of cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hierarchy {
    V2,
    /// That of the controller which the kernel side reads.
    V1,
}

/// A cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CgroupId {
    pub hierarchy: Hierarchy,
    /// The inode of its directory.
    pub id: u64,
}

/// Where the hierarchies are mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounts {
    pub v2: Option<PathBuf>,
    pub v1: Option<PathBuf>,
}

impl Mounts {
    /// From the text of `/proc/self/mountinfo`; `controller` is that of the v1
    /// hierarchy to find. A mount of the whole tree is better than one of a part.
    pub fn parse(mountinfo: &str, controller: Option<&str>) -> Self {
        let mut mounts = Self::default();
        for line in mountinfo.lines() {
            // id parent major:minor root point options [tag...] - type source options
            let Some((mount, kind)) = line.split_once(" - ") else {
                continue;
            };
            let mut mount = mount.split(' ').skip(3);
            let (Some(top), Some(point)) = (mount.next(), mount.next()) else {
                continue;
            };
            let mut kind = kind.split(' ');
            let (Some(fs), _source, options) = (kind.next(), kind.next(), kind.next()) else {
                continue;
            };
            let slot = match fs {
                "cgroup2" => &mut mounts.v2,
                "cgroup"
                    if options.is_some_and(|options| {
                        options.split(',').any(|option| Some(option) == controller)
                    }) =>
                {
                    &mut mounts.v1
                }
                _ => continue,
            };
            if slot.is_none() || top == "/" {
                *slot = Some(PathBuf::from(unescaped(point)));
            }
        }
        mounts
    }

    fn of(&self, hierarchy: Hierarchy) -> Option<&Path> {
        match hierarchy {
            Hierarchy::V2 => self.v2.as_deref(),
            Hierarchy::V1 => self.v1.as_deref(),
        }
    }
}

/// Takes back `\040` and its like, which stand for space, tab, newline,
/// backslash and `#` in a mount table.
pub fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let byte = after
            .get(..3)
            .and_then(|octal| u8::from_str_radix(octal, 8).ok())
            .filter(u8::is_ascii);
        match byte {
            Some(byte) => {
                plain.push(char::from(byte));
                rest = &after[3..];
            }
            None => {
                plain.push('\\');
                rest = after;
            }
        }
    }
    plain + rest
}

/// The cgroups by their ids.
#[derive(Debug)]
pub struct Index {
    root: Root,
    mounts: Mounts,
    paths: HashMap<CgroupId, String>,
    /// When the next walk may be.
    next: Option<Instant>,
}

impl Index {
    /// Finds the mounts, and walks nothing yet.
    pub fn new(root: Root, controller: Option<&str>) -> Self {
        // PID 1's are the machine's own, whatever is mounted for this process; but
        // not everybody may look at them.
        let text = ["/proc/1/mountinfo", "/proc/self/mountinfo"]
            .iter()
            .find_map(|path| root.text(path).filter(|text| text.contains("cgroup")))
            .unwrap_or_default();
        Self {
            mounts: Mounts::parse(&text, controller),
            root,
            paths: HashMap::new(),
            next: None,
        }
    }

    /// The path below the mount point, `/` for the root. Walks the tree if it is
    /// not known and the last walk was long enough ago.
    pub fn path(&mut self, id: CgroupId) -> Option<String> {
        if let Some(path) = self.paths.get(&id) {
            return Some(path.clone());
        }
        let now = Instant::now();
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        self.walk();
        let took = now.elapsed();
        self.next = Some(now + took + PAUSE.max(took * 10));
        self.paths.get(&id).cloned()
    }

    /// Takes in a cgroup that was seen otherwise, as when it is made.
    pub fn learn(&mut self, id: CgroupId, path: &str) {
        if self.paths.len() < MOST {
            self.paths.insert(id, path.to_owned());
        }
    }

    /// Forgets all that is gone, and finds all that is new.
    pub fn walk(&mut self) {
        self.paths.clear();
        for hierarchy in [Hierarchy::V2, Hierarchy::V1] {
            let Some(top) = self.mounts.of(hierarchy) else {
                continue;
            };
            let top = self.root.at(top);
            let mut todo = vec![(top, String::new(), 0)];
            while let Some((directory, path, depth)) = todo.pop() {
                let Ok(entries) = std::fs::read_dir(&directory) else {
                    continue;
                };
                for entry in entries.flatten() {
                    // From the directory itself, without a look at the entry.
                    if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                        continue;
                    }
                    let Ok(name) = entry.file_name().into_string() else {
                        continue;
                    };
                    if self.paths.len() >= MOST {
                        return;
                    }
                    let path = format!("{path}/{name}");
                    let id = entry.ino();
                    self.paths.insert(CgroupId { hierarchy, id }, path.clone());
                    if depth < DEEPEST {
                        todo.push((directory.join(name), path, depth + 1));
                    }
                }
            }
        }
    }

    /// All that are known, for a first survey.
    pub fn iter(&self) -> impl Iterator<Item = (CgroupId, &str)> {
        self.paths.iter().map(|(id, path)| (*id, path.as_str()))
    }

    /// The id of the cgroup at a path.
    pub fn id(&self, hierarchy: Hierarchy, path: &str) -> Option<u64> {
        use std::os::unix::fs::MetadataExt as _;
        let directory = self.root.at(self.directory(hierarchy, path)?);
        Some(std::fs::symlink_metadata(directory).ok()?.ino())
    }

    /// The directory of the cgroup at a path, as the machine has it.
    pub fn directory(&self, hierarchy: Hierarchy, path: &str) -> Option<PathBuf> {
        let top = self.mounts.of(hierarchy)?;
        Some(top.join(path.trim_start_matches('/')))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Tree;
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
39 31 0:36 /sub /mnt/part rw shared:7 - cgroup cgroup rw,pids
40 31 0:36 / /sys/fs/cgroup/pids rw shared:7 master:1 - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn finds_the_mounts() {
        let mounts = Mounts::parse(HYBRID, Some("pids"));
        assert_eq!(mounts.v1, Some("/sys/fs/cgroup/pids".into()));
        assert_eq!(mounts.v2, Some("/sys/fs/cgroup/uni fied".into()));
        assert_eq!(Mounts::parse(HYBRID, None).v1, None);
        assert_eq!(
            Mounts::parse("- \n1 2 3 - cgroup2\n", None),
            Mounts::default()
        );
        let unified = "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate";
        let mounts = Mounts::parse(unified, None);
        assert_eq!(mounts.v2, Some("/sys/fs/cgroup".into()));
    }

    #[test]
    fn an_id_is_the_inode_of_its_directory() {
        let tree = Tree::new();
        tree.file(
            "/proc/self/mountinfo",
            "30 24 0:26 / /cg rw - cgroup2 cgroup2 rw\n",
        );
        tree.directory("/cg/docker/abc");
        tree.file("/cg/docker/cgroup.procs", "");
        let mut index = Index::new(tree.root(), None);
        let id = index.id(Hierarchy::V2, "/docker/abc").expect("it is there");
        let key = CgroupId {
            hierarchy: Hierarchy::V2,
            id,
        };
        assert_eq!(index.path(key).as_deref(), Some("/docker/abc"));
        assert_eq!(index.iter().count(), 2, "no files");
        // The same number in the other tree is another cgroup.
        let other = CgroupId {
            hierarchy: Hierarchy::V1,
            id,
        };
        assert_eq!(index.path(other), None);
        // A new one is not found until the pause is over, unless it was told.
        tree.directory("/cg/new");
        let id = index.id(Hierarchy::V2, "/new").expect("it is there");
        let key = CgroupId { id, ..key };
        assert_eq!(index.path(key), None);
        index.learn(key, "/new");
        assert_eq!(index.path(key).as_deref(), Some("/new"));
    }

    #[test]
    fn this_machine_can_be_walked() {
        let mut index = Index::new(Root::default(), None);
        index.walk();
        for (key, path) in index.iter().take(50) {
            // It may have gone meanwhile.
            if let Some(id) = index.id(key.hierarchy, path) {
                assert_eq!(id, key.id, "{path}");
            }
        }
    }
}
