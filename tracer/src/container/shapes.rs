//! What a cgroup's path tells about the container in it. Pure.
//!
//! Every runtime has its own shape of path, once for the cgroupfs driver and
//! once for systemd's, and they nest: the innermost container wins, and what
//! runs inside a container (a systemd with its own slices, say) belongs to the
//! nearest container above. Paths are the same in cgroup v1 and v2.
//!
//! A path is no proof: whoever may make cgroups may name them. That the
//! container exists is for the runtimes' files to say.

use crate::record::Runtime;

#[cfg(test)]
mod tests;

/// The deepest path that is looked at, in components.
const DEEPEST: usize = 64;

/// What a path says about who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// No container: a service or a session of the host, or the root.
    Host,
    /// The process that watches over a container from the outside (conmon, the
    /// monitor of lxc), and the container's id.
    Monitor(String),
    Container(Shape),
}

/// A container, as far as its cgroup's path tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Who runs it, where the path says so. Pods of Kubernetes often do not.
    pub runtime: Option<Runtime>,
    /// The runtime's id; null where the path has none (`/payload`).
    pub id: Option<String>,
    /// Always with dashes where it is a UUID; a static pod's is 32 digits.
    pub pod_uid: Option<String>,
    /// What containerd calls a namespace, where it is the parent directory.
    pub namespace: Option<String>,
    /// The container's own cgroup, a beginning of the whole path.
    pub cgroup: String,
    /// No more than a guess from the form: any program may have made such a cgroup.
    pub weak: bool,
    /// The id of the container around this one.
    pub outer: Option<String>,
}

/// Reads a path as `/proc/PID/cgroup` has it, or as seen below the mount point.
pub fn place(path: &str) -> Place {
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    let parts: Vec<&str> = path
        .split('/')
        // A cgroup outside of the reader's cgroup namespace begins with `/..`.
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .take(DEEPEST)
        .collect();
    let mut found: Option<Shape> = None;
    let mut pod: Option<String> = None;
    let mut index = 0;
    while index < parts.len() {
        if let Some(uid) = pod_uid(&parts, index) {
            pod = Some(uid);
        }
        match component(&parts, index, pod.as_deref()) {
            Some(Match::Monitor(id)) => return Place::Monitor(id),
            Some(Match::Container { last, mut shape }) => {
                shape.cgroup = joined(&parts[..=last]);
                shape.pod_uid = pod.take();
                shape.outer = found.take().and_then(|outer| outer.id);
                found = Some(shape);
                index = last;
            }
            None => {}
        }
        index += 1;
    }
    match found.or_else(|| weak(&parts)) {
        Some(shape) => Place::Container(shape),
        None => Place::Host,
    }
}

/// The container of a path, if it names one.
pub fn shape(path: &str) -> Option<Shape> {
    match place(path) {
        Place::Container(shape) => Some(shape),
        Place::Host | Place::Monitor(_) => None,
    }
}

/// Of a process's cgroups, one in each hierarchy, the one that tells most: what is
/// no guess before a guess, and a container before the one around it, which may be
/// all that another hierarchy has (Docker in Docker makes only v1 cgroups where both
/// are there).
pub fn innermost(paths: impl IntoIterator<Item = String>) -> Option<(String, Shape)> {
    let named = paths
        .into_iter()
        .filter_map(|path| shape(&path).map(|shape| (path, shape)));
    named.reduce(|best, next| {
        let (old, new) = (&best.1, &next.1);
        let is_inside = new.outer.is_some() && new.outer == old.id;
        match old.weak && !new.weak || is_inside {
            true => next,
            false => best,
        }
    })
}

/// The 64 hexadecimal digits that docker, containerd's CRI, CRI-O and podman
/// call their containers.
pub fn is_full_id(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(is_hex)
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

enum Match {
    Monitor(String),
    /// `last`: the last component that names it.
    Container {
        last: usize,
        shape: Shape,
    },
}

fn container(last: usize, runtime: Option<Runtime>, id: &str) -> Option<Match> {
    Some(Match::Container {
        last,
        shape: Shape {
            runtime,
            id: Some(id.to_owned()),
            pod_uid: None,
            namespace: None,
            cgroup: String::new(),
            weak: false,
            outer: None,
        },
    })
}

/// What units and directories begin with when their rest is a full id.
const FULL_ID: [(&str, Option<Runtime>); 9] = [
    ("docker-", Some(Runtime::Docker)),
    ("cri-containerd-", Some(Runtime::Containerd)),
    ("nerdctl-", Some(Runtime::Containerd)),
    ("containerd-", Some(Runtime::Containerd)),
    ("crio-", Some(Runtime::CriO)),
    ("libpod-payload-", Some(Runtime::Podman)),
    ("libpod-", Some(Runtime::Podman)),
    ("runc-", Some(Runtime::Runc)),
    ("crun-", Some(Runtime::Crun)),
];

/// The same where the process in it is the container's monitor.
const MONITORS: [&str; 2] = ["crio-conmon-", "libpod-conmon-"];

/// The container that component `index` names, with those around it.
fn component(parts: &[&str], index: usize, pod: Option<&str>) -> Option<Match> {
    let part = parts[index];
    let parent = index.checked_sub(1).map(|index| parts[index]);
    let unit = part.strip_suffix(".scope").unwrap_or(part);
    for prefix in MONITORS {
        if let Some(id) = unit.strip_prefix(prefix).filter(|id| is_full_id(id)) {
            return Some(Match::Monitor(id.to_owned()));
        }
    }
    for (prefix, runtime) in FULL_ID {
        if let Some(id) = unit.strip_prefix(prefix).filter(|id| is_full_id(id)) {
            return container(index, runtime, id);
        }
    }
    // runc and crun themselves take any name.
    if part.ends_with(".scope") {
        for (prefix, runtime) in [("runc-", Runtime::Runc), ("crun-", Runtime::Crun)] {
            if let Some(id) = unit.strip_prefix(prefix).filter(|id| !id.is_empty()) {
                return container(index, Some(runtime), &unescaped(id));
            }
        }
    }
    if is_full_id(part) {
        return container(index, full_id_of(&parts[..index], pod), part);
    }
    // The notation for systemd, given to the cgroupfs driver: `slice:prefix:id`.
    if let Some((prefix, id)) = colons(part) {
        let runtime = match prefix {
            "docker" => Some(Runtime::Docker),
            "crio" => Some(Runtime::CriO),
            "libpod" => Some(Runtime::Podman),
            "cri-containerd" | "nerdctl" => Some(Runtime::Containerd),
            "runc" => Some(Runtime::Runc),
            "crun" => Some(Runtime::Crun),
            _ => None,
        };
        return container(index, runtime, id);
    }
    lxc(part, parent, index)
        .or_else(|| machine(parts, index))
        .or_else(|| garden(part, parent, index))
        .or_else(|| fargate(parts, index))
        .or_else(|| match (parent, part) {
            (Some("buildkit"), id) => container(index, Some(Runtime::Docker), id),
            _ => None,
        })
}

/// Whose a bare full id is, by the directories above it.
fn full_id_of(above: &[&str], pod: Option<&str>) -> Option<Runtime> {
    if pod.is_some() {
        // Docker's shim, containerd and CRI-O all do this.
        return None;
    }
    above.iter().rev().find_map(|part| match *part {
        "docker" | "ecs" | "actions_job" => Some(Runtime::Docker),
        "libpod_parent" => Some(Runtime::Podman),
        "moby" => Some(Runtime::Docker),
        "k8s.io" => Some(Runtime::Containerd),
        _ => None,
    })
}

/// `kubepods-podX.slice:cri-containerd:ID`
fn colons(part: &str) -> Option<(&str, &str)> {
    let (slice, rest) = part.split_once(':')?;
    let (prefix, id) = rest.split_once(':')?;
    let is_slice = slice.is_empty() || slice.ends_with(".slice");
    (is_slice && !id.is_empty() && !id.contains(':')).then_some((prefix, id))
}

/// The pod that component `index` is the cgroup of.
fn pod_uid(parts: &[&str], index: usize) -> Option<String> {
    let part = parts[index];
    let slice = part.split_once(':').map_or(part, |(slice, _)| slice);
    if let Some(slice) = slice.strip_suffix(".slice") {
        // kubepods-burstable-podUID, kubelet-kubepods-podUID: systemd takes a
        // dash for a level, so the UID's own are underscores.
        let (before, uid) = slice.rsplit_once("-pod")?;
        return (before.contains("kubepods") && !uid.is_empty()).then(|| uid.replace('_', "-"));
    }
    let uid = part.strip_prefix("pod").filter(|uid| !uid.is_empty())?;
    let parent = parts[index.checked_sub(1)?];
    matches!(
        parent,
        "kubepods" | "burstable" | "besteffort" | "guaranteed"
    )
    .then(|| uid.to_owned())
}

fn lxc(part: &str, parent: Option<&str>, index: usize) -> Option<Match> {
    if let Some(name) = part.strip_prefix("lxc.monitor.") {
        return Some(Match::Monitor(name.to_owned()));
    }
    let name = match parent {
        Some("lxc.monitor") => return Some(Match::Monitor(part.to_owned())),
        Some("lxc" | "lxc.payload") => part,
        _ => part
            .strip_prefix("lxc.payload.")
            .filter(|name| !name.is_empty())?,
    };
    container(index, Some(Runtime::Lxc), name)
}

/// systemd-nspawn and libvirt's lxc driver, by the units of systemd-machined.
fn machine(parts: &[&str], index: usize) -> Option<Match> {
    let part = parts[index];
    let below = parts.get(index + 1).copied();
    let scope = part
        .strip_prefix("machine-")
        .and_then(|rest| rest.strip_suffix(".scope"));
    let service = part
        .strip_prefix("systemd-nspawn@")
        .and_then(|rest| rest.strip_suffix(".service"));
    let (name, runtime) = match (scope.map(unescaped), service.map(unescaped)) {
        (Some(name), _) => {
            // A virtual machine has no processes of its own here.
            if name.starts_with("qemu-") {
                return None;
            }
            match name.strip_prefix("lxc-") {
                // libvirt: lxc-PID-NAME
                Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
                    let name = rest.split_once('-').map_or(rest, |(_, name)| name);
                    (name.to_owned(), Runtime::Lxc)
                }
                _ => (name, Runtime::Nspawn),
            }
        }
        (None, Some(name)) => (name, Runtime::Nspawn),
        (None, None) => return None,
    };
    if name.is_empty() {
        return None;
    }
    match below {
        Some("supervisor") => Some(Match::Monitor(name)),
        Some("payload") => container(index + 1, Some(runtime), &name),
        _ => container(index, Some(runtime), &name),
    }
}

/// Cloud Foundry: `/garden/HANDLE`, and `/garden/good/HANDLE` where it throttles.
fn garden(part: &str, parent: Option<&str>, index: usize) -> Option<Match> {
    let is_handle = match parent {
        Some("garden") => !matches!(part, "good" | "bad" | "init"),
        Some("good" | "bad") => index >= 2,
        _ => false,
    };
    let is_uuid_like = part.len() >= 28 && part.bytes().all(|b| is_hex(b) || b == b'-');
    if is_handle && is_uuid_like {
        container(index, Some(Runtime::Runc), part)
    } else {
        None
    }
}

/// AWS Fargate: `/ecs/TASK/TASK-NUMBER`, with 32 digits for the task.
fn fargate(parts: &[&str], index: usize) -> Option<Match> {
    let (part, task) = (parts[index], parts[index.checked_sub(1)?]);
    let number = part.strip_prefix(task)?.strip_prefix('-')?;
    let is_one = parts[..index].contains(&"ecs")
        && task.len() == 32
        && task.bytes().all(is_hex)
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit());
    if is_one {
        container(index, Some(Runtime::Containerd), part)
    } else {
        None
    }
}

/// A path that no runtime marked: `/<runc id>`, `/<containerd namespace>/<id>`,
/// the `/payload` of a systemd-nspawn without a unit. Units of systemd are the
/// host's, unless one of them was given to nspawn.
fn weak(parts: &[&str]) -> Option<Shape> {
    let end = parts
        .iter()
        .position(|part| is_unit(part))
        .unwrap_or(parts.len());
    let guess = |parts: &[&str], runtime, id: Option<&str>, namespace: Option<&str>| {
        Some(Shape {
            runtime,
            id: id.map(str::to_owned),
            pod_uid: None,
            namespace: namespace.map(str::to_owned),
            cgroup: joined(parts),
            weak: true,
            outer: None,
        })
    };
    if let Some(at) = parts.iter().position(|part| *part == "payload") {
        return guess(&parts[..=at], Some(Runtime::Nspawn), None, None);
    }
    // Of a unit, what is inside it is its own affair.
    match parts[..end] {
        [] | ["supervisor"] | ["libpod_parent", ..] | ["docker"] | ["kubepods", ..] => None,
        [id] => guess(&parts[..1], None, Some(id), None),
        // Deeper ones may be what the container's own init made.
        [namespace, id, ..] => guess(&parts[..2], None, Some(id), Some(namespace)),
    }
}

fn is_unit(part: &str) -> bool {
    [".slice", ".service", ".scope", ".mount", ".socket", ".swap"]
        .iter()
        .any(|suffix| part.ends_with(suffix))
}

fn joined(parts: &[&str]) -> String {
    let mut path = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        path.push('/');
        path.push_str(part);
    }
    path
}

/// Takes back systemd's `\x2d` and its like (systemd-escape(1)). What is no
/// such escape, or no UTF-8 afterwards, stays as it is.
fn unescaped(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escape = bytes
            .get(index..index + 4)
            .filter(|four| four.starts_with(b"\\x"))
            .and_then(|four| std::str::from_utf8(&four[2..]).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escape {
            Some(byte) => {
                plain.push(byte);
                index += 4;
            }
            None => {
                plain.push(bytes[index]);
                index += 1;
            }
        }
    }
    String::from_utf8(plain).unwrap_or_else(|_| name.to_owned())
}
