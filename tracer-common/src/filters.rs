//! Keys and values of the maps that the loader changes while programs run.
//!
//! Plain arrays of words, since both sides must be able to hand them to the
//! kernel as bytes.

/// Key of the `UNWANTED` map: where a process is.
pub type Place = [u64; 3];

/// Value of the `UNWANTED` map: the init of the PID namespace there. Its start
/// time tells a namespace from the next one with the same inode, and its name may
/// be what a container goes by. All 0 on the host.
pub type Init = [u64; 3];

/// A place by its cgroups (kernfs ids, v2 and v1) and its PID namespace's inode.
#[inline(always)]
pub const fn place(v2: u64, v1: u64, inum: u32) -> Place {
    [v2, v1, inum as u64]
}

/// An init by its start and the bytes of its name, the stale ones too.
#[inline(always)]
pub const fn init(start: u64, [low, high]: [u64; 2]) -> Init {
    [start, low, high]
}

/// Bit of a `HOSTED` value: the id is that of a cgroup v2.
pub const HOSTED_V2: u8 = 1;
/// Bit of a `HOSTED` value: the id is of the v1 hierarchy that names containers.
pub const HOSTED_V1: u8 = 2;
