//! Containers that get another name while they run (`docker rename`, `podman
//! rename`): their runtime writes its file anew, and the kernel says so
//! (inotify(7)), so that nothing is read until then.
//!
//! Only root's: what users have in their homes they may write as often as they
//! like. A runtime that replaces the file by a rename is what is seen, which all
//! do that must not lose it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::runtimes::{docker, podman};
use super::{Identity, Root};
use crate::record::Runtime;

/// Files that are watched at one time. The kernel has a limit of its own
/// (`fs.inotify.max_user_watches`), which others need too.
const MOST: usize = 4096;

/// What a container is called now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// The runtime's full id.
    pub id: String,
    pub name: String,
}

/// Files with names, and who is to be told by them.
#[derive(Debug)]
pub struct Renames {
    root: Root,
    inotify: AsyncFd<Notifier>,
    /// Below each directory that is watched.
    files: HashMap<WatchDescriptor, Vec<(Runtime, PathBuf)>>,
    watched: HashSet<PathBuf>,
}

impl Renames {
    /// Watches nothing yet. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// When there can be no more of these (`fs.inotify.max_user_instances`).
    pub fn new(root: Root) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        // SAFETY: `AsyncFd` owns this descriptor for its whole life, and an `Inotify`
        // never exchanges the one it has.
        let inotify =
            unsafe { AsyncFd::register_with_interest(Notifier(inotify), Interest::READABLE) };
        Ok(Self {
            root,
            inotify: inotify.map_err(|error| error.into_parts().1)?,
            files: HashMap::new(),
            watched: HashSet::new(),
        })
    }

    /// Watches the file that a container's name is in. What stands there once it is
    /// watched.
    pub fn watch(&mut self, identity: &Identity) -> Vec<Renamed> {
        let Some(file) = &identity.source else {
            return Vec::new();
        };
        let is_new = identity.owner == 0 && !self.watched.contains(file);
        let directory = file
            .parent()
            .filter(|_| is_new && self.watched.len() < MOST);
        let Some(directory) = directory else {
            return Vec::new();
        };
        let flags = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ONLYDIR;
        let directory = self.root.at(directory);
        let watch = self.inotify.get_ref().0.add_watch(&directory, flags);
        let Ok(watch) = watch else {
            return Vec::new();
        };
        // What could not be watched is tried again when it is seen again.
        self.watched.insert(file.clone());
        let entry = (identity.runtime, file.clone());
        self.files.entry(watch).or_default().push(entry);
        self.read(identity.runtime, file)
    }

    /// Waits until a file is another one, and says what stands there. Safe to
    /// cancel.
    pub async fn next(&mut self) -> Vec<Renamed> {
        loop {
            let Ok(mut ready) = self.inotify.readable().await else {
                return std::future::pending().await;
            };
            match ready.get_inner().0.read_events() {
                Ok(events) => return self.changed(&events),
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(_) => return std::future::pending().await,
            }
        }
    }

    fn changed(&mut self, events: &[InotifyEvent]) -> Vec<Renamed> {
        let mut changed: Vec<(Runtime, PathBuf)> = Vec::new();
        for event in events {
            if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                changed = self.files.values().flatten().cloned().collect();
                break;
            }
            if event.mask.contains(AddWatchFlags::IN_IGNORED) {
                // The directory is gone.
                for (_, file) in self.files.remove(&event.wd).unwrap_or_default() {
                    self.watched.remove(&file);
                }
                continue;
            }
            let here = self.files.get(&event.wd).into_iter().flatten();
            let named = here.filter(|(_, file)| file.file_name() == event.name.as_deref());
            changed.extend(named.cloned());
        }
        changed.sort_unstable_by(|(_, a), (_, b)| a.cmp(b));
        changed.dedup();
        let read = |(runtime, file): &(Runtime, PathBuf)| self.read(*runtime, file);
        changed.iter().flat_map(read).collect()
    }

    fn read(&self, runtime: Runtime, file: &Path) -> Vec<Renamed> {
        match runtime {
            Runtime::Docker => docker::renamed(&self.root, file).into_iter().collect(),
            Runtime::Podman => podman::renamed(&self.root, file),
            _ => Vec::new(),
        }
    }
}

/// As tokio wants it.
#[derive(Debug)]
struct Notifier(Inotify);

impl AsRawFd for Notifier {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::super::fixtures::{ID, ID2, Tree};
    use super::super::sockets::runtime;
    use super::*;

    fn of(runtime: Runtime, source: &str) -> Identity {
        Identity {
            source: Some(source.into()),
            ..Identity::new(runtime)
        }
    }

    fn renamed(id: &str, name: &str) -> Renamed {
        Renamed {
            id: id.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Writes as runtimes do: whole, and then at once.
    fn replace(tree: &Tree, path: &str, text: &str) {
        let new = format!("{path}.new");
        tree.file(&new, text);
        fs::rename(tree.root().at(new), tree.root().at(path)).expect("a rename");
    }

    #[test]
    fn a_file_that_is_replaced_is_read() {
        let tree = Tree::new();
        let docker = format!("/var/lib/docker/containers/{ID}/config.v2.json");
        let config = |name: &str| format!(r#"{{"ID":"{ID}","Name":"/{name}"}}"#);
        tree.file(&docker, &config("web"));
        let podman = "/var/lib/containers/storage/overlay-containers/containers.json";
        // CRI-O keeps its own there too.
        let pods =
            format!(r#"{{"id":"{ID}","names":["k8s_x"],"metadata":"{{\"pod-name\":\"p\"}}"}}"#);
        let list = |name: &str| format!(r#"[{{"id":"{ID2}","names":["{name}"]}},{pods}]"#);
        tree.file(podman, &list("db"));
        let runtime = runtime().expect("a runtime");
        runtime.block_on(async {
            let mut renames = Renames::new(tree.root()).expect("an inotify");
            let of_docker = of(Runtime::Docker, &docker);
            assert_eq!(renames.watch(&of_docker), [renamed(ID, "web")]);
            assert_eq!(renames.watch(&of_docker), [], "it is watched");
            assert_eq!(
                renames.watch(&of(Runtime::Podman, podman)),
                [renamed(ID2, "db")]
            );
            let users = Identity {
                owner: 1000,
                ..of(Runtime::Podman, "/home/ann/containers.json")
            };
            assert_eq!(renames.watch(&users), []);

            replace(&tree, &docker, &config("web-old"));
            assert_eq!(renames.next().await, [renamed(ID, "web-old")]);
            replace(&tree, podman, &list("db-2"));
            assert_eq!(renames.next().await, [renamed(ID2, "db-2")]);
            // A file of another name, and one that is none yet.
            replace(&tree, &docker.replace("config.v2", "hostconfig"), "{}");
            assert_eq!(renames.next().await, []);
            replace(&tree, &docker, "{\"Name\":");
            assert_eq!(renames.next().await, []);

            let directory = docker.rsplit_once('/').expect("a path").0;
            fs::remove_dir_all(tree.root().at(directory)).expect("gone");
            assert_eq!(renames.next().await, []);
            let quiet = tokio::time::timeout(Duration::from_millis(50), renames.next());
            assert!(quiet.await.is_err());
            assert_eq!(renames.watched.len(), 1);
            // Its id is a new container's.
            tree.file(&docker, &config("web"));
            assert_eq!(renames.watch(&of_docker), [renamed(ID, "web")]);
        });
    }
}
