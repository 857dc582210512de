//! Finds one section of an ELF64 file without reading the rest: a `vmlinux`
//! with debug information is hundreds of megabytes, its BTF a few.
//!
//! Layouts: `include/uapi/linux/elf.h`, `Elf64_Ehdr` and `Elf64_Shdr`.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use super::{BtfError, MAX_BYTES};

pub const MAGIC: &[u8; 4] = b"\x7fELF";

/// Length of `Elf64_Ehdr`, in bytes.
pub const HEADER_LEN: usize = 64;

/// Length of `Elf64_Shdr`, in bytes.
const SECTION_LEN: u64 = 64;

const SHT_NOBITS: u32 = 8;
const SHF_COMPRESSED: u64 = 0x800;

/// The bytes of the section called `name`, of a file that begins with `header`.
pub fn section(file: &File, header: &[u8], name: &[u8]) -> Result<Vec<u8>, BtfError> {
    let header: &[u8; HEADER_LEN] = header
        .first_chunk()
        .ok_or(BtfError::Truncated("the ELF header"))?;
    // EI_CLASS is ELFCLASS64, EI_DATA is this machine's order.
    if header[4] != 2 {
        return Err(BtfError::Elf("it is not a 64-bit one"));
    }
    if (header[5] == 1) != cfg!(target_endian = "little") {
        return Err(BtfError::ByteOrder);
    }
    let table = long(header, 40);
    let count = u64::from(half(header, 60));
    if u64::from(half(header, 58)) != SECTION_LEN || table == 0 || count == 0 {
        return Err(BtfError::Elf("it has no section headers"));
    }
    let names = read_section(file, table, u64::from(half(header, 62)))?;
    for index in 0..count {
        let found = read_section(file, table, index)?;
        if !is_named(file, &names, &found, name) {
            continue;
        }
        if found.kind == SHT_NOBITS {
            return Err(BtfError::Elf(
                "its .BTF section is empty: give the vmlinux that was not stripped to debug data",
            ));
        }
        if found.flags & SHF_COMPRESSED != 0 {
            return Err(BtfError::Elf(
                "its .BTF section is compressed: run objcopy --decompress-debug-sections on a copy",
            ));
        }
        let len = usize::try_from(found.len).map_err(|_| BtfError::TooLarge)?;
        if len > MAX_BYTES {
            return Err(BtfError::TooLarge);
        }
        // Before the allocation, so that a lying header costs no memory.
        let file_len = file.metadata().map_err(BtfError::Io)?.len();
        if found
            .start
            .checked_add(found.len)
            .is_none_or(|end| end > file_len)
        {
            return Err(BtfError::Truncated("the .BTF section's bytes"));
        }
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, found.start)
            .map_err(BtfError::Io)?;
        return Ok(bytes);
    }
    Err(BtfError::Elf(
        "it has no .BTF section: its kernel must be built with CONFIG_DEBUG_INFO_BTF=y",
    ))
}

/// The fields of an `Elf64_Shdr` that matter here.
struct Section {
    name: u32,
    kind: u32,
    flags: u64,
    start: u64,
    len: u64,
}

fn read_section(file: &File, table: u64, index: u64) -> Result<Section, BtfError> {
    let mut raw = [0; SECTION_LEN as usize];
    let at = table
        .checked_add(index * SECTION_LEN)
        .ok_or(BtfError::Truncated("the section headers"))?;
    file.read_exact_at(&mut raw, at)
        .map_err(|_| BtfError::Truncated("the section headers"))?;
    Ok(Section {
        name: super::word(&raw),
        kind: super::word(&raw[4..]),
        flags: long(&raw, 8),
        start: long(&raw, 24),
        len: long(&raw, 32),
    })
}

fn is_named(file: &File, names: &Section, section: &Section, wanted: &[u8]) -> bool {
    let mut text = vec![0; wanted.len() + 1];
    let Some(at) = names.start.checked_add(u64::from(section.name)) else {
        return false;
    };
    // A name at the end of the file is shorter, and then not the one.
    file.read_exact_at(&mut text, at).is_ok() && text.strip_prefix(wanted) == Some(&[0])
}

fn half(raw: &[u8], at: usize) -> u16 {
    let bytes = raw.get(at..).and_then(|tail| tail.first_chunk());
    bytes.map_or(0, |two| u16::from_ne_bytes(*two))
}

fn long(raw: &[u8], at: usize) -> u64 {
    let bytes = raw.get(at..).and_then(|tail| tail.first_chunk());
    bytes.map_or(0, |eight| u64::from_ne_bytes(*eight))
}
