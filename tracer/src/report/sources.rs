//! Recordings to a report: in which order they are read, and which of them are
//! pieces of one.
//!
//! A recorder that puts full files aside begins each with the same `start`
//! record: a termination may begin in one and end in the next.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use super::{Report, Source, Wanted};
use crate::{
    diagnosis::Teller,
    episode::{self, scene::Scene},
    import,
    record::{Episode, EpisodeState, Record, Start},
    store::{self, Reader},
    trouble::Trouble,
};

/// Records at the begin of a file that are looked at to place it.
const GLANCE: usize = 2;

/// Terminations remembered as stuck.
const STUCK: usize = 1_024;

/// What else is made of the records while they are read once.
#[derive(Default)]
pub struct Extra<'a> {
    /// How many terminations are to keep what a picture needs.
    pub pictures: usize,
    /// Who sees every record, and every termination that is told.
    pub passing: Option<&'a mut dyn Passing>,
}

/// Somebody whom records pass, in the order of the recording.
pub trait Passing {
    /// A recording begins that is no piece of the one before.
    ///
    /// # Errors
    /// Those of its output.
    fn begin(&mut self) -> io::Result<()>;

    /// A record, but for `episode`.
    ///
    /// # Errors
    /// Those of its output.
    fn record(&mut self, record: &Record) -> io::Result<()>;

    /// A termination that is wanted, at the latest when its recording ends.
    ///
    /// # Errors
    /// Those of its output.
    fn told(&mut self, episode: &Episode) -> io::Result<()>;
}

/// A file, and where it belongs.
struct Piece {
    path: PathBuf,
    start: Option<Start>,
    /// Of the first record that is no `start`.
    first_ns: u64,
}

/// Reads recordings, each wholly, and takes what is wanted into a report.
///
/// # Errors
/// When none of them holds a record. What is damaged, or cannot be read beside
/// others that can, is no error: the report says so. Also those of who is passed.
/// With `from` they are another tracer's text.
pub fn read<'a>(
    paths: &[PathBuf],
    wanted: &'a Wanted,
    from: Option<import::Options>,
    extra: Extra<'a>,
) -> anyhow::Result<Report> {
    let mut telling = Telling {
        wanted,
        report: Report::picturing(extra.pictures),
        teller: teller(extra.pictures),
        passing: extra.passing,
        broken: false,
        stuck: BTreeMap::new(),
        told: Vec::new(),
        host: String::new(),
    };
    let mut before: Option<Start> = None;
    for piece in ordered(paths, from.is_some()) {
        // Without a `start` nobody knows what it belongs to.
        if piece.start.is_none() || piece.start != before {
            telling.finish()?;
        }
        let mut source = Source {
            name: piece.path.display().to_string(),
            ..Source::default()
        };
        let result = match from {
            Some(options) => import_one(&piece.path, options, &mut telling, &mut source),
            None => read_one(&piece.path, &mut telling, &mut source),
        };
        match result {
            Ok(()) => {}
            Err(error) if paths.len() == 1 || telling.broken => return Err(error),
            Err(error) => source.error = Some(format!("{error:#}")),
        }
        before = piece.start;
        telling.report.sources.push(source);
    }
    telling.finish()?;
    let report = telling.report;
    if report.sources.iter().all(|source| source.records == 0) {
        let line = "none of the files holds a record of sigwhy's";
        return Err(Trouble::NoRecording.error(line));
    }
    Ok(report)
}

/// Reads a file.
fn read_one(path: &Path, telling: &mut Telling<'_>, source: &mut Source) -> anyhow::Result<()> {
    let mut reader = Reader::open(path, store::parsers())?;
    // Lost in recordings that come before in the same file.
    let mut lost_before = 0;
    while let Some(record) = reader.next() {
        if reader.take_gap() {
            telling.teller.gap(record.when());
        }
        let when = record.when();
        source.records += 1;
        source.first.get_or_insert(when.ts);
        source.last = Some(when.ts);
        match &record {
            // They are told anew, by what is known today.
            Record::Episode(_) => continue,
            Record::Start(start) => {
                lost_before = source.lost;
                source.narrowed_by = narrowing(start);
                source.host.clone_from(&start.host);
                source.kernel.clone_from(&start.kernel);
                source.flight.clone_from(&start.flight_recorder);
            }
            Record::Preroll(preroll) => {
                source.prerolls += 1;
                source.partial += u64::from(!preroll.whole);
            }
            Record::Loss(loss) => source.lost = lost_before + loss.ring_full,
            Record::Stop(stop) => source.lost = lost_before + stop.lost,
            _ => {}
        }
        telling.take(&record)?;
    }
    source.damage = reader.damage();
    if reader.take_gap() {
        telling.teller.gap_at_end();
    }
    if let Some(error) = reader.error() {
        return Err(anyhow::Error::from(error).context(format!("reading {}", path.display())));
    }
    if source.records == 0 {
        return Err(super::no_records(path));
    }
    Ok(())
}

/// Reads another tracer's text.
fn import_one(
    path: &Path,
    options: import::Options,
    telling: &mut Telling<'_>,
    source: &mut Source,
) -> anyhow::Result<()> {
    let imported = import::read(path, options)?;
    for record in imported.records() {
        let when = record.when();
        source.records += 1;
        source.first.get_or_insert(when.ts);
        source.last = Some(when.ts);
        telling.take(&record)?;
    }
    source.lost = imported
        .summary
        .lost
        .saturating_add(imported.summary.left_out);
    source.imported = Some(imported.summary);
    Ok(())
}

/// The filters of a recording under which no termination is told.
pub fn narrowing(start: &Start) -> Vec<String> {
    let narrows = |filter: &&String| episode::narrows(filter);
    start.filters.iter().filter(narrows).cloned().collect()
}

/// Records to terminations to the report.
struct Telling<'a> {
    wanted: &'a Wanted,
    report: Report,
    teller: Teller,
    passing: Option<&'a mut dyn Passing>,
    /// Who is passed could not take something: no other file will help.
    broken: bool,
    /// Told as stuck, by id: it may be told once more when it has ended.
    stuck: BTreeMap<String, (Episode, Option<Scene>)>,
    told: Vec<Record>,
    /// Of the recording that is being read.
    host: String,
}

impl Telling<'_> {
    fn take(&mut self, record: &Record) -> anyhow::Result<()> {
        self.teller.take(record, &mut self.told);
        // With a new start comes what was left of the one before.
        self.hand_over()?;
        if let Record::Start(start) = record {
            self.host.clone_from(&start.host);
        }
        self.pass(|passing| passing.record(record))
    }

    /// What is left of a recording; the teller is as new.
    fn finish(&mut self) -> anyhow::Result<()> {
        self.teller.end(&mut self.told);
        self.hand_over()?;
        self.teller = teller(self.report.pictures);
        for (_, (episode, scene)) in std::mem::take(&mut self.stuck) {
            self.tell(episode, scene)?;
        }
        self.host.clear();
        self.pass(|passing| passing.begin())
    }

    fn hand_over(&mut self) -> anyhow::Result<()> {
        for record in std::mem::take(&mut self.told) {
            let Record::Episode(episode) = record else {
                continue;
            };
            let scene = self.teller.take_scene(&episode.id);
            if episode.state == EpisodeState::Stuck && self.stuck.len() < STUCK {
                self.stuck.insert(episode.id.clone(), (*episode, scene));
            } else {
                self.stuck.remove(&episode.id);
                self.tell(*episode, scene)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, episode: Episode, scene: Option<Scene>) -> anyhow::Result<()> {
        if self.wanted.wants(&episode) {
            self.pass(|passing| passing.told(&episode))?;
        }
        self.report.take(self.wanted, &self.host, episode, scene);
        Ok(())
    }

    fn pass(
        &mut self,
        tell: impl FnOnce(&mut dyn Passing) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let Some(passing) = self.passing.as_deref_mut() else {
            return Ok(());
        };
        tell(passing).map_err(|error| {
            self.broken = true;
            anyhow::Error::from(error).context("writing the trace")
        })
    }
}

fn teller(pictures: usize) -> Teller {
    match pictures {
        0 => Teller::new(),
        _ => Teller::picturing(),
    }
}

/// Pieces of one recording one after the other, in the order of their times.
fn ordered(paths: &[PathBuf], is_text: bool) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = paths.iter().map(|path| glance(path, is_text)).collect();
    pieces.sort_by_key(|piece| {
        let start = piece.start.as_ref();
        let when = start.map_or(0, |start| start.when.ts.0);
        (when, start.map(|start| start.host.clone()), piece.first_ns)
    });
    pieces
}

fn glance(path: &Path, is_text: bool) -> Piece {
    let mut piece = Piece {
        path: path.to_owned(),
        start: None,
        first_ns: 0,
    };
    // What has been read of a pipe is gone.
    if is_text || !std::fs::metadata(path).is_ok_and(|file| file.is_file()) {
        return piece;
    }
    // That it cannot be opened is said when it is read.
    let Ok(reader) = Reader::open(path, 1) else {
        return piece;
    };
    for record in reader.take(GLANCE) {
        match record {
            Record::Start(start) => piece.start = Some(*start),
            other => piece.first_ns = other.mono_ns(),
        }
    }
    piece
}
