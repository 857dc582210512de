//! The numbers of a process, one for each PID namespace that sees it.

use std::fs;

use anyhow::{Context as _, bail};

use crate::lab::arena::Specimen;
use crate::snapshot::status::Status;

/// A process's PID namespaces, outermost first, and its number in each. They
/// never change, so they are read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    namespaces: Vec<u64>,
    pids: Vec<u32>,
}

impl Numbers {
    /// Those of a live specimen. `around`: those of a process in its namespace,
    /// or in the one around it; `None` for one of the host.
    pub fn read(specimen: &Specimen, around: Option<&Self>) -> anyhow::Result<Self> {
        let path = format!("/proc/{}/status", specimen.pid());
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        let pids = Status::parse(&text).map(|status| status.ns_pids);
        let mut namespaces = around.map_or_else(Vec::new, |around| around.namespaces.clone());
        let own = specimen.pid_ns()?;
        if namespaces.last() != Some(&own) {
            namespaces.push(own);
        }
        match pids {
            Some(pids) if pids.len() == namespaces.len() => Ok(Self { namespaces, pids }),
            other => bail!("{path}: NSpid is {other:?}, not one number per namespace"),
        }
    }

    /// By which number this process knows another. One that it cannot see it can
    /// only call what the host does.
    pub fn of(&self, other: &Self) -> u32 {
        let level = if other.namespaces.starts_with(&self.namespaces) {
            self.namespaces.len() - 1
        } else {
            0
        };
        other.pids[level]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_called_what_the_caller_sees() {
        let numbers = |namespaces: &[u64], pids: &[u32]| Numbers {
            namespaces: namespaces.to_vec(),
            pids: pids.to_vec(),
        };
        let host = numbers(&[10], &[300]);
        let outer = numbers(&[10, 20], &[301, 1]);
        let inner = numbers(&[10, 20, 30], &[302, 5, 1]);
        let sibling = numbers(&[10, 40], &[303, 1]);
        assert_eq!(host.of(&inner), 302);
        assert_eq!(outer.of(&inner), 5);
        assert_eq!(inner.of(&inner), 1);
        // Neither of these sees the other.
        assert_eq!(inner.of(&outer), 301);
        assert_eq!(sibling.of(&outer), 301);
    }
}
