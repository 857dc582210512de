//! Running a program as root: directly when we are, through sudo when not.
//!
//! Nothing is built as root for a person who is not: only the last step is.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use crate::failure::{Failure, Result, fail};
use crate::workspace::{self, Workspace};

/// Variables that sudo drops and that the programs started here read.
const PASSED_ON: &[&str] = &["CI", "NO_COLOR", "RUST_BACKTRACE", "TERM"];

/// Whether this process may do anything.
pub fn is_root() -> bool {
    // The owner of /proc/self is the effective user; the standard library has
    // no geteuid.
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// Says why there is no way to run something as root, if there is none.
pub fn missing() -> Option<&'static str> {
    if is_root() {
        return None;
    }
    if !workspace::is_installed("sudo") {
        return Some("not root, and no sudo here: run this command as root");
    }
    // In CI nobody types a password.
    let asks = workspace::is_ci()
        && !Command::new("sudo")
            .args(["-n", "true"])
            .status()
            .is_ok_and(|status| status.success());
    asks.then_some("not root, and sudo asks for a password: run this command as root")
}

/// A command that runs `program` as root; `why` is told when sudo may ask for a
/// password.
pub fn command(ws: &Workspace, program: impl AsRef<OsStr>, why: &str) -> Result<Command> {
    if is_root() {
        return Ok(ws.command(program));
    }
    if let Some(missing) = missing() {
        return fail(missing);
    }
    eprintln!("xtask: using sudo: {why}");
    let mut command = ws.command("sudo");
    command.args(["--", "env"]);
    for key in PASSED_ON {
        if let Some(value) = std::env::var_os(key) {
            let mut pair = std::ffi::OsString::from(key);
            pair.push("=");
            pair.push(value);
            command.arg(pair);
        }
    }
    command.arg(program);
    Ok(command)
}

/// Becomes the command, so that its exit code and the terminal's signals are
/// its own: Ctrl-C must end a tracer in its own way, not the xtask above it.
pub fn become_it(mut command: Command) -> Result<ExitCode> {
    let error = command.exec();
    Err(Failure::Task(format!(
        "cannot run {}: {error}",
        command.get_program().to_string_lossy()
    )))
}
