//! Which PID namespace another one is in.

use std::fs::File;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

use crate::container::{Root, process};

/// The namespace around that of a process: its inode.
///
/// The kernel says so (NS_GET_PARENT of ioctl_nsfs(2)); where it may not be
/// asked, who made the namespace's init is mostly in it.
pub fn outer(root: &Root, pid: u32) -> Option<u32> {
    let own = process::pid_ns(root, pid)?;
    let asked = File::open(root.at(format!("/proc/{pid}/ns/pid")))
        .ok()
        .and_then(|file| parent(&file))
        .and_then(|parent| u32::try_from(parent.metadata().ok()?.ino()).ok());
    asked.or_else(|| {
        let above = process::stat(root, pid)?.ppid;
        process::pid_ns(root, above).filter(|ns| *ns != own)
    })
}

nix::ioctl_none!(
    /// `NS_GET_PARENT` of include/uapi/linux/nsfs.h.
    ns_get_parent,
    0xb7,
    2
);

fn parent(namespace: &File) -> Option<File> {
    // SAFETY: the ioctl takes no argument, and the descriptor is open.
    let fd = unsafe { ns_get_parent(namespace.as_raw_fd()) }.ok()?;
    // SAFETY: a new descriptor, which nobody else has.
    Some(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::fixtures::{Process, Tree};

    #[test]
    fn the_machines_own_has_none_around_it() {
        // Under a container this may be refused or be seen: never itself.
        let own = process::pid_ns(&Root::default(), std::process::id());
        assert_ne!(outer(&Root::default(), std::process::id()), own);
    }

    #[test]
    fn where_the_kernel_cannot_be_asked() {
        let tree = Tree::new();
        tree.process(&Process::init(100, "app", 4001, "/"));
        tree.process(&Process::init(101, "inner", 4002, "/").child_of(100));
        assert_eq!(outer(&tree.root(), 101), Some(4001));
    }
}
