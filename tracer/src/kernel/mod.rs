//! What the running kernel offers, and the loader.
//!
//! [`btf`] reads the kernel's own type information, [`offsets`] resolves the
//! table of fields against it, [`ladder`] lists the hooks and the ways to attach
//! each, [`attach`] climbs them, [`load`] is the only file that names aya's loader,
//! and [`probe`] tries every way for the doctor.

pub mod attach;
pub mod btf;
pub mod cgroup;
pub mod ladder;
pub mod load;
pub mod log;
pub mod offsets;
pub mod probe;
pub mod ring;
