//! `cargo xtask setup`: whatever building sigwhy needs and is not there yet.
//!
//! Every other command does the same first; when nothing is missing it takes a
//! tenth of a second and says nothing.

use std::process::ExitCode;

use crate::args::Args;
use crate::failure::Result;
use crate::workspace::{ContextNone as _, Workspace};
use crate::{linker, pins, toolchain};

/// The command.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    args.finish()?;
    ensure(ws)?;
    eprintln!("xtask: {}", describe(ws)?);
    Ok(ExitCode::SUCCESS)
}

/// Installs what is missing.
pub fn ensure(ws: &Workspace) -> Result<()> {
    toolchain::ensure(ws)?;
    // Before the linker is built: on another LLVM that is a minute for nothing.
    toolchain::check_llvm(ws)?;
    linker::ensure(ws)?;
    Ok(())
}

/// One line on what is installed; fails if it is not what the pins say.
pub fn describe(ws: &Workspace) -> Result<String> {
    let llvm = toolchain::check_llvm(ws)?;
    let linker = linker::version(ws).context_none(
        "bpf-linker does not run or is not the pinned one: try `cargo xtask setup`",
    )?;
    Ok(format!(
        "Rust {} and {} (LLVM {llvm}) and {linker} are ready",
        pins::HOST,
        pins::EBPF
    ))
}
