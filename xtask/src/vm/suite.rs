//! `cargo xtask vm test`: the integration tests and the kernel fuzzer on each
//! kernel.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use super::guest::Guest;
use super::kernels::{Kernel, Scratch};
use super::qemu::{self, Broken, Output, Ran};
use super::table::{Column, Table, Verdict};
use super::{Binaries, ready};
use crate::args::Args;
use crate::failure::{Context as _, Result, fail};
use crate::fuzz_kernel;
use crate::workspace::{self, Workspace};

/// Seconds that a guest has for everything: emulated, the tests take ten times
/// as long as here.
const TIMEOUT: u64 = 900;

/// Runs of the fuzzer.
const FUZZ_RUNS: u64 = 300;

/// As on the machine itself, and the guest has two processors.
const TEST_THREADS: &str = "2";

/// By what the tests stretch their patience.
const SLOW: &str = "10";

const SUITE: &str = "suite";
const FUZZ: &str = "fuzz";

struct Wanted {
    filter: Option<String>,
    runs: u64,
    seed: u64,
    timeout: u64,
}

/// The command.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let kernels = args.value("--kernel")?.unwrap_or_else(|| "all".into());
    let report = args.value("--report")?.map(std::path::absolute);
    let report = report.transpose().context(|| "--report".into())?;
    let wanted = Wanted {
        timeout: args.number("--timeout")?.unwrap_or(TIMEOUT),
        runs: args.number("--runs")?.unwrap_or(FUZZ_RUNS),
        seed: args
            .number("--seed")?
            .unwrap_or_else(fuzz_kernel::seed_of_today),
        filter: args.positional(),
    };
    args.finish()?;

    let kernels = ready(ws, Some(&kernels))?;
    let binaries = Binaries::build(ws)?;
    let mut tests = listed(ws, &binaries, wanted.filter.as_deref())?;
    if tests.is_empty() {
        return fail("no test has that in its name");
    }
    if wanted.filter.is_none() {
        tests.push(fuzz_name(&wanted));
    }
    let scratch = Scratch::new(ws)?;
    let initramfs = scratch.0.join("initramfs");
    guest(ws, &binaries, &wanted)?.write(&initramfs)?;

    let mut table = Table::new(tests);
    for kernel in &kernels {
        let column = on_kernel(ws, kernel, &initramfs, &wanted)?;
        eprintln!("xtask: {}", column.line(&table));
        table.add(column);
        // After each, so that what is known survives whatever comes next.
        if let Some(report) = &report {
            std::fs::write(report, table.markdown())
                .context(|| format!("cannot write {}", report.display()))?;
        }
    }
    eprintln!("\nxtask: === summary");
    for column in table.columns() {
        eprintln!("xtask: {}", column.line(&table));
    }
    Ok(if table.all_passed() {
        ExitCode::SUCCESS
    } else {
        eprintln!(
            "xtask: to repeat: cargo xtask vm test --seed {} --kernel K [FILTER]",
            wanted.seed
        );
        ExitCode::FAILURE
    })
}

/// The names of the tests that the filter lets through.
fn listed(ws: &Workspace, binaries: &Binaries, filter: Option<&str>) -> Result<Vec<String>> {
    let Some(integration) = binaries.test("integration") else {
        return fail("there is no integration test binary");
    };
    let mut list: Command = ws.command(integration);
    list.args(["--list", "--format", "terse"]).args(filter);
    let Some(text) = workspace::output(&mut list) else {
        return fail("the integration tests do not list themselves");
    };
    let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(names.map(str::to_owned).collect())
}

fn guest(ws: &Workspace, binaries: &Binaries, wanted: &Wanted) -> Result<Guest> {
    let mut guest = Guest::new(Some(wanted.timeout + 60))?;
    binaries.add_to(&mut guest)?;
    // Where cargo would run them.
    guest.directory(&ws.root.join("tracer"))?;
    guest.variable("SIGWHY_TEST_SLOW", SLOW);
    guest.variable("RUST_BACKTRACE", "0");
    let words = |line: &[&str]| -> Vec<String> { line.iter().map(|w| (*w).to_owned()).collect() };
    let mut suite = words(&["integration", "--test-threads", TEST_THREADS]);
    suite.extend(wanted.filter.clone());
    guest.job(SUITE, &suite);
    if wanted.filter.is_none() {
        let (runs, seed) = (wanted.runs.to_string(), wanted.seed.to_string());
        guest.job(
            FUZZ,
            &words(&["fuzz_kernel", "--runs", &runs, "--seed", &seed]),
        );
    }
    Ok(guest)
}

fn fuzz_name(wanted: &Wanted) -> String {
    format!("fuzz_kernel, {} runs", wanted.runs)
}

fn on_kernel(ws: &Workspace, kernel: &Kernel, initramfs: &Path, wanted: &Wanted) -> Result<Column> {
    let mut column = Column::new(&kernel.label);
    let mut see = |line: &str| column.see(line);
    let limit = Some(Duration::from_secs(wanted.timeout));
    let ran = qemu::run(ws, kernel, initramfs, limit, Output::Lines(&mut see))?;
    note(&mut column, &ran, &fuzz_name(wanted));
    Ok(column)
}

/// Adds what is known of the guest as a whole.
fn note(column: &mut Column, ran: &Ran, fuzz: &str) {
    column.boot = ran.boot;
    column.broken = ran.broken.map(|broken| match broken {
        Broken::NoBoot => "never reached user space",
        Broken::TimedOut => "took too long (--timeout SECONDS)",
        Broken::Died => "the guest died",
    });
    for job in &ran.jobs {
        if job.name == SUITE {
            column.suite = Some(job.seconds);
            column.suite_code = Some(job.code);
        } else {
            column.fuzz = Some(job.seconds);
            let verdict = if job.code == 0 {
                Verdict::Ok
            } else {
                Verdict::Failed
            };
            column.set(fuzz, verdict);
        }
    }
}
