//! The command line: one file per subcommand, each with its clap struct (whose
//! doc comments are the help) and a short `run`.
//!
//! This file only parses, dispatches, and turns a result into an exit code. An
//! error is one line: what failed, why, and what to do; where there is a page about
//! it, the line ends with the command that prints the page ([`trouble`]).

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::kernel::ladder::Forced;
use crate::output::escape::terminal;
use crate::trouble;

pub mod audit;
pub mod command;
pub mod completions;
pub mod doctor;
pub mod explain;
pub mod guide;
pub mod lab;
pub mod live;
pub mod looking;
pub mod man;
pub mod ps;
pub mod record;
pub mod replay;
pub mod report;
pub mod run;
pub mod specimen;
pub mod which;
pub mod why;

/// What was being done when standard output failed.
pub const WRITING: &str = "writing the output";

/// Where in a help what every command has comes: behind what is its own.
const LAST: usize = 900;

/// Says for every signal whether the kernel dropped it, and why.
#[derive(Debug, Parser)]
#[command(name = "sigwhy", version, max_term_width = 80)]
pub struct Cli {
    /// On an error, print the whole chain of causes.
    #[arg(short, long, global = true, display_order = LAST)]
    pub verbose: bool,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// How hooks are to be attached, for every command that traces.
#[derive(Debug, clap::Args)]
pub struct Attach {
    /// Attach a hook in this way and no other, for instance zap=inferred;
    /// `sigwhy doctor` lists hooks and ways. In the variable, several have commas
    /// between.
    #[arg(
        long = "attach",
        value_name = "HOOK=WAY",
        env = "SIGWHY_ATTACH",
        value_delimiter = ','
    )]
    pub forced: Vec<Forced>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Live(Box<live::Args>),
    Run(Box<run::Args>),
    Lab(lab::Args),
    Explain(Box<explain::Args>),
    Ps(ps::Args),
    Why(why::Args),
    Audit(audit::Args),
    Record(Box<record::Args>),
    Replay(Box<replay::Args>),
    Report(Box<report::Args>),
    Doctor(doctor::Args),
    Man(man::Args),
    Completions(completions::Args),
    #[command(name = "__specimen", hide = true)]
    Specimen(specimen::Args),
}

/// The command line as clap sees it, for the manual page and the completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let verbose = cli.verbose;
    match run(cli) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&said(&error, verbose));
            let not_started = error.downcast_ref::<command::NotStarted>();
            ExitCode::from(not_started.map_or(1, command::NotStarted::code))
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let verbose = cli.verbose;
    match cli.command {
        Some(Command::Live(args)) => live::run(*args, verbose),
        Some(Command::Run(args)) => run::run(*args),
        Some(Command::Lab(args)) => lab::run(args, verbose),
        Some(Command::Explain(args)) => explain::run(*args),
        Some(Command::Ps(args)) => ps::run(args),
        Some(Command::Why(args)) => why::run(args),
        Some(Command::Audit(args)) => audit::run(args),
        Some(Command::Record(args)) => record::run(*args, verbose),
        Some(Command::Replay(args)) => replay::run(*args, verbose),
        Some(Command::Report(args)) => report::run(*args),
        Some(Command::Doctor(args)) => doctor::run(args),
        Some(Command::Man(args)) => man::run(args),
        Some(Command::Completions(args)) => completions::run(args),
        Some(Command::Specimen(args)) => specimen::run(args),
        None => guide::run(),
    }
}

/// Says something to the person, as a line of `sigwhy:` on standard error. That
/// nobody hears it is no reason to fail: `eprintln!` would panic.
pub fn tell(text: &str) {
    tell_line(&format!("sigwhy: {text}"));
}

/// The same, of a line that begins in its own way.
pub fn tell_line(text: &str) {
    // In one piece: others may write there at the same time.
    let _ = io::stderr().write_all(format!("{text}\n").as_bytes());
}

/// What is printed of an error: with `verbose` its causes below it.
fn said(error: &anyhow::Error, verbose: bool) -> String {
    let text = match verbose {
        true => chain(error),
        false => one_line(error),
    };
    let Some(trouble) = trouble::of(error) else {
        return text;
    };
    // Behind the first line, which is the same with -v.
    let (line, causes) = text.split_at(text.find('\n').unwrap_or(text.len()));
    format!("{line}{}{causes}", trouble.more())
}

/// The error and its causes in one line. A line that names the root of it is
/// complete; a cause of several lines (the verifier's) is for `-v`.
fn one_line(error: &anyhow::Error) -> String {
    let root = without_number(&error.root_cause().to_string());
    let mut line = String::new();
    for cause in error.chain() {
        let text = without_number(&cause.to_string());
        if line.is_empty() {
            line = text;
        } else if !text.contains('\n') && !line.contains(&text) {
            line += ": ";
            line += &text;
        }
        if line.contains(&root) {
            break;
        }
    }
    terminal(&line.replace('\n', " ")).into_owned()
}

/// The error, and below it each cause that tells something new.
fn chain(error: &anyhow::Error) -> String {
    let mut told: Vec<String> = Vec::new();
    let mut out = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if told.iter().any(|before| before.contains(text.trim())) {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            if !out.is_empty() {
                let is_first = index == 0;
                out += if is_first {
                    "\n  caused by: "
                } else {
                    "\n    "
                };
            }
            out += &terminal(line);
        }
        told.push(text);
    }
    out
}

/// Without the ` (os error 28)` that `io::Error` adds for machines.
fn without_number(text: &str) -> String {
    let Some((before, rest)) = text.split_once(" (os error ") else {
        return text.to_owned();
    };
    match rest.split_once(')') {
        Some((number, after)) if number.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{before}{}", without_number(after))
        }
        _ => text.to_owned(),
    }
}

/// Whether the reader of our output went away: that is the end of the job, not
/// a failure (`sigwhy live | head -1`).
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    /// clap's own assertions are not in an optimized build.
    #[test]
    fn no_option_is_there_twice() {
        for command in command().get_subcommands() {
            let mut seen = std::collections::BTreeSet::new();
            for arg in command.get_arguments() {
                let short = arg.get_short().map(String::from);
                let long = arg.get_long().map(str::to_owned);
                for name in [short, long].into_iter().flatten() {
                    let of = command.get_name();
                    assert!(seen.insert(name.clone()), "{of} has {name} twice");
                }
            }
        }
    }

    #[test]
    fn an_error_is_one_line_that_says_nothing_twice() {
        let full = io::Error::from_raw_os_error(libc::ENOSPC);
        let error = anyhow!(full).context(WRITING);
        assert_eq!(
            one_line(&error),
            "writing the output: No space left on device"
        );

        let error = anyhow!("no permission")
            .context("making a map")
            .context("cannot load (no permission): run with sudo");
        assert_eq!(
            one_line(&error),
            "cannot load (no permission): run with sudo"
        );

        let error = anyhow!("refused (EPERM)")
            .context("a log\nof two lines")
            .context("cannot attach zap (refused (EPERM)); see doctor");
        assert_eq!(
            one_line(&error),
            "cannot attach zap (refused (EPERM)); see doctor"
        );
        assert_eq!(
            chain(&error),
            "cannot attach zap (refused (EPERM)); see doctor\n  caused by: a log\n    of two lines"
        );
    }

    #[test]
    fn a_page_is_named_at_the_end_of_the_line() {
        let error = anyhow!("EPERM").context(trouble::Trouble::HookRefused.known("cannot attach"));
        let line = "cannot attach: EPERM (more: sigwhy explain hook-refused)";
        assert_eq!(said(&error, false), line);
        let verbose = "cannot attach (more: sigwhy explain hook-refused)\n  caused by: EPERM";
        assert_eq!(said(&error, true), verbose);
        assert_eq!(said(&anyhow!("another"), false), "another");
    }

    #[test]
    fn foreign_text_in_an_error_is_escaped() {
        let error = anyhow!("cannot open \u{1b}[2J\nfile");
        assert_eq!(one_line(&error), "cannot open \\x1b[2J file");
        assert!(!chain(&error).contains('\u{1b}'));
    }

    #[test]
    fn numbers_of_errors_go_and_all_else_stays() {
        assert_eq!(without_number("a (os error 1): b (os error 22)"), "a: b");
        assert_eq!(without_number("a (os error x)"), "a (os error x)");
        assert_eq!(without_number("(os error 1"), "(os error 1");
    }
}
