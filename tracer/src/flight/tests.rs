//! What is kept, what goes, and what is written: the bound under random streams,
//! and whole terminations through the sink and back.

use std::time::Duration;

use super::*;
use crate::{
    decide::{Outcome, Reason},
    diagnosis::Teller,
    episode::tape::{From, Tape, when},
    output::{Sink as _, fixtures::dice::Dice},
    record::{Episode, Record},
    store::Reader,
};

const MINUTE: u64 = 60_000_000_000;

fn options(window: Duration, memory: usize) -> Options {
    Options {
        window,
        memory,
        occasions: Occasion::USUAL.to_vec(),
    }
}

/// A termination that wastes ten seconds.
fn ungraceful(nth: u32) -> Tape {
    Tape::nth("app", nth)
        .dropped(15, From::Runtime)
        .at(70_000)
        .killed(From::Runtime)
        .dies_with(&[(2, true, false)])
}

fn graceful(nth: u32) -> Tape {
    Tape::nth("app", nth)
        .handled(15, From::Runtime, 1)
        .exits(1, 0)
        .zaps(&[])
        .zapped()
}

/// Through the recorder as the command does it, to the records of the file.
fn fly(records: &[Record], options: Options) -> Vec<Record> {
    let mut sink = FlightSink::new(Vec::new(), options);
    let (mut teller, mut told) = (Teller::new(), Vec::new());
    for record in records {
        teller.take(record, &mut told);
        sink.record(record).expect("kept");
        for record in told.drain(..) {
            sink.record(&record).expect("kept");
        }
        sink.flush().expect("a Vec takes everything");
    }
    let last = records.last().expect("some").when();
    // As while it runs: what is over is told as soon as it has settled.
    let settled = crate::record::When {
        mono_ns: last.mono_ns + 2_000_000_000,
        ..last
    };
    teller.tick(settled, &mut told);
    for record in told.drain(..) {
        sink.record(&record).expect("kept");
    }
    teller.tick(
        crate::record::When {
            mono_ns: last.mono_ns + 10 * MINUTE,
            ..last
        },
        &mut told,
    );
    for record in told.drain(..) {
        sink.record(&record).expect("kept");
    }
    while sink.has_more() {
        sink.flush().expect("a Vec takes everything");
    }
    sink.flush().expect("a Vec takes everything");
    let bytes = sink.into_inner();
    let mut reader = Reader::new(std::io::Cursor::new(bytes), 1).expect("threads");
    let read: Vec<_> = reader.by_ref().collect();
    assert!(reader.damage().is_none());
    read
}

fn merged(tapes: impl IntoIterator<Item = Tape>) -> Vec<Record> {
    let mut all: Vec<Record> = Tape::new("x").at(0).starts(&[]).records;
    let first = all.len();
    all.extend(tapes.into_iter().flat_map(|tape| tape.records));
    all[first..].sort_by_key(Record::mono_ns);
    all
}

fn told(records: &[Record]) -> Vec<Episode> {
    let (mut teller, mut out) = (Teller::new(), Vec::new());
    for record in records
        .iter()
        .filter(|record| !matches!(record, Record::Episode(_)))
    {
        teller.take(record, &mut out);
    }
    teller.tick(when(100_000_000), &mut out);
    out.into_iter()
        .filter_map(|record| match record {
            Record::Episode(episode) => Some(*episode),
            _ => None,
        })
        .collect()
}

fn is_event(record: &&Record) -> bool {
    matches!(
        record,
        Record::Signal(_) | Record::Deliver(_) | Record::Exit(_) | Record::Zap(_)
    )
}

#[test]
fn nothing_is_written_when_nothing_happens() {
    let quiet = merged((0..20).map(graceful));
    let file = fly(&quiet, options(Duration::from_secs(600), 8 << 20));
    assert_eq!(file.len(), 1, "{file:?}");
    assert!(matches!(file[0], Record::Start(_)));
}

#[test]
fn a_bad_end_is_written_with_all_that_came_before_and_nobody_elses() {
    let before = Tape::nth("app", 3)
        .at(10_000)
        .handled(10, From::Runtime, 1)
        .handled(12, From::Member(2), 1);
    let bad = ungraceful(3);
    let stream = merged([before.clone(), bad.clone(), graceful(1), graceful(2)]);
    let file = fly(&stream, options(Duration::from_secs(600), 8 << 20));
    let mut want = before.records;
    want.extend(bad.records);
    want.sort_by_key(Record::mono_ns);
    let got: Vec<&Record> = file.iter().filter(is_event).collect();
    // As text: what is written of a name need not be what was read.
    let text = |record: &Record| serde_json::to_string(record).expect("serialises");
    assert_eq!(
        got.iter().map(|r| text(r)).collect::<Vec<_>>(),
        want.iter().map(text).collect::<Vec<_>>()
    );
    assert!(got.is_sorted_by_key(|record| record.mono_ns()));
    let Record::Preroll(preroll) = &file[1] else {
        panic!("{file:?}");
    };
    assert_eq!((preroll.records, preroll.forgotten), (want.len() as u64, 0));
    assert!(preroll.whole && preroll.occasion == "episode");
    assert_eq!(
        file.iter()
            .filter(|r| matches!(r, Record::Episode(_)))
            .count(),
        1
    );
}

#[test]
fn terminations_read_back_as_they_were_told_whatever_their_order_in_the_file() {
    // They overlap: what is written second begins before what was written first.
    let late = Tape::nth("app", 1)
        .at(61_000)
        .dropped(15, From::Runtime)
        .at(200_000)
        .killed(From::Runtime)
        .dies_with(&[]);
    let stream = merged([late, ungraceful(2), graceful(4)]);
    let plain = told(&stream);
    let file = fly(&stream, options(Duration::from_secs(600), 8 << 20));
    let again = told(&file);
    let sums = |episodes: &[Episode]| {
        let mut sums: Vec<_> = episodes
            .iter()
            .filter(|e| e.ungraceful)
            .map(|e| (e.id.clone(), e.summary.clone(), e.grace_ns, e.complete))
            .collect();
        sums.sort();
        sums
    };
    assert_eq!(sums(&plain), sums(&again));
    assert!(!again.is_empty() && again.iter().all(|e| e.complete));
}

#[test]
fn what_was_forgotten_makes_its_termination_incomplete() {
    // So many of its own signals that the stop signal has no room any more.
    let mut tape = Tape::nth("app", 1).at(60_000).dropped(15, From::Runtime);
    let mut dice = Dice(5);
    for n in 0..20_000u64 {
        tape = tape.at(60_000 - n * 9 / 100).signal_with(
            12,
            From::Member(2),
            1,
            (Outcome::Queued, Reason::Handler),
            // What does not compress.
            |signal| {
                signal.explanation = (0..300)
                    .map(|_| char::from(33 + dice.roll(90) as u8))
                    .collect::<String>()
                    .into()
            },
        );
    }
    let tape = tape.at(70_000).killed(From::Runtime).dies_with(&[]);
    let other = ungraceful(2);
    let stream = merged([tape, other]);
    let file = fly(&stream, options(Duration::from_secs(600), 1 << 20));
    let prerolls: Vec<_> = file
        .iter()
        .filter_map(|record| match record {
            Record::Preroll(preroll) => Some((
                preroll.container.as_ref().map(|c| c.pid_ns),
                preroll.whole,
                preroll.forgotten > 0,
            )),
            _ => None,
        })
        .collect();
    assert_eq!(prerolls.len(), 2, "{prerolls:?}");
    // The flood of the one costs the other nothing.
    assert!(
        prerolls
            .iter()
            .any(|(_, whole, forgotten)| !whole && *forgotten)
    );
    assert!(
        prerolls
            .iter()
            .any(|(_, whole, forgotten)| *whole && !forgotten)
    );
    let complete: Vec<bool> = told(&file).iter().map(|episode| episode.complete).collect();
    assert!(
        complete.contains(&true) && complete.contains(&false),
        "{complete:?}"
    );
}

#[test]
fn a_request_and_a_loss_write_everything_once() {
    let stream = merged([graceful(1), graceful(2)]);
    let mut sink = FlightSink::new(Vec::new(), options(Duration::from_secs(600), 8 << 20));
    for record in &stream {
        sink.record(record).expect("kept");
    }
    sink.request();
    sink.request();
    let mut turns = 0;
    while sink.has_more() {
        sink.flush().expect("a Vec takes everything");
        turns += 1;
    }
    // One container at a time: there may be much of each.
    assert_eq!(turns, 2);
    let Some(Record::Loss(loss)) = Tape::new("x").at(90_000).lost(3).records.pop() else {
        panic!("a loss");
    };
    sink.record(&Record::Loss(loss)).expect("kept");
    assert!(!sink.has_more(), "it has been written");
    let count = |sink: FlightSink<Vec<u8>>| {
        let mut reader = Reader::new(std::io::Cursor::new(sink.into_inner()), 1).expect("threads");
        reader.by_ref().filter(|record| is_event(&record)).count()
    };
    assert_eq!(count(sink), stream.len() - 1);
    let mut sink = FlightSink::new(Vec::new(), options(Duration::from_secs(600), 8 << 20));
    for record in &stream {
        sink.record(record).expect("kept");
    }
    sink.record(&Record::Loss(loss)).expect("kept");
    while sink.has_more() {
        sink.flush().expect("a Vec takes everything");
    }
    assert_eq!(count(sink), stream.len() - 1);
}

#[test]
fn what_is_older_than_the_window_goes() {
    let tape = |at: u64| Tape::nth("app", 1).at(at).handled(10, From::Runtime, 1);
    let stream = merged([tape(1_000), tape(400_000), ungraceful(2)]);
    let mut memory = Memory::new(MINUTE, 8 << 20, stream[0].when()).expect("zstd");
    for record in &stream[1..] {
        let key = memory.key(record).expect("somebody's");
        let line = serde_json::to_vec(record).expect("serialises");
        memory.keep(key, record, &line).expect("kept");
    }
    let key = Key::Namespace(4_026_532_282);
    let last = stream.last().expect("some").when();
    let kept = memory.take(&key, last).expect("zstd").expect("some");
    assert_eq!(kept.records, 2);
    assert!(kept.since.mono_ns > when(300_000).mono_ns && kept.forgotten == 0);
    assert!(memory.take(&key, last).expect("zstd").is_none());
    // The other one's are too old by then.
    assert!(memory.keys().is_empty());
}

#[test]
fn memory_is_bounded_under_any_stream() {
    for (seed, groups, limit) in [
        (1, 1, 1 << 20),
        (2, 40, 1 << 20),
        (3, 5_000, 2 << 20),
        (4, 300, 1 << 18),
    ] {
        let mut dice = Dice(seed);
        let begin = when(0);
        let mut memory = Memory::new(MINUTE, limit, begin).expect("zstd");
        let mut now = begin.mono_ns;
        let mut record = crate::output::fixtures::dropped();
        for _ in 0..20_000 {
            now += dice.roll(20_000_000) as u64;
            record.when.mono_ns = now;
            // A few make most of it.
            let group = dice.roll(groups).min(dice.roll(groups));
            let key = match dice.roll(20) {
                0 => Key::Host,
                1 => Key::Container(group.to_string()),
                _ => Key::Namespace(u32::try_from(group).expect("small")),
            };
            let line = dice.text().repeat(1 + dice.roll(60)) + "\n";
            let whole = Record::Signal(Box::new(record.clone()));
            memory
                .keep(key.clone(), &whole, line.as_bytes())
                .expect("kept");
            assert!(memory.takes() <= limit, "{} of {limit}", memory.takes());
            if dice.roll(500) == 0 {
                let kept = memory.take(&key, record.when).expect("zstd");
                assert!(kept.is_none_or(|kept| kept.lines.ends_with(b"\n")));
            }
        }
    }
}
