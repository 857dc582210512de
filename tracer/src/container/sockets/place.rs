//! Where runtimes' sockets are: at the usual places, where the variables of their
//! own clients point, and wherever the kernel says that one listens by a usual
//! name.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::super::Root;
use crate::record::Runtime;

/// A daemon's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// Whose; of CRI sockets containerd's or CRI-O's.
    pub runtime: Runtime,
    /// As this process must spell it.
    pub path: PathBuf,
    /// The owner of the file.
    pub uid: u32,
}

/// Root's.
const PLACES: [(Runtime, &str); 8] = [
    (Runtime::Docker, "/run/docker.sock"),
    // Where that is no link.
    (Runtime::Docker, "/var/run/docker.sock"),
    (Runtime::Podman, "/run/podman/podman.sock"),
    (Runtime::Containerd, "/run/containerd/containerd.sock"),
    (Runtime::Containerd, "/run/k3s/containerd/containerd.sock"),
    (Runtime::Containerd, "/run/k0s/containerd.sock"),
    (
        Runtime::Containerd,
        "/var/snap/microk8s/common/run/containerd.sock",
    ),
    (Runtime::CriO, "/run/crio/crio.sock"),
];

/// A user's, below `/run/user/UID`.
const USERS: [(Runtime, &str); 2] = [
    (Runtime::Docker, "docker.sock"),
    (Runtime::Podman, "podman/podman.sock"),
];

/// By the end of the path.
const NAMES: [(Runtime, &str); 4] = [
    (Runtime::Docker, "docker.sock"),
    (Runtime::Podman, "podman.sock"),
    (Runtime::Containerd, "containerd.sock"),
    (Runtime::CriO, "crio.sock"),
];

/// Variables of the runtimes' own clients, where no usual name tells more.
const VARIABLES: [(Runtime, &str); 3] = [
    (Runtime::Docker, "DOCKER_HOST"),
    (Runtime::Podman, "CONTAINER_HOST"),
    (Runtime::Containerd, "CONTAINER_RUNTIME_ENDPOINT"),
];

/// Sockets that are asked, at most, and of them those of any one user but root: users
/// may make any number, and none of them is to be in another's way.
const MOST: usize = 64;
const MOST_OF_ONE: usize = 8;

/// Users whose directories are looked through, for a list of all.
const MOST_USERS: usize = 256;

/// The sockets that exist, each once. `owner`: only root's and those of this
/// user, whom a container belongs to. `named` come first.
pub fn find(root: &Root, named: &[Socket], owner: Option<u32>) -> Vec<Socket> {
    let at = |(runtime, path): (Runtime, PathBuf)| (runtime, root.at(path));
    let mut all: Vec<(Runtime, PathBuf)> = named
        .iter()
        .map(|socket| (socket.runtime, socket.path.clone()))
        .collect();
    all.extend(PLACES.map(|(runtime, path)| at((runtime, path.into()))));
    let users = match owner {
        Some(0) => Vec::new(),
        Some(uid) => vec![uid.to_string()],
        None => root.names("/run/user", MOST_USERS),
    };
    for user in users {
        let own = Path::new("/run/user").join(user);
        all.extend(USERS.map(|(runtime, path)| at((runtime, own.join(path)))));
    }
    all.extend(listening(root).into_iter().map(at));
    let mut seen = HashSet::new();
    let mut by_user: HashMap<u32, usize> = HashMap::new();
    all.into_iter()
        .filter_map(|(runtime, path)| {
            let file = fs::metadata(&path).ok()?;
            let uid = file.uid();
            let is_meant = owner.is_none_or(|owner| uid == 0 || uid == owner);
            // Podman's may be Docker's by a link.
            let is_one = file.file_type().is_socket() && is_meant;
            let is_new = is_one && seen.insert((runtime, file.dev(), file.ino()));
            is_new.then_some(Socket { runtime, path, uid })
        })
        .filter(|socket| {
            let count = by_user.entry(socket.uid).or_default();
            *count += 1;
            socket.uid == 0 || *count <= MOST_OF_ONE
        })
        .take(MOST)
        .collect()
}

/// Those that the variables of the runtimes' own clients name.
pub fn from_env() -> Vec<Socket> {
    from_variables(|name| std::env::var(name).ok())
}

fn from_variables(value: impl Fn(&str) -> Option<String>) -> Vec<Socket> {
    let read = |(runtime, name): (Runtime, &str)| {
        let value = value(name)?;
        let path = value.strip_prefix("unix://").unwrap_or(&value);
        // Podman's socket is often given to Docker's client.
        let runtime = by_name(path).unwrap_or(runtime);
        path.starts_with('/').then(|| Socket {
            runtime,
            path: path.into(),
            uid: 0,
        })
    };
    VARIABLES.into_iter().filter_map(read).collect()
}

fn by_name(path: &str) -> Option<Runtime> {
    let (_, name) = path.rsplit_once('/')?;
    let found = NAMES.iter().find(|(_, known)| *known == name);
    found.map(|(runtime, _)| *runtime)
}

/// What listens by a usual name, as `/proc/net/unix` has it: the path that was
/// bound, of the host's network namespace.
fn listening(root: &Root) -> Vec<(Runtime, PathBuf)> {
    let text = ["/proc/1/net/unix", "/proc/net/unix"]
        .iter()
        .find_map(|path| root.text(path))
        .unwrap_or_default();
    parse_unix(&text)
}

/// The flag of a socket that listens (`__SO_ACCEPTCON`, include/uapi/linux/net.h).
const LISTENS: &str = "00010000";

fn parse_unix(text: &str) -> Vec<(Runtime, PathBuf)> {
    // Num: RefCount Protocol Flags Type St Inode Path
    let read = |line: &str| {
        let (numbers, path) = line.split_once(" /")?;
        let flags = numbers.split_ascii_whitespace().nth(3)?;
        let path = format!("/{path}");
        let runtime = by_name(&path).filter(|_| flags == LISTENS)?;
        Some((runtime, PathBuf::from(path)))
    };
    text.lines().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::super::super::fixtures::Tree;
    use super::*;

    #[test]
    fn the_kernel_says_who_listens() {
        let text = "\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 20813 /run/k3s/containerd/containerd.sock
0000000000000000: 00000003 00000000 00000000 0001 03 20814 /run/docker.sock
0000000000000000: 00000002 00000000 00010000 0001 01 20815 /home/a b/docker.sock
0000000000000000: 00000002 00000000 00010000 0001 01 20816 /run/containerd/containerd.sock.ttrpc
0000000000000000: 00000002 00000000 00010000 0001 01 20817 @/containerd-shim/docker.sock
0000000000000000: 00000002 00000000 00010000 0005 01 20818
nonsense /docker.sock
";
        assert_eq!(
            parse_unix(text),
            [
                (
                    Runtime::Containerd,
                    "/run/k3s/containerd/containerd.sock".into()
                ),
                (Runtime::Docker, "/home/a b/docker.sock".into()),
            ]
        );
    }

    #[test]
    fn variables_name_sockets_and_nothing_else() {
        let told = from_variables(|name| {
            let value = match name {
                "DOCKER_HOST" => "unix:///x/other.sock",
                "CONTAINER_HOST" => "ssh://core@host/run/podman.sock",
                _ => "/run/crio/crio.sock",
            };
            Some(value.to_owned())
        });
        let told: Vec<_> = told.iter().map(|s| (s.runtime, s.path.to_str())).collect();
        assert_eq!(
            told,
            [
                (Runtime::Docker, Some("/x/other.sock")),
                (Runtime::CriO, Some("/run/crio/crio.sock")),
            ]
        );
        let tcp = |_: &str| Some("tcp://127.0.0.1:2375".to_owned());
        assert!(from_variables(tcp).is_empty());
    }

    #[test]
    fn a_user_with_many_is_in_nobodys_way() {
        if !nix::unistd::geteuid().is_root() {
            // Only root has sockets of several users made.
            return;
        }
        let tree = Tree::new();
        let root = tree.root();
        let mut listed = String::new();
        let mut listeners = Vec::new();
        for (number, user) in [1000; 2 * MOST].into_iter().chain([1001]).enumerate() {
            let path = format!("/{number}/docker.sock");
            tree.directory(&format!("/{number}"));
            listeners.push(UnixListener::bind(root.at(&path)).expect("a socket"));
            nix::unistd::chown(&root.at(&path), Some(user.into()), None).expect("root may");
            listed += &format!("0: 00000002 00000000 {LISTENS} 0001 01 {number} {path}\n");
        }
        tree.file("/proc/net/unix", &listed);
        let count = |owner, uid| {
            let all = find(&root, &[], owner);
            all.iter().filter(|socket| socket.uid == uid).count()
        };
        assert_eq!(count(Some(1001), 1001), 1);
        assert_eq!((count(None, 1001), count(None, 1000)), (1, MOST_OF_ONE));
    }

    #[test]
    fn what_is_no_socket_or_anothers_is_not_asked() {
        let me = nix::unistd::geteuid().as_raw();
        let user = if me == 0 { 1000 } else { me };
        let tree = Tree::new();
        let root = tree.root();
        tree.file("/run/podman/podman.sock", "a file");
        tree.directory(&format!("/run/user/{user}"));
        let path = format!("/run/user/{user}/docker.sock");
        let _users = UnixListener::bind(root.at(&path)).expect("a socket");
        nix::unistd::chown(&root.at(&path), Some(user.into()), None).expect("its own, or root's");
        let found = |owner| -> Vec<(Runtime, u32)> {
            let all = find(&root, &[], owner);
            all.iter().map(|s| (s.runtime, s.uid)).collect()
        };
        assert_eq!(found(Some(0)), []);
        assert_eq!(found(Some(user + 1)), []);
        assert_eq!(found(Some(user)), [(Runtime::Docker, user)]);
        assert_eq!(found(None), [(Runtime::Docker, user)]);
        // The same by two names is one, but for another runtime.
        tree.directory("/var/run");
        for link in [
            "/var/run/docker.sock",
            "/run/docker.sock",
            "/run/crio/crio.sock",
        ] {
            tree.directory("/run/crio");
            std::os::unix::fs::symlink(root.at(&path), root.at(link)).expect("a link");
        }
        let both = [(Runtime::Docker, user), (Runtime::CriO, user)];
        assert_eq!(found(Some(user)), both);
    }
}
