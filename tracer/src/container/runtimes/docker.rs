//! Docker: `config.v2.json` and `hostconfig.json` of a container, below the
//! daemon's data root.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::shapes::is_full_id;
use super::super::{Identity, Kind, Renamed, Root};
use super::lenient::{field, some};
use super::oci::{self, State};
use super::{Clue, Source, users};
use crate::record::Runtime;

pub struct Docker;

#[derive(Debug, Default, Deserialize)]
struct Config {
    #[serde(default, rename = "Name", deserialize_with = "field")]
    name: Option<String>,
    /// The image's digest.
    #[serde(default, rename = "Image", deserialize_with = "field")]
    image: Option<String>,
    #[serde(default, rename = "Path", deserialize_with = "field")]
    path: Option<String>,
    #[serde(default, rename = "Args", deserialize_with = "field")]
    args: Vec<String>,
    #[serde(default, rename = "State", deserialize_with = "field")]
    state: RunState,
    #[serde(default, rename = "Config", deserialize_with = "field")]
    config: Inner,
}

#[derive(Debug, Default, Deserialize)]
struct RunState {
    #[serde(default, rename = "Pid", deserialize_with = "field")]
    pid: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
struct Inner {
    /// The image's name, as it was asked for.
    #[serde(default, rename = "Image", deserialize_with = "field")]
    image: Option<String>,
    #[serde(default, rename = "StopSignal", deserialize_with = "field")]
    stop_signal: Option<String>,
    #[serde(default, rename = "StopTimeout", deserialize_with = "field")]
    stop_timeout: Option<u32>,
    #[serde(default, rename = "Labels", deserialize_with = "field")]
    labels: HashMap<String, serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
struct HostConfig {
    #[serde(default, rename = "Init", deserialize_with = "field")]
    init: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
struct Daemon {
    #[serde(default, rename = "data-root", deserialize_with = "field")]
    data_root: Option<String>,
    /// Its name to 17.05.
    #[serde(default, deserialize_with = "field")]
    graph: Option<String>,
}

impl Source for Docker {
    fn identify(&self, root: &Root, clue: &Clue) -> Option<Identity> {
        if !clue.may_be(Runtime::Docker) {
            return None;
        }
        let candidates = clue.candidates();
        let id = candidates.iter().find(|one| is_full_id(one.id))?.id;
        let (at, config) = data_roots(root, clue).into_iter().find_map(|data| {
            let at = data.join("containers").join(id);
            let config: Config = root.json(at.join("config.v2.json"))?;
            Some((at, config))
        })?;
        Some(identity(root, clue, id, &at, config))
    }
}

fn identity(root: &Root, clue: &Clue, id: &str, at: &Path, config: Config) -> Identity {
    let mut identity = clue.start(Runtime::Docker);
    identity.id = Some(id.to_owned());
    identity.complete = true;
    let name = config.name.as_deref();
    identity.name = some(name.map(|name| name.trim_start_matches('/').to_owned()));
    identity.image = some(config.config.image).or_else(|| some(config.image));
    // While it is being made or has ended there is none.
    identity.init_pid = config.state.pid.filter(|pid| *pid != 0);
    identity.stop_timeout = config.config.stop_timeout;
    identity.stop_signal = some(config.config.stop_signal)
        .as_deref()
        .and_then(oci::stop_signal);
    let host: HostConfig = root.json(at.join("hostconfig.json")).unwrap_or_default();
    let init = (host.init == Some(true)).then(|| "docker-init".to_owned());
    let dashes = init.is_some().then(|| "--".to_owned());
    identity.args = [init, dashes, some(config.path)]
        .into_iter()
        .flatten()
        .chain(config.args)
        .collect();
    let labels = config.config.labels;
    let label = |key: &str| some(labels.get(key)?.as_str().map(str::to_owned));
    identity.source = Some(at.join("config.v2.json"));
    pod(&mut identity, label);
    // Who restarts fast leaves an old pid here for a moment: runc knows better.
    let state = Path::new("/run/docker/runtime-runc/moby").join(id);
    if let Some(state) = State::read(root, &state.join("state.json")) {
        identity.init_pid = state.init_process_pid.or(identity.init_pid);
        state.fill(&mut identity);
    }
    identity
}

/// The id and the name that a `config.v2.json` has now. `None` for a pod's, whose
/// name is no more Docker's than it can be changed.
pub fn renamed(root: &Root, file: &Path) -> Option<Renamed> {
    let config: Config = root.json(file)?;
    let id = file.parent()?.file_name()?.to_str()?;
    let name = config.name?.trim_start_matches('/').to_owned();
    let is_pods = config.config.labels.contains_key(POD);
    let is_one = !is_pods && !name.is_empty();
    is_one.then(|| Renamed {
        id: id.to_owned(),
        name,
    })
}

/// The label of a pod's containers with the pod's name.
const POD: &str = "io.kubernetes.pod.name";

/// A pod of a kubelet that runs on docker (dockershim, cri-dockerd), from the
/// container's labels.
pub fn pod(identity: &mut Identity, label: impl Fn(&str) -> Option<String>) {
    let Some(pod) = label(POD) else {
        return;
    };
    identity.pod = Some(pod);
    identity.pod_namespace = label("io.kubernetes.pod.namespace");
    identity.pod_uid = label("io.kubernetes.pod.uid").or(identity.pod_uid.take());
    // Docker's own is k8s_app_web-0_prod_UID_0.
    identity.name = label("io.kubernetes.container.name").or(identity.name.take());
    if label("io.kubernetes.docker.type").as_deref() == Some("podsandbox") {
        identity.kind = Kind::Sandbox;
        identity.name = None;
    }
}

/// Where a daemon may keep its containers.
fn data_roots(root: &Root, clue: &Clue) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for uid in users::owners(clue) {
        if uid != 0 {
            if let Some(home) = users::home(root, uid) {
                all.push(home.join(".local/share/docker"));
            }
            continue;
        }
        let daemon: Daemon = root.json("/etc/docker/daemon.json").unwrap_or_default();
        let configured = daemon.data_root.or(daemon.graph);
        all.extend(
            configured
                .filter(|at| at.starts_with('/'))
                .map(PathBuf::from),
        );
        all.push("/var/lib/docker".into());
        all.push("/var/snap/docker/common/var-lib-docker".into());
    }
    all
}
