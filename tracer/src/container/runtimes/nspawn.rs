//! systemd-nspawn: the machine's name is in its unit, in systemd-machined's
//! file about it, or on the command line of the nspawn that is its parent.

use std::path::Path;

use super::super::{Identity, Root};
use super::{Clue, Parent, Source, oci};
use crate::record::Runtime;

pub struct Nspawn;

/// Machines that systemd-machined knows, one file each.
const MACHINES: &str = "/run/systemd/machines";
/// Files looked through at most.
const MOST: usize = 1024;

impl Source for Nspawn {
    fn identify(&self, root: &Root, clue: &Clue) -> Option<Identity> {
        let shape = clue
            .shape
            .as_ref()
            .filter(|shape| shape.runtime == Some(Runtime::Nspawn));
        let parent = clue
            .parent
            .as_ref()
            .filter(|parent| parent.comm == "systemd-nspawn");
        // A directory called payload is not enough, nor a process of that name in
        // another runtime's cgroup.
        if shape.is_none_or(|shape| shape.weak) && parent.is_none() {
            return None;
        }
        if shape.is_none() && clue.shape.as_ref().is_some_and(|shape| !shape.weak) {
            return None;
        }
        let leader = clue.process.filter(|_| clue.is_init).map(|init| init.pid);
        let name = shape
            .and_then(|shape| shape.id.clone())
            .or_else(|| registered(root, leader?))
            .or_else(|| named(parent?));
        let mut identity = clue.start(Runtime::Nspawn);
        identity.id.clone_from(&name);
        identity.name = name;
        identity.init_pid = leader.filter(|_| parent.is_some());
        identity.stop_signal = parent.and_then(stop_signal);
        identity.complete = true;
        Some(identity)
    }
}

/// The machine whose leader is this process.
fn registered(root: &Root, leader: u32) -> Option<String> {
    root.names(MACHINES, MOST).into_iter().find(|name| {
        // `unit:NAME` links to the same file.
        !name.contains(':')
            && root
                .text(Path::new(MACHINES).join(name))
                .is_some_and(|text| {
                    text.lines()
                        .filter_map(|line| line.strip_prefix("LEADER="))
                        .any(|pid| pid.trim().parse() == Ok(leader))
                })
    })
}

/// `--machine=NAME`, else the last part of the directory or image, as nspawn
/// itself takes it.
fn named(parent: &Parent) -> Option<String> {
    if let Some(name) = parent.option(&["-M", "--machine"]) {
        return Some(name.to_owned());
    }
    let path = parent.option(&["-D", "--directory", "-i", "--image"])?;
    Some(Path::new(path).file_name()?.to_str()?.to_owned())
}

/// `--kill-signal`; with `--boot` it is systemd's own by default.
fn stop_signal(parent: &Parent) -> Option<u32> {
    match parent.option(&["--kill-signal"]) {
        Some(text) => oci::stop_signal(text),
        None => {
            let boots = parent.args.iter().any(|arg| arg == "-b" || arg == "--boot");
            boots.then(|| oci::stop_signal("SIGRTMIN+3")).flatten()
        }
    }
}
