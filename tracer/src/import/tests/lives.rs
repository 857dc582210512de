//! Numbers that are used again, where nobody saw the forks.

use super::*;

const SECOND: u64 = 1_000_000;

fn chld(tid: u32, us: u64, code: u32) -> String {
    let event =
        format!("signal:signal_generate: sig=17 errno=0 code={code} comm=shim pid=6 grp=1 res=0");
    line("app", tid, us, &event)
}

fn delivered(us: u64, sig: u32, handler: &str) -> String {
    let event =
        format!("signal:signal_deliver: sig={sig} errno=0 code=0 sa_handler={handler} sa_flags=0");
    line("app", 8, us, &event)
}

fn exits(imported: &Whole) -> Vec<Option<u32>> {
    let of = |record: &Record| match record {
        Record::Exit(r) => Some(r.signal.as_ref().map(|signal| signal.number)),
        _ => None,
    };
    imported.records.iter().filter_map(of).collect()
}

/// Killed with its namespace, and told.
fn killed(us: u64) -> String {
    [
        generate("shim", 6, us, 9, ("app", 8), 0),
        delivered(us + 10, 9, "0"),
        line(
            "app",
            8,
            us + 20,
            "signal:signal_generate: sig=9 errno=0 code=128 comm=child pid=9 grp=1 res=0",
        ),
        chld(8, us + 30, 2),
    ]
    .concat()
}

/// A stop that is handled, and the exit.
fn handled(us: u64) -> String {
    [
        generate("shim", 6, us, 15, ("app", 8), 0),
        delivered(us + 10, 15, "55d0c0"),
        chld(8, us + 30, 1),
    ]
    .concat()
}

#[test]
fn nothing_is_inherited() {
    let text = [
        killed(10),
        // Another one, of the same name.
        generate("shim", 6, 60 * SECOND, 15, ("app", 8), 1),
        handled(61 * SECOND),
        generate("shim", 6, 120 * SECOND, 9, ("other", 8), 1),
    ];
    let imported = perf(text.concat());
    assert_eq!(exits(&imported), [Some(9), None]);
    let to_app: Vec<_> = signals(&imported)
        .filter(|s| s.target.process.pid == Some(8))
        .map(|s| (s.reason, s.target.is_init, s.target.exiting))
        .collect();
    assert_eq!(
        to_app,
        [
            (Reason::ForcedOnInit, true, false),
            (Reason::NotRecorded, false, false),
            (Reason::NotRecorded, false, false),
            (Reason::NotRecorded, false, false),
        ]
    );
    let told: Vec<_> = episodes(&imported)
        .iter()
        .map(|e| (e.ending, e.exit_code, e.killed_by_zap_total))
        .collect();
    assert_eq!(
        told[..2],
        [
            (Ending::Killed, Some(137), Some(1)),
            (Ending::Exited, None, None)
        ]
    );
}

#[test]
fn each_namespace_has_its_own_end() {
    let imported = perf(killed(10) + &killed(60 * SECOND) + &killed(120 * SECOND));
    let zaps: Vec<_> = imported
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Zap(zap) => Some((zap.phase, zap.killed.as_ref().map_or(0, Vec::len))),
            _ => None,
        })
        .collect();
    assert_eq!(zaps, [(ZapPhase::Begin, 1), (ZapPhase::End, 0)].repeat(3));
    assert_eq!(exits(&imported), [Some(9); 3]);
    let told = episodes(&imported);
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|e| e.killed_by_zap_total == Some(1)));
}

/// Its parent ignores SIGCHLD, so that no end was told.
#[test]
fn nobody_exits_twice() {
    let exit = |us| {
        let event = "sched:sched_process_exit: comm=app pid=8 prio=120";
        line("app", 8, us, event)
    };
    let text = [
        generate("shim", 6, 10, 9, ("app", 8), 0),
        exit(20),
        generate("shim", 6, 60 * SECOND, 15, ("other", 8), 0),
        exit(61 * SECOND),
    ];
    let imported = perf(text.concat());
    assert_eq!(exits(&imported), [Some(9), None]);
    let last = signals(&imported).last().expect("two");
    assert!(!last.target.exiting);
}

#[test]
fn what_is_left_of_a_process_is_no_other_one() {
    for result in [0, 1] {
        let text = [
            handled(10),
            generate("shim", 6, 500, 9, ("app", 8), result),
            generate("shim", 6, 600, 9, ("renamed", 8), result),
        ];
        let imported = perf(text.concat());
        let got: Vec<_> = signals(&imported)
            .filter(|s| s.signal.number == 9)
            .map(|s| s.reason)
            .collect();
        let other = [Reason::Kill, Reason::NotRecorded][result as usize];
        assert_eq!(got, [Reason::TargetExiting, other]);
    }
}

/// Who ends tells of its dead children first: they go to another parent.
#[test]
fn the_last_that_a_process_tells_is_its_own_end() {
    let text = [
        generate("shim", 6, 10, 15, ("app", 8), 0),
        delivered(20, 15, "55d0c0"),
        chld(8, 100, 2),
        chld(8, 105, 3),
        chld(8, 110, 1),
    ];
    let imported = perf(text.concat());
    assert_eq!(exits(&imported), [None]);
    let told = episodes(&imported);
    assert_eq!((told.len(), told[0].ending), (1, Ending::Exited));
}

/// strace tells the parents of those that it traces, and goes on.
#[test]
fn who_has_not_exited_tells_of_others() {
    let text = [
        line(
            "app",
            9,
            5,
            "sched:sched_process_exit: comm=app pid=9 prio=120",
        ),
        chld(8, 10, 2),
        generate("shim", 6, 10 * SECOND, 15, ("app", 8), 0),
    ];
    let imported = perf(text.concat());
    let exited = imported.records.iter().filter_map(|record| match record {
        Record::Exit(exit) => exit.process.pid,
        _ => None,
    });
    assert_eq!(exited.collect::<Vec<_>>(), [9]);
}

/// Each number has thousands of lives: none may look through those before it.
#[test]
fn many_kills_take_no_longer_than_their_text() {
    const KILLS: u64 = 50_000;
    let mut text = String::new();
    for at in 0..KILLS {
        let pid = 8 + u32::try_from(at % 3).expect("small");
        // Each number is free again after more than a second.
        let us = at * 400_000;
        text += &generate("shim", 6, us, 9, ("app", pid), 0);
        text += &chld(pid, us + 5, 2);
    }
    let options = Options {
        format: Format::PerfScript,
        boot: None,
    };
    let begun = std::time::Instant::now();
    let imported = from(text.as_bytes(), options, "text").expect("events");
    let ended = |record: &Record| matches!(record, Record::Exit(exit) if exit.signal.is_some());
    let count = imported.records().filter(ended).count();
    let took = begun.elapsed();
    assert_eq!(count as u64, KILLS);
    assert!(took < std::time::Duration::from_secs(30), "{took:?}");
}
