//! Patience, in every test binary the same.

use std::time::Duration;

/// A limit on how long something may take, stretched where everything is slower:
/// SIGWHY_TEST_SLOW=10 on an emulated machine.
pub fn slow(limit: Duration) -> Duration {
    let factor = std::env::var("SIGWHY_TEST_SLOW").ok();
    limit * factor.and_then(|text| text.parse().ok()).unwrap_or(1)
}
