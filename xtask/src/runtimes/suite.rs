//! The tests on real containers: `tests/runtimes`, run with everything up.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use super::{as_root, down, status, up};
use crate::args::Args;
use crate::failure::Result;
use crate::test::target;
use crate::vm::initramfs::utf8;
use crate::workspace::{self, Workspace};
use crate::{privilege, setup};

/// Tells the tests that all is up, and where it is.
const TOLD_TESTS: &str = "SIGWHY_TEST_RUNTIMES";

/// `runtimes test`: up, the tests, and down again if it was down before.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let rest = args.rest();
    setup::ensure(ws)?;
    let binary = target::build(ws, "runtimes")?;
    // The sockets are root's: as another user nothing would seem to be up.
    let was_up = as_root(ws, &["status"], || status(ws))? == ExitCode::SUCCESS;
    let ran = as_root(ws, &["up"], || up(ws)).and_then(|code| match code {
        ExitCode::SUCCESS => run_tests(ws, &binary, &rest),
        code => Ok(code),
    });
    if !was_up {
        as_root(ws, &["down"], || down(ws, false))?;
    }
    ran
}

fn run_tests(ws: &Workspace, binary: &Path, args: &[OsString]) -> Result<ExitCode> {
    let why = "these tests load BPF programs and make containers";
    let mut command = privilege::command(ws, "env", why)?;
    let dir = ws.target.join("runtimes");
    command.arg(format!("{TOLD_TESTS}={}", utf8(&dir)?));
    command.arg(binary).args(args);
    // Where `cargo test` would run it.
    command.current_dir(ws.root.join("tracer"));
    let status = workspace::status(&mut command)?;
    Ok(match status.success() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
