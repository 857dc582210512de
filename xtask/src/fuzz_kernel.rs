//! `cargo xtask fuzz-kernel`: random signals, the model's answer against this
//! kernel's. The comparison itself is `tests/fuzz_kernel`.

use std::process::{Command, ExitCode};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::args::Args;
use crate::failure::Result;
use crate::workspace::Workspace;
use crate::{privilege, setup, test};

/// Runs when none are asked for: about a minute's worth.
pub const DEFAULT_RUNS: u64 = 1500;

/// The command: `--runs` and `--seed` are filled in, all else is handed on.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let runs = args.number("--runs")?.unwrap_or(DEFAULT_RUNS);
    let seed = args.number("--seed")?.unwrap_or_else(seed_of_today);
    let rest = args.rest();
    setup::ensure(ws)?;
    let mut command = prepare(ws, runs, seed)?;
    command.args(rest);
    privilege::become_it(command)
}

/// Builds the comparison and returns it, ready to run as root.
pub fn prepare(ws: &Workspace, runs: u64, seed: u64) -> Result<Command> {
    eprintln!("xtask: to repeat: cargo xtask fuzz-kernel --runs {runs} --seed {seed}");
    let mut command = test::target::command(ws, "fuzz_kernel")?;
    command.args(["--runs", &runs.to_string(), "--seed", &seed.to_string()]);
    Ok(command)
}

/// Another seed every day, the same for all who test on one day.
pub fn seed_of_today() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs() / 86_400)
}
