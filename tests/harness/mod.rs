//! What the conformance cases and the kernel fuzzer share: the tracer under
//! test, run as a user runs it, and the expectations its records are held to.

use std::time::Duration;

pub mod expect;
pub mod skip;
pub mod watch;

/// A limit on how long something may take, stretched where everything is slower:
/// SIGWHY_TEST_SLOW=10 on an emulated machine.
pub fn slow(limit: Duration) -> Duration {
    let factor = std::env::var("SIGWHY_TEST_SLOW").ok();
    limit * factor.and_then(|text| text.parse().ok()).unwrap_or(1)
}
