//! What the kernel side and the loader of sigwhy agree on.
//!
//! [`facts`] are the records that cross the ring buffers, [`offsets`] is the one
//! table of kernel fields, [`globals`] names the other values that the loader
//! sets before the kernel verifies the programs, [`filters`] are what it sets
//! while they run, and [`signals`] holds the kernel's own signal sets.
//!
//! What may not be put here: anything that decides, allocates, or depends on
//! another crate. Records are plain `#[repr(C)]` structs without padding, never
//! Rust enums, whose layout and validity no kernel side could promise.
#![no_std]

pub mod facts;
pub mod filters;
pub mod globals;
pub mod offsets;
pub mod signals;
