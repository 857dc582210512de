//! Tests that a machine cannot play: said aloud, and noted down for whoever runs
//! the tests on several machines and wants each to have run on one.
//!
//! Not for what another kernel does differently: that is a test of its own.

use std::fs::File;
use std::io::Write as _;

/// Names a file that gets one line `TEST<tab>REASON` for each skipped test.
const SKIPS: &str = "SIGWHY_TEST_SKIPS";

/// Set where the machine is there for the tests alone: a virtual one.
const GUEST: &str = "SIGWHY_TEST_GUEST";

/// Says that this machine lacks what the calling test needs; the test is to end
/// well right after. `reason` is one line, such as `no v1 freezer hierarchy`.
///
/// # Panics
///
/// If there is a list of skipped tests and it cannot be written: it would say
/// that the test ran.
pub fn skip(reason: &str) {
    // The test's own thread has its name, where the tests run beside each other.
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("?");
    eprintln!("{test} skipped: {reason}");
    if let Some(list) = std::env::var_os(SKIPS) {
        let line = format!("{test}\t{reason}\n");
        File::options()
            .append(true)
            .create(true)
            .open(&list)
            .and_then(|mut list| list.write_all(line.as_bytes()))
            .unwrap_or_else(|error| panic!("noting {line:?} in {}: {error}", list.display()));
    }
}

/// Whether the machine is the tests' own, so that one may change what belongs to
/// all of it: mounts, sysctls, files in /sbin.
pub fn own_machine() -> bool {
    std::env::var_os(GUEST).is_some_and(|guest| guest == "1")
}
