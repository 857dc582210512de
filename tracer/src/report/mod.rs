//! Post-mortem: the terminations of one or many recordings, the worst first.
//!
//! Recordings are read by [`crate::store`], episodes are made by
//! [`crate::episode`] and judged by [`crate::diagnosis`], here they are chosen,
//! ranked and counted. [`sources`] feeds it, [`text`] is how it looks. Memory is bounded: of very many
//! only the worst are kept, and the rest are counted.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io,
    path::Path,
};

use crate::{
    container,
    episode::scene::Scene,
    import,
    record::{Ending, Episode, EpisodeState, FlightRecorder, Record, Timestamp},
    store::Damage,
    trouble::Trouble,
};

pub mod file;
pub mod html;
pub mod perfetto;
pub mod sources;
pub mod text;

#[derive(serde::Serialize)]
struct WithHost<'a> {
    #[serde(flatten)]
    record: Record,
    host: &'a str,
}

/// Prints the worst as `episode` records, each with its `host`.
///
/// # Errors
/// Those of the writer.
pub fn json(report: &Report, limit: usize, out: &mut impl io::Write) -> io::Result<()> {
    for told in report.ranked().into_iter().take(limit) {
        let line = WithHost {
            record: Record::Episode(Box::new(told.episode.clone())),
            host: &told.host,
        };
        // Through a String: an error of the writer must stay an io::Error.
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    Ok(())
}

/// Why a file cannot be told of.
pub fn no_records(path: &Path) -> anyhow::Error {
    let says = match looks_like(path) {
        Some(format) => format!(
            "it looks like {} text: give --from {}",
            format.name(),
            format.name().replace(' ', "-")
        ),
        None => "it is neither a recording of sigwhy's nor what --format json prints".to_owned(),
    };
    Trouble::NoRecording.error(format!("{} holds no records: {says}", path.display()))
}

/// Lines at the begin of a text that are looked at.
const GLANCE: usize = 1_000;

/// Which tracer's text a file is.
fn looks_like(path: &Path) -> Option<import::Format> {
    if !std::fs::metadata(path).is_ok_and(|file| file.is_file()) {
        return None;
    }
    let file = io::Read::take(std::fs::File::open(path).ok()?, 1 << 20);
    io::BufRead::split(io::BufReader::new(file), b'\n')
        .take(GLANCE)
        .map_while(Result::ok)
        .find_map(|line| import::Format::of(&line))
}

/// Terminations kept at most; of more, the worst.
pub const KEPT: usize = 10_000;

/// Which terminations are wanted. What is empty asks for nothing.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub containers: container::Wanted,
    /// Ended, or told, at this time or later.
    pub since: Option<Timestamp>,
    /// Began at this time or before.
    pub until: Option<Timestamp>,
    /// Ids of diagnoses, one of which must have been made.
    pub diagnoses: Vec<String>,
    /// Stop signals, by number.
    pub signals: Vec<u32>,
    /// Only where somebody or something was cut off.
    pub ungraceful: bool,
}

impl Wanted {
    fn wants(&self, episode: &Episode) -> bool {
        let last = episode.ended.unwrap_or(episode.when).ts;
        self.containers.takes_any(episode.container.as_deref())
            && self.since.is_none_or(|since| last.0 >= since.0)
            && self.until.is_none_or(|until| episode.began.ts.0 <= until.0)
            && (self.diagnoses.is_empty()
                || episode
                    .diagnoses
                    .iter()
                    .any(|made| self.diagnoses.iter().any(|id| *id == made.id)))
            && (self.signals.is_empty()
                || episode
                    .stop_signal
                    .as_ref()
                    .is_some_and(|signal| self.signals.contains(&signal.number)))
            && (!self.ungraceful || episode.ungraceful)
    }
}

/// How long somebody waited for nothing, in ns: from the stop signal to the
/// SIGKILL that was needed after all; and of what is stuck, all the time.
pub fn wasted(episode: &Episode) -> u64 {
    if episode.state == EpisodeState::Stuck {
        return episode.when.mono_ns.saturating_sub(episode.began.mono_ns);
    }
    let was_killed = episode.ending == Ending::Killed && episode.kill_sender.is_some();
    episode.grace_ns.filter(|_| was_killed).unwrap_or(0)
}

/// What was read of one recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The file, as it was given.
    pub name: String,
    /// From its `start` record; empty where it has none.
    pub host: String,
    pub kernel: String,
    pub records: u64,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// Filters that hid a part of each termination, so that none is told.
    pub narrowed_by: Vec<String>,
    /// Why it was not read to its end, or not at all.
    pub error: Option<String>,
    /// Events that the recorder lost.
    pub lost: u64,
    pub damage: Damage,
    /// What a flight recorder was to write out for, where one made it.
    pub flight: Option<FlightRecorder>,
    /// How often it wrote out, and how often that did not reach back far enough.
    pub prerolls: u64,
    pub partial: u64,
    /// It is another tracer's.
    pub imported: Option<import::Summary>,
}

/// A termination, and where it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub host: String,
    pub episode: Episode,
    /// For its picture; none where nobody wants one of it.
    pub scene: Option<Box<Scene>>,
}

/// One cause: how often it came, and what it cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Toll {
    pub count: u64,
    /// In nanoseconds.
    pub wasted: u64,
}

/// The terminations of all recordings.
#[derive(Debug, Default)]
pub struct Report {
    pub sources: Vec<Source>,
    /// Terminations that were wanted.
    pub total: u64,
    pub ungraceful: u64,
    /// By the first diagnosis, which is the cause; others follow from it.
    pub causes: BTreeMap<String, Toll>,
    /// The best of the worst is on top, so that it can make room.
    worst: BinaryHeap<Reverse<Rank>>,
    kept: BTreeMap<u64, Told>,
    /// Terminations that keep their scenes, at most: the worst.
    pictures: usize,
    /// As `worst`.
    pictured: BinaryHeap<Reverse<Rank>>,
}

/// Wasted time, then the earlier, then the order of coming.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    wasted: u64,
    ungraceful: bool,
    began: Reverse<u64>,
    number: Reverse<u64>,
}

impl Report {
    /// One that keeps the scenes of so many.
    pub fn picturing(pictures: usize) -> Self {
        Self {
            pictures,
            ..Self::default()
        }
    }

    /// Takes a termination, if it is wanted. A later telling of the same one is
    /// another: what was stuck may have ended after all.
    pub fn take(&mut self, wanted: &Wanted, host: &str, episode: Episode, scene: Option<Scene>) {
        if !wanted.wants(&episode) {
            return;
        }
        let rank = Rank {
            wasted: wasted(&episode),
            ungraceful: episode.ungraceful,
            began: Reverse(episode.began.ts.0),
            number: Reverse(self.total),
        };
        self.total += 1;
        self.ungraceful += u64::from(episode.ungraceful);
        if let Some(cause) = episode.diagnoses.first() {
            let toll = self.causes.entry(cause.id.to_string()).or_default();
            toll.count += 1;
            toll.wasted = toll.wasted.saturating_add(rank.wasted);
        }
        let told = Told {
            host: host.to_owned(),
            episode,
            scene: scene.filter(|_| self.pictures > 0).map(Box::new),
        };
        self.kept.insert(rank.number.0, told);
        self.worst.push(Reverse(rank));
        if self.worst.len() > KEPT
            && let Some(Reverse(least)) = self.worst.pop()
        {
            self.kept.remove(&least.number.0);
        }
        if self.pictures == 0 {
            return;
        }
        self.pictured.push(Reverse(rank));
        if self.pictured.len() > self.pictures
            && let Some(Reverse(least)) = self.pictured.pop()
            && let Some(told) = self.kept.get_mut(&least.number.0)
        {
            told.scene = None;
        }
    }

    /// The worst first.
    pub fn ranked(&self) -> Vec<&Told> {
        let mut ranks: Vec<Rank> = self.worst.iter().map(|Reverse(rank)| *rank).collect();
        ranks.sort_unstable_by(|a, b| b.cmp(a));
        ranks
            .iter()
            .filter_map(|rank| self.kept.get(&rank.number.0))
            .collect()
    }

    /// Causes, the costliest first.
    pub fn causes(&self) -> Vec<(&str, Toll)> {
        let mut causes: Vec<_> = self
            .causes
            .iter()
            .map(|(id, toll)| (id.as_str(), *toll))
            .collect();
        causes.sort_by_key(|(_, toll)| Reverse((toll.wasted, toll.count)));
        causes
    }
}
