//! `cargo xtask test`: every check that CI makes, in the order in which a
//! person wants to hear of them.
//!
//! All of it is built in the release profile, so that the eBPF side and the
//! dependencies are built once for the tests and for use.

use std::process::{Command, ExitCode};

use crate::args::Args;
use crate::failure::Result;
use crate::workspace::{self, Workspace};
use crate::{deny, fuzz_kernel, pins, privilege, setup};

mod report;
pub mod target;

use report::Report;

/// Kernel tests at a time: each waits for most of its time, and more of them
/// would make signals of one test noise in the others' captures.
const KERNEL_TEST_THREADS: &str = "2";

/// How much longer `--full` fuzzes.
const FULL_FUZZ_FACTOR: u64 = 20;

/// What the command line asked for.
struct Wanted {
    /// Also the ignored (slow) tests, and a long fuzz.
    full: bool,
    /// Only tests whose name holds this, and no other check.
    filter: Option<String>,
    seed: u64,
}

/// The command.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let ci = workspace::is_ci();
    let with_deny = args.flag("--deny") || ci;
    let wanted = Wanted {
        full: args.flag("--full"),
        seed: args
            .number("--seed")?
            .unwrap_or_else(fuzz_kernel::seed_of_today),
        filter: args.positional(),
    };
    args.finish()?;

    let mut report = Report::new(ci);
    let ready = report.stage("setup", || {
        setup::ensure(ws)?;
        eprintln!("xtask: {}", setup::describe(ws)?);
        Ok(())
    });
    if ready {
        stages(ws, &wanted, with_deny, &mut report);
    }
    Ok(if report.finish() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// All that comes after the setup.
fn stages(ws: &Workspace, wanted: &Wanted, with_deny: bool, report: &mut Report) {
    if wanted.filter.is_none() {
        report.stage("format", || format(ws));
        report.stage("clippy", || clippy_host(ws));
        report.stage("clippy, eBPF", || clippy_ebpf(ws));
    }
    report.stage("unit tests", || unit_tests(ws, wanted));
    kernel_tiers(ws, wanted, report);
    if wanted.filter.is_none() {
        report.stage("documentation", || documentation(ws));
        if with_deny {
            report.stage("dependencies", || deny::check(ws));
        }
    }
}

/// The tiers that need root.
fn kernel_tiers(ws: &Workspace, wanted: &Wanted, report: &mut Report) {
    let no_root = privilege::missing();
    if let Some(why) = no_root {
        report.cannot_run("kernel tests", why);
    } else {
        report.stage("kernel tests", || kernel_tests(ws, wanted));
    }
    if wanted.filter.is_some() {
        return;
    }
    if let Some(why) = no_root {
        report.cannot_run("fuzz", why);
    } else {
        report.stage("fuzz", || {
            let factor = if wanted.full { FULL_FUZZ_FACTOR } else { 1 };
            let runs = fuzz_kernel::DEFAULT_RUNS * factor;
            let mut command = fuzz_kernel::prepare(ws, runs, wanted.seed)?;
            workspace::run(&mut command, "the comparison with the kernel")
        });
    }
}

fn format(ws: &Workspace) -> Result<()> {
    let mut host = ws.host_cargo();
    host.args(["fmt", "--check", "--package", "sigwhy"]);
    host.args(["--package", "tracer-common", "--package", "xtask"]);
    workspace::run(&mut host, "rustfmt (mend with `cargo fmt`)")?;

    let mut ebpf = ws.cargo(pins::EBPF);
    ebpf.args(["fmt", "--check", "--package", "tracer-ebpf"]);
    workspace::run(&mut ebpf, "rustfmt of tracer-ebpf (mend with `cargo fmt`)")?;

    // Belongs to no package, so cargo does not know it.
    let mut load = ws.rustup_run(pins::HOST, "rustfmt");
    load.args(["--check", "tests/bench/sigload.rs"]);
    workspace::run(&mut load, "rustfmt of tests/bench/sigload.rs")
}

fn clippy_host(ws: &Workspace) -> Result<()> {
    let mut cargo = ws.host_cargo();
    cargo.args(["clippy", "--release", "--all-targets"]);
    cargo.args(["--", "-D", "warnings"]);
    workspace::run(&mut cargo, "clippy")?;

    // As in `format`: no package's.
    let mut load = ws.rustup_run(pins::HOST, "clippy-driver");
    load.args(["--edition", "2024", "--emit=metadata", "--out-dir"]);
    // A directory of ours, never `-o /dev/null`: rustc renames its output into
    // place, and as root that replaces the device with a file.
    load.arg(ws.target.join("bench"));
    load.args(["-D", "warnings", "-D", "clippy::undocumented_unsafe_blocks"]);
    load.arg("tests/bench/sigload.rs");
    workspace::run(&mut load, "clippy of tests/bench/sigload.rs")
}

fn clippy_ebpf(ws: &Workspace) -> Result<()> {
    let mut cargo = ws.cargo(pins::EBPF);
    let target = if cfg!(target_endian = "big") {
        "bpfeb-unknown-none"
    } else {
        "bpfel-unknown-none"
    };
    cargo.args(["clippy", "--release", "--package", "tracer-ebpf"]);
    cargo.args(["-Z", "build-std=core", "--target", target]);
    cargo.args(["--", "-D", "warnings"]);
    // As aya-build sets it: the layout of pt_regs is that of the machine.
    let arch = std::env::consts::ARCH;
    cargo.env(
        "CARGO_ENCODED_RUSTFLAGS",
        format!("--cfg=bpf_target_arch=\"{arch}\""),
    );
    workspace::run(&mut cargo, "clippy of the eBPF side")
}

fn unit_tests(ws: &Workspace, wanted: &Wanted) -> Result<()> {
    let mut cargo = ws.host_cargo();
    cargo.args(["test", "--release", "--lib", "--bins"]);
    add_test_args(&mut cargo, wanted, &["--"]);
    workspace::run(&mut cargo, "unit tests")
}

fn kernel_tests(ws: &Workspace, wanted: &Wanted) -> Result<()> {
    let mut command = target::command(ws, "integration")?;
    command.args(["--test-threads", KERNEL_TEST_THREADS]);
    add_test_args(&mut command, wanted, &[]);
    workspace::run(&mut command, "kernel tests")
}

/// Adds `--full` and the filter for a test binary.
fn add_test_args(command: &mut Command, wanted: &Wanted, before: &[&str]) {
    command.args(before);
    if wanted.full {
        command.arg("--include-ignored");
    }
    command.args(&wanted.filter);
}

fn documentation(ws: &Workspace) -> Result<()> {
    // Private items too: most of what is worth reading here is not public.
    let mut doc = ws.host_cargo();
    doc.args(["doc", "--release", "--no-deps", "--document-private-items"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    workspace::run(&mut doc, "cargo doc")?;

    let mut examples = ws.host_cargo();
    examples.args(["test", "--release", "--doc"]);
    examples.args(["--package", "sigwhy", "--package", "tracer-common"]);
    workspace::run(&mut examples, "examples in the documentation")
}
