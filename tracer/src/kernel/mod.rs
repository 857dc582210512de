//! What the running kernel offers: BTF, offsets, attach ladder, loader.
pub mod btf;
