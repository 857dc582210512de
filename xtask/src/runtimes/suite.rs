//! The tests on real containers: `tests/runtimes`, run with everything up.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use super::place::Place;
use super::{as_root, down, packages, status, up};
use crate::args::Args;
use crate::failure::{Context as _, Result, fail};
use crate::test::target;
use crate::vm::initramfs::utf8;
use crate::workspace::{self, Workspace};
use crate::{privilege, setup};

/// Tells the tests that all is up, and where it is.
const TOLD_TESTS: &str = "SIGWHY_TEST_RUNTIMES";

/// Names the file that they add to what the documentation shows.
const TOLD_REPORT: &str = "SIGWHY_TEST_REPORT";

/// `runtimes test`: up, the tests, and down again if it was down before.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let report = args.value("--report")?;
    let rest = args.rest();
    setup::ensure(ws)?;
    play(ws, report.as_deref(), &rest).map(|()| ExitCode::SUCCESS)
}

/// Why the runtimes cannot come up here, if they cannot.
pub fn missing(ws: &Workspace) -> Option<String> {
    privilege::missing()
        .map(str::to_owned)
        .or_else(|| packages::cannot_install(ws, &[packages::NEEDS]))
}

/// Plays them, with these arguments for the test binary; what they have to tell
/// for the documentation goes to `report`.
pub fn play(ws: &Workspace, report: Option<&str>, args: &[OsString]) -> Result<()> {
    let binary = target::build(ws, "runtimes")?;
    // The records are root's: as another user nothing would seem to be up.
    let was_up = as_root(ws, &["status"], || status(ws))? == ExitCode::SUCCESS;
    let ran = as_root(ws, &["up"], || up(ws))
        .and_then(|code| is_good(code, "`runtimes up`"))
        .and_then(|()| run_tests(ws, &binary, report, args));
    if was_up {
        return ran;
    }
    let down = as_root(ws, &["down"], || down(ws, false))
        .and_then(|code| is_good(code, "`runtimes down`"));
    match (ran, down) {
        (Err(tests), Err(down)) => fail(format!("{tests}; and then: {down}")),
        (ran, down) => ran.and(down),
    }
}

fn is_good(code: ExitCode, what: &str) -> Result<()> {
    if code == ExitCode::SUCCESS {
        return Ok(());
    }
    fail(format!("{what} failed"))
}

fn run_tests(ws: &Workspace, binary: &Path, report: Option<&str>, args: &[OsString]) -> Result<()> {
    let why = "these tests load BPF programs and make containers";
    let dir = ws.target.join("runtimes");
    // Where `cargo test` would run it.
    let words = Place::new(&dir).enter(&ws.root.join("tracer"));
    let mut command = privilege::command(ws, &words[0], why)?;
    command.args(&words[1..]);
    command.arg(format!("{TOLD_TESTS}={}", utf8(&dir)?));
    if let Some(report) = report {
        let report = std::path::absolute(report).context(|| report.to_owned())?;
        fs::write(&report, "").context(|| format!("cannot write {}", report.display()))?;
        command.arg(format!("{TOLD_REPORT}={}", utf8(&report)?));
    }
    workspace::run(
        command.arg(binary).args(args),
        "the tests on real containers",
    )
}
