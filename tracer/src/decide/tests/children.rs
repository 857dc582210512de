//! SIGCHLD, and the layout of siginfo.

use super::*;
use Outcome::Dropped;

#[test]
fn a_child_s_end_is_ignored_by_default() {
    let child = |code| {
        to_init(17)
            .code(code)
            .sender_exits()
            .ignored()
            .is(
                "E19",
                Dropped,
                Reason::DefaultIgnore,
                "sig_task_ignored/unkillable",
            )
            .by(Kind::ChildExit, Relation::Same)
            .forced(false)
    };
    for code in 1..=6 {
        child(code);
    }
    // The end of a zap: the init's own SIGCHLD to its parent on the host.
    to_process(17)
        .target(|t| t.level = 0)
        .code(1)
        .with(|s| s.relation = Relation::Descendant)
        .sender(|s| (s.nr, s.pf_flags) = (1, PF_EXITING))
        .handler(Handler::Function)
        .is(
            "E59",
            Outcome::Queued,
            Reason::Handler,
            "complete_signal/handler",
        )
        .by(Kind::ChildExit, Relation::Descendant);
    // clone(2) may ask for another signal.
    to_process(10)
        .code(1)
        .sender_exits()
        .begins_exit()
        .by(Kind::ChildExit, Relation::Same);
}

#[test]
fn only_the_end_of_a_child_bypasses_the_force_test() {
    for (code, forced) in [
        (1, false),
        (2, false),
        (3, false),
        (4, true),
        (5, true),
        (6, true),
    ] {
        to_process(17).sent_by_sibling().code(code).forced(forced);
    }
}

/// By `siginfo_layout()`: which codes carry a sender's pid, so that a sender
/// who is not visible forces.
#[test]
fn which_siginfo_names_a_sender() {
    for (sig, code, names) in [
        (9, 0, true),
        (9, si::TKILL, true),
        (9, si::QUEUE, true),
        (9, -3, true),
        (9, -60, true),
        (9, i32::MIN, true),
        (9, si::TIMER, false),
        (9, si::SIGIO, false),
        (9, 1, false),
        (9, 6, false),
        (9, 7, true),
        (9, 0x7f, true),
        (9, 0x80, true),
        (9, 0x81, true),
        (9, i32::MAX, true),
        (4, 11, false),
        (4, 12, true),
        (8, 15, false),
        (8, 16, true),
        (11, 10, false),
        (11, 11, true),
        (7, 6, false),
        (7, 7, true),
        (5, 6, false),
        (5, 7, true),
        (31, 2, false),
        (31, 6, false),
        (31, 7, true),
        (29, 6, false),
        (29, 7, true),
        (17, 7, true),
    ] {
        to_process(sig).sent_by_sibling().code(code).forced(names);
        // Visible: only SI_KERNEL forces.
        to_process(sig).code(code).forced(code == si::KERNEL);
    }
    // A USB completion, on whatever the interrupt hit.
    to_process(9).sent_by_idle().code(si::ASYNCIO).forced(false);
    to_process(9).sent_by_host().code(si::ASYNCIO).forced(true);
}
