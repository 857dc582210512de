//! containerd: a bundle for each task below its state directory, and with the
//! CRI plugin everything about the pod in the bundle's annotations.
//!
//! The image of a plain container (ctr, nerdctl) is in containerd's database
//! only, which is not read.

use std::path::{Path, PathBuf};

use super::super::{Identity, Root};
use super::oci::{Config, State};
use super::{Candidate, Clue, Parent, Source};
use crate::record::Runtime;

pub struct Containerd;

/// State directories of containerd and of the distributions that bring their own.
const STATE: [&str; 4] = [
    "/run/containerd",
    "/run/k3s/containerd",
    "/var/snap/microk8s/common/run/containerd",
    "/run/docker/containerd/daemon",
];
/// Below one of them.
const TASKS: &str = "io.containerd.runtime.v2.task";
/// runc's root for the shim, whatever the state directory is.
const RUNC: &str = "/run/containerd/runc";
/// Namespaces, and tasks of one namespace, that are looked through at most.
const MOST: usize = 4096;

impl Source for Containerd {
    fn identify(&self, root: &Root, clue: &Clue) -> Option<Identity> {
        let is_dockers = clue.may_be(Runtime::Docker);
        if !clue.may_be(Runtime::Containerd) && !is_dockers {
            return None;
        }
        let states = state_directories(clue.parent.as_ref());
        for candidate in clue.candidates() {
            for state in &states {
                for namespace in namespaces(root, clue, state) {
                    if let Some(found) = task(root, clue, candidate, state, &namespace) {
                        return Some(found);
                    }
                }
            }
        }
        by_init(root, clue, &states)
    }
}

/// The task of that id, if it is the one.
fn task(
    root: &Root,
    clue: &Clue,
    candidate: Candidate<'_>,
    state: &Path,
    namespace: &str,
) -> Option<Identity> {
    let id = candidate.id;
    let bundle = state.join(TASKS).join(namespace).join(id);
    let own = [Path::new(RUNC), &state.join("runc")]
        .into_iter()
        .find_map(|runc| State::read(root, &runc.join(namespace).join(id).join("state.json")));
    let config = Config::read(root, &bundle.join("config.json"));
    if own.is_none() && config.is_none() {
        return None;
    }
    let pid = own
        .as_ref()
        .and_then(|own| own.init_process_pid)
        .or_else(|| init_pid(root, &bundle));
    let start = own.as_ref().and_then(|own| own.init_process_start);
    if !candidate.is_certain && !pid.is_some_and(|pid| clue.is_init_of(root, pid, start)) {
        return None;
    }
    let runtime = match namespace {
        "moby" => Runtime::Docker,
        _ => Runtime::Containerd,
    };
    let mut identity = clue.start(runtime);
    identity.id = Some(id.to_owned());
    identity.init_pid = pid;
    if let Some(config) = config {
        config.fill(&mut identity);
    }
    if let Some(own) = own {
        own.fill(&mut identity);
    }
    // Docker's name is in docker's own file, which is written a little later.
    identity.complete = runtime == Runtime::Containerd;
    Some(identity)
}

fn init_pid(root: &Root, bundle: &Path) -> Option<u32> {
    root.text(bundle.join("init.pid"))?.trim().parse().ok()
}

/// By the init's pid alone, where no path tells an id: the shim's own `-id` may
/// be that of the pod.
fn by_init(root: &Root, clue: &Clue, states: &[PathBuf]) -> Option<Identity> {
    let parent = clue.parent.as_ref().filter(|parent| parent.is_shim())?;
    let pid = clue.process.filter(|_| clue.is_init)?.pid;
    let namespace = parent.plain(&["-namespace", "--namespace"])?;
    for state in states {
        let tasks = state.join(TASKS).join(namespace);
        for id in root.names(&tasks, MOST) {
            if init_pid(root, &tasks.join(&id)) == Some(pid) {
                let candidate = Candidate {
                    id: &id,
                    is_certain: false,
                };
                return task(root, clue, candidate, state, namespace);
            }
        }
    }
    None
}

/// The shim names its containerd's socket, which is in the state directory.
fn state_directories(parent: Option<&Parent>) -> Vec<PathBuf> {
    let own = parent
        .filter(|parent| parent.is_shim())
        .and_then(|parent| parent.option(&["-address", "--address"]))
        .and_then(|address| Path::new(address).parent())
        .filter(|state| state.is_absolute());
    let mut all: Vec<PathBuf> = own.into_iter().map(Path::to_path_buf).collect();
    for known in STATE {
        if !all.iter().any(|state| state == Path::new(known)) {
            all.push(known.into());
        }
    }
    all
}

/// The namespaces to look in, the likeliest first.
fn namespaces(root: &Root, clue: &Clue, state: &Path) -> Vec<String> {
    let shape = clue.shape.as_ref();
    let by_path = shape.and_then(|shape| shape.namespace.clone());
    let by_parent = clue
        .parent
        .as_ref()
        .filter(|parent| parent.is_shim())
        .and_then(|parent| parent.plain(&["-namespace", "--namespace"]))
        .map(str::to_owned);
    let is_pod = shape.is_some_and(|shape| shape.pod_uid.is_some());
    let by_pod = is_pod.then(|| "k8s.io".to_owned());
    let mut all: Vec<String> = [by_parent, by_path, by_pod].into_iter().flatten().collect();
    let mut found = root.names(state.join(TASKS), MOST);
    found.extend(root.names(RUNC, MOST));
    found.sort_unstable();
    all.extend(found);
    let mut seen = std::collections::HashSet::new();
    all.retain(|name| super::is_plain(name) && seen.insert(name.clone()));
    all
}
