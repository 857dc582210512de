//! Looks up members, sizes and enumerators.

use super::{Btf, MAX_DEPTH, Type, agreed, kind};

/// How many members one lookup compares at most. The largest struct of a kernel
/// has a few hundred; without a limit, anonymous structs nested in a hostile
/// file would multiply.
const MAX_MEMBERS: u32 = 200_000;

/// The size of a pointer on the 64-bit kernels sigwhy runs on, in bytes.
const POINTER: u64 = 8;

/// Where an integer member lies, whether or not it is declared as a bitfield.
///
/// On a little-endian machine its value is
/// `(load(offset) >> shift) & ((1 << bits) - 1)` with a load of at least
/// `shift + bits` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bitfield {
    /// Of the first byte that holds a bit of it, in bytes.
    pub offset: u32,
    /// Of the lowest bit in that byte, 0 to 7.
    pub shift: u8,
    /// How many bits it has, 1 to 64.
    pub bits: u8,
}

/// A member as found: where, of which type, and its bits if it is a bitfield.
struct Found {
    bit_offset: u64,
    type_id: u32,
    /// 0 when it is no `kind_flag` bitfield.
    bits: u32,
}

impl Btf {
    /// The byte offset of a member of a struct, union or typedef, e.g.
    /// `("task_struct", "signal")`.
    ///
    /// `path` may descend with dots into structs and unions held by value
    /// (`"thread.sp"`). Anonymous ones are looked into without being named;
    /// typedefs and qualifiers are followed; pointers and arrays are not.
    /// `None` when there is no such member, and for a bitfield, which has no
    /// byte offset: see [`Btf::bitfield`].
    pub fn member_offset(&self, type_name: &str, path: &str) -> Option<u32> {
        agreed(self.found(type_name, path).filter_map(|found| {
            let is_plain = self.int_bits(&found).is_none() && found.bit_offset % 8 == 0;
            is_plain
                .then(|| u32::try_from(found.bit_offset / 8).ok())
                .flatten()
        }))
    }

    /// The size of a member in bytes; `None` as for [`Btf::member_offset`], and
    /// when its type has no size (a function, a forward declaration). A flexible
    /// array has 0.
    pub fn member_size(&self, type_name: &str, path: &str) -> Option<u32> {
        agreed(self.found(type_name, path).filter_map(|found| {
            let is_plain = self.int_bits(&found).is_none();
            is_plain.then(|| self.size_of_id(found.type_id)).flatten()
        }))
    }

    /// Where the bits of an integer, bool or enum member are; `path` as for
    /// [`Btf::member_offset`].
    ///
    /// Answers for plain members too, because some fields are bitfields in one
    /// kernel and whole bytes in the next (`signal_struct.is_child_subreaper`).
    pub fn bitfield(&self, type_name: &str, path: &str) -> Option<Bitfield> {
        agreed(self.found(type_name, path).filter_map(|found| {
            let (start, bits) = match self.int_bits(&found) {
                Some(place) => place,
                None => {
                    let ty = self.strip(found.type_id)?;
                    if !matches!(ty.kind, kind::INT | kind::ENUM | kind::ENUM64) {
                        return None;
                    }
                    (found.bit_offset, ty.size_or_type.checked_mul(8)?)
                }
            };
            Some(Bitfield {
                offset: u32::try_from(start / 8).ok()?,
                shift: (start % 8) as u8,
                bits: u8::try_from(bits)
                    .ok()
                    .filter(|bits| (1..=64).contains(bits))?,
            })
        }))
    }

    /// The size of a struct, union or typedef, in bytes.
    pub fn size_of(&self, type_name: &str) -> Option<u32> {
        let sizes = self.roots(type_name).map(|ty| self.size_of_type(ty));
        agreed(sizes.flatten())
    }

    /// How many elements an array member is declared with: 0 for a flexible
    /// array, the outermost for more than one dimension.
    pub fn member_array_len(&self, type_name: &str, path: &str) -> Option<u32> {
        agreed(self.found(type_name, path).filter_map(|found| {
            let ty = self.strip(found.type_id)?;
            (ty.kind == kind::ARRAY).then(|| Some(self.triple(&ty, 0)?[2]))?
        }))
    }

    /// The value of an enumerator of a named enum of 32 or 64 bits.
    ///
    /// Kernels before 6.0 do not say whether an enum is signed; there a negative
    /// value of a 32-bit enum comes out as its unsigned reading.
    pub fn enum_value(&self, enum_name: &str, variant: &str) -> Option<i64> {
        let enums = self.named(enum_name, &[kind::ENUM, kind::ENUM64]);
        agreed(enums.filter_map(|ty| {
            (0..ty.vlen).find_map(|index| {
                let (name, value) = if ty.kind == kind::ENUM {
                    let [name, value] = self.pair(&ty, index)?;
                    let signed = i64::from(value.cast_signed());
                    (name, if ty.flag { signed } else { i64::from(value) })
                } else {
                    let [name, low, high] = self.triple(&ty, index)?;
                    let value = u64::from(high) << 32 | u64::from(low);
                    (name, value.cast_signed())
                };
                self.is_name(name, variant).then_some(value)
            })
        }))
    }

    /// The types a C programmer may mean by a bare name: structs and unions by
    /// their tag, and only if there are none, typedefs.
    fn roots<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Type> + 'a {
        let mut tags = self.named(name, &[kind::STRUCT, kind::UNION]).peekable();
        let has_tag = tags.peek().is_some();
        let typedefs = self
            .named(name, &[kind::TYPEDEF])
            .filter_map(|ty| self.strip(ty.size_or_type));
        tags.chain(typedefs.filter(move |_| !has_tag))
    }

    /// `path` in every definition of `type_name` that has it.
    fn found<'a>(&'a self, type_name: &'a str, path: &'a str) -> impl Iterator<Item = Found> + 'a {
        self.roots(type_name).filter_map(move |root| {
            let mut parts = path.split('.');
            let mut found = self.member(root, parts.next()?)?;
            for part in parts {
                let inner = self.member(self.strip(found.type_id)?, part)?;
                found = Found {
                    bit_offset: found.bit_offset.checked_add(inner.bit_offset)?,
                    ..inner
                };
            }
            Some(found)
        })
    }

    fn member(&self, owner: Type, name: &str) -> Option<Found> {
        let mut budget = MAX_MEMBERS;
        // Every anonymous member has the empty name.
        (!name.is_empty()).then(|| self.member_in(owner, name, 0, &mut budget))?
    }

    fn member_in(&self, owner: Type, name: &str, depth: u32, budget: &mut u32) -> Option<Found> {
        if !is_composite(owner) || depth > MAX_DEPTH {
            return None;
        }
        for index in 0..owner.vlen {
            *budget = budget.checked_sub(1)?;
            let [member_name, type_id, place] = self.triple(&owner, index)?;
            let (bits, bit_offset) = match owner.flag {
                true => (place >> 24, u64::from(place & 0xff_ffff)),
                false => (0, u64::from(place)),
            };
            if self.is_name(member_name, name) {
                return Some(Found {
                    bit_offset,
                    type_id,
                    bits,
                });
            }
            if !self.name(member_name).is_empty() {
                continue;
            }
            let Some(inner) = self.strip(type_id) else {
                continue;
            };
            if let Some(found) = self.member_in(inner, name, depth + 1, budget) {
                let bit_offset = bit_offset.checked_add(found.bit_offset)?;
                return Some(Found {
                    bit_offset,
                    ..found
                });
            }
        }
        None
    }

    /// First bit and number of bits of a bitfield; `None` when it is none.
    fn int_bits(&self, found: &Found) -> Option<(u64, u32)> {
        if found.bits != 0 {
            return Some((found.bit_offset, found.bits));
        }
        // The older encoding: the member's own INT is narrower than its bytes.
        let ty = self
            .strip(found.type_id)
            .filter(|ty| ty.kind == kind::INT)?;
        let encoding = super::word(self.bytes.get(ty.data..)?);
        let (skip, bits) = ((encoding >> 16) & 0xff, encoding & 0xff);
        let start = found.bit_offset.checked_add(u64::from(skip))?;
        let is_whole = start % 8 == 0 && skip == 0 && Some(bits) == ty.size_or_type.checked_mul(8);
        (!is_whole).then_some((start, bits))
    }

    fn size_of_id(&self, id: u32) -> Option<u32> {
        self.size_of_type(self.strip(id)?)
    }

    fn size_of_type(&self, mut ty: Type) -> Option<u32> {
        let mut elements = 1_u64;
        for _ in 0..MAX_DEPTH {
            let each = match ty.kind {
                kind::INT | kind::FLOAT | kind::STRUCT | kind::UNION => u64::from(ty.size_or_type),
                kind::ENUM | kind::ENUM64 => u64::from(ty.size_or_type),
                kind::PTR => POINTER,
                kind::ARRAY => {
                    let [element, _index, len] = self.triple(&ty, 0)?;
                    elements = elements.checked_mul(u64::from(len))?;
                    ty = self.strip(element)?;
                    continue;
                }
                _ => return None,
            };
            return u32::try_from(elements.checked_mul(each)?).ok();
        }
        None
    }
}

fn is_composite(ty: Type) -> bool {
    matches!(ty.kind, kind::STRUCT | kind::UNION)
}
