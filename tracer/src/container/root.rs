//! Where the files of the machine are, and how much of one is read.
//!
//! What is read here was written by runtimes, and in the rootless case by the
//! very user that is watched: a file may be a link to another one, a FIFO that
//! never answers, or endless. Nothing here follows a link at the end of a path,
//! waits, or reads more than its limit. Of a container's own files, which
//! [`Root::of_process`] shows, the directories on the way may be links too: they
//! end within that container, as they would for a process in it.

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2, readlinkat};
use serde::de::DeserializeOwned;

/// The most that is read of one file, in bytes. The largest that runtimes
/// write about one container have some hundred kilobytes.
pub const LIMIT: u64 = 4 << 20;

/// The root of the machine's file system: `/`, or where it is mounted for a
/// sigwhy that runs in a container of its own.
#[derive(Debug, Clone)]
pub struct Root {
    path: PathBuf,
    /// A process's own root, which no path leads out of.
    confined: Option<Arc<OwnedFd>>,
}

impl Root {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            confined: None,
        }
    }

    /// The files that a process sees. They are another's to choose, file systems
    /// that never answer among them: to be read where nobody waits.
    ///
    /// `None` if the process is gone or may not be looked into.
    pub fn of_process(&self, pid: u32) -> Option<Self> {
        let path = self.at(format!("/proc/{pid}/root"));
        let root = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
            .open(&path)
            .ok()?;
        Some(Self {
            path,
            confined: Some(Arc::new(root.into())),
        })
    }

    /// `path` of the machine, absolute, as this process must spell it.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.path.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Opens what a path of the machine names.
    fn open(&self, path: &Path, flags: i32) -> Option<File> {
        let flags = flags | libc::O_CLOEXEC;
        match &self.confined {
            None => {
                let read = OpenOptions::new().read(true).custom_flags(flags).clone();
                read.open(self.at(path)).ok()
            }
            Some(root) => {
                // Links like /proc/PID/root lead out of any root. RESOLVE_IN_ROOT takes
                // none of them today, which openat2(2) does not promise to keep.
                let how = OpenHow::new()
                    .flags(OFlag::from_bits_retain(flags))
                    .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
                openat2(root, path, how).ok().map(File::from)
            }
        }
    }

    /// A regular file's bytes. `None` if there is none, or more than `limit`.
    pub fn bytes(&self, path: impl AsRef<Path>, limit: u64) -> Option<Vec<u8>> {
        let file = self.open(path.as_ref(), libc::O_NOFOLLOW | libc::O_NONBLOCK)?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.len() > limit {
            return None;
        }
        let mut bytes = Vec::new();
        // Files of /proc say 0: what counts is what comes.
        file.take(limit + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= limit).then_some(bytes)
    }

    /// The same as text; what is no UTF-8 becomes U+FFFD.
    pub fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = self.bytes(path, LIMIT)?;
        Some(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        })
    }

    /// A JSON file. `None` also where it is none, as while it is being written.
    pub fn json<T: DeserializeOwned>(&self, path: impl AsRef<Path>) -> Option<T> {
        self.json_within(path, LIMIT)
    }

    /// The same with a limit in bytes, for a file about all containers.
    pub fn json_within<T: DeserializeOwned>(
        &self,
        path: impl AsRef<Path>,
        limit: u64,
    ) -> Option<T> {
        serde_json::from_slice(&self.bytes(path, limit)?).ok()
    }

    /// The names in a directory, at most `limit`; none if it cannot be read.
    pub fn names(&self, path: impl AsRef<Path>, limit: usize) -> Vec<String> {
        let path = path.as_ref();
        // Held open while its own path is read.
        let directory = match self.confined {
            None => None,
            Some(_) => match self.open(path, libc::O_DIRECTORY) {
                None => return Vec::new(),
                open => open,
            },
        };
        let at = match &directory {
            None => self.at(path),
            Some(directory) => format!("/proc/self/fd/{}", directory.as_raw_fd()).into(),
        };
        let Ok(entries) = fs::read_dir(at) else {
            return Vec::new();
        };
        entries
            .flatten()
            .take(limit)
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    }

    /// Where a symbolic link points, as text.
    pub fn link(&self, path: impl AsRef<Path>) -> Option<String> {
        let target = match self.confined {
            None => fs::read_link(self.at(path)).ok()?.into_os_string(),
            Some(_) => {
                let link = self.open(path.as_ref(), libc::O_PATH | libc::O_NOFOLLOW)?;
                readlinkat(&link, "").ok()?
            }
        };
        target.into_string().ok()
    }
}

impl Default for Root {
    fn default() -> Self {
        Self::new("/")
    }
}

/// Whether a text may become one component of a path: ids come from command
/// lines and files that others write.
pub fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= 255 && !name.contains(['/', '\0'])
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Tree;
    use super::*;

    #[test]
    fn reads_only_what_is_a_file_of_its_own() {
        let tree = Tree::new();
        tree.file("/a/plain", "text");
        let root = tree.root();
        assert_eq!(root.text("/a/plain").as_deref(), Some("text"));
        assert_eq!(root.text("a/plain").as_deref(), Some("text"));
        assert_eq!(root.text("/a"), None, "a directory");
        assert_eq!(root.text("/a/none"), None);
        std::os::unix::fs::symlink("plain", root.at("/a/link")).expect("a link");
        assert_eq!(root.text("/a/link"), None, "a link");
        assert_eq!(root.link("/a/link").as_deref(), Some("plain"));
        // Opening it would wait for a writer for ever.
        nix::unistd::mkfifo(&root.at("/a/fifo"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
        assert_eq!(root.text("/a/fifo"), None, "a FIFO");
    }

    #[test]
    fn reads_no_more_than_the_limit() {
        let tree = Tree::new();
        tree.file("/big", &"x".repeat(100));
        let root = tree.root();
        assert_eq!(root.bytes("/big", 100).map(|b| b.len()), Some(100));
        assert_eq!(root.bytes("/big", 99), None);
        assert_eq!(Root::default().bytes("/proc/self/status", 1), None);
        assert!(Root::default().bytes("/dev/zero", LIMIT).is_none());
    }

    #[test]
    fn a_process_s_own_root_is_not_left() {
        let tree = Tree::new();
        tree.file("/etc/passwd", "theirs");
        tree.file("/data/one/file", "text");
        let at = |path: &str| tree.root().at(path);
        let link = |to: &str, path: &str| {
            std::os::unix::fs::symlink(to, at(path)).expect("a link");
        };
        // Absolute, and upwards: both would leave the tree.
        link("/etc", "/data/etc");
        link("../../../../../../../../etc", "/data/up");
        link("/data/one", "/moved");
        tree.directory("/proc/7");
        std::os::unix::fs::symlink(tree.root().at("/"), at("/proc/7/root")).expect("a link");
        let root = tree.root().of_process(7).expect("its root");
        assert_eq!(root.text("/data/etc/passwd").as_deref(), Some("theirs"));
        assert_eq!(root.text("/data/up/passwd").as_deref(), Some("theirs"));
        assert_eq!(root.text("/moved/file").as_deref(), Some("text"));
        assert_eq!(root.names("/moved", 9), ["file"]);
        assert_eq!(root.link("/data/etc").as_deref(), Some("/etc"));
        assert_eq!(root.text("/data/etc"), None, "a link, and a directory");
        assert_eq!(root.text("/data/none/x"), None);
        assert!(root.names("/data/none", 9).is_empty());
        assert!(tree.root().of_process(8).is_none());
    }

    #[test]
    fn a_name_is_one_component() {
        assert!(is_plain("web-1") && is_plain("..."));
        for bad in ["", ".", "..", "a/b", "/", "a\0b"] {
            assert!(!is_plain(bad), "{bad:?}");
        }
        assert!(!is_plain(&"x".repeat(256)));
    }
}
