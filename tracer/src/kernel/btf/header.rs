//! The header of BTF, `struct btf_header`: where its sections are.

use std::ops::Range;

use super::{BtfError, word};

pub const MAGIC: u16 = 0xeb9f;

/// Whether these bytes begin as BTF of this machine's byte order does.
pub fn check_magic(bytes: &[u8]) -> Result<(), BtfError> {
    match bytes.first_chunk().map(|two| u16::from_ne_bytes(*two)) {
        Some(MAGIC) => Ok(()),
        Some(magic) if magic.swap_bytes() == MAGIC => Err(BtfError::ByteOrder),
        _ => Err(BtfError::not_btf(bytes)),
    }
}

/// Where the sections are, as positions in the file.
pub struct Header {
    pub types: Range<usize>,
    pub strings: Range<usize>,
    /// Empty when there is none, as in older kernels.
    pub layout: Range<usize>,
}

impl Header {
    pub fn parse(bytes: &[u8]) -> Result<Header, BtfError> {
        let fixed: &[u8; 24] = bytes
            .first_chunk()
            .ok_or_else(|| BtfError::not_btf(bytes))?;
        check_magic(fixed)?;
        if fixed[2] != 1 {
            return Err(BtfError::Version(fixed[2]));
        }
        let header_len = word(&fixed[4..]) as usize;
        if header_len < fixed.len() {
            return Err(BtfError::Truncated("the header"));
        }
        let section = |at: usize, what| {
            let field = |at: usize| bytes.get(at..at + 4).map(|b| word(b) as usize);
            let start = header_len + field(at).ok_or(BtfError::Truncated(what))?;
            let end = start + field(at + 4).ok_or(BtfError::Truncated(what))?;
            if end > bytes.len() {
                return Err(BtfError::Truncated(what));
            }
            Ok(start..end)
        };
        let strings = section(16, "the strings")?;
        // A name is read up to its NUL, so the last one must have its own.
        if bytes[strings.clone()].last() != Some(&0) {
            return Err(BtfError::Truncated("the strings"));
        }
        Ok(Header {
            types: section(8, "the types")?,
            strings,
            layout: if header_len >= 32 {
                section(24, "the layout")?
            } else {
                0..0
            },
        })
    }
}
