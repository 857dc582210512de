//! `cargo xtask vm`: sigwhy on other kernels than this machine's, booted under
//! QEMU in seconds.
//!
//! docs/vm.md says how to use it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::args::Args;
use crate::failure::{Context as _, Failure, Result};
use crate::workspace::Workspace;
use crate::{build, setup, test};

mod apt;
mod column;
pub mod docker;
mod guest;
mod here;
mod image;
mod images;
pub mod initramfs;
pub mod kernels;
pub mod ladder;
pub mod matrix;
pub mod need;
mod qemu;
mod stream;
mod suite;
mod table;

use guest::Guest;
use kernels::{Kernel, Scratch};
use qemu::{Broken, Output, Ran};

/// What is booted when nobody says: the newest long-term kernel of the four.
const DEFAULT_KERNEL: &str = "6.12";

/// Seconds that `run` gives a command, boot included.
const RUN_TIMEOUT: u64 = 300;

/// Longer than any `shell` should be forgotten for, and no limit on a person.
const SHELL_LIFETIME: u64 = 24 * 3600;

/// Exit codes, as timeout(1) and shells have them: 124, it took too long; 125,
/// the guest itself failed.
const TIMED_OUT: u8 = 124;
const GUEST_FAILED: u8 = 125;

/// The command.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    match args.command().as_deref() {
        Some("run") => run_one(ws, args),
        Some("shell") => shell(ws, args),
        Some("test") => suite::run(ws, args),
        Some("docker") => docker::run(ws, args),
        Some("fetch") => fetch(ws, args),
        Some(other) => Err(Failure::Usage(format!("vm has no {other:?}"))),
        None => Err(Failure::Usage(
            "vm what? run, shell, test, docker or fetch".into(),
        )),
    }
}

/// `vm fetch`: the newest kernels, whether or not some are here.
fn fetch(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let wanted = args.value("--kernel")?.unwrap_or_else(|| "all".into());
    args.finish()?;
    let mut series = Vec::new();
    for choice in kernels::choices(&wanted)? {
        match choice {
            kernels::Choice::Series(one) => series.push(one),
            kernels::Choice::File(path) => {
                let path = path.display();
                return Err(Failure::Usage(format!("{path} is here already")));
            }
        }
    }
    need::ensure(ws)?;
    for kernel in kernels::fetch(ws, &series)? {
        println!("{} {}", kernel.label, kernel.version);
    }
    Ok(ExitCode::SUCCESS)
}

/// `vm run`: one command.
fn run_one(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    // The command's own options are not ours.
    let (mut ours, argv) = args.split_at_dashes();
    let wanted = ours.value("--kernel")?;
    let timeout = ours.number("--timeout")?.unwrap_or(RUN_TIMEOUT);
    ours.finish()?;
    let argv = guest::words(argv)?;
    if argv.is_empty() {
        return Err(Failure::Usage("vm run -- which command?".into()));
    }
    let kernels = ready(ws, wanted.as_deref())?;
    let binaries = Binaries::build(ws)?;
    let cwd = std::env::current_dir().context(|| "no current directory".into())?;

    let mut guest = Guest::new(Some(timeout + 60))?;
    binaries.add_to(&mut guest)?;
    guest.directory(&cwd)?;
    guest.user_job("run", &argv, &cwd)?;
    let scratch = Scratch::new(ws)?;
    let initramfs = scratch.0.join("initramfs");
    guest.write(&initramfs)?;

    let mut worst = 0;
    for kernel in &kernels {
        let mut see = |_: &str| {};
        let output = if kernels.len() == 1 {
            Output::Raw
        } else {
            Output::Lines(&kernel.label, &mut see)
        };
        let limit = Some(Duration::from_secs(timeout));
        let ran = qemu::run(ws, kernel, &initramfs, limit, output)?;
        let code = exit_code(&ran);
        describe(kernel, &ran, code);
        if worst == 0 {
            worst = code;
        }
    }
    Ok(ExitCode::from(worst))
}

/// `vm shell`: a terminal in a guest.
fn shell(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let wanted = args.value("--kernel")?;
    args.finish()?;
    let kernels = ready(ws, wanted.as_deref())?;
    let [kernel] = &kernels[..] else {
        return Err(Failure::Usage("vm shell takes one kernel".into()));
    };
    let binaries = Binaries::build(ws)?;
    let mut guest = Guest::new(Some(SHELL_LIFETIME))?;
    binaries.add_to(&mut guest)?;
    let term = std::env::var("TERM").unwrap_or_else(|_| "dumb".into());
    guest.variable("TERM", &term);
    guest.variable("PS1", &format!("{} \\w # ", kernel.label));
    let (rows, columns) = guest::terminal_size();
    guest.terminal(rows, columns);
    let scratch = Scratch::new(ws)?;
    let initramfs = scratch.0.join("initramfs");
    guest.write(&initramfs)?;
    eprintln!("xtask: booting; `exit` turns the guest off");
    let ran = qemu::run(ws, kernel, &initramfs, None, Output::Terminal)?;
    Ok(ExitCode::from(exit_code(&ran)))
}

/// Checks what is installed and has the kernels here.
fn ready(ws: &Workspace, wanted: Option<&str>) -> Result<Vec<Kernel>> {
    let choices = kernels::choices(wanted.unwrap_or(DEFAULT_KERNEL))?;
    need::ensure(ws)?;
    kernels::ensure(ws, &choices)
}

/// The programs that every guest has in its /bin.
struct Binaries {
    sigwhy: PathBuf,
    tests: Vec<(&'static str, PathBuf)>,
}

impl Binaries {
    fn build(ws: &Workspace) -> Result<Self> {
        setup::ensure(ws)?;
        let sigwhy = build::sigwhy(ws, true)?;
        let tests = ["integration", "fuzz_kernel"]
            .into_iter()
            .map(|name| Ok((name, test::target::build(ws, name)?)))
            .collect::<Result<_>>()?;
        Ok(Self { sigwhy, tests })
    }

    /// The tests start sigwhy by its path on this machine, which cargo compiled
    /// into them: it has the same one in the guest.
    fn add_to(&self, guest: &mut Guest) -> Result<()> {
        guest.program(&self.sigwhy, "sigwhy")?;
        for (name, path) in &self.tests {
            guest.program(path, name)?;
        }
        Ok(())
    }

    fn test(&self, name: &str) -> Option<&Path> {
        let found = self.tests.iter().find(|(test, _)| *test == name);
        found.map(|(_, path)| path.as_path())
    }
}

/// The guest program's, or one of ours.
fn exit_code(ran: &Ran) -> u8 {
    match ran.broken {
        Some(Broken::TimedOut) => TIMED_OUT,
        Some(Broken::NoBoot | Broken::Died) => GUEST_FAILED,
        None => ran.jobs.last().map_or(GUEST_FAILED, |job| job.code),
    }
}

fn describe(kernel: &Kernel, ran: &Ran, code: u8) {
    let boot = ran.boot.unwrap_or_default();
    let seconds: f64 = ran.jobs.iter().map(|job| job.seconds).sum();
    let end = match ran.broken {
        None => format!("exit code {code} after {seconds:.1} s"),
        Some(Broken::TimedOut) => "took too long (--timeout SECONDS)".to_owned(),
        Some(Broken::NoBoot) => "never reached user space".to_owned(),
        Some(Broken::Died) => "the guest died".to_owned(),
    };
    eprintln!("xtask: {}: booted in {boot:.1} s, {end}", kernel.label);
}

/// Where everything of ours is.
fn dir(ws: &Workspace) -> PathBuf {
    ws.target.join("vm")
}
