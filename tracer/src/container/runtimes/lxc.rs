//! LXC, LXD and Incus: the name is in the cgroup's path and on the monitor's
//! command line; how it is stopped is in the container's configuration.

use std::path::{Path, PathBuf};

use super::super::root::is_plain;
use super::super::{Identity, Root};
use super::{Clue, Source, oci};
use crate::record::Runtime;

pub struct Lxc;

/// Where configurations are unless the monitor says otherwise.
const DEFAULT: &str = "/var/lib/lxc";

impl Source for Lxc {
    fn identify(&self, root: &Root, clue: &Clue) -> Option<Identity> {
        let by_monitor = clue
            .parent
            .as_ref()
            .and_then(|parent| monitor(parent.args.first()?));
        let by_path = clue
            .shape
            .as_ref()
            .filter(|shape| shape.runtime == Some(Runtime::Lxc))
            .and_then(|shape| shape.id.clone());
        // A path that is another runtime's is not to be overruled by a process
        // that only looks like a monitor.
        if by_path.is_none() && clue.shape.as_ref().is_some_and(|shape| !shape.weak) {
            return None;
        }
        let directory = by_monitor.as_ref().map_or_else(
            || PathBuf::from(DEFAULT),
            |(directory, _)| directory.clone(),
        );
        let name = by_path.or(by_monitor.map(|(_, name)| name))?;
        let mut identity = clue.start(Runtime::Lxc);
        identity.id = Some(name.clone());
        identity.name = Some(name.clone());
        identity.complete = true;
        // libvirt's have no such file.
        if is_plain(&name)
            && let Some(text) = root.text(directory.join(&name).join("config"))
        {
            configuration(&mut identity, &text);
        }
        Some(identity)
    }
}

/// `[lxc monitor] /var/lib/lxc c1`, which is what the monitor's command line
/// is made to say.
fn monitor(title: &str) -> Option<(PathBuf, String)> {
    let rest = title.strip_prefix("[lxc monitor] ")?;
    let (directory, name) = rest.rsplit_once(' ')?;
    let is_sound = directory.starts_with('/') && is_plain(name);
    is_sound.then(|| (Path::new(directory).to_path_buf(), name.to_owned()))
}

fn configuration(identity: &mut Identity, text: &str) {
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim();
        match key.trim() {
            "lxc.signal.halt" | "lxc.haltsignal" => identity.stop_signal = oci::stop_signal(value),
            "lxc.init.cmd" | "lxc.init_cmd" => {
                identity.args = value.split_whitespace().map(str::to_owned).collect();
            }
            _ => {}
        }
    }
}
