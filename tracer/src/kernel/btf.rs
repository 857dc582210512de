//! The BTF reader: where the running kernel keeps its fields.
//!
//! BTF is the type information a kernel carries about itself. sigwhy asks it
//! once, at start, for the byte offsets its kernel side reads at, and for the
//! parameters of tracepoints and functions, because both differ between
//! kernels and even inside one stable series.
//!
//! It reads the base BTF of a kernel, not the split BTF of a module, resolves
//! no relocations, and does not judge whether types are sensible C. A file
//! given by the user is not trusted: whatever its bytes, the answer is an error
//! or a wrong number, never a panic and never an endless loop.
//!
//! One pass notes where each type starts and chains those that are looked up by
//! name by its hash. Nothing else is decoded until it is asked for.
//!
//! The format: the kernel's `Documentation/bpf/btf.rst` and
//! `include/uapi/linux/btf.h`.

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use header::Header;

mod elf;
mod error;
mod header;
mod members;
mod protos;
#[cfg(test)]
pub(crate) mod tests;

pub use error::BtfError;
pub use members::Bitfield;

/// Where a kernel built with `CONFIG_DEBUG_INFO_BTF` shows its own types.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// The largest BTF read, in bytes. Distributions' kernels have 4 to 12 MB; the
/// limit keeps `--btf /dev/zero` from eating the machine's memory.
const MAX_BYTES: usize = 256 << 20;

/// How many typedefs, qualifiers, array dimensions or anonymous structs one
/// lookup follows. Real kernels stay below 10; a cycle ends here.
const MAX_DEPTH: u32 = 64;

/// How many definitions of one name are looked at. Real kernels have a handful.
const MAX_DEFINITIONS: usize = 1000;

/// `BTF_KIND_*`.
mod kind {
    pub const INT: u8 = 1;
    pub const PTR: u8 = 2;
    pub const ARRAY: u8 = 3;
    pub const STRUCT: u8 = 4;
    pub const UNION: u8 = 5;
    pub const ENUM: u8 = 6;
    pub const FWD: u8 = 7;
    pub const TYPEDEF: u8 = 8;
    pub const VOLATILE: u8 = 9;
    pub const CONST: u8 = 10;
    pub const RESTRICT: u8 = 11;
    pub const FUNC: u8 = 12;
    pub const FUNC_PROTO: u8 = 13;
    pub const VAR: u8 = 14;
    pub const DATASEC: u8 = 15;
    pub const FLOAT: u8 = 16;
    pub const DECL_TAG: u8 = 17;
    pub const TYPE_TAG: u8 = 18;
    pub const ENUM64: u8 = 19;
}

/// The types of one kernel.
///
/// Where a name has several definitions (a driver's private `struct` of the
/// same name), those that have what is asked for must agree, else the answer is
/// `None`: no offset is better than that of the wrong struct.
pub struct Btf {
    bytes: Vec<u8>,
    strings: Range<usize>,
    /// Position in `bytes` of type `i + 1`; type 0 is `void` and has none.
    starts: Vec<u32>,
    /// The highest type id of each hash bucket, 0 when empty; their number is a
    /// power of two.
    heads: Vec<u32>,
    /// `next[id - 1]`: the following, lower id in that bucket, 0 at the end.
    next: Vec<u32>,
}

/// One `struct btf_type`, decoded.
#[derive(Clone, Copy)]
struct Type {
    kind: u8,
    /// `kind_flag`: bit 31 of `info`.
    flag: bool,
    /// How many members, enumerators or parameters follow.
    vlen: usize,
    /// Offset into the strings; 0 is the empty name.
    name: u32,
    /// `size` in bytes or `type` id, by kind.
    size_or_type: u32,
    /// Position in the bytes of what follows the 12-byte record.
    data: usize,
}

impl Btf {
    /// Reads the types of `path`: raw BTF such as [`VMLINUX`], or an ELF64 file
    /// with a `.BTF` section such as an unpacked `vmlinux`.
    ///
    /// # Errors
    /// When the file cannot be read or [`Btf::parse`] refuses it; the message
    /// names the file and says what to do.
    pub fn from_file(path: &Path) -> Result<Btf, BtfError> {
        Self::read(path).map_err(|source| source.in_file(path))
    }

    fn read(path: &Path) -> Result<Btf, BtfError> {
        let file = File::open(path).map_err(BtfError::Io)?;
        let mut bytes = Vec::new();
        // The size sysfs reports is right; elsewhere it is only a hint.
        let hint = file.metadata().map_or(0, |m| m.len());
        bytes.reserve(usize::try_from(hint).unwrap_or(0).min(1 << 25) + 1);
        let mut limited = (&file).take(elf::HEADER_LEN as u64);
        limited.read_to_end(&mut bytes).map_err(BtfError::Io)?;
        if bytes.starts_with(elf::MAGIC) {
            return Self::parse(elf::section(&file, &bytes, b".BTF")?);
        }
        // Before the rest is read, which may be endless.
        header::check_magic(&bytes)?;
        let mut limited = (&file).take(MAX_BYTES as u64);
        limited.read_to_end(&mut bytes).map_err(BtfError::Io)?;
        Self::parse(bytes)
    }

    /// Takes raw BTF in this machine's byte order, checks its frame and indexes
    /// its names.
    ///
    /// # Errors
    /// When the bytes are no BTF, are cut short, have another byte order, or
    /// hold a kind of type newer than this reader whose size the file's own
    /// layout section does not tell.
    pub fn parse(bytes: Vec<u8>) -> Result<Btf, BtfError> {
        if bytes.len() > MAX_BYTES {
            return Err(BtfError::TooLarge);
        }
        let header = Header::parse(&bytes)?;
        let mut btf = Btf {
            bytes,
            strings: header.strings.clone(),
            starts: Vec::new(),
            heads: Vec::new(),
            next: Vec::new(),
        };
        btf.index(&header)?;
        Ok(btf)
    }

    /// How many types there are, `void` not counted.
    pub fn type_count(&self) -> usize {
        self.starts.len()
    }

    /// Heap memory held, in bytes: the file itself and the index.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
            + 4 * (self.starts.capacity() + self.heads.capacity() + self.next.capacity())
    }

    /// Walks over all types, noting where each starts and chaining its name.
    fn index(&mut self, header: &Header) -> Result<(), BtfError> {
        // 25 bytes is what a type takes on average in real kernels, and two of
        // three have a name.
        let expected = header.types.len() / 25;
        self.starts.reserve_exact(expected);
        self.next.reserve_exact(expected);
        self.heads = vec![0; (expected / 2).next_power_of_two()];
        let mut at = header.types.start;
        while at < header.types.end {
            let id = self.starts.len() as u32 + 1;
            let ty = self
                .type_at(at)
                .filter(|ty| ty.data <= header.types.end)
                .ok_or(BtfError::Truncated("a type's record"))?;
            let (once, each) = trailing(ty.kind)
                .or_else(|| self.layout(&header.layout, ty.kind))
                .ok_or(BtfError::UnknownKind { kind: ty.kind, id })?;
            let end = ty.data + once + each * ty.vlen;
            if end > header.types.end {
                return Err(BtfError::Truncated("a type's members"));
            }
            let mut next = 0;
            if ty.name != 0 && is_indexed(ty.kind) {
                let name = self.tail(ty.name).ok_or(BtfError::BadName { id })?;
                let bucket = hash(name) as usize & (self.heads.len() - 1);
                next = std::mem::replace(&mut self.heads[bucket], id);
            }
            self.starts.push(at as u32);
            self.next.push(next);
            at = end;
        }
        Ok(())
    }

    /// The sizes of what follows a type of `kind`, from the file's own layout
    /// section (newer kernels have one), which is there so that older readers can skip
    /// kinds they do not know.
    fn layout(&self, layout: &Range<usize>, kind: u8) -> Option<(usize, usize)> {
        // struct btf_layout { u8 info_sz; u8 elem_sz; u16 flags; } per kind
        let (entries, _) = self.bytes.get(layout.clone())?.as_chunks::<4>();
        let entry = entries.get(usize::from(kind))?;
        Some((usize::from(entry[0]), usize::from(entry[1])))
    }

    /// Every type called `name` that is of one of `kinds`, the last in the file
    /// first.
    fn named<'a>(&'a self, name: &'a str, kinds: &'a [u8]) -> impl Iterator<Item = Type> + 'a {
        let bucket = hash(name.as_bytes()) as usize & (self.heads.len().max(1) - 1);
        let mut id = self.heads.get(bucket).copied().unwrap_or(0);
        // Ids only fall along a chain, so it ends.
        let all = std::iter::from_fn(move || {
            while id != 0 {
                let ty = self.ty(id)?;
                id = self.next[id as usize - 1];
                if kinds.contains(&ty.kind) && self.is_name(ty.name, name) {
                    return Some(ty);
                }
            }
            None
        });
        all.take(MAX_DEFINITIONS)
    }

    fn ty(&self, id: u32) -> Option<Type> {
        let start = *self.starts.get((id as usize).checked_sub(1)?)?;
        self.type_at(start as usize)
    }

    fn type_at(&self, at: usize) -> Option<Type> {
        let record: &[u8; 12] = self.bytes.get(at..)?.first_chunk()?;
        let [name, info, size_or_type] = words(record);
        // Older kernels have 5 bits of kind and 16 of vlen, zeros above both.
        Some(Type {
            kind: ((info >> 24) & 0x7f) as u8,
            flag: info >> 31 != 0,
            vlen: (info & 0xff_ffff) as usize,
            name,
            size_or_type,
            data: at + record.len(),
        })
    }

    /// The three words of element `index` after `ty` (a member, an array's
    /// description, an ENUM64's enumerator).
    fn triple(&self, ty: &Type, index: usize) -> Option<[u32; 3]> {
        let record: &[u8; 12] = self.bytes.get(ty.data + index * 12..)?.first_chunk()?;
        Some(words(record))
    }

    /// The two words of element `index` after `ty` (a parameter, an enumerator).
    fn pair(&self, ty: &Type, index: usize) -> Option<[u32; 2]> {
        let record: &[u8; 8] = self.bytes.get(ty.data + index * 8..)?.first_chunk()?;
        let (name, value) = record.split_at(4);
        Some([word(name), word(value)])
    }

    /// Follows typedefs, qualifiers and tags to the type itself. `None` for
    /// `void`, an id out of range, and a cycle.
    fn strip(&self, id: u32) -> Option<Type> {
        let mut ty = self.ty(id)?;
        for _ in 0..MAX_DEPTH {
            if !is_modifier(ty.kind) {
                return Some(ty);
            }
            ty = self.ty(ty.size_or_type)?;
        }
        None
    }

    /// The strings from `offset` on; `None` beyond their end.
    fn tail(&self, offset: u32) -> Option<&[u8]> {
        let start = self.strings.start + offset as usize;
        self.bytes
            .get(start..self.strings.end)
            .filter(|tail| !tail.is_empty())
    }

    /// The bytes of a name, without the final NUL; empty for a bad offset.
    fn name(&self, offset: u32) -> &[u8] {
        let tail = self.tail(offset).unwrap_or_default();
        let end = tail.iter().position(|&byte| byte == 0);
        &tail[..end.unwrap_or(tail.len())]
    }

    fn is_name(&self, offset: u32, wanted: &str) -> bool {
        self.tail(offset)
            .and_then(|tail| tail.strip_prefix(wanted.as_bytes()))
            .is_some_and(|rest| rest.first() == Some(&0))
    }
}

/// Bytes that follow a type of a known kind: once, and per vlen.
fn trailing(kind: u8) -> Option<(usize, usize)> {
    Some(match kind {
        kind::INT | kind::VAR | kind::DECL_TAG => (4, 0),
        kind::ARRAY => (12, 0),
        kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => (0, 12),
        kind::ENUM | kind::FUNC_PROTO => (0, 8),
        kind::PTR | kind::FWD | kind::FUNC | kind::FLOAT => (0, 0),
        kind if is_modifier(kind) => (0, 0),
        _ => return None,
    })
}

/// The kinds that are looked up by name. FWD is left out on purpose: a forward
/// declaration shares its struct's name and has no members.
fn is_indexed(kind: u8) -> bool {
    matches!(
        kind,
        kind::STRUCT | kind::UNION | kind::TYPEDEF | kind::FUNC | kind::ENUM | kind::ENUM64
    )
}

/// Whether a type of this kind only names or qualifies another.
fn is_modifier(kind: u8) -> bool {
    matches!(
        kind,
        kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG
    )
}

/// Hashes a name up to its NUL or the end, eight bytes at a time: there are a
/// hundred thousand names to hash, and byte by byte that took half of the start.
fn hash(mut text: &[u8]) -> u32 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut hash = 0_u64;
    loop {
        let word = match text.split_first_chunk::<8>() {
            Some((chunk, rest)) => {
                text = rest;
                u64::from_le_bytes(*chunk)
            }
            None => {
                let bytes = std::mem::take(&mut text).iter().rev();
                bytes.fold(0, |word, &byte| word << 8 | u64::from(byte))
            }
        };
        // The lowest bit set is the top bit of the first byte that is zero.
        let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
        let first = zeros.isolate_lowest_one();
        let name = if zeros == 0 {
            word
        } else {
            word & ((first >> 7) - 1)
        };
        if name == 0 {
            break;
        }
        hash = (hash.rotate_left(5) ^ name).wrapping_mul(0x517c_c1b7_2722_0a95);
        if zeros != 0 {
            break;
        }
    }
    (hash >> 32) as u32
}

/// The first four bytes as a word of this machine; 0 where there are fewer.
fn word(bytes: &[u8]) -> u32 {
    bytes
        .first_chunk()
        .map_or(0, |four| u32::from_ne_bytes(*four))
}

fn words(record: &[u8; 12]) -> [u32; 3] {
    [word(record), word(&record[4..]), word(&record[8..])]
}

/// What all definitions that have an answer agree on.
fn agreed<T: PartialEq>(mut answers: impl Iterator<Item = T>) -> Option<T> {
    let first = answers.next()?;
    answers.all(|other| other == first).then_some(first)
}
