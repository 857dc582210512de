//! Podman: the list of containers in its storage, and the command line of the
//! monitor (conmon) that every container has for a parent.
//!
//! Of a user's containers the storage is in the home of that user, who can write
//! there what he likes: it tells about that user's containers and no others.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::{Identity, Renamed, Root};
use super::crio::DRIVERS;
use super::lenient::{field, some};
use super::oci::{Config, State};
use super::{Clue, Parent, Source, users};
use crate::record::Runtime;

pub struct Podman;

/// The list holds all containers: some hundred bytes for each.
const LIST_LIMIT: u64 = 16 << 20;

#[derive(Debug, Default, Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "field")]
    id: Option<String>,
    #[serde(default, deserialize_with = "field")]
    names: Vec<String>,
    /// The image's digest.
    #[serde(default, deserialize_with = "field")]
    image: Option<String>,
    /// JSON in a text.
    #[serde(default, deserialize_with = "field")]
    metadata: Option<String>,
}

impl Entry {
    fn metadata(&self) -> Metadata {
        let text = self.metadata.as_deref();
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default, rename = "image-name", deserialize_with = "field")]
    image_name: Option<String>,
    #[serde(default, deserialize_with = "field")]
    name: Option<String>,
    /// CRI-O writes it into the same list.
    #[serde(default, rename = "pod-name", deserialize_with = "field")]
    pod_name: Option<String>,
}

impl Source for Podman {
    fn identify(&self, root: &Root, clue: &Clue) -> Option<Identity> {
        if !clue.may_be(Runtime::Podman) {
            return None;
        }
        let conmon = clue.parent.as_ref().filter(|parent| parent.is_conmon());
        let candidates = clue.candidates();
        let certain = candidates.iter().find(|candidate| candidate.is_certain)?;
        let id = certain.id;
        let own = conmon.filter(|conmon| conmon.id() == Some(id));

        let mut identity = clue.start(Runtime::Podman);
        identity.id = Some(id.to_owned());
        let mut is_podmans =
            clue.shape.as_ref().and_then(|shape| shape.runtime) == Some(Runtime::Podman);
        for storage in storages(root, clue, own) {
            if let Some((list, entry)) = entry(root, &storage, id) {
                let metadata = entry.metadata();
                if metadata.pod_name.is_some() {
                    return None;
                }
                let name = entry.names.into_iter().next();
                identity.name = some(name).or(some(metadata.name));
                identity.source = Some(list);
                identity.image = some(metadata.image_name).or(some(entry.image));
                identity.complete = true;
                is_podmans = true;
            }
            let bundles = DRIVERS.iter().map(|driver| {
                let containers = storage.join(format!("{driver}-containers"));
                containers.join(id).join("userdata/config.json")
            });
            for bundle in bundles {
                if let Some(config) = Config::read(root, &bundle)
                    && config.annotations().manager() == Some(Runtime::Podman)
                {
                    config.fill(&mut identity);
                    is_podmans = true;
                }
            }
            if identity.complete {
                break;
            }
        }
        if identity.name.is_none() {
            // The one that it was started with.
            let name = own.and_then(|own| own.option(&["-n", "--name"]));
            identity.name = some(name.map(str::to_owned));
        }
        for uid in users::owners(clue) {
            let state = users::run(uid).join("runc").join(id).join("state.json");
            if let Some(state) = State::read(root, &state)
                && state.annotations().manager() == Some(Runtime::Podman)
            {
                state.fill(&mut identity);
                is_podmans = true;
            }
        }
        if identity.init_pid.is_none() && own.is_some() {
            // The monitor's child is the container's init.
            identity.init_pid = clue.process.map(|process| process.pid);
        }
        is_podmans.then_some(identity)
    }
}

/// The storage directories that may hold it, the likeliest first.
fn storages(root: &Root, clue: &Clue, conmon: Option<&Parent>) -> Vec<PathBuf> {
    // -b STORAGE/overlay-containers/ID/userdata
    let by_bundle = conmon
        .and_then(|conmon| conmon.option(&["-b", "--bundle"]))
        .and_then(|bundle| Path::new(bundle).ancestors().nth(3))
        .filter(|storage| storage.is_absolute() && *storage != Path::new("/"));
    let mut all: Vec<PathBuf> = by_bundle.into_iter().map(Path::to_path_buf).collect();
    for uid in users::owners(clue) {
        let (configuration, default) = if uid == 0 {
            (
                PathBuf::from("/etc/containers/storage.conf"),
                PathBuf::from("/var/lib/containers/storage"),
            )
        } else {
            let Some(home) = users::home(root, uid) else {
                continue;
            };
            (
                home.join(".config/containers/storage.conf"),
                home.join(".local/share/containers/storage"),
            )
        };
        let text = root.text(configuration).unwrap_or_default();
        all.extend(graph_root(&text).map(PathBuf::from));
        all.push(default);
        // Containers that end with the machine (podman's transient store).
        all.push(users::run(uid).join("containers/storage"));
    }
    let mut seen = std::collections::HashSet::new();
    all.retain(|storage| seen.insert(storage.clone()));
    all
}

/// `graphroot = "..."` of a storage.conf: the one line of that TOML that matters.
fn graph_root(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        let value = value.trim().strip_prefix('"')?.split('"').next()?;
        (key.trim() == "graphroot" && value.starts_with('/')).then_some(value)
    })
}

/// The container's entry in the storage's lists, and the list; containers that
/// are removed as they end are in a list of their own.
fn entry(root: &Root, storage: &Path, id: &str) -> Option<(PathBuf, Entry)> {
    DRIVERS.iter().find_map(|driver| {
        let at = storage.join(format!("{driver}-containers"));
        ["containers.json", "volatile-containers.json"]
            .iter()
            .find_map(|list| {
                let list = at.join(list);
                let entry = entries(root, &list)
                    .into_iter()
                    .find(|entry| entry.id.as_deref() == Some(id))?;
                Some((list, entry))
            })
    })
}

fn entries(root: &Root, list: &Path) -> Vec<Entry> {
    root.json_within(list, LIST_LIMIT).unwrap_or_default()
}

/// The ids and the names that such a list has now, of Podman's own.
pub fn renamed(root: &Root, list: &Path) -> Vec<Renamed> {
    let read = |entry: Entry| {
        if entry.metadata().pod_name.is_some() {
            return None;
        }
        let name = some(entry.names.into_iter().next())?;
        Some(Renamed {
            id: entry.id?,
            name,
        })
    };
    entries(root, list).into_iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::graph_root;

    #[test]
    fn where_the_storage_is() {
        let text =
            "[storage]\ndriver = \"overlay\"\n# graphroot = \"/no\"\ngraphroot = \"/data\" # x\n";
        assert_eq!(graph_root(text), Some("/data"));
        assert_eq!(graph_root("graphroot = relative\n"), None);
        assert_eq!(graph_root("graphroot=\"../x\""), None);
    }
}
