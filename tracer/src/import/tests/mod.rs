//! Texts, real and hostile, to records.

use super::*;
use crate::{
    decide::{Outcome, Reason, sender::Kind},
    diagnosis::Teller,
    output::fixtures::dice::Dice,
    record::{Ending, Episode, Relation, Signal, ZapPhase},
};

mod ends;
mod lives;
mod texts;
mod zaps;

/// The same run, three times.
const STOPS: [(Format, &str); 4] = [
    (
        Format::PerfScript,
        include_str!("../../../../tests/import/stop.perf"),
    ),
    (
        Format::PerfScript,
        include_str!("../../../../tests/import/stop.perf-ns"),
    ),
    (
        Format::Ftrace,
        include_str!("../../../../tests/import/stop.ftrace"),
    ),
    (
        Format::Bpftrace,
        include_str!("../../../../tests/import/stop.bpftrace"),
    ),
];

/// All of it.
#[derive(Debug)]
struct Whole {
    records: Vec<Record>,
    summary: Summary,
}

fn import(format: Format, text: impl AsRef<[u8]>) -> anyhow::Result<Whole> {
    let options = Options { format, boot: None };
    let imported = from(text.as_ref(), options, "text")?;
    Ok(Whole {
        records: imported.records().collect(),
        summary: imported.summary,
    })
}

fn perf(text: impl AsRef<[u8]>) -> Whole {
    import(Format::PerfScript, text).expect("events")
}

fn signals(imported: &Whole) -> impl Iterator<Item = &Signal> {
    imported.records.iter().filter_map(|record| match record {
        Record::Signal(signal) => Some(&**signal),
        _ => None,
    })
}

fn episodes(imported: &Whole) -> Vec<Episode> {
    let (mut teller, mut told) = (Teller::new(), Vec::new());
    for record in &imported.records {
        teller.take(record, &mut told);
    }
    teller.end(&mut told);
    told.into_iter()
        .filter_map(|record| match record {
            Record::Episode(episode) => Some(*episode),
            _ => None,
        })
        .collect()
}

fn line(comm: &str, tid: u32, us: u64, event: &str) -> String {
    let (seconds, us) = (100 + us / 1_000_000, us % 1_000_000);
    format!("{comm:>16} {tid:5} [001] {seconds}.{us:06}: {event}\n")
}

fn generate(comm: &str, tid: u32, us: u64, sig: u32, to: (&str, u32), res: u32) -> String {
    let (name, pid) = to;
    let event = format!(
        "signal:signal_generate: sig={sig} errno=0 code=0 comm={name} pid={pid} grp=1 res={res}"
    );
    line(comm, tid, us, &event)
}

#[test]
fn the_same_stop_in_every_format() {
    for (format, text) in STOPS {
        let imported = import(format, text).expect("events");
        assert_eq!((imported.summary.bad_lines, imported.summary.lost), (0, 0));
        assert_eq!(imported.summary.has_date, format == Format::Bpftrace);
        let to_entry: Vec<_> = signals(&imported)
            .filter(|s| {
                s.target.process.comm == Some("entry.sh".into()) && s.sender.kind == Kind::Process
            })
            .map(|s| (s.signal.number, s.outcome, s.reason, s.relation))
            .collect();
        assert_eq!(
            to_entry,
            [
                (15, Outcome::Dropped, Reason::NotRecorded, Relation::Unknown),
                (9, Outcome::Fatal, Reason::ForcedOnInit, Relation::Ancestor),
            ],
            "{format:?}"
        );
        let zaps: Vec<_> = imported
            .records
            .iter()
            .filter_map(|record| match record {
                Record::Zap(zap) if zap.init.comm == Some("entry.sh".into()) => Some(zap),
                _ => None,
            })
            .collect();
        assert_eq!(zaps.len(), 2, "{format:?}");
        assert_eq!(
            (zaps[0].phase, zaps[1].phase),
            (ZapPhase::Begin, ZapPhase::End)
        );
        let killed = zaps[0].killed.as_ref().expect("victims");
        // They were seen to start, and no SIGTERM came to them.
        assert_eq!(killed.len(), 3);
        assert!(killed.iter().all(
            |victim| victim.saw_sigterm == Some(false) && victim.had_sigterm_handler.is_none()
        ));
        let episode = episodes(&imported)
            .into_iter()
            .find(|episode| episode.init.comm == Some("entry.sh".into()))
            .expect("told");
        assert_eq!(episode.ending, Ending::Killed);
        assert!(episode.ungraceful && !episode.complete);
        assert_eq!(episode.killed_by_zap_total, Some(3));
        assert_eq!(episode.exit_code, Some(137));
        let grace = episode.grace_ns.expect("both");
        assert!((2_000_000_000..2_100_000_000).contains(&grace), "{grace}");
        let ids: Vec<_> = episode.diagnoses.iter().map(|d| &*d.id).collect();
        assert_eq!(ids, ["STOP_DROPPED", "GRACE_EXPIRED_KILL"]);
        assert!(
            episode
                .diagnoses
                .iter()
                .all(|diagnosis| !diagnosis.complete)
        );
        assert!(
            episode
                .unknown
                .iter()
                .any(|why| why.contains(format.name()))
        );
    }
}

#[test]
fn the_page_has_the_script() {
    let page = include_str!("../../../../docs/import.md");
    assert!(page.contains(include_str!("../../../../docs/signals.bt")));
}

#[test]
fn each_format_is_recognised() {
    for (format, text) in STOPS {
        let found = text.lines().find_map(|line| Format::of(line.as_bytes()));
        assert_eq!(found, Some(format));
    }
    for text in [
        "",
        "# tracer: nop",
        "{\"type\":\"signal\"}",
        "cpus=2",
        "perf record -e signal:signal_generate: x",
    ] {
        assert_eq!(Format::of(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn the_result_is_the_kernels() {
    use Outcome::*;
    let want = [
        (0, Queued, Reason::NotRecorded),
        (1, Dropped, Reason::NotRecorded),
        (2, Coalesced, Reason::AlreadyPending),
        (3, Failed, Reason::QueueFull),
        (4, Queued, Reason::NotRecorded),
        (9, Queued, Reason::NotRecorded),
    ];
    let text: String = want
        .iter()
        .map(|(res, ..)| generate("sh", 7, u64::from(*res), 15, ("app", 8), *res))
        .collect();
    let imported = perf(text);
    let got: Vec<_> = signals(&imported).map(|s| (s.outcome, s.reason)).collect();
    assert_eq!(got, want.map(|(_, outcome, reason)| (outcome, reason)));
    assert_eq!(imported.summary.results, [1, 1, 1, 1, 1, 1]);
}

#[test]
fn what_is_not_known_is_not_said() {
    let imported = perf(generate("sh", 7, 1, 15, ("app", 8), 1));
    let signal = signals(&imported).next().expect("one");
    let target = &signal.target;
    assert_eq!((target.process.pid_ns, target.process.ns_pid), (None, None));
    assert_eq!((target.process.start_ns, target.process.uid), (None, None));
    assert!(target.process.container.is_none() && !target.is_init);
    assert_eq!(
        (target.disposition, target.blocked, target.frozen),
        (None, None, None)
    );
    assert_eq!(signal.when.ts.0, signal.when.mono_ns);
}

#[test]
fn no_damage_is_more_than_lines_that_cannot_be_read() {
    let mut dice = Dice(0xbad);
    for (format, text) in STOPS {
        for _ in 0..30 {
            let mut bytes = text.as_bytes().to_vec();
            for _ in 0..dice.roll(200) {
                let at = dice.roll(bytes.len());
                bytes[at] = u8::try_from(dice.roll(256)).expect("a byte");
            }
            bytes.truncate(dice.roll(bytes.len() + 1));
            if let Ok(imported) = import(format, &bytes) {
                episodes(&imported);
            }
        }
    }
}
