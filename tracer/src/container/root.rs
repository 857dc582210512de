//! Where the files of the machine are, and how much of one is read.
//!
//! What is read here was written by runtimes, and in the rootless case by the
//! very user that is watched: a file may be a link to another one, a FIFO that
//! never answers, or endless. Nothing here follows a link at the end of a path,
//! waits, or reads more than its limit.

use std::fs::{self, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// The most that is read of one file, in bytes. The largest that runtimes
/// write about one container have some hundred kilobytes.
pub const LIMIT: u64 = 4 << 20;

/// The root of the machine's file system: `/`, or where it is mounted for a
/// sigwhy that runs in a container of its own.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Root {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// `path` of the machine, absolute, as this process must spell it.
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A regular file's bytes. `None` if there is none, or more than `limit`.
    pub fn bytes(&self, path: impl AsRef<Path>, limit: u64) -> Option<Vec<u8>> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(self.at(path))
            .ok()?;
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
        let Ok(entries) = fs::read_dir(self.at(path)) else {
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
        fs::read_link(self.at(path))
            .ok()?
            .into_os_string()
            .into_string()
            .ok()
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
    fn a_name_is_one_component() {
        assert!(is_plain("web-1") && is_plain("..."));
        for bad in ["", ".", "..", "a/b", "/", "a\0b"] {
            assert!(!is_plain(bad), "{bad:?}");
        }
        assert!(!is_plain(&"x".repeat(256)));
    }
}
