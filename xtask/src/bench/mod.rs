//! `cargo xtask bench`: what watching signals costs whoever sends them, for
//! sigwhy and for the tracers that are installed here, and what sigwhy itself
//! needs. Numbers of one machine in one hour: compare within a table only.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::args::Args;
use crate::failure::{Context as _, Result};
use crate::workspace::{self, ContextNone as _, Workspace};
use crate::{build, pins, privilege, setup};

mod contestant;
mod footprint;
mod load;
mod naming;
mod records;
mod rotation;
mod table;
mod watcher;

use load::Load;

/// How long and how much.
pub struct Plan {
    /// Times that each contestant has its turn.
    rounds: usize,
    /// Signals of one turn.
    flood: u64,
    /// Seconds of the steady load.
    paced_seconds: u64,
    /// Times that sigwhy is started.
    starts: usize,
    /// Seconds over which idle CPU time is summed.
    idle_seconds: u64,
}

const FULL: Plan = Plan {
    rounds: 7,
    flood: 300_000,
    paced_seconds: 10,
    starts: 10,
    idle_seconds: 10,
};

const QUICK: Plan = Plan {
    rounds: 5,
    flood: 50_000,
    paced_seconds: 3,
    starts: 5,
    idle_seconds: 3,
};

/// The command. `--sigwhy PATH` measures another build of sigwhy.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let quick = args.flag("--quick");
    let markdown = args.value("--markdown")?.map(std::path::absolute);
    let markdown = markdown.transpose().context(|| "--markdown".into())?;
    let sigwhy = args.value("--sigwhy")?;
    let sigload = args.value("--sigload")?;
    args.finish()?;

    // Built as who we are, measured as root.
    let sigwhy = match sigwhy {
        Some(path) => std::path::absolute(path).context(|| "--sigwhy".into())?,
        None => build::sigwhy(ws, true)?,
    };
    let sigload = match sigload {
        Some(path) => PathBuf::from(path),
        None => build_load(ws)?,
    };
    if !privilege::is_root() {
        return again_as_root(ws, &sigwhy, &sigload, quick, markdown.as_deref());
    }

    let plan = if quick { &QUICK } else { &FULL };
    let dir = ws.target.join("bench");
    std::fs::create_dir_all(&dir).context(|| format!("cannot make {}", dir.display()))?;
    let bench = Bench {
        ws,
        plan,
        dir,
        sigwhy,
        load: Load::new(sigload),
    };
    let (text, whole) = bench.run()?;
    print!("{text}");
    if let Some(path) = markdown {
        std::fs::write(&path, &text).context(|| format!("cannot write {}", path.display()))?;
        eprintln!("xtask: written to {}", path.display());
    }
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What every part of the measurement needs.
struct Bench<'a> {
    ws: &'a Workspace,
    plan: &'a Plan,
    /// Where captures go; emptied again as soon as they are counted.
    dir: PathBuf,
    sigwhy: PathBuf,
    load: Load,
}

impl Bench<'_> {
    /// Measures everything; the report, and whether nothing of it is missing.
    fn run(&self) -> Result<(String, bool)> {
        let contestants = contestant::all(self);
        let rows = rotation::run(self, contestants)?;
        let facts = footprint::measure(self);
        let whole = rows.iter().all(rotation::Row::is_whole) && facts.iter().all(|f| f.is_whole());
        Ok((table::render(self.plan, &rows, &facts), whole))
    }
}

/// Compiles `tests/bench/sigload.rs`. It is one file without a crate, so that
/// the loop that is timed holds a system call and nothing else.
fn build_load(ws: &Workspace) -> Result<PathBuf> {
    setup::ensure(ws)?;
    let dir = ws.target.join("bench");
    std::fs::create_dir_all(&dir).context(|| format!("cannot make {}", dir.display()))?;
    let binary = dir.join("sigload");
    let mut rustc = ws.rustup_run(pins::HOST, "rustc");
    rustc.args(["--edition", "2024", "-O", "-D", "warnings", "-o"]);
    rustc.arg(&binary).arg("tests/bench/sigload.rs");
    workspace::run(&mut rustc, "compiling tests/bench/sigload.rs")?;
    Ok(binary)
}

fn again_as_root(
    ws: &Workspace,
    sigwhy: &Path,
    sigload: &Path,
    quick: bool,
    markdown: Option<&Path>,
) -> Result<ExitCode> {
    let me = std::env::current_exe().context(|| "cannot find xtask itself".into())?;
    let mut target = std::ffi::OsString::from("CARGO_TARGET_DIR=");
    target.push(&ws.target);
    let mut command =
        privilege::command(ws, "env", "tracers need root, and so does /proc of theirs")?;
    command.arg(target).arg(me).arg("bench");
    command.arg("--sigwhy").arg(sigwhy);
    command.arg("--sigload").arg(sigload);
    if quick {
        command.arg("--quick");
    }
    if let Some(path) = markdown {
        command.arg("--markdown").arg(path);
    }
    privilege::become_it(command)
}

/// The middle of some numbers; there must be one.
fn median(values: &[f64]) -> Result<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let high = sorted
        .get(sorted.len() / 2)
        .context_none("nothing was measured")?;
    let low = sorted[(sorted.len() - 1) / 2];
    Ok((low + high) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_many() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Ok(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Ok(2.5));
        assert!(median(&[]).is_err());
    }
}
