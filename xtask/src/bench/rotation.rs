//! Everyone in turn, several times over: a machine that gets slower does so for
//! all of them, and each turn is compared with nobody watching in its own round.

use std::thread::sleep;
use std::time::Duration;

use super::contestant::{Contestant, Seen};
use super::load::Flood;
use super::watcher::Watcher;
use super::{Bench, median};
use crate::failure::{Failure, Result};

/// What was measured of one contestant.
pub struct Row {
    pub name: String,
    pub target: Option<f64>,
    pub result: Outcome,
}

/// How that went.
pub enum Outcome {
    Measured(Numbers),
    /// Cannot be measured here, which is no fault.
    Skipped(String),
    Failed(String),
}

/// Over all rounds.
pub struct Numbers {
    /// Nanoseconds per kill(2): the median of the rounds' medians.
    pub median_ns: f64,
    /// The fastest batch of all.
    pub min_ns: f64,
    /// The median over the rounds of its median to that of nobody watching.
    pub ratio: f64,
    /// The same of the rounds' fastest batches, which a busy machine hardly moves.
    pub min_ratio: f64,
    pub sent: u64,
    /// `None` for nobody.
    pub seen: Option<Seen>,
}

impl Row {
    /// Whether it was measured, or could not be expected to be.
    pub fn is_whole(&self) -> bool {
        !matches!(self.result, Outcome::Failed(_))
    }
}

/// One contestant and its turns so far.
struct Entry {
    contestant: Contestant,
    turns: Vec<(Flood, Seen)>,
    failed: Option<String>,
}

/// All rounds.
pub fn run(bench: &Bench<'_>, contestants: Vec<Contestant>) -> Result<Vec<Row>> {
    let mut entries: Vec<Entry> = contestants
        .into_iter()
        .map(|contestant| Entry {
            contestant,
            turns: Vec::new(),
            failed: None,
        })
        .collect();
    for entry in &entries {
        if let Some(why) = entry.contestant.skipped {
            eprintln!("xtask: {}: {why}, skipped", entry.contestant.name);
        }
    }
    for round in 1..=bench.plan.rounds {
        for entry in &mut entries {
            if entry.contestant.skipped.is_some() || entry.failed.is_some() {
                continue;
            }
            let name = &entry.contestant.name;
            match turn(bench, &entry.contestant) {
                Ok(numbers) => {
                    eprintln!(
                        "xtask: round {round} of {}: {name}: {:.0} ns",
                        bench.plan.rounds, numbers.0.median_ns
                    );
                    entry.turns.push(numbers);
                }
                Err(Failure::Task(why) | Failure::Usage(why)) => {
                    eprintln!("xtask: {name}: {why}");
                    entry.failed = Some(why);
                }
            }
        }
    }
    let bare: Vec<Flood> = entries
        .first()
        .map(|entry| entry.turns.iter().map(|(flood, _)| *flood).collect())
        .unwrap_or_default();
    entries.into_iter().map(|entry| row(entry, &bare)).collect()
}

/// One contestant watches one flood.
fn turn(bench: &Bench<'_>, contestant: &Contestant) -> Result<(Flood, Seen)> {
    let Some(command) = contestant.command(bench) else {
        return Ok((bench.load.flood(bench.plan.flood)?, Seen::default()));
    };
    let watcher = Watcher::start(command, "watcher", &bench.dir, contestant.ready)?;
    let flood = bench.load.flood(bench.plan.flood)?;
    // What comes after the last signal is not what is measured here.
    sleep(Duration::from_millis(500));
    let capture = watcher.stop(&bench.load)?;
    let seen = contestant.seen(&capture)?;
    Ok((flood, seen))
}

fn row(entry: Entry, bare: &[Flood]) -> Result<Row> {
    let contestant = entry.contestant;
    let result = if let Some(why) = contestant.skipped {
        Outcome::Skipped(why.to_owned())
    } else if let Some(why) = entry.failed {
        Outcome::Failed(why)
    } else {
        Outcome::Measured(numbers(&contestant, &entry.turns, bare)?)
    };
    Ok(Row {
        name: contestant.name,
        target: contestant.target,
        result,
    })
}

fn numbers(contestant: &Contestant, turns: &[(Flood, Seen)], bare: &[Flood]) -> Result<Numbers> {
    let medians: Vec<f64> = turns.iter().map(|(flood, _)| flood.median_ns).collect();
    let ratio = |of: fn(&Flood) -> f64| {
        let pairs = turns.iter().zip(bare);
        let ratios: Vec<f64> = pairs
            .map(|((flood, _), bare)| of(flood) / of(bare))
            .collect();
        median(&ratios)
    };
    let min_ns = turns.iter().map(|(flood, _)| flood.min_ns);
    let seen = contestant.argv.is_some().then(|| Seen {
        kept: turns.iter().map(|(_, seen)| seen.kept).sum(),
        lost: turns.iter().map(|(_, seen)| seen.lost).sum(),
    });
    Ok(Numbers {
        median_ns: median(&medians)?,
        min_ns: min_ns.fold(f64::INFINITY, f64::min),
        ratio: ratio(|flood| flood.median_ns)?,
        min_ratio: ratio(|flood| flood.min_ns)?,
        sent: turns.iter().map(|(flood, _)| flood.sent).sum(),
        seen,
    })
}
