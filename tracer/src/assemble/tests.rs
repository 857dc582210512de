//! Stories told in facts, and the records that come of them.

mod build;
mod ends;
mod memory;
mod signals;
