//! Texts, real and hostile, to records.

use super::*;
use crate::{
    decide::{Outcome, Reason, sender::Kind},
    diagnosis::Teller,
    output::fixtures::dice::Dice,
    record::{Ending, Episode, Relation, Signal, ZapPhase},
};

/// The same run, three times.
const STOPS: [(Format, &str); 4] = [
    (
        Format::PerfScript,
        include_str!("../../../tests/import/stop.perf"),
    ),
    (
        Format::PerfScript,
        include_str!("../../../tests/import/stop.perf-ns"),
    ),
    (
        Format::Ftrace,
        include_str!("../../../tests/import/stop.ftrace"),
    ),
    (
        Format::Bpftrace,
        include_str!("../../../tests/import/stop.bpftrace"),
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
    format!("{comm:>16} {tid:5} [001] {}.{us:06}: {event}\n", 100)
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
    let page = include_str!("../../../docs/import.md");
    assert!(page.contains(include_str!("../../../docs/signals.bt")));
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
fn names_may_hold_anything() {
    for name in [
        "a b",
        "x pid=1 grp=1",
        " res=0",
        "a: b 12 [000]",
        "(sd-pam)",
        "kworker/1:2-ev",
        "<...>x",
        "-",
        "1 2/3",
        "[001] 1.5: x",
        "comm=",
        "a\tb",
        "\u{1b}[31m",
        "ü",
        "a-9",
    ] {
        let imported = perf(generate(name, 7, 1, 15, (name, 8), 1));
        let signal = signals(&imported).next().expect(name);
        let expected = Some(crate::record::Comm::from(name));
        assert_eq!(signal.target.process.comm, expected, "{name:?}");
        assert_eq!(signal.target.process.pid, Some(8), "{name:?}");
        assert_eq!(signal.sender.process.pid, Some(7), "{name:?}");
        let trimmed = name.trim();
        assert_eq!(signal.sender.process.comm, Some(trimmed.into()), "{name:?}");
        let ftrace = format!(
            "  {name}-7       (  5) [001] d..2.  100.000001: signal_generate: sig=15 errno=0 code=0 comm={name} pid=8 grp=1 res=1\n"
        );
        let imported = import(Format::Ftrace, ftrace).expect(name);
        let signal = signals(&imported).next().expect(name);
        assert_eq!(signal.sender.process.tid, Some(7), "{name:?}");
        assert_eq!(signal.sender.process.pid, Some(5), "{name:?}");
        assert_eq!(signal.target.process.comm, expected, "{name:?}");
    }
}

#[test]
fn a_name_with_line_feeds_is_put_together_again() {
    let text =
        generate("sh", 7, 1, 15, ("a\nb\n", 8), 1) + &generate("sh", 7, 2, 15, ("app", 9), 1);
    let imported = perf(text);
    let names: Vec<_> = signals(&imported).map(|s| s.target.process.comm).collect();
    assert_eq!(names, [Some("a\nb\n".into()), Some("app".into())]);
    assert_eq!(imported.summary.bad_lines, 0);
}

#[test]
fn what_is_cut_costs_itself_and_is_numbered() {
    let whole = generate("sh", 7, 1, 15, ("app", 8), 1);
    for cut in 66..whole.len() - 2 {
        let begin = &whole[..cut];
        let text = format!("{whole}{begin}\n{whole}");
        let imported = perf(text);
        let count = signals(&imported).count();
        // Cut within its last number it may still be one.
        assert!(
            count == 2 && imported.summary.first_bad == Some(2) || count == 3,
            "{begin:?}"
        );
    }
    let imported = perf(format!("{whole}{}", &whole[..90]));
    assert_eq!(imported.summary.first_bad, Some(2));
}

#[test]
fn a_text_of_another_kind_is_one_error_with_its_line() {
    let of = |format, text: &str| import(format, text).expect_err("none").to_string();
    let error = of(Format::PerfScript, "\n\nDear diary,\n");
    assert!(
        error.contains("perf script") && error.contains("line 3"),
        "{error}"
    );
    let error = of(Format::Bpftrace, STOPS[0].1);
    assert!(error.contains("is perf script text"), "{error}");
    let error = of(Format::PerfScript, STOPS[3].1);
    assert!(error.contains("is bpftrace text"), "{error}");
    assert!(of(Format::Ftrace, "").contains("ftrace"));
    assert!(of(Format::Ftrace, "x-1 [0] 1.5: signal_generate: sig=15").contains("line 1"));
    assert!(
        read(
            Path::new("/no/such/file"),
            Options {
                format: Format::Ftrace,
                boot: None
            }
        )
        .is_err()
    );
    assert!(
        read(
            Path::new("/"),
            Options {
                format: Format::Ftrace,
                boot: None
            }
        )
        .is_err()
    );
}

#[test]
fn losses_are_the_tracers_word() {
    let event = generate("sh", 7, 1, 15, ("app", 8), 1);
    let text = format!("CPU:1 [LOST 12 EVENTS]\n{event}CPU:0 [3 EVENTS DROPPED]\n");
    assert_eq!(
        import(Format::Ftrace, text).expect("events").summary.lost,
        15
    );
    let text = format!("{event}  sh 7 [000] 1.5: PERF_RECORD_LOST lost 4\n");
    assert_eq!(perf(text).summary.lost, 4);
    let text = format!("Lost 9 events\n{}", STOPS[3].1);
    let imported = import(Format::Bpftrace, text).expect("events");
    assert_eq!(imported.summary.lost, 9);
    assert!(
        episodes(&imported)
            .iter()
            .all(|e| e.unknown[0].contains("lost"))
    );
}

#[test]
fn an_exit_follows_from_the_signals_alone() {
    let text: String = STOPS[0]
        .1
        .lines()
        .filter(|line| line.contains(" signal:"))
        .map(|line| format!("{line}\n"))
        .collect();
    let imported = perf(text);
    let episode = episodes(&imported)
        .into_iter()
        .find(|episode| episode.init.comm == Some("entry.sh".into()))
        .expect("told");
    assert_eq!(
        (episode.ending, episode.killed_by_zap_total),
        (Ending::Killed, Some(3))
    );
}

/// Each of them could be the last but for the end: none may look ahead for itself.
#[test]
fn the_end_of_a_crowded_namespace_takes_no_longer_than_its_text() {
    const KILLED: u32 = 50_000;
    let by_init = |us, event: &str| line("init", 10, us, event);
    let mut text = String::new();
    for pid in 100..100 + KILLED {
        text += &by_init(
            u64::from(pid),
            &format!(
                "signal:signal_generate: sig=9 errno=0 code=128 comm=worker pid={pid} grp=1 res=0"
            ),
        );
    }
    text += &by_init(
        900_000,
        "signal:signal_generate: sig=17 errno=0 code=1 comm=shim pid=9 grp=1 res=0",
    );
    let begun = std::time::Instant::now();
    let imported = perf(&text);
    let took = begun.elapsed();
    let killed = signals(&imported).filter(|s| s.sender.kind == Kind::Zap);
    assert_eq!(killed.count(), KILLED as usize);
    // Some 1.2 thousand million steps else, which take minutes unoptimized.
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_graceful_end_is_one() {
    let text = [
        generate("runc", 7, 1, 15, ("app", 8), 0),
        line(
            "app",
            8,
            50,
            "signal:signal_deliver: sig=15 errno=0 code=0 sa_handler=55d0c0 sa_flags=4000000",
        ),
        line(
            "app",
            8,
            900,
            "sched:sched_process_exit: comm=app pid=8 prio=120",
        ),
        line(
            "app",
            8,
            950,
            "signal:signal_generate: sig=17 errno=0 code=1 comm=shim pid=6 grp=1 res=0",
        ),
    ];
    let imported = perf(text.concat());
    let told = episodes(&imported);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].ending, told[0].ungraceful),
        (Ending::Exited, false)
    );
    assert!(told[0].diagnoses.is_empty());
}

#[test]
fn a_handler_that_does_not_exit_is_known_by_the_delivery() {
    let text = [
        generate("runc", 7, 1, 15, ("app", 8), 0),
        line(
            "app",
            8,
            50,
            "signal:signal_deliver: sig=15 errno=0 code=0 sa_handler=55d0c0 sa_flags=4000000",
        ),
        generate("runc", 7, 900_000, 9, ("app", 8), 0),
        line(
            "app",
            8,
            900_100,
            "sched:sched_process_exit: comm=app pid=8 prio=120",
        ),
        line(
            "app",
            8,
            900_200,
            "signal:signal_generate: sig=17 errno=0 code=2 comm=shim pid=6 grp=1 res=0",
        ),
    ];
    let told = episodes(&perf(text.concat()));
    let ids: Vec<_> = told[0].diagnoses.iter().map(|d| &*d.id).collect();
    assert_eq!(ids, ["HANDLER_NO_EXIT", "GRACE_EXPIRED_KILL"]);
}

#[test]
fn a_sigkill_that_was_dropped_was_for_an_init() {
    let zap = "signal:signal_generate: sig=9 errno=0 code=128 comm=child pid=9 grp=1 res=0";
    let text = [
        generate("sh", 9, 1, 9, ("app", 8), 1),
        line(
            "app",
            8,
            500,
            "sched:sched_process_exit: comm=app pid=8 prio=120",
        ),
        line("app", 8, 600, zap),
        line(
            "app",
            8,
            950,
            "signal:signal_generate: sig=17 errno=0 code=1 comm=shim pid=6 grp=1 res=0",
        ),
    ];
    let told = episodes(&perf(text.concat()));
    let ids: Vec<_> = told[0].diagnoses.iter().map(|d| &*d.id).collect();
    assert_eq!(ids, ["KILL9_FROM_INSIDE"]);
    assert_eq!(told[0].ending, Ending::Exited);
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
