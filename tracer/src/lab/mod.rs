//! The laboratory.

pub mod arena;
