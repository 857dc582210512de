//! The guest's files, as an initramfs: a "newc" cpio archive, written here
//! because the format is a header and a name (the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! Everything belongs to root, whoever builds it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::image;
use crate::failure::{Context as _, Result};
use crate::workspace::{self, ContextNone as _};

/// File types in a mode, as stat(2) has them.
pub const DIRECTORY: u32 = 0o040_000;
pub const REGULAR: u32 = 0o100_000;
pub const SYMLINK: u32 = 0o120_000;

/// Links at the top, as on any merged-/usr system: a file can then be named by
/// the path that it has on the host.
const MERGED: &[(&str, &str)] = &[
    ("bin", "usr/bin"),
    ("sbin", "usr/bin"),
    ("usr/sbin", "usr/bin"),
    ("lib", "usr/lib"),
    ("lib64", "usr/lib64"),
];

enum Entry {
    Directory { mode: u32 },
    Bytes { mode: u32, bytes: Vec<u8> },
    Host { mode: u32, path: PathBuf },
    Link { target: String },
}

/// Files by their paths, without a leading slash. Sorted, so that a directory
/// comes before what is in it.
pub struct Tree(BTreeMap<String, Entry>);

impl Tree {
    /// Only directories and the links at the top.
    pub fn new() -> Self {
        let mut tree = Self(BTreeMap::new());
        for (link, target) in MERGED {
            let target = format!("/{target}");
            tree.0.insert((*link).to_owned(), Entry::Link { target });
        }
        for dir in [
            "dev",
            "etc",
            "proc",
            "root",
            "run",
            "sys",
            "usr/bin",
            "usr/lib64",
        ] {
            tree.directory(&format!("{dir}/"));
        }
        tree.0
            .insert("tmp".into(), Entry::Directory { mode: 0o1777 });
        tree
    }

    /// Adds a file with this text.
    pub fn text(&mut self, path: &str, mode: u32, text: impl Into<Vec<u8>>) {
        let bytes = text.into();
        self.insert(path, Entry::Bytes { mode, bytes });
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        let target = target.to_owned();
        self.insert(path, Entry::Link { target });
    }

    /// Makes a directory and those above it.
    pub fn make_directory(&mut self, path: &str) {
        self.directory(&format!("{}/", place(path)));
    }

    /// Adds a file of the host and, if it is a program, the libraries that it is
    /// linked with, these at their own paths.
    pub fn host_file(&mut self, host: &Path, path: &str) -> Result<()> {
        let meta = std::fs::metadata(host).context(|| format!("cannot read {}", host.display()))?;
        let mode = meta.permissions().mode() & 0o777;
        let entry = |host: &Path, mode| Entry::Host {
            mode,
            path: host.to_owned(),
        };
        self.insert(path, entry(host, mode));
        if !image::is_elf(host) {
            return Ok(());
        }
        // Fails for what is linked statically.
        let linked = workspace::output(Command::new("ldd").arg(host)).unwrap_or_default();
        for library in libraries(&linked) {
            self.insert(library, entry(Path::new(library), 0o755));
        }
        Ok(())
    }

    fn insert(&mut self, path: &str, entry: Entry) {
        let path = place(path);
        self.directory(&path);
        self.0.insert(path, entry);
    }

    /// Every directory above the path.
    fn directory(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.0
                .entry(path[..at].to_owned())
                .or_insert(Entry::Directory { mode: 0o755 });
        }
    }

    /// Calls `member` with the path, the mode (file type and permissions) and
    /// the bytes of every file, directories first; a link's bytes are its target.
    pub fn each(&self, mut member: impl FnMut(&str, u32, &[u8]) -> Result<()>) -> Result<()> {
        for (path, entry) in &self.0 {
            match entry {
                Entry::Directory { mode } => member(path, DIRECTORY | mode, b""),
                Entry::Bytes { mode, bytes } => member(path, REGULAR | mode, bytes),
                Entry::Link { target } => member(path, SYMLINK | 0o777, target.as_bytes()),
                Entry::Host { mode, path: host } => {
                    let bytes = std::fs::read(host)
                        .context(|| format!("cannot read {}", host.display()))?;
                    member(path, REGULAR | mode, &bytes)
                }
            }?;
        }
        Ok(())
    }

    /// Writes the archive.
    pub fn write(&self, to: &Path) -> Result<()> {
        let wrong = || format!("cannot write {}", to.display());
        let mut out = Archive {
            out: BufWriter::new(File::create(to).context(wrong)?),
            inode: 0,
        };
        self.each(|path, mode, bytes| out.member(path, mode, bytes).context(wrong))?;
        out.member("TRAILER!!!", 0, b"").context(wrong)?;
        out.out.flush().context(wrong)
    }
}

/// A path of the host as UTF-8, which is all that an archive is given here.
pub fn utf8(path: &Path) -> Result<&str> {
    path.to_str()
        .context_none(&format!("{} is not UTF-8", path.display()))
}

/// Where a path of the host is in the archive.
fn place(path: &str) -> String {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let path = parts.collect::<Vec<_>>().join("/");
    for (link, target) in MERGED {
        if let Some(rest) = path.strip_prefix(link) {
            if rest.starts_with('/') {
                return format!("{target}{rest}");
            }
        }
    }
    path
}

/// The paths in what ldd prints.
fn libraries(ldd: &str) -> impl Iterator<Item = &str> {
    ldd.lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
}

struct Archive<W> {
    out: W,
    inode: u32,
}

impl<W: Write> Archive<W> {
    fn member(&mut self, path: &str, mode: u32, data: &[u8]) -> io::Result<()> {
        self.inode += 1;
        let too_big = |_| io::Error::new(io::ErrorKind::InvalidData, "over 4 GiB");
        let size = u32::try_from(data.len()).map_err(too_big)?;
        let name_size = u32::try_from(path.len() + 1).map_err(too_big)?;
        // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor,
        // rdevmajor, rdevminor, namesize, check.
        let fields = [self.inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
        write!(self.out, "070701")?;
        for field in fields {
            write!(self.out, "{field:08x}")?;
        }
        self.out.write_all(path.as_bytes())?;
        self.out.write_all(b"\0")?;
        self.pad(110 + path.len() + 1)?;
        self.out.write_all(data)?;
        self.pad(data.len())
    }

    /// Fills up to a multiple of four.
    fn pad(&mut self, written: usize) -> io::Result<()> {
        self.out.write_all(&[0; 3][..written.wrapping_neg() % 4])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_what_the_kernel_reads() {
        let mut archive = Archive {
            out: Vec::new(),
            inode: 0,
        };
        let done = archive.member("etc/a", REGULAR | 0o644, b"hello");
        assert!(done.is_ok());
        let expected = concat!(
            "070701",
            "00000001",
            "000081a4",
            "00000000",
            "00000000",
            "00000001",
            "00000000",
            "00000005",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "00000006",
            "00000000",
            "etc/a\0",
            "hello\0\0\0"
        );
        assert_eq!(archive.out, expected.as_bytes());
    }

    #[test]
    fn directories_come_first_and_once() {
        let mut tree = Tree::new();
        tree.text("/opt/a/b", 0o644, "x");
        tree.text("/opt/a/c", 0o644, "y");
        let paths: Vec<&str> = tree.0.keys().map(String::as_str).collect();
        let at = |path| paths.iter().position(|p| *p == path);
        assert!(at("opt") < at("opt/a") && at("opt/a") < at("opt/a/b"));
        assert!(at("opt").is_some() && at("opt/a/c").is_some());
    }

    #[test]
    fn nothing_is_put_below_a_link() {
        assert_eq!(place("/lib/x86/libc.so.6"), "usr/lib/x86/libc.so.6");
        assert_eq!(place("/lib64/ld.so"), "usr/lib64/ld.so");
        assert_eq!(place("/usr/sbin/x"), "usr/bin/x");
        assert_eq!(place("/library/./x"), "library/x");
    }

    #[test]
    fn ldd_names_libraries_in_two_ways() {
        let ldd = "\tlinux-vdso.so.1 (0x7ff)\n\tlibc.so.6 => /lib/libc.so.6 (0x7f)\n\
                   \t/lib64/ld-linux-x86-64.so.2 (0x7f)\n";
        let found: Vec<_> = libraries(ldd).collect();
        assert_eq!(found, ["/lib/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
        assert_eq!(libraries("\tnot a dynamic executable\n").count(), 0);
    }
}
