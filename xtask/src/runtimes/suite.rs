//! The tests on real containers: `tests/runtimes`, run with everything up.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use super::daemon::State;
use super::place::Place;
use super::{Down, KUBELET, Runtimes, as_root, bring_up, packages, status, take_down};
use crate::args::Args;
use crate::failure::{Context as _, Result, fail};
use crate::test::target;
use crate::vm::initramfs::utf8;
use crate::workspace::{self, Workspace};
use crate::{privilege, setup};

/// Tells the tests that all is up, and where it is.
const TOLD_TESTS: &str = "SIGWHY_TEST_RUNTIMES";

/// Set where a kubelet is up too: its tests have a directory for their pods.
const TOLD_KUBELET: &str = "SIGWHY_TEST_KUBELET";

/// Names the file that they add to what the documentation shows.
const TOLD_REPORT: &str = "SIGWHY_TEST_REPORT";

/// `runtimes test`: up, the tests, and down again if it was down before.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let report = args.value("--report")?;
    let kubelet = args.flag(KUBELET);
    let rest = args.rest();
    setup::ensure(ws)?;
    play(ws, kubelet, report.as_deref(), &rest).map(|()| ExitCode::SUCCESS)
}

/// Why the runtimes cannot come up here, if they cannot.
pub fn missing(ws: &Workspace) -> Option<String> {
    privilege::missing()
        .map(str::to_owned)
        .or_else(|| packages::cannot_install(ws, &[packages::NEEDS]))
}

/// Plays them, those of a `kubelet` too or not, with these arguments for the test
/// binary; what they have to tell for the documentation goes to `report`.
pub fn play(ws: &Workspace, kubelet: bool, report: Option<&str>, args: &[OsString]) -> Result<()> {
    let binary = target::build(ws, "runtimes")?;
    // The records are root's: as another user nothing would seem to be up.
    let was_up = as_root(ws, &["status"], || status(ws))? == ExitCode::SUCCESS;
    // A kubelet ends the pods that others make: theirs are played without one.
    let had_kubelet = Runtimes::new(ws)?.kubelet()?.state() != State::Down;
    if had_kubelet {
        take_down(ws, Down::Kubelet).and_then(|code| is_good(code, "`runtimes down --kubelet`"))?;
    }
    let ran = bring_up(ws, false)
        .and_then(|code| is_good(code, "`runtimes up`"))
        .and_then(|()| run_tests(ws, &binary, false, report, args));
    let ran = match kubelet {
        true => ran.and_then(|()| {
            let code = bring_up(ws, true)?;
            is_good(code, "`runtimes up --kubelet`")?;
            run_tests(ws, &binary, true, report, args)
        }),
        false => ran,
    };
    let what = match (was_up, kubelet && !had_kubelet) {
        (true, false) => return ran,
        (true, true) => Down::Kubelet,
        (false, _) => Down::All,
    };
    let down = take_down(ws, what).and_then(|code| is_good(code, "`runtimes down`"));
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

fn run_tests(
    ws: &Workspace,
    binary: &Path,
    kubelet: bool,
    report: Option<&str>,
    args: &[OsString],
) -> Result<()> {
    let why = "these tests load BPF programs and make containers";
    let dir = ws.target.join("runtimes");
    // Where `cargo test` would run it.
    let words = Place::new(&dir).enter(&ws.root.join("tracer"));
    let mut command = privilege::command(ws, &words[0], why)?;
    command.args(&words[1..]);
    command.arg(format!("{TOLD_TESTS}={}", utf8(&dir)?));
    if kubelet {
        command.arg(format!("{TOLD_KUBELET}=1"));
    }
    if let Some(report) = report {
        let report = std::path::absolute(report).context(|| report.to_owned())?;
        if !kubelet {
            fs::write(&report, "").context(|| format!("cannot write {}", report.display()))?;
        }
        command.arg(format!("{TOLD_REPORT}={}", utf8(&report)?));
    }
    // Its tests are those that libtest leaves out, and counts.
    let only = kubelet.then_some("--ignored");
    workspace::run(
        command.arg(binary).args(only).args(args),
        "the tests on real containers",
    )
}
