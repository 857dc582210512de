//! The ends of PID namespaces: which are under way, and whom they killed.
//!
//! An entry begins with the first SIGKILL that the dying init sends, or with the
//! entry into `zap_pid_ns_processes()`; it is told once the init waits, since
//! by then every SIGKILL is out; it ends with the function's return, or, where
//! that is not seen, with the init's own SIGCHLD or its release.

use super::bounded::Bounded;
use crate::record::{ContainerRef, Process, ZapVictim};

/// Namespaces dying at one time that are followed.
const LIMIT: usize = 4_096;
/// Victims kept per namespace; the kernel's limit on pids is far higher.
const VICTIMS: usize = 10_000;

/// An init by host pid and start time.
pub type InitKey = (u32, u64);

/// One namespace's end.
#[derive(Debug)]
pub struct Zap {
    /// The first sign of it, CLOCK_BOOTTIME in ns.
    pub began_ns: u64,
    pub init: Option<Process>,
    pub container: Option<ContainerRef>,
    pub killed: Vec<ZapVictim>,
    /// The `begin` record is out.
    pub told: bool,
}

/// All that are under way.
#[derive(Debug)]
pub struct Zaps {
    open: Bounded<InitKey, Zap>,
}

impl Zaps {
    pub fn new() -> Self {
        Self {
            open: Bounded::new(LIMIT),
        }
    }

    /// The entry of an init, made now if this is the first sign of its end.
    pub fn entry(&mut self, key: InitKey, now: u64) -> Option<&mut Zap> {
        if !self.open.contains(&key) {
            self.open.insert(
                key,
                Zap {
                    began_ns: now,
                    init: None,
                    container: None,
                    killed: Vec::new(),
                    told: false,
                },
            );
        }
        self.open.get_mut(&key)
    }

    /// Notes a victim.
    pub fn kill(&mut self, key: InitKey, now: u64, victim: ZapVictim) {
        if let Some(zap) = self.entry(key, now)
            && zap.killed.len() < VICTIMS
        {
            zap.killed.push(victim);
        }
    }

    /// Ends an entry whose begin was told.
    pub fn end(&mut self, key: InitKey) -> Option<Zap> {
        if !self.open.get(&key)?.told {
            return None;
        }
        self.open.remove(&key)
    }
}

impl Default for Zaps {
    fn default() -> Self {
        Self::new()
    }
}
