//! Why BTF could not be read, each with what to do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why BTF could not be read. Shown as one line.
#[derive(Debug)]
pub enum BtfError {
    /// Opening or reading failed.
    Io(io::Error),
    /// The bytes are something else; the text says what, where it is known.
    NotBtf(&'static str),
    /// BTF of a machine of the other byte order.
    ByteOrder,
    /// A version of the format other than 1.
    Version(u8),
    /// More bytes than any kernel's BTF has.
    TooLarge,
    /// The named part ends beyond the bytes there are.
    Truncated(&'static str),
    /// Type `id` has its name outside of the strings.
    BadName { id: u32 },
    /// Type `id` is of a kind newer than this reader, of unknown length.
    UnknownKind { kind: u8, id: u32 },
    /// The ELF file has no usable `.BTF` section; the text says why.
    Elf(&'static str),
    /// Any of the above, of this file.
    File {
        path: PathBuf,
        source: Box<BtfError>,
    },
}

impl BtfError {
    pub(super) fn in_file(self, path: &Path) -> BtfError {
        BtfError::File {
            path: path.to_owned(),
            source: Box::new(self),
        }
    }

    /// Names the files people mistake for BTF by their first bytes.
    pub(super) fn not_btf(bytes: &[u8]) -> BtfError {
        BtfError::NotBtf(match bytes {
            [] => "it is empty",
            [0x1f, 0x8b, ..] => "it is gzip: decompress it first",
            [0xfd, b'7', b'z', b'X', b'Z', ..] => "it is xz: decompress it first",
            [0x28, 0xb5, 0x2f, 0xfd, ..] => "it is zstd: decompress it first",
            [b'M', b'Z', ..] => {
                "it is a packed kernel: unpack it with the kernel's scripts/extract-vmlinux"
            }
            _ => "it does not start with BTF's magic number: give raw BTF or an unpacked vmlinux",
        })
    }
}

impl fmt::Display for BtfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BtfError::Io(source) => write!(f, "cannot read it: {source}"),
            BtfError::NotBtf(why) => write!(f, "not BTF: {why}"),
            BtfError::ByteOrder => f.write_str(
                "BTF of a machine of the other byte order: give the BTF of the running kernel",
            ),
            BtfError::Version(version) => write!(
                f,
                "BTF format version {version}, only 1 is known: update sigwhy"
            ),
            BtfError::TooLarge => {
                f.write_str("more than 256 MB, no kernel's BTF is that large: give another file")
            }
            BtfError::Truncated(what) => write!(
                f,
                "damaged BTF: {what} end beyond the file: copy it again from the kernel"
            ),
            BtfError::BadName { id } => write!(
                f,
                "type {id} has its name outside of this BTF: damaged, or the BTF of a module; \
                 give the kernel's own"
            ),
            BtfError::UnknownKind { kind, id } => write!(
                f,
                "type {id} is of the unknown kind {kind}: a newer BTF than this sigwhy knows, \
                 update sigwhy"
            ),
            BtfError::Elf(why) => write!(f, "no types in this ELF file: {why}"),
            // Debug escapes what a terminal should not get.
            BtfError::File { path, source } if is_absent(source) => write!(
                f,
                "no kernel types at {path:?}: the kernel must be built with \
                 CONFIG_DEBUG_INFO_BTF=y, or give its BTF with --btf FILE"
            ),
            BtfError::File { path, source } => {
                write!(f, "cannot take the kernel's types from {path:?}: {source}")
            }
        }
    }
}

fn is_absent(error: &BtfError) -> bool {
    matches!(error, BtfError::Io(source) if source.kind() == io::ErrorKind::NotFound)
}

// No `source()`: each message already holds that of its cause, and a chain
// printer would say it twice.
impl std::error::Error for BtfError {}
