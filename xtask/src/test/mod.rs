//! `cargo xtask test`: every check that CI makes, in the order in which a
//! person wants to hear of them.
//!
//! All of it is built in the release profile, so that the eBPF side and the
//! dependencies are built once for the tests and for use.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::args::Args;
use crate::failure::{Context as _, Result};
use crate::runtimes::suite;
use crate::vm::kernels::{self, Choice, Kernel};
use crate::vm::matrix::{self, Matrix};
use crate::vm::{docker, ladder, need};
use crate::workspace::{self, Workspace};
use crate::{book, browser, deny, fuzz_kernel, pins, privilege, setup};

mod report;
pub mod target;

use report::Report;

/// What guests play of the tests: what the kernel does with signals, case by
/// case, the lessons about it, and what the programs cost its verifier. The command
/// line is the same on every kernel, takes most of an emulated suite's time, and is
/// left to `vm test` and `--full`.
const IN_GUESTS: &[&str] = &["cases::", "lab::all_of_them", "cli::instructions::"];

/// How much longer `--full` fuzzes.
const FULL_FUZZ_FACTOR: u64 = 20;

/// What the command line asked for.
struct Wanted {
    /// Also the ignored (slow) tests, and a long fuzz.
    full: bool,
    /// Also on other kernels, in guests.
    guests: bool,
    /// Also on real containers.
    runtimes: bool,
    /// Also in a browser.
    browser: bool,
    /// Only tests whose name holds this, here, and no other check.
    filter: Option<String>,
    seed: u64,
    /// Where a table of tests, kernels and ways goes.
    table: Option<PathBuf>,
}

/// The command.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let ci = workspace::is_ci();
    let with_deny = args.flag("--deny") || ci;
    let wanted = Wanted {
        full: args.flag("--full"),
        guests: !args.flag("--no-vm"),
        runtimes: !args.flag("--no-runtimes"),
        browser: !args.flag("--no-browser"),
        seed: args
            .number("--seed")?
            .unwrap_or_else(fuzz_kernel::seed_of_today),
        table: args
            .value("--report")?
            .map(std::path::absolute)
            .transpose()
            .context(|| "--report".into())?,
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
    if wanted.filter.is_none() {
        in_a_browser(ws, wanted, report);
    }
    kernel_tiers(ws, wanted, report);
    if wanted.filter.is_none() {
        report.stage("documentation", || documentation(ws));
        report.stage("book", || book::build(ws));
        if with_deny {
            report.stage("dependencies", || deny::check(ws));
        }
    }
}

/// The tests on real kernels: this one, which takes root, and others in guests,
/// which takes QEMU.
fn kernel_tiers(ws: &Workspace, wanted: &Wanted, report: &mut Report) {
    let all = wanted.filter.is_none();
    let factor = if wanted.full { FULL_FUZZ_FACTOR } else { 1 };
    let mut built = None;
    let ready = report.stage("test binaries", || {
        built = Some(Matrix::new(
            ws,
            matrix::Wanted {
                filter: wanted.filter.clone(),
                runs: matrix::FUZZ_RUNS * factor,
                seed: wanted.seed,
                timeout: matrix::TIMEOUT * factor,
                jobs: None,
                full: wanted.full,
                all_ladders: true,
                guests_only: (!wanted.full).then_some(IN_GUESTS),
            },
        )?);
        Ok(())
    });
    let Some(matrix) = built.as_mut().filter(|_| ready) else {
        return;
    };
    // Installs what is missing, of which tests here use busybox too.
    let kernels = all.then(|| kernels_of_guests(ws, wanted));
    let no_root = privilege::missing();
    if let Some(why) = no_root {
        report.cannot_run("this kernel", why);
    } else {
        let ladders = if all {
            ladder::HERE
        } else {
            &ladder::HERE[..1]
        };
        report.stage("this kernel", || matrix.here(ladders));
    }
    let Some(kernels) = kernels else {
        return;
    };
    real_containers(ws, wanted, report);
    let mut guests = Vec::new();
    match kernels {
        Err(why) => report.cannot_run("other kernels", &why),
        Ok(kernels) => {
            guests = kernels;
            report.stage("other kernels", || {
                matrix.images(&guests)?;
                let ladders: Vec<_> = ladder::GUEST.iter().collect();
                matrix.guests(&guests, &ladders, wanted.table.as_deref())
            });
            if wanted.full {
                report.stage("systemd guest", || docker::play(ws, None, &[]));
            }
        }
    }
    matrix.summary();
    let whole = no_root.is_none() && !guests.is_empty();
    report.stage("no case left out", || matrix.judge(whole));
}

/// The tests of the report's page, which take Debian's Chromium.
fn in_a_browser(ws: &Workspace, wanted: &Wanted, report: &mut Report) {
    const NAME: &str = "browser";
    if !wanted.browser {
        return report.cannot_run(NAME, "left out with --no-browser");
    }
    match browser::missing(ws) {
        Some(why) => report.cannot_run(NAME, &why),
        None => {
            report.stage(NAME, || browser::play(ws, &[]));
        }
    }
}

/// The tests on real containers, which take root and Debian's packages.
fn real_containers(ws: &Workspace, wanted: &Wanted, report: &mut Report) {
    const NAME: &str = "runtimes";
    if !wanted.runtimes {
        return report.cannot_run(NAME, "left out with --no-runtimes");
    }
    if let Some(why) = suite::missing(ws) {
        return report.cannot_run(NAME, &why);
    }
    // Whose kubelet takes minutes to compile.
    report.stage(NAME, || suite::play(ws, wanted.full, None, &[]));
}

/// The kernels to boot, or why none can be.
fn kernels_of_guests(ws: &Workspace, wanted: &Wanted) -> std::result::Result<Vec<Kernel>, String> {
    if !wanted.guests {
        return Err("left out with --no-vm".into());
    }
    let series: Vec<Choice> = kernels::SERIES
        .iter()
        .copied()
        .map(Choice::Series)
        .collect();
    need::ensure(ws)
        .and_then(|()| kernels::ensure(ws, &series))
        .map_err(|failure| failure.to_string())
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
