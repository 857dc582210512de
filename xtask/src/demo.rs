//! `cargo xtask demo`: from a fresh clone to sigwhy explaining a lost signal,
//! in one command.

use std::process::ExitCode;

use crate::args::Args;
use crate::failure::Result;
use crate::workspace::Workspace;
use crate::{build, privilege};

/// The command.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    args.finish()?;
    if let Some(missing) = privilege::missing() {
        // Before minutes of building, not after.
        return crate::failure::fail(missing);
    }
    let sigwhy = build::sigwhy(ws, true)?;
    let why = "the demo makes a PID namespace and loads BPF programs";
    let mut command = privilege::command(ws, sigwhy, why)?;
    command.args(["lab", "run", "kill-init"]);
    privilege::become_it(command)
}
