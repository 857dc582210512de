//! `cargo xtask vm test`: the integration tests and the kernel fuzzer on each
//! kernel, once for each way to attach.

use std::path::PathBuf;
use std::process::ExitCode;

use super::kernels::{self, Choice};
use super::matrix::{FUZZ_RUNS, Matrix, TIMEOUT, Wanted};
use super::{ladder, need};
use crate::args::Args;
use crate::failure::{Context as _, Failure, Result};
use crate::workspace::Workspace;
use crate::{fuzz_kernel, privilege};

/// `--kernel` for the machine that runs this.
const HERE: &str = "here";

/// What `--kernel` asked for.
struct Kernels {
    here: bool,
    guests: Vec<Choice>,
}

/// The command.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let kernels = which(&args.value("--kernel")?.unwrap_or_else(|| "all".into()))?;
    let rung = args.value("--rung")?;
    let ladders = ladder::chosen(rung.as_deref()).ok_or_else(|| {
        let known: Vec<_> = ladder::GUEST.iter().map(|ladder| ladder.id).collect();
        Failure::Usage(format!("--rung takes one of {}", known.join(", ")))
    })?;
    let report = args.value("--report")?.map(std::path::absolute);
    let report: Option<PathBuf> = report.transpose().context(|| "--report".into())?;
    let wanted = Wanted {
        timeout: args.number("--timeout")?.unwrap_or(TIMEOUT),
        runs: args.number("--runs")?.unwrap_or(FUZZ_RUNS),
        seed: args
            .number("--seed")?
            .unwrap_or_else(fuzz_kernel::seed_of_today),
        jobs: args.number("--jobs")?,
        full: args.flag("--full"),
        all_ladders: rung.is_none(),
        guests_only: None,
        filter: args.positional(),
    };
    args.finish()?;

    // First what may be missing, then what takes its time.
    if kernels.here
        && let Some(why) = privilege::missing()
    {
        return Err(Failure::Task(format!(
            "{why} (or name kernels with --kernel)"
        )));
    }
    need::ensure(ws)?;
    let guests = kernels::ensure(ws, &kernels.guests)?;
    let whole = wanted.filter.is_none() && kernels.here && rung.is_none();
    let mut matrix = Matrix::new(ws, wanted)?;
    // A column that fails does not keep the next ones from running: the end
    // judges.
    if kernels.here {
        tell(matrix.here(ladder::HERE));
    }
    matrix.images(&guests)?;
    tell(matrix.guests(&guests, &ladders, report.as_deref()));
    if let Some(report) = &report {
        matrix.write(report)?;
    }
    eprintln!("\nxtask: === summary");
    matrix.summary();
    matrix.judge(whole)?;
    Ok(ExitCode::SUCCESS)
}

fn tell(result: Result<()>) {
    if let Err(failure) = result {
        eprintln!("xtask: {failure}");
    }
}

/// `all` is every series, and here if that can be.
fn which(text: &str) -> Result<Kernels> {
    let mut words: Vec<&str> = text.split(',').collect();
    let named = words.len();
    words.retain(|word| *word != HERE);
    let here = words.len() != named || text == "all";
    let guests = match words.is_empty() {
        true => Vec::new(),
        false => kernels::choices(&words.join(","))?,
    };
    Ok(Kernels { here, guests })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn here_is_a_kernel_too() {
        let of = |text: &str| which(text).map(|k| (k.here, k.guests.len()));
        assert_eq!(of("all"), Ok((true, kernels::SERIES.len())));
        assert_eq!(of("here"), Ok((true, 0)));
        assert_eq!(of("6.1,here"), Ok((true, 1)));
        assert_eq!(of("6.1"), Ok((false, 1)));
        assert!(matches!(of("there"), Err(Failure::Usage(_))));
    }
}
