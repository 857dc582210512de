//! `cargo xtask run -- ARGS`: the sigwhy of this tree, as root.

use std::process::ExitCode;

use crate::args::Args;
use crate::failure::Result;
use crate::workspace::Workspace;
use crate::{build, privilege};

/// The command. sigwhy's exit code becomes ours.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let rest = args.rest();
    let sigwhy = build::sigwhy(ws, true)?;
    let mut command = privilege::command(ws, sigwhy, "loading BPF programs takes root")?;
    command.args(rest);
    if let Ok(here) = std::env::current_dir() {
        // Paths in ARGS are the user's, not ours.
        command.current_dir(here);
    }
    privilege::become_it(command)
}
