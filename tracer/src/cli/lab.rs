use std::process::ExitCode;
/// placeholder
#[derive(Debug, clap::Args)]
pub struct Args {}
pub fn run(_args: Args, _verbose: bool) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
