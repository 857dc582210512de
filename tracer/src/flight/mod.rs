//! The flight recorder: the last minutes of every container in bounded memory,
//! written out when something happens that is worth it.
//!
//! `memory` keeps lines, by container and by age, and is the bound; [`occasion`]
//! says what is worth it; `sink` puts the two between the records and the file.
//! Nothing here does I/O, knows a clock of its own, or knows the kernel: time is
//! that of the records.
//!
//! What is written is a recording like any other ([`crate::store`]), in which each
//! container's records come under a `preroll` record: they are older than what
//! stands before it, and nothing between two of them was lost.

mod memory;
pub mod occasion;
mod sink;
#[cfg(test)]
mod tests;

pub use memory::{Kept, Key, Memory};
pub use occasion::Occasion;
pub use sink::{FlightSink, Options};
