//! `cargo xtask`: sets sigwhy up, builds it, runs it, tests it and measures it.
//!
//! This program starts with whatever Rust is installed and fetches the pinned
//! toolchains itself, so it uses the standard library alone and asks for an old
//! compiler. It holds nothing that sigwhy needs at run time.

use std::process::ExitCode;

mod args;
mod bench;
mod book;
mod browser;
mod build;
mod demo;
mod deny;
mod failure;
mod fuzz_kernel;
mod linker;
mod pins;
mod privilege;
mod run;
mod runtimes;
mod setup;
mod test;
mod tool;
mod toolchain;
mod vm;
mod workspace;

use args::Args;
use failure::{Failure, Result};
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  setup                              install the pinned toolchains and bpf-linker
  build [--debug]                    build sigwhy and print where it is
  demo                               build, then show why `kill 1` in a container does nothing
  run -- ARGS                        build, then run `sigwhy ARGS` as root
  test [--full] [--deny] [--no-vm] [--no-runtimes] [--no-browser] [--seed S] [--report FILE] [FILTER]
                                     every check that CI makes; FILTER: only matching tests
  fuzz-kernel [--runs N] [--seed S]  compare the model with this kernel on random signals
  runtimes up|run|test|status|down   sigwhy on real containers (docs/runtimes.md)
  browser test [FILTER]              the page of `report --html` in a headless Chromium
  book                               the documents as a book, in target/book
  vm run|shell|test|docker|fetch     sigwhy on other kernels, under QEMU (docs/vm.md)
  bench [--quick] [--markdown FILE]  what tracing costs, beside other tracers

Everything is built under target/ (or CARGO_TARGET_DIR). CONTRIBUTING.md says more.
";

fn main() -> ExitCode {
    let mut args = Args::from_env();
    match dispatch(&mut args) {
        Ok(code) => code,
        Err(Failure::Usage(message)) => {
            eprintln!("xtask: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(Failure::Task(message)) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &mut Args) -> Result<ExitCode> {
    let ws = Workspace::find()?;
    match args.command().as_deref() {
        Some("setup") => setup::run(&ws, args),
        Some("build") => build::run(&ws, args),
        Some("demo") => demo::run(&ws, args),
        Some("run") => run::run(&ws, args),
        Some("test") => test::run(&ws, args),
        Some("fuzz-kernel") => fuzz_kernel::run(&ws, args),
        Some("bench") => bench::run(&ws, args),
        Some("runtimes") => runtimes::run(&ws, args),
        Some("book") => book::run(&ws, args),
        Some("browser") => browser::run(&ws, args),
        Some("vm") => vm::run(&ws, args),
        Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        Some(other) => Err(Failure::Usage(format!("no command named {other:?}"))),
        None => Err(Failure::Usage("which command?".into())),
    }
}
