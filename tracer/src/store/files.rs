//! The files of a recording: a new one, and those that are put aside when it is
//! full. What is in them is the [`writer`](super::writer)'s.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Has the disk take the names of a new file and of those that were put aside:
/// fsync of a file does not do that.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    match File::open(directory(path))?.sync_all() {
        // Some file systems have nothing to do for it.
        Err(error) if error.raw_os_error() != Some(libc::EINVAL) => Err(error),
        _ => Ok(()),
    }
}

/// Where a file is.
fn directory(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| *parent != Path::new(""))
        .unwrap_or(Path::new("."))
}

/// `FILE` becomes `FILE.1`, that becomes `FILE.2`, up to `files` in all.
pub fn put_aside(path: &Path, files: u32) -> io::Result<()> {
    if files <= 1 {
        return fs::remove_file(path);
    }
    let last = files - 1;
    let free = (1..last)
        .find(|n| !numbered(path, *n).exists())
        .unwrap_or(last);
    for n in (0..free).rev() {
        fs::rename(numbered(path, n), numbered(path, n + 1))?;
    }
    Ok(())
}

/// `FILE`, `FILE.1` and so on.
fn numbered(path: &Path, n: u32) -> PathBuf {
    if n == 0 {
        return path.to_owned();
    }
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

/// One of `FILE.1`, `FILE.2` and so on that is there already.
pub fn put_aside_before(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.as_encoded_bytes();
    let entries = fs::read_dir(directory(path)).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|other| {
        let rest = other
            .file_name()
            .and_then(|other| other.as_encoded_bytes().strip_prefix(name))
            .and_then(|rest| rest.strip_prefix(b"."));
        rest.is_some_and(|rest| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit))
    })
}
