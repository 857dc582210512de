//! The command line: one file per subcommand, each with its clap struct (whose
//! doc comments are the help) and a short `run`.
//!
//! This file only parses, dispatches, and turns a result into an exit code.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

pub mod completions;
pub mod doctor;
pub mod lab;
pub mod live;
pub mod man;
pub mod specimen;

/// Says for every signal whether the kernel dropped it, and why.
#[derive(Debug, Parser)]
#[command(name = "sigwhy", version, max_term_width = 100)]
pub struct Cli {
    /// On an error, print the whole chain of causes.
    #[arg(short, long, global = true)]
    pub verbose: bool,

    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Live(live::Args),
    Lab(lab::Args),
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
            if verbose {
                eprintln!("sigwhy: {error}");
                for cause in error.chain().skip(1) {
                    eprintln!("  caused by: {cause}");
                }
            } else {
                eprintln!("sigwhy: {error}");
            }
            ExitCode::from(1)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let verbose = cli.verbose;
    match cli.command {
        Command::Live(args) => live::run(args, verbose),
        Command::Lab(args) => lab::run(args, verbose),
        Command::Doctor(args) => doctor::run(args),
        Command::Man(args) => man::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Specimen(args) => specimen::run(args),
    }
}

/// Whether the reader of our output went away: that is the end of the job, not
/// a failure (`sigwhy live | head -1`).
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
