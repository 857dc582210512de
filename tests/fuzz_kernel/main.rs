//! The kernel fuzzer: random signals between random processes, each held to
//! three opinions that must agree: what sigwhy says, what a prediction written
//! independently of it says, and what became of the process.
//!
//! `--runs N --seed S` choose what is run; `--only I` repeats one run of a
//! seed. Ends with the line `N passed, M failed`.

#[path = "../harness/mod.rs"]
#[expect(dead_code, reason = "the conformance cases use the rest of it")]
mod harness;
mod plan;
mod predict;
mod rng;
mod stage;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde_json::Value;

use harness::expect::is_own_zap;
use harness::watch::{Beacon, Watch};
use plan::Plan;
use predict::{Kernel, Prediction, predict};
use rng::Rng;
use stage::{Done, Stage, describe};

/// Runs whose records are awaited together: waiting for the tracer's output is
/// most of what a run costs.
const BATCH: usize = 16;

struct Options {
    runs: u64,
    seed: u64,
    only: Option<u64>,
}

/// `None`: the arguments are meant for other tests.
fn options() -> anyhow::Result<Option<Options>> {
    let mut options = Options {
        runs: 300,
        seed: 1,
        only: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut number = || -> anyhow::Result<u64> {
            let text = arguments
                .next()
                .with_context(|| format!("{name} needs a number"))?;
            text.parse()
                .with_context(|| format!("{name} needs a number, not {text:?}"))
        };
        match name.as_str() {
            "--runs" => options.runs = number()?,
            "--seed" => options.seed = number()?,
            "--only" => options.only = Some(number()?),
            // `cargo test -- --nocapture` and a filter come here too.
            flag if flag.starts_with("--") => {}
            _ => return Ok(None),
        }
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    let outcome = options().and_then(|options| match options {
        None => Ok((0, 0)),
        Some(options) => fuzz(&options),
    });
    match outcome {
        Ok((passed, failed)) => {
            println!("{passed} passed, {failed} failed");
            ExitCode::from(u8::from(failed > 0))
        }
        Err(error) => {
            eprintln!("fuzz_kernel: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn fuzz(options: &Options) -> anyhow::Result<(u64, u64)> {
    let exe = Path::new(env!("CARGO_BIN_EXE_sigwhy"));
    let mut fuzzer = Fuzzer::new(exe, options.seed)?;
    let begin = Instant::now();
    let runs: Vec<u64> = match options.only {
        Some(run) => vec![run],
        None => (0..options.runs).collect(),
    };
    for batch in runs.chunks(BATCH) {
        fuzzer.batch(batch)?;
    }
    let lost = fuzzer.watch.lost();
    fuzzer.watch.stop()?;
    if lost > 0 {
        bail!("the tracer lost {lost} records");
    }
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "seed {}, {:.0} runs a second, {:?}",
        options.seed,
        runs.len() as f64 / seconds,
        fuzzer.kernel
    );
    Ok((fuzzer.passed, fuzzer.failed))
}

struct Fuzzer {
    watch: Watch,
    stage: Stage,
    beacon: Beacon,
    kernel: Kernel,
    seed: u64,
    passed: u64,
    failed: u64,
}

impl Fuzzer {
    fn new(exe: &Path, seed: u64) -> anyhow::Result<Self> {
        let watch = Watch::start(exe)?;
        let stage = Stage::new(exe)?;
        Ok(Self {
            beacon: Beacon::new(stage.beacon()?),
            kernel: stage.probe()?,
            watch,
            stage,
            seed,
            passed: 0,
            failed: 0,
        })
    }

    fn batch(&mut self, runs: &[u64]) -> anyhow::Result<()> {
        let mut done = Vec::new();
        for &run in runs {
            let plan = Plan::draw(&mut Rng::of_run(self.seed, run));
            let prediction = predict(&plan, self.kernel);
            let result = self
                .stage
                .perform(&plan, prediction.fate)
                .with_context(|| format!("run {run}: {}", describe(&plan)))?;
            done.push((run, plan, prediction, result));
        }
        self.watch.catch_up(&mut self.beacon)?;
        for (run, plan, prediction, result) in done {
            let wrong = self.check(&plan, &prediction, &result);
            if wrong.is_empty() {
                self.passed += 1;
            } else {
                self.failed += 1;
                self.report(run, &plan, &prediction, &result, &wrong);
            }
            self.stage.give_back(result);
        }
        self.watch.forget_all();
        self.beacon.restart();
        Ok(())
    }

    /// The tracer's records of a run; those of children that ended, and of an
    /// init's own end, are no part of it.
    fn records(&self, done: &Done) -> Vec<Value> {
        self.watch
            .records_of(&done.rig.target, &["signal"])
            .into_iter()
            .filter(|r| r["sender"]["kind"] != "child_exit")
            .filter(|r| !is_own_zap(r))
            .collect()
    }

    fn check(&self, plan: &Plan, want: &Prediction, done: &Done) -> Vec<String> {
        let mut wrong: Vec<String> = done.wrong.iter().cloned().collect();
        let records = self.records(done);
        if records.len() != done.before + 1 {
            wrong.push(format!(
                "{} records, want {}",
                records.len(),
                done.before + 1
            ));
        }
        let Some(record) = records.last() else {
            return wrong;
        };
        if records.iter().any(|r| r["reason"] == "model_disagrees") {
            wrong.push("the tracer's model disagrees with the kernel".to_owned());
        }
        let mut same = |field: &str, want: Value| {
            if record[field] != want {
                wrong.push(format!("{field} is {}, want {want}", record[field]));
            }
        };
        same("outcome", want.outcome.into());
        same("reason", want.reason.into());
        same("forced", want.forced.into());
        if let Some(relation) = want.relation {
            same("relation", relation.into());
        }
        let scope = if plan.call.to_thread() {
            "thread"
        } else {
            "process"
        };
        same("scope", scope.into());
        if record["signal"]["number"] != plan.signal {
            wrong.push(format!("signal is {}", record["signal"]["number"]));
        }
        wrong
    }

    fn report(&self, run: u64, plan: &Plan, want: &Prediction, done: &Done, wrong: &[String]) {
        println!("run {run} failed: {}", describe(plan));
        println!("  predicted: {want:?}");
        for what in wrong {
            println!("  {what}");
        }
        for record in self.records(done) {
            println!("  record: {record}");
        }
        println!(
            "  again: cargo test --test fuzz_kernel -- --seed {} --only {run}",
            self.seed
        );
    }
}
