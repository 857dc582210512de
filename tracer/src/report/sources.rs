//! Recordings to a report: in which order they are read, and which of them are
//! pieces of one.
//!
//! A recorder that puts full files aside begins each with the same `start`
//! record: a termination may begin in one and end in the next.

use std::path::{Path, PathBuf};

use super::{Report, Source, Wanted};
use crate::{
    diagnosis::Teller,
    record::{Record, Start, When},
    store::{self, Reader},
};

/// Records at the begin of a file that are looked at to place it.
const GLANCE: usize = 2;

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
/// When a file cannot be opened or read, or holds no record at all. What is
/// damaged is no error: the report says so.
pub fn read(paths: &[PathBuf], wanted: &Wanted) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut teller = Teller::new();
    let mut before: Option<Start> = None;
    let mut now = None;
    for piece in ordered(paths)? {
        if piece.start.is_none() || piece.start != before {
            finish(&mut teller, now.take(), before.take(), wanted, &mut report);
        }
        let mut source = Source {
            name: piece.path.display().to_string(),
            ..Source::default()
        };
        let mut reader = Reader::open(&piece.path, store::parsers())?;
        let mut told = Vec::new();
        for record in reader.by_ref() {
            let when = record.when();
            source.records += 1;
            source.first.get_or_insert(when.ts);
            source.last = Some(when.ts);
            let earlier = now.replace(when);
            match &record {
                Record::Start(start) => {
                    source.host.clone_from(&start.host);
                    source.kernel.clone_from(&start.kernel);
                    if before.as_ref() == Some(&**start) {
                        continue;
                    }
                    // One recording after the other in the same file.
                    finish(&mut teller, earlier, before.take(), wanted, &mut report);
                    before = Some((**start).clone());
                }
                // It is told anew, by what is known today.
                Record::Episode(_) => continue,
                Record::Loss(loss) => source.lost = loss.ring_full,
                _ => {}
            }
            teller.take(&record, &mut told);
            take(&mut told, &source.host, wanted, &mut report);
        }
        if let Some(error) = reader.error() {
            return Err(
                anyhow::Error::from(error).context(format!("reading {}", piece.path.display()))
            );
        }
        source.damage = reader.damage();
        if source.records == 0 {
            anyhow::bail!("{}", super::no_records(&piece.path));
        }
        report.sources.push(source);
    }
    finish(&mut teller, now, before, wanted, &mut report);
    Ok(report)
}

/// Tells what is left of a recording; the teller is as new.
fn finish(
    teller: &mut Teller,
    now: Option<When>,
    start: Option<Start>,
    wanted: &Wanted,
    report: &mut Report,
) {
    let mut told = Vec::new();
    if let Some(now) = now {
        teller.finish(now, &mut told);
    }
    *teller = Teller::new();
    take(
        &mut told,
        start.as_ref().map_or("", |start| &start.host),
        wanted,
        report,
    );
}

fn take(told: &mut Vec<Record>, host: &str, wanted: &Wanted, report: &mut Report) {
    for record in told.drain(..) {
        if let Record::Episode(episode) = record {
            report.take(wanted, host, *episode);
        }
    }
}

/// Pieces of one recording one after the other, in the order of their times.
fn ordered(paths: &[PathBuf]) -> anyhow::Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    for path in paths {
        pieces.push(glance(path)?);
    }
    pieces.sort_by_key(|piece| {
        let start = piece.start.as_ref();
        let when = start.map_or(0, |start| start.when.ts.0);
        (when, start.map(|start| start.host.clone()), piece.first_ns)
    });
    Ok(pieces)
}

fn glance(path: &Path) -> anyhow::Result<Piece> {
    let mut piece = Piece {
        path: path.to_owned(),
        start: None,
        first_ns: 0,
    };
    // What has been read of standard input is gone.
    if path.as_os_str() == "-" {
        return Ok(piece);
    }
    for record in Reader::open(path, 1)?.take(GLANCE) {
        match record {
            Record::Start(start) => piece.start = Some(*start),
            other => piece.first_ns = other.mono_ns(),
        }
    }
    Ok(piece)
}
