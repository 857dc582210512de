//! `cargo xtask build`: the sigwhy binary, eBPF side and all.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::args::Args;
use crate::failure::Result;
use crate::setup;
use crate::workspace::{self, Workspace};

/// The command.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let debug = args.flag("--debug");
    args.finish()?;
    println!("{}", sigwhy(ws, !debug)?.display());
    Ok(ExitCode::SUCCESS)
}

/// Sets up, builds sigwhy and returns where it is.
pub fn sigwhy(ws: &Workspace, release: bool) -> Result<PathBuf> {
    setup::ensure(ws)?;
    let mut cargo = ws.host_cargo();
    cargo.args(["build", "--package", "sigwhy", "--bin", "sigwhy"]);
    if release {
        cargo.arg("--release");
    }
    workspace::run(&mut cargo, "building sigwhy")?;
    let profile = if release { "release" } else { "debug" };
    Ok(ws.target.join(profile).join("sigwhy"))
}
