//! The suite on this machine itself, beside the guests of [`super::matrix`].

use std::process::{Command, Stdio};
use std::time::Instant;

use super::column::Column;
use super::kernels::Scratch;
use super::ladder::Ladder;
use super::matrix::{ATTACH, FUZZ, FUZZ_NAME, Matrix, SUITE, UNATTACHED, verdict_of};
use super::stream;
use crate::failure::{Context as _, Result};
use crate::privilege;
use crate::workspace::ContextNone as _;

impl Matrix<'_> {
    /// On this machine, one ladder after the other; fails as soon as one has.
    pub fn here(&mut self, ladders: &'static [Ladder]) -> Result<()> {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
        let release = release.context(|| "/proc/sys/kernel/osrelease".into())?;
        let version = format!("this machine's {}", release.trim());
        let mut failed = Vec::new();
        for ladder in ladders {
            let mut column = self.column("here", &version, ladder, 0);
            self.run_here(ladder, &mut column)?;
            eprintln!("xtask: {}", column.line(&self.table.tests));
            if !column.passed(&self.table.tests) {
                failed.push(column.label());
            }
            self.table.columns.push(column);
        }
        self.verdict(&failed)
    }

    fn run_here(&self, ladder: &Ladder, column: &mut Column) -> Result<()> {
        let seed = column.seed;
        let scratch = Scratch::new(self.ws)?;
        let (skips, facts) = (scratch.0.join("skips"), scratch.0.join("facts"));
        let mut run = |argv: &[String]| -> Result<(u8, f64)> {
            let why = "these tests load BPF programs and make PID namespaces";
            let mut command = privilege::command(self.ws, "env", why)?;
            let mut set = |key: &str, value: &dyn AsRef<std::ffi::OsStr>| {
                let mut pair = std::ffi::OsString::from(key);
                pair.push("=");
                pair.push(value);
                command.arg(pair);
            };
            if !ladder.attach.is_empty() {
                set("SIGWHY_ATTACH", &ladder.attach);
            }
            set("SIGWHY_TEST_SKIPS", &skips);
            set("SIGWHY_TEST_FACTS", &facts);
            // insta finds its snapshots through cargo, which root may not have.
            set("INSTA_WORKSPACE_ROOT", &self.ws.root);
            command.args(argv);
            // Where `cargo test` would run it.
            command.current_dir(self.ws.root.join("tracer"));
            let start = Instant::now();
            let code = watched(command, column)?;
            Ok((code, start.elapsed().as_secs_f64()))
        };
        let (code, _) = run(&self.argv(ATTACH, true, ladder, 0)?)?;
        let attached = code == 0;
        let suite = match self.has_suite {
            true => Some(run(&self.argv(SUITE, true, ladder, seed)?)?),
            false => None,
        };
        let fuzzed = match self.has_fuzz {
            true => Some(run(&self.argv(FUZZ, true, ladder, seed)?)?),
            false => None,
        };
        if let Some((code, seconds)) = suite {
            column.suite = Some(seconds);
            column.suite_code = Some(code);
        }
        if !attached {
            column.broken = Some(UNATTACHED);
        }
        if let Some((code, seconds)) = fuzzed {
            column.fuzz = Some(seconds);
            column.set(FUZZ_NAME, verdict_of(code));
        }
        for (file, word) in [(skips, "fact skip\t"), (facts, "fact ")] {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            text.lines()
                .for_each(|line| column.see(&format!("{word}{line}")));
        }
        Ok(())
    }
}

/// Runs a command here, its output passed on and seen line by line.
fn watched(mut command: Command, column: &mut Column) -> Result<u8> {
    let label = column.label();
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context(|| "cannot run the tests".into())?;
    let stdout = child.stdout.take().context_none("no pipe")?;
    let read = stream::lines(stdout, &label, |line| column.see(line));
    let status = child.wait().context(|| "waiting for the tests".into())?;
    read.context(|| "passing the output on".into())?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(u8::MAX))
}
