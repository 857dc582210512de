//! Each diagnosis from a stream of records that shows it: the exact list of what
//! is found, and the paragraph.

use std::collections::BTreeSet;

use crate::decide::{Outcome, Reason, sender::Kind};
use crate::diagnosis::{Id, Teller, catalogue};
use crate::episode::tape::{From, Tape, when};
use crate::output::Sink as _;
use crate::output::text::{Text, TextOptions, verdict};
use crate::record::{Disposition, Episode, Record, Scope};

mod ends;
mod random;
mod stops;
mod waits;

const DROPPED: (Outcome, Reason) = (Outcome::Dropped, Reason::UnkillableInit);
const FATAL: (Outcome, Reason) = (Outcome::Fatal, Reason::ForcedOnInit);

/// What is told when everything has had time to end.
fn episodes(tape: &Tape) -> Vec<Episode> {
    let (mut teller, mut out) = (Teller::new(), Vec::new());
    for record in &tape.records {
        teller.take(record, &mut out);
    }
    teller.tick(when(300_000), &mut out);
    out.into_iter()
        .filter_map(|record| match record {
            Record::Episode(episode) => Some(*episode),
            _ => None,
        })
        .collect()
}

/// The ids of the last that is told.
fn ids(tape: Tape) -> Vec<String> {
    let last = episodes(&tape).pop();
    last.map_or_else(Vec::new, |episode| {
        let ids = episode.diagnoses.iter().map(|d| d.id.to_string());
        ids.collect()
    })
}

/// As `live` prints it.
fn paragraph(tape: &Tape) -> String {
    printed(&told(tape))
}

fn told(tape: &Tape) -> Vec<Record> {
    let record = |episode| Record::Episode(Box::new(episode));
    episodes(tape).into_iter().map(record).collect()
}

fn printed(records: &[Record]) -> String {
    let options = TextOptions {
        color: false,
        verbose: false,
        all: false,
        time: jiff::tz::TimeZone::UTC,
    };
    let mut sink = Text::new(Vec::new(), options);
    for record in records {
        sink.record(record).expect("memory has room");
    }
    sink.flush().expect("memory has room");
    String::from_utf8(sink.into_inner()).expect("text")
}

/// The same as [`ids`], and the example of one diagnosis: what goes in and what
/// comes of it, for a person and for a program, as it is kept in `snapshots/`.
fn golden(name: &str, tape: Tape) -> Vec<String> {
    let out = told(&tape);
    let mut text = format!("{}\n{}", printed(&tape.records), printed(&out));
    for record in &out {
        let Record::Episode(episode) = record else {
            continue;
        };
        let json = serde_json::to_string_pretty(&episode.diagnoses).expect("plain data");
        text.push_str(&format!("\n{json}\n"));
    }
    insta::assert_snapshot!(format!("golden__{name}"), text);
    ids(tape)
}

/// SIGKILL after ten seconds, and everything ends.
fn killed(tape: Tape, victims: &[(u32, bool, bool)]) -> Tape {
    tape.at(70_000).killed(From::Runtime).dies_with(victims)
}

fn ten_seconds(init: &'static str, victims: &[(u32, bool, bool)]) -> Tape {
    let tape = Tape::new(init).named(2, "server");
    killed(tape.dropped(15, From::Runtime), victims)
}

#[test]
fn the_notes() {
    let stop = ten_seconds("bash", &[(2, true, false), (3, false, false)]);
    insta::assert_snapshot!("paragraph", paragraph(&stop));
    let episode = episodes(&stop).pop().expect("one");
    insta::assert_snapshot!("verdict", verdict(&episode, false));
    let handled = Tape::new("nginx")
        .handled(15, From::Runtime, 1)
        .exits(1, 0)
        .zaps(&[])
        .zapped();
    insta::assert_snapshot!("graceful", paragraph(&handled));
    let hostile = ten_seconds("\u{1b}[2J\n", &[]);
    insta::assert_snapshot!("hostile", paragraph(&hostile));
}

/// Each that recordings can tell is kept as one, by a test that still makes it.
#[test]
fn every_diagnosis_has_its_golden() {
    let tests = [
        include_str!("tests/ends.rs"),
        include_str!("tests/stops.rs"),
        include_str!("tests/waits.rs"),
    ]
    .concat();
    // As rustfmt breaks it or not.
    let tests: String = tests.split_whitespace().collect();
    let is_made = |name: &str| {
        ["golden", "stuck"]
            .iter()
            .any(|by| tests.contains(&format!("{by}(\"{name}\",")))
    };
    let kept: BTreeSet<String> = kept().expect("the snapshots").collect();
    for name in &kept {
        assert!(is_made(name), "no test makes golden__{name}");
    }
    for id in catalogue::ALL.iter().map(|entry| entry.id.id()) {
        let is_told = Id::find_recorded(id).is_ok();
        assert_eq!(kept.contains(id), is_told, "{id}");
    }
}

/// The names of the goldens that are there.
fn kept() -> std::io::Result<impl Iterator<Item = String>> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/src/diagnosis/snapshots");
    let names = std::fs::read_dir(dir)?.filter_map(|file| {
        let name = file.ok()?.file_name().into_string().ok()?;
        let (_, of) = name.strip_suffix(".snap")?.split_once("__golden__")?;
        Some(of.to_owned())
    });
    Ok(names)
}

#[test]
fn a_healthy_stop_has_none() {
    let tape = || Tape::new("app").named(2, "server");
    let handled = tape()
        .handled(15, From::Runtime, 1)
        .exits(1, 0)
        .zaps(&[(2, false, false)])
        .zapped();
    assert_eq!(ids(handled.clone()), [""; 0]);
    assert!(!episodes(&handled)[0].ungraceful);
    let init = Tape::new("tini")
        .named(2, "server")
        .signal(15, From::Runtime, 1, (Outcome::Queued, Reason::Sigwait))
        .handled(15, From::Member(1), 2)
        .exits(2, 0)
        .exits(1, 0)
        .zaps(&[])
        .zapped();
    assert_eq!(ids(init), [""; 0]);
    // A pod's sandbox is always killed.
    let pause = Tape::new("pause")
        .in_pod()
        .killed(From::Runtime)
        .dies_with(&[]);
    assert_eq!(ids(pause.clone()), [""; 0]);
    assert!(!episodes(&pause)[0].ungraceful);
    // Ctrl-C at the prompt of a shell.
    let prompt = Tape::new("bash")
        .signal(
            2,
            From::Of(Kind::Tty),
            1,
            (Outcome::Queued, Reason::Handler),
        )
        .taken(2, 1, (Outcome::Handled, Reason::Handler));
    assert_eq!(episodes(&prompt), []);
}

#[test]
fn losses_and_the_unknown_are_said() {
    let tape = Tape::new("app").dropped(15, From::Runtime).lost(5);
    let episode = episodes(&killed(tape, &[])).pop().expect("one");
    assert!(!episode.complete && episode.unknown[0].contains("lost"));
    assert!(episode.diagnoses.iter().all(|d| !d.complete));
    let blind = Tape::new("app")
        .starts(&[])
        .killed(From::Runtime)
        .dies_with(&[]);
    let episode = episodes(&blind).pop().expect("one");
    let found = &episode.diagnoses[0];
    assert_eq!(found.id, "KILL_WITHOUT_STOP");
    assert!(!found.complete && found.uncertain.is_some() && !episode.complete);
}
