//! `sigwhy` without arguments: what there is to do, and what of it works here.
//!
//! It reads files only, as [`doctor::environment`] does: it needs no right, attaches
//! nothing, and takes some hundredths of a second. `sigwhy doctor` tries what this
//! expects.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::doctor::{self, Check, Options, Report, Status, hooks};
use crate::kernel::{btf, ladder::HOOKS};
use crate::output::color::{Color, Variables};
use crate::output::escape::terminal;
use crate::output::{text::Paint, wrap::wrap};
use crate::trouble::Trouble;

const COLUMNS: usize = 80;

/// What a command needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// To load programs.
    Tracing,
    /// That, and to make PID namespaces.
    Lab,
    /// To look at every process.
    Looking,
    Nothing,
}

/// A command, and what it is for.
type Line = (Needs, &'static str, &'static str);

/// Headings, and below each commands.
const COMMANDS: [(&str, &[Line]); 4] = [
    (
        "Start here",
        &[
            (
                Needs::Lab,
                "sigwhy lab run kill-init",
                "a lost signal, made on this kernel",
            ),
            (
                Needs::Nothing,
                "sigwhy explain --signal TERM --init",
                "the same, of a signal nobody sent",
            ),
        ],
    ),
    (
        "As it happens",
        &[
            (Needs::Tracing, "sigwhy live", "the signals of containers"),
            (
                Needs::Tracing,
                "sigwhy run -- docker stop web",
                "why did that stop take so long?",
            ),
        ],
    ),
    (
        "Before and while",
        &[
            (Needs::Looking, "sigwhy ps", "what would a stop do to each?"),
            (
                Needs::Looking,
                "sigwhy audit",
                "what is wrong with how they stop?",
            ),
            (
                Needs::Looking,
                "sigwhy why web",
                "why does it not end, now?",
            ),
        ],
    ),
    (
        "Afterwards",
        &[
            (
                Needs::Tracing,
                "sigwhy record -o FILE",
                "keep what happens, for later",
            ),
            (
                Needs::Nothing,
                "sigwhy report FILE",
                "what went wrong, the worst first",
            ),
        ],
    ),
];

/// Prints it.
///
/// # Errors
/// When the output cannot be written.
pub fn run() -> anyhow::Result<ExitCode> {
    let checks = doctor::environment(&Options::default());
    let expected = hooks::from_btf(Path::new(btf::VMLINUX)).hooks;
    let report = Report::new(checks).with_hooks(expected);
    let mut out = io::stdout().lock();
    let colour = Color::Auto.wanted(out.is_terminal(), &Variables::from_env());
    out.write_all(text(&report, Paint(colour)).as_bytes())
        .and_then(|()| out.flush())
        .context(super::WRITING)?;
    Ok(ExitCode::SUCCESS)
}

/// The whole of it, from what was found out.
fn text(report: &Report, paint: Paint) -> String {
    let sees_all = check(report, "processes").is_none_or(|c| c.status != Status::Warn);
    let command = |needs: Needs, words: &str| {
        let has = match needs {
            Needs::Tracing => report.can_trace,
            Needs::Lab => report.can_trace && !may_only_trace(report),
            Needs::Looking => sees_all,
            Needs::Nothing => true,
        };
        match has {
            true => words.to_owned(),
            false => format!("sudo {words}"),
        }
    };
    let mut text =
        "sigwhy says for every signal whether the kernel dropped it, and why.\n".to_owned();
    let all = || COMMANDS.iter().flat_map(|(_, commands)| *commands);
    let longest = all().map(|(needs, words, _)| command(*needs, words).len());
    let width = longest.max().unwrap_or(0);
    for (heading, commands) in COMMANDS {
        text += &format!("\n{}\n", paint.bold(heading));
        for (needs, words, about) in commands {
            let words = command(*needs, words);
            text += &format!("  {words:<width$}  {about}\n");
        }
    }
    text += &format!("\n{}\n", paint.bold(&terminal(&machine(report))));
    for (word, what, about) in [tracing(report), looking(report), reading()] {
        let first = format!("  {word:<4}  {what:<27} ");
        let rest = " ".repeat(first.len());
        text += &wrap(&terminal(&about), COLUMNS, &first, &rest);
        text.push('\n');
    }
    text + "\nsigwhy doctor tries all of it; sigwhy --help lists every command, and each has\n--help of its own; sigwhy explain lists the words that it can explain.\n"
}

fn check<'a>(report: &'a Report, id: &str) -> Option<&'a Check> {
    report.checks.iter().find(|check| check.id == id)
}

/// The heading: which machine.
fn machine(report: &Report) -> String {
    match check(report, "kernel") {
        Some(kernel) => format!("This machine, {}", kernel.detail),
        None => "This machine".to_owned(),
    }
}

type Row = (&'static str, &'static str, String);

/// What loads programs.
fn tracing(report: &Report) -> Row {
    const WHAT: &str = "live, run, record, lab run";
    let failed = report.checks.iter().find(|c| c.status == Status::Fail);
    let Some(failed) = failed else {
        let hooks = hooks_expected(report);
        return match may_only_trace(report) {
            true => ("part", WHAT, format!("{hooks}; lab run takes root")),
            false => ("yes", WHAT, hooks),
        };
    };
    let in_container = check(report, "pid_namespace").is_some_and(|c| c.status == Status::Warn);
    let (why, page) = match failed.id {
        // Who is root there already is not helped by sudo.
        "capabilities" if in_container => (failed.detail.clone(), Some(Trouble::InContainer)),
        // What nearly everybody meets first.
        "capabilities" => {
            let why = format!("{}: run it with sudo", failed.detail);
            (why, Some(Trouble::NoPermission))
        }
        "btf" => (failed.detail.clone(), Some(Trouble::NoBtf)),
        _ => {
            let why = format!("{}: {}", failed.title, failed.detail);
            (why, failed.page.and_then(Trouble::find))
        }
    };
    let more = match page {
        Some(trouble) => trouble.more().to_string(),
        None => " (more: sigwhy doctor)".to_owned(),
    };
    ("no", WHAT, why + &more)
}

/// Whether the rights are those of a file with capabilities, not root's.
fn may_only_trace(report: &Report) -> bool {
    check(report, "capabilities").is_some_and(|c| c.detail == doctor::MAY_ONLY_TRACE)
}

/// What the kernel's types say about the hooks.
fn hooks_expected(report: &Report) -> String {
    let cannot = |id: &str| {
        let hook = report.hooks.iter().find(|hook| hook.id == id);
        hook.is_some_and(|hook| hook.rungs.iter().all(|rung| rung.holds == Some(false)))
    };
    let lost: Vec<_> = HOOKS.iter().filter(|hook| cannot(hook.id)).collect();
    if !lost.is_empty() {
        let purposes: Vec<_> = lost.iter().map(|hook| hook.purpose).collect();
        return format!("but not on this kernel: {}", purposes.join("; "));
    }
    let zap = report.hooks.iter().find(|hook| hook.id == "zap");
    let directly = zap.is_some_and(|hook| {
        hook.rungs
            .iter()
            .any(|rung| rung.holds != Some(false) && !rung.id.starts_with("inferred"))
    });
    match directly {
        true => "this kernel has every hook".to_owned(),
        false => "this kernel has every hook; the end of a PID namespace is inferred".to_owned(),
    }
}

/// What looks at processes.
fn looking(report: &Report) -> Row {
    const WHAT: &str = "ps, why, audit";
    let is = |id: &str, status| check(report, id).is_some_and(|c| c.status == status);
    if is("user_namespace", Status::Fail) {
        return (
            "part",
            WHAT,
            "what is in this user namespace only".to_owned(),
        );
    }
    if is("pid_namespace", Status::Warn) {
        let about = format!(
            "what is in this container only{}",
            Trouble::InContainer.more()
        );
        return ("part", WHAT, about);
    }
    match is("processes", Status::Warn) {
        true => ("part", WHAT, "your own processes; with sudo all".to_owned()),
        false => ("yes", WHAT, "every process may be looked at".to_owned()),
    }
}

/// What needs nothing.
fn reading() -> Row {
    let what = "explain, report, replay";
    ("yes", what, "need no right and no kernel".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::hooks::{HookReport, RungReport};

    fn found(id: &'static str, status: Status, detail: &str) -> Check {
        Check::new("Group", id, id, status, detail)
    }

    fn hook(id: &'static str, rungs: &[(&'static str, Option<bool>)]) -> HookReport {
        let rungs = rungs.iter().map(|(id, holds)| RungReport {
            id,
            holds: *holds,
            why: None,
            programs: Vec::new(),
        });
        HookReport {
            id,
            required: id != "zap",
            rungs: rungs.collect(),
        }
    }

    fn kernel() -> Check {
        found("kernel", Status::Ok, "Linux 6.1.0-50-amd64 on x86_64")
    }

    fn shown(checks: Vec<Check>, hooks: Vec<HookReport>) -> String {
        let report = Report::new(checks).with_hooks(hooks);
        let text = text(&report, Paint(false));
        let wide = text.lines().find(|line| line.chars().count() > COLUMNS);
        assert_eq!(wide, None);
        text
    }

    #[test]
    fn where_all_works() {
        let checks = vec![
            kernel(),
            found("capabilities", Status::Ok, "CAP_SYS_ADMIN"),
            found("processes", Status::Ok, "CAP_SYS_PTRACE"),
        ];
        let zap = [("fentry", None), ("inferred", Some(true))];
        let hooks = vec![
            hook("signal_generate", &[("tp_btf", Some(true))]),
            hook("zap", &zap),
        ];
        insta::assert_snapshot!(shown(checks, hooks));
    }

    #[test]
    fn without_rights() {
        let detail = "CAP_BPF and CAP_PERFMON are missing: may not load tracing programs";
        let checks = vec![
            kernel(),
            found("capabilities", Status::Fail, detail),
            found("processes", Status::Warn, "CAP_SYS_PTRACE is missing"),
        ];
        insta::assert_snapshot!(shown(checks, Vec::new()));
    }

    #[test]
    fn in_a_container_without_types() {
        let detail = "no kernel types at \"/sys/kernel/btf/vmlinux\": the kernel must be built with CONFIG_DEBUG_INFO_BTF=y, or give its BTF with --btf FILE";
        let checks = vec![
            kernel(),
            found("btf", Status::Fail, detail),
            found("pid_namespace", Status::Warn, "4026532567, a container's"),
        ];
        insta::assert_snapshot!(shown(checks, Vec::new()));
    }

    #[test]
    fn with_no_more_rights_than_to_trace() {
        let checks = vec![
            kernel(),
            found("capabilities", Status::Ok, doctor::MAY_ONLY_TRACE),
        ];
        let text = shown(checks, Vec::new());
        for words in [
            "  sudo sigwhy lab run",
            "\n  sigwhy live",
            "lab run takes root",
        ] {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
    }

    #[test]
    fn sudo_is_no_advice_in_a_container() {
        let checks = vec![
            kernel(),
            found("capabilities", Status::Fail, "CAP_BPF is missing"),
            found("pid_namespace", Status::Warn, "4026532567, a container's"),
        ];
        let text = shown(checks, Vec::new());
        assert!(!text.contains("run it with sudo"), "{text}");
        assert_eq!(text.matches("in-container").count(), 2, "{text}");
    }

    #[test]
    fn as_root_of_a_user_namespace() {
        let checks = vec![
            kernel(),
            found("processes", Status::Ok, "CAP_SYS_PTRACE"),
            found("user_namespace", Status::Fail, "not the machine's own"),
        ];
        let text = shown(checks, Vec::new());
        for words in [
            "user_namespace: not the machine's own (more",
            "explain in-container)",
            "part  ps, why, audit",
        ] {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
    }

    #[test]
    fn what_a_kernel_has_not_is_named() {
        let checks = || vec![kernel(), found("processes", Status::Ok, "")];
        let inferred = hook("zap", &[("fentry", Some(false)), ("inferred", Some(true))]);
        let text = shown(checks(), vec![inferred]);
        assert!(text.contains("is inferred"), "{text}");
        let none = hook("oom", &[("tp_btf", Some(false)), ("raw_tp", Some(false))]);
        let text = shown(checks(), vec![none]);
        assert!(text.contains("but not on this kernel: "), "{text}");
    }

    #[test]
    fn text_from_outside_is_escaped() {
        let evil = found("kernel", Status::Ok, "Linux \u{1b}[2J");
        let text = shown(vec![evil], Vec::new());
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
