//! A cgroup of a test's own, made as a runtime makes them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sigwhy::lab::arena::Specimen;

/// A directory of the unified hierarchy, gone with this.
pub struct OwnCgroup(PathBuf);

impl OwnCgroup {
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let mounts = std::fs::read_to_string("/proc/self/mounts")?;
        let root = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .find(|fields| fields.get(2) == Some(&"cgroup2"))
            .and_then(|fields| fields.get(1).copied())
            .ok_or_else(|| anyhow::anyhow!("no cgroup2 is mounted"))?;
        let path = Path::new(root).join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Of container `id`, as Docker names it where systemd keeps the cgroups.
    pub fn of_docker(id: &str) -> anyhow::Result<Self> {
        Self::new(&format!("docker-{id}.scope"))
    }

    /// The same as runc has it.
    pub fn of_runc(id: &str) -> anyhow::Result<Self> {
        Self::new(&format!("runc-{id}.scope"))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn admit(&self, member: &Specimen) -> anyhow::Result<()> {
        let pid = member.pid().to_string();
        Ok(std::fs::write(self.0.join("cgroup.procs"), pid)?)
    }

    /// Removes it, once nobody alive is in it.
    pub fn remove(&self) -> std::io::Result<()> {
        // It is empty a moment after its last process has died.
        for _ in 0..100 {
            match std::fs::remove_dir(&self.0) {
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                other => return other,
            }
        }
        Err(std::io::ErrorKind::ResourceBusy.into())
    }
}

impl Drop for OwnCgroup {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

/// An id such as runtimes give, of nobody else.
pub fn new_id() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    // What is shown of it is its beginning, which may well have no letter in it.
    format!("{:08x}{number:04x}{:052x}", std::process::id(), 0x5eed)
}
