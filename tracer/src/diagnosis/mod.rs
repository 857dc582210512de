//! What was wrong with a termination: causes recognised from the evidence of a
//! story, each in words and with what to do about it.
//!
//! Pure: stories in, diagnoses out. To add one, write its test in the file of
//! its family and its row in [`catalogue`], which is also the reference.
//!
//! Never louder than the evidence. A cause that rests on something unknown says
//! what; where events were lost, every diagnosis says `complete: false`. Some
//! causes leave no trace in records: those that a look at the machine tells are
//! in `present`.

use std::borrow::Cow;

use crate::episode::{Episodes, scene::Scene, story, story::State, story::Story};
use crate::record::{Diagnosis, Ending, Record, Reference, Start, When};

pub mod catalogue;
mod crashed;
mod early;
mod killed;
mod late;
mod lost;
pub mod page;
mod present;
mod shared;
mod stuck;
#[cfg(test)]
mod tests;

pub use catalogue::{Entry, Id};
pub use late::is_manager_name;
pub use lost::{YOUNG_NS, is_shell_or_script};

/// What a test found.
#[derive(Debug, Clone)]
pub struct Finding {
    summary: String,
    fix: Option<String>,
    evidence: Vec<Reference>,
    uncertain: Option<String>,
}

impl Finding {
    fn new(summary: String, evidence: impl IntoIterator<Item = Reference>) -> Self {
        let mut evidence: Vec<_> = evidence.into_iter().collect();
        evidence.sort_unstable();
        evidence.dedup();
        Self {
            summary,
            fix: None,
            evidence,
            uncertain: None,
        }
    }

    /// More to the point than the reference's.
    fn fix(mut self, fix: String) -> Self {
        self.fix = Some(fix);
        self
    }

    fn uncertain(mut self, why: impl Into<String>) -> Self {
        self.uncertain = Some(why.into());
        self
    }
}

/// What was wrong, causes first; empty where nothing was.
pub fn diagnose(story: &Story) -> Vec<Diagnosis> {
    if story.outer {
        return Vec::new();
    }
    catalogue::ALL
        .iter()
        .filter_map(|entry| Some((entry, (entry.test)(story)?)))
        .map(|(entry, found)| Diagnosis {
            id: Cow::Borrowed(entry.id.id()),
            summary: found.summary,
            evidence: found.evidence,
            fix: found.fix.unwrap_or_else(|| entry.fix.to_owned()),
            complete: found.uncertain.is_none() && !story.lossy,
            uncertain: found.uncertain,
        })
        .collect()
}

/// Records in, `episode` records out.
#[derive(Debug, Default)]
pub struct Teller {
    episodes: Episodes,
    stories: Vec<Story>,
    /// Of the recording that is being read.
    start: Option<Start>,
    last: Option<When>,
    /// Of episodes that were told, by their ids, until somebody takes them.
    scenes: Vec<(String, Scene)>,
}

impl Teller {
    pub fn new() -> Self {
        Self::default()
    }

    /// One whose episodes have scenes: see [`Self::take_scene`].
    pub fn picturing() -> Self {
        Self {
            episodes: Episodes::picturing(),
            ..Self::default()
        }
    }

    /// What there is to see of an episode that was just told. Whoever asked for
    /// scenes takes each, wanted or not: they would pile up.
    pub fn take_scene(&mut self, id: &str) -> Option<Scene> {
        let index = self.scenes.iter().position(|(of, _)| of == id)?;
        Some(self.scenes.swap_remove(index).1)
    }

    /// Takes a record, and appends the episodes that are to be told by its time. A
    /// `start` ends what was before, unless it is the same again: recorders begin
    /// each file of one recording with it.
    pub fn take(&mut self, record: &Record, out: &mut Vec<Record>) {
        if let Record::Start(start) = record {
            if self.start.as_ref() == Some(&**start) {
                return;
            }
            self.end(out);
            self.start = Some((**start).clone());
        }
        self.last = Some(record.when());
        self.episodes.take(record, &mut self.stories);
        self.hand_over(record.when(), out);
    }

    /// Records are missing, and the next one is of this time.
    pub fn gap(&mut self, next: When) {
        self.episodes.gap(next.mono_ns);
    }

    /// Records are missing after the last one.
    pub fn gap_at_end(&mut self) {
        if let Some(last) = self.last {
            self.gap(last);
        }
    }

    /// Time has passed, up to which all records have been taken.
    pub fn tick(&mut self, now: When, out: &mut Vec<Record>) {
        self.episodes.tick(now.mono_ns, &mut self.stories);
        self.hand_over(now, out);
    }

    /// There will be no more records.
    pub fn finish(&mut self, now: When, out: &mut Vec<Record>) {
        self.episodes.finish(&mut self.stories);
        self.hand_over(now, out);
    }

    /// The same, at the time of the last one.
    pub fn end(&mut self, out: &mut Vec<Record>) {
        if let Some(last) = self.last.take() {
            self.finish(last, out);
        }
    }

    /// When [`Self::tick`] has something to do: CLOCK_BOOTTIME in ns.
    pub fn due(&self) -> Option<u64> {
        self.episodes.due()
    }

    /// Whether a termination is under way.
    pub fn is_waiting(&self) -> bool {
        self.episodes.is_waiting()
    }

    fn hand_over(&mut self, when: When, out: &mut Vec<Record>) {
        for mut story in self.stories.drain(..) {
            let mut diagnoses = diagnose(&story);
            let imported = self.start.as_ref().and_then(|s| s.imported.as_deref());
            for diagnosis in &mut diagnoses {
                diagnosis.complete &= imported.is_none();
            }
            // A signal that was handled, and the container runs on: a reload, or
            // a key at a prompt.
            let has_ended = story.exit.is_some() || story.kill.is_some() || story.zap.is_some();
            let is_quiet = matches!(story.state, State::LivesOn | State::Open) && !has_ended;
            if is_quiet && diagnoses.is_empty() {
                continue;
            }
            let mut episode = story::record(&story, when);
            episode.unknown = unknown(&story, &diagnoses, episode.ending);
            episode.unknown.extend(imported.map(|from| {
                format!("it is made of {from} text: containers, namespaces, handlers and exit codes are not known")
            }));
            episode.complete = episode.unknown.is_empty();
            episode.diagnoses = diagnoses;
            if let Some(scene) = story.take_scene() {
                self.scenes.push((episode.id.clone(), scene));
            }
            out.push(Record::Episode(Box::new(episode)));
        }
    }
}

fn unknown(story: &Story, diagnoses: &[Diagnosis], ending: Ending) -> Vec<String> {
    let mut unknown = Vec::new();
    if story.lossy {
        unknown.push("events were lost meanwhile, so something may be missing".to_owned());
    }
    for diagnosis in diagnoses {
        if let Some(why) = &diagnosis.uncertain
            && !unknown.contains(why)
        {
            unknown.push(why.clone());
        }
    }
    if ending == Ending::Unknown && story.state == State::Open {
        unknown.push("the tracing ended before the container did".to_owned());
    }
    unknown
}
