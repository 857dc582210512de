//! The BTF reader.
