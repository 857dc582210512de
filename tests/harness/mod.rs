//! What the conformance cases and the kernel fuzzer share: the tracer under
//! test, run as a user runs it, and the expectations its records are held to.

pub mod expect;
pub mod skip;
mod slow;
pub mod watch;

pub use slow::slow;
