//! The kernel's tests on the way to a decision, one under the other, in words
//! and as the kernel has them.

use super::Paint;
use super::words::yes;
use crate::decide::questions::question;
use crate::output::escape::terminal;
use crate::output::wrap::wrap;
use crate::record::PathStep;

/// Appends the tests, three lines each: the answer and what is asked, the
/// kernel's test, this event's values.
pub fn explained(out: &mut String, path: &[PathStep], columns: usize, indent: &str, paint: Paint) {
    // As wide as `yes` and its gap.
    let below = format!("{indent}     ");
    let further = format!("{below}  ");
    for step in path {
        let answer = paint.bold(yes(step.holds));
        let gap = if step.holds { "  " } else { "   " };
        let question = question(&step.function, &step.test).unwrap_or_default();
        let first = format!("{indent}{answer}{gap}");
        push(out, &wrap(question, columns, &first, &below));
        let test = format!("{}(): {}", terminal(&step.function), terminal(&step.test));
        push(out, &paint.faint(&wrap(&test, columns, &below, &further)));
        if !step.values.is_empty() {
            let values = format!("here: {}", terminal(&step.values));
            push(out, &paint.faint(&wrap(&values, columns, &below, &further)));
        }
    }
}

/// Which test it was that decided, and whether the signal was forced, where that
/// is asked.
pub fn decided(rule: &str, forced: Option<bool>) -> String {
    let forced = match forced {
        Some(true) => "; forced",
        Some(false) => "; not forced",
        None => "",
    };
    format!("decided by {}{forced}", terminal(rule))
}

fn push(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(function: &'static str, test: &'static str, holds: bool, values: &str) -> PathStep {
        PathStep {
            function: function.into(),
            test: test.into(),
            holds,
            values: values.into(),
        }
    }

    #[test]
    fn questions_tests_and_values() {
        let path = [
            step(
                "sig_handler_ignored",
                "handler == SIG_IGN",
                true,
                "handler: SIG_IGN",
            ),
            step("get_signal", "unheard of", false, ""),
        ];
        let mut out = String::new();
        explained(&mut out, &path, 80, "  ", Paint(false));
        assert_eq!(
            out,
            "  yes  Has the process set it to be ignored?\n       \
             sig_handler_ignored(): handler == SIG_IGN\n       \
             here: handler: SIG_IGN\n  \
             no\n       \
             get_signal(): unheard of\n"
        );
    }

    #[test]
    fn lines_fit() {
        let path = [step(
            "send_signal_locked",
            "has_si_pid_and_uid(info): force = si_code == SI_KERNEL || the sender has no pid in the target's namespace",
            false,
            "si_code = 0; the sender's pid in the target's namespace is 2",
        )];
        for columns in [60, 80, 100] {
            let mut out = String::new();
            explained(&mut out, &path, columns, "    ", Paint(false));
            assert!(out.lines().all(|line| line.len() <= columns), "{out}");
        }
    }

    #[test]
    fn a_recording_cannot_move_the_cursor() {
        let mut step = step("x\x1b[2J", "y\nz", false, "\x07");
        step.holds = true;
        let mut out = String::new();
        explained(&mut out, &[step], 80, "", Paint(false));
        assert!(!out.contains(['\x1b', '\x07']), "{out:?}");
    }
}
