//! CRI-O: the bundle of a container in its storage's run directory, with
//! everything about the pod in its annotations.

use std::path::{Path, PathBuf};

use super::super::{Identity, Root};
use super::oci::{Config, State};
use super::{Clue, Source};
use crate::record::Runtime;

pub struct CriO;

/// Storage drivers, each with a directory `<driver>-containers`.
pub const DRIVERS: [&str; 4] = ["overlay", "vfs", "btrfs", "zfs"];
/// The default run directory of the storage.
const RUN: &str = "/run/containers/storage";

impl Source for CriO {
    fn identify(&self, root: &Root, clue: &Clue) -> Option<Identity> {
        if !clue.may_be(Runtime::CriO) {
            return None;
        }
        let candidates = clue.candidates();
        let certain = candidates.iter().find(|candidate| candidate.is_certain)?;
        let bundles = DRIVERS.iter().map(|driver| {
            let containers = Path::new(RUN).join(format!("{driver}-containers"));
            containers.join(certain.id).join("userdata")
        });
        // Another run directory is on the monitor's command line.
        let own = clue.parent.as_ref().and_then(|parent| {
            let is_its = parent.is_conmon() && parent.uid == 0 && parent.id() == Some(certain.id);
            let bundle = parent.option(&["-b", "--bundle"]).filter(|_| is_its)?;
            bundle.starts_with('/').then(|| PathBuf::from(bundle))
        });
        own.into_iter()
            .chain(bundles)
            .find_map(|bundle| read(root, clue, certain.id, &bundle))
    }
}

fn read(root: &Root, clue: &Clue, id: &str, bundle: &Path) -> Option<Identity> {
    let config = Config::read(root, &bundle.join("config.json"))?;
    // Podman uses the same directories.
    if config.annotations().manager() != Some(Runtime::CriO) {
        return None;
    }
    let mut identity = clue.start(Runtime::CriO);
    identity.id = Some(id.to_owned());
    identity.complete = true;
    config.fill(&mut identity);
    for state in [
        bundle.join("state.json"),
        Path::new("/run/runc").join(id).join("state.json"),
    ] {
        if let Some(state) = State::read(root, &state) {
            state.fill(&mut identity);
        }
    }
    if identity.init_pid.is_none() {
        let text = root.text(bundle.join("pidfile"));
        identity.init_pid = text.and_then(|text| text.trim().parse().ok());
    }
    Some(identity)
}
