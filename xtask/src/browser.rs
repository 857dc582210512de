//! `cargo xtask browser`: the page of `sigwhy report --html` in a headless Chromium
//! of Debian's, for `tests/browser`.
//!
//! Root only to install it; the tests themselves run as whoever asks for them.

use std::ffi::OsString;
use std::fs;
use std::process::ExitCode;

use crate::args::Args;
use crate::failure::{Context as _, Failure, Result};
use crate::runtimes::packages;
use crate::setup;
use crate::test::target;
use crate::workspace::{self, Workspace};

/// The command.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    match args.command().as_deref() {
        Some("test") => {
            let rest = args.rest();
            setup::ensure(ws)?;
            play(ws, &rest).map(|()| ExitCode::SUCCESS)
        }
        Some(other) => Err(Failure::Usage(format!("browser has no {other:?}"))),
        None => Err(Failure::Usage("browser what? test".into())),
    }
}

/// Why the tests cannot run here, if they cannot.
pub fn missing(ws: &Workspace) -> Option<String> {
    packages::cannot_install(ws, &[packages::BROWSER])
}

/// Plays them, with these arguments for the test binary.
pub fn play(ws: &Workspace, args: &[OsString]) -> Result<()> {
    let dir = ws.target.join("browser");
    fs::create_dir_all(&dir).context(|| format!("cannot make {}", dir.display()))?;
    let installed = packages::ensure(ws, &[packages::BROWSER], &dir.join("apt.log"))?;
    if !installed.is_empty() {
        eprintln!("xtask: installed {}", installed.join(" "));
    }
    let mut command = ws.command(target::build(ws, "browser")?);
    // Where `cargo test` would run it.
    command.current_dir(ws.root.join("tracer"));
    workspace::run(command.args(args), "the tests in a browser")
}
