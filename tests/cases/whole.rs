//! Whether the table is whole: some case makes a kernel do everything that
//! sigwhy has a word for. It reads the cases' source, not their outcome.

use sigwhy::decide::{Outcome, Reason, sender::Kind};

const CASES: &[&str] = &[
    include_str!("cgroups.rs"),
    include_str!("delivery.rs"),
    include_str!("dying.rs"),
    include_str!("from_inside.rs"),
    include_str!("from_kernel.rs"),
    include_str!("from_outside.rs"),
    include_str!("machine.rs"),
    include_str!("oom.rs"),
    include_str!("threads.rs"),
    include_str!("zaps.rs"),
];

/// Words that the expectations have a method for.
const METHODS: &[(&str, &str)] = &[
    ("already_pending", ".coalesced()"),
    ("coalesced", ".coalesced()"),
    ("queue_full", ".failed()"),
    ("failed", ".failed()"),
    ("permission_denied", ".refused()"),
    ("dropped", ".dropped("),
    ("queued", ".queued("),
    ("fatal", ".fatal("),
    ("process", ".by("),
];

/// What no case can make happen.
const BEYOND: &[Reason] = &[
    // For imports only.
    Reason::NotRecorded,
    // Is a bug by definition.
    Reason::ModelDisagrees,
    // Only threads of drivers that call allow_kernel_signal() (DRBD, CIFS) take
    // a signal from the kernel alone. No kernel comes with one running.
    Reason::KernelThread,
];

/// Whether a case expects this word, as the argument of one of these methods or
/// by a method of its own.
fn is_expected(word: &str, methods: &[&str]) -> bool {
    let argument = |method| format!("{method}(\"{word}\"");
    let own = METHODS.iter().filter(|(own, _)| *own == word);
    let mut patterns = methods
        .iter()
        .map(argument)
        .chain(own.map(|(_, call)| (*call).to_owned()));
    patterns.any(|pattern| CASES.iter().any(|cases| cases.contains(&pattern)))
}

#[test]
fn every_reason_has_a_case() {
    for reason in Reason::ALL {
        let has_one = is_expected(reason.id(), &["dropped", "queued", "fatal", "reason"]);
        assert_eq!(has_one, !BEYOND.contains(reason), "{reason:?}");
    }
}

#[test]
fn every_outcome_has_a_case() {
    for outcome in Outcome::ALL {
        assert!(is_expected(outcome.id(), &["outcome"]), "{outcome:?}");
    }
}

#[test]
fn every_kind_of_sender_has_a_case() {
    for kind in Kind::ALL {
        let has_one = is_expected(kind.id(), &["by_kernel", "by_way_of"]);
        assert!(has_one, "{kind:?}");
    }
}
