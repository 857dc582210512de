//! The kernel's tests as a person would ask them.
//!
//! A walk and a record name a test as the kernel's source has it; this says what
//! it asks. Yes and no are those of the test.

/// What a test of the walk asks, in words. `None` for one that is not known here:
/// a recording may come from another version.
pub fn question(function: &str, test: &str) -> Option<&'static str> {
    let row = QUESTIONS
        .iter()
        .find(|(of, begin, _)| *of == function && test.starts_with(begin));
    row.map(|(_, _, question)| *question)
}

/// Function, how the test begins, and what it asks.
const QUESTIONS: &[(&str, &str, &str)] = &[
    (
        "check_kill_permission",
        "!kill_ok_by_cred(t)",
        "May the sender signal it? Not where the target is another user's and the sender has no \
         CAP_KILL there, nor where a security module says no.",
    ),
    (
        "send_signal_locked",
        "info == SEND_SIG_NOINFO",
        "Is it forced? It is where the target's PID namespace does not see the sender.",
    ),
    (
        "send_signal_locked",
        "info == SEND_SIG_PRIV",
        "Is it forced? What the kernel itself sends is.",
    ),
    (
        "send_signal_locked",
        "not called",
        "Is it forced? The ends of children and POSIX timers never are.",
    ),
    (
        "send_signal_locked",
        "has_si_pid_and_uid(info)",
        "Is it forced? It is where the target's PID namespace does not see the sender, or the \
         sender is the kernel.",
    ),
    (
        "send_signal_locked",
        "!has_si_pid_and_uid(info)",
        "Is it forced? What names no sender never is.",
    ),
    (
        "prepare_signal",
        "signal->flags & SIGNAL_GROUP_EXIT",
        "Is the process dying already?",
    ),
    (
        "prepare_signal",
        "signal->core_state",
        "Is it writing a core dump?",
    ),
    (
        "prepare_signal",
        "signal->flags & SIGNAL_GROUP_COREDUMP",
        "Is it writing a core dump, which only SIGKILL may end?",
    ),
    (
        "prepare_signal",
        "a core dump is being written",
        "Does this SIGKILL end a core dump?",
    ),
    (
        "prepare_signal",
        "sig_kernel_stop(sig)",
        "Is it a stop signal? Then a pending SIGCONT is thrown away.",
    ),
    (
        "prepare_signal",
        "sig == SIGCONT",
        "Is it SIGCONT? Then pending stops are thrown away and the process resumes.",
    ),
    (
        "sig_ignored",
        "sigismember",
        "Is it blocked, or waited for in sigwait? Then it is kept, handler or not.",
    ),
    (
        "sig_ignored",
        "t->ptrace",
        "Is the process traced, and is this not SIGKILL? Then its tracer sees it first.",
    ),
    (
        "sig_task_ignored",
        "is_global_init(t)",
        "Is it SIGKILL or SIGSTOP for the machine's own PID 1?",
    ),
    (
        "sig_task_ignored",
        "signal->flags & SIGNAL_UNKILLABLE",
        "Does the protection of an init (SIGNAL_UNKILLABLE, 0x40) apply? It does where there is no \
         handler; only a forced SIGKILL or SIGSTOP gets around it.",
    ),
    (
        "sig_task_ignored",
        "t->flags & PF_KTHREAD",
        "Is it a kernel thread that takes this from the kernel only, and is it not forced?",
    ),
    (
        "sig_handler_ignored",
        "handler == SIG_IGN",
        "Has the process set it to be ignored?",
    ),
    (
        "sig_handler_ignored",
        "handler == SIG_DFL",
        "Is there no handler, and is the default to do nothing?",
    ),
    (
        "__send_signal_locked",
        "type == PIDTYPE_PID",
        "Is it for one thread, and is that one exiting?",
    ),
    (
        "__send_signal_locked",
        "!q && !is_si_special(info)",
        "Is the queue full for a real-time signal from sigqueue()? Then that gets EAGAIN.",
    ),
    (
        "__send_signal_locked",
        "!q:",
        "Is the queue full? Then the signal is kept, and who sent it is lost.",
    ),
    (
        "legacy_queue",
        "sig < SIGRTMIN",
        "Is the same signal pending already? Then the two are one.",
    ),
    (
        "complete_signal",
        "sig_fatal(p, sig)",
        "Does it end the process at once? It does where the default is to die (without a core \
         dump), and nobody blocks, awaits or traces it.",
    ),
    (
        "complete_signal",
        "type == PIDTYPE_PID",
        "Is it for one thread, and is that one exiting?",
    ),
    (
        "complete_signal",
        "wants_signal()",
        "Is the process stopped? Then the signal waits until it resumes.",
    ),
    (
        "get_signal",
        "signal->flags & SIGNAL_GROUP_EXIT",
        "Is the process dying, and this thread with it?",
    ),
    (
        "get_signal",
        "sa_handler == SIG_IGN",
        "Is it set to be ignored by now?",
    ),
    (
        "get_signal",
        "sa_handler != SIG_DFL",
        "Is there a handler? Then it runs.",
    ),
    (
        "get_signal",
        "sig_kernel_ignore(signr)",
        "Is the default to do nothing?",
    ),
    (
        "get_signal",
        "signal->flags & SIGNAL_UNKILLABLE",
        "Does the protection of an init (SIGNAL_UNKILLABLE, 0x40) apply? Only SIGKILL and SIGSTOP \
         get around it.",
    ),
    (
        "get_signal",
        "sig_kernel_stop(signr)",
        "Is the default to stop the process?",
    ),
    (
        "get_signal",
        "sig_kernel_coredump(signr)",
        "Is the default to die with a core dump?",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Every test in the sources of the model has its question, and the other way
    /// round.
    #[test]
    fn every_test_can_be_asked() {
        const SOURCES: [&str; 4] = [
            include_str!("force.rs"),
            include_str!("generate.rs"),
            include_str!("complete.rs"),
            include_str!("deliver.rs"),
        ];
        let mut asked = vec![false; QUESTIONS.len()];
        let mut tests = 0;
        for source in SOURCES {
            // The function is a constant of the function around it, or a literal.
            let mut function = "";
            for (at, _) in source.match_indices('"') {
                let before = source[..at].trim_end();
                let text = source[at + 1..].split('"').next().unwrap_or_default();
                if before.ends_with("const F: &str =") {
                    function = text;
                    continue;
                }
                let of = if before.ends_with("F,") {
                    function
                } else if let Some((head, "")) = before.rsplit_once("\",") {
                    match head.rsplit_once(".test(") {
                        Some((_, literal)) if literal.trim_start().starts_with('"') => {
                            literal.trim_start().trim_start_matches('"')
                        }
                        _ => continue,
                    }
                } else {
                    continue;
                };
                tests += 1;
                assert!(question(of, text).is_some(), "{of}: {text}");
                for (asked, (f, begin, _)) in asked.iter_mut().zip(QUESTIONS) {
                    *asked |= *f == of && text.starts_with(begin);
                }
            }
        }
        assert!(tests > 25, "{tests}");
        let unasked: Vec<_> = QUESTIONS
            .iter()
            .zip(asked)
            .filter(|(_, asked)| !asked)
            .collect();
        assert!(unasked.is_empty(), "{unasked:?}");
    }

    #[test]
    fn what_is_unknown_has_no_words() {
        assert_eq!(question("sig_ignored", "something new"), None);
        assert_eq!(question("legacy_queue", "handler == SIG_IGN"), None);
    }
}
