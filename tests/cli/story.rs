//! A little of everything: what the filters are tried on.

use std::time::Duration;

use libc::{SIGKILL, SIGTERM, SIGUSR1, SIGUSR2};
use serde_json::Value;
use sigwhy::lab::arena::{Arena, Disposition, Specimen};

use crate::arena::arena;

/// Processes of one test, not to be mistaken for another's.
pub struct Story {
    pub host: Specimen,
    pub neighbour: Specimen,
    pub init: Specimen,
    pub inside: Specimen,
    /// Of the init's PID namespace.
    pub inode: u64,
    _arena: Arena,
}

const SOON: Duration = Duration::from_secs(10);

impl Story {
    /// `tag`: at most 9 bytes; the init is called `tag-init`.
    pub fn new(tag: &str) -> anyhow::Result<Self> {
        let arena = arena()?;
        let host = arena.spawn_host(&format!("{tag}-host"))?;
        let neighbour = arena.spawn_host(&format!("{tag}-near"))?;
        let init = host.spawn_init(&format!("{tag}-init"))?;
        let inside = init.spawn_child(&format!("{tag}-in"))?;
        init.dispose(SIGUSR1, Disposition::Handler)?;
        inside.dispose(SIGUSR2, Disposition::Ignore)?;
        neighbour.dispose(SIGUSR1, Disposition::Handler)?;
        let inode = init.pid_ns()?;
        Ok(Self {
            host,
            neighbour,
            init,
            inside,
            inode,
            _arena: arena,
        })
    }

    /// Five signals, of which four concern the container:
    /// - USR1 host -> neighbour: queued, handler
    /// - TERM inside -> init: dropped, unkillable_init
    /// - USR1 host -> init: queued, handler
    /// - USR2 host -> inside: dropped, ignored
    /// - USR2 inside -> init: dropped, unkillable_init
    pub fn tell(&self) -> anyhow::Result<()> {
        self.host.kill(self.neighbour.pid(), SIGUSR1)?;
        self.inside.kill(1, SIGTERM)?;
        self.host.kill(self.init.pid(), SIGUSR1)?;
        self.host.kill(self.inside.pid(), SIGUSR2)?;
        self.inside.kill(1, SIGUSR2)?;
        for specimen in [&self.neighbour, &self.init, &self.inside] {
            specimen.fate(SOON)?;
        }
        Ok(())
    }

    /// The init dies by a SIGKILL from the host, and all with it.
    pub fn finish(&self) -> anyhow::Result<()> {
        self.host.kill(self.init.pid(), SIGKILL)?;
        self.init.await_death(SOON)?;
        self.init.reap(SOON).map(drop)
    }

    /// The `signal` records to a process, as `NAME reason`, in order.
    pub fn to(&self, target: &Specimen, records: &[Value]) -> Vec<String> {
        of_type(records, "signal")
            .filter(|record| record["target"]["pid"] == target.pid())
            .map(|record| {
                let word = |pointer| record.pointer(pointer).and_then(Value::as_str);
                format!(
                    "{} {}",
                    word("/signal/name").unwrap_or("?"),
                    word("/reason").unwrap_or("?")
                )
            })
            .collect()
    }
}

pub fn of_type<'a>(records: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    records.iter().filter(move |record| record["type"] == kind)
}

/// The first record for which `holds` does not hold, of those that tell of
/// something that happened.
pub fn stray(records: &[Value], holds: impl Fn(&Value) -> bool) -> Option<&Value> {
    records
        .iter()
        .filter(|record| {
            !["start", "loss", "stop"]
                .iter()
                .any(|kind| record["type"] == *kind)
        })
        .find(|record| !holds(record))
}
