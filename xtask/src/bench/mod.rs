use crate::{args::Args, failure::Result, workspace::Workspace};
use std::process::ExitCode;
pub fn run(_ws: &Workspace, _args: &mut Args) -> Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
