//! How a process ends, and by what.

use super::*;

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

/// SIGTERM for `app`, pid 8, which has a handler.
fn a_handler_takes_sigterm() -> String {
    let sent = generate("runc", 7, 1, 15, ("app", 8), 0);
    let taken = "signal:signal_deliver: sig=15 errno=0 code=0 sa_handler=55d0c0 sa_flags=4000000";
    sent + &line("app", 8, 50, taken)
}

#[test]
fn a_graceful_end_is_one() {
    let text = [
        a_handler_takes_sigterm(),
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
        a_handler_takes_sigterm(),
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

const EXIT: &str = "sched:sched_process_exit: comm=app pid=8 prio=120";

fn chld(code: u32) -> String {
    format!("signal:signal_generate: sig=17 errno=0 code={code} comm=shim pid=6 grp=1 res=0")
}

fn delivered(sig: u32, code: u32) -> String {
    format!("signal:signal_deliver: sig={sig} errno=0 code={code} sa_handler=0 sa_flags=0")
}

/// Who is PID 1 of a namespace in which `child` runs.
fn zap(us: u64) -> String {
    let event = "signal:signal_generate: sig=9 errno=0 code=128 comm=child pid=9 grp=1 res=0";
    line("app", 8, us, event)
}

fn delivers(imported: &Whole) -> Vec<(u32, Outcome, Reason)> {
    let of = |record: &Record| match record {
        Record::Deliver(r) => Some((r.signal.number, r.outcome, r.reason)),
        _ => None,
    };
    imported.records.iter().filter_map(of).collect()
}

#[test]
fn a_fault_of_pid_1_is_a_crash() {
    let fault = "signal:signal_generate: sig=11 errno=0 code=1 comm=app pid=8 grp=0 res=0";
    for exit in [line("app", 8, 300, EXIT), String::new()] {
        let text = [
            line("app", 8, 100, fault),
            line("app", 8, 200, &delivered(11, 1)),
            exit,
            zap(400),
            line("app", 8, 900, &chld(3)),
        ];
        let imported = perf(text.concat());
        let fatal = (11, Outcome::Fatal, Reason::DefaultCore);
        assert_eq!(delivers(&imported), [fatal]);
        let signal = signals(&imported).next().expect("the fault");
        assert_eq!(
            (signal.sender.kind, signal.outcome, signal.reason),
            (Kind::Fault, Outcome::Fatal, Reason::DefaultCore)
        );
        let told = episodes(&imported);
        assert_eq!(
            (told[0].ending, told[0].ungraceful, told[0].exit_code),
            (Ending::Crashed, true, Some(139))
        );
        assert_eq!(told[0].killed_by_zap_total, Some(1));
        let ids: Vec<_> = told[0].diagnoses.iter().map(|d| &*d.id).collect();
        assert_eq!(ids, ["INIT_CRASHED"]);
    }
}

/// abort(3) of an init: what it sends to itself is dropped, and libc faults then.
#[test]
fn an_abort_and_a_forbidden_call_are_told_from_other_faults() {
    let own = |us, sig, code, res| {
        let event = format!(
            "signal:signal_generate: sig={sig} errno=0 code={code} comm=app pid=8 grp=0 res={res}"
        );
        line("app", 8, us, &event)
    };
    let end = [
        line("app", 8, 300, EXIT),
        zap(400),
        line("app", 8, 900, &chld(3)),
    ]
    .concat();
    let ids = |text: String| {
        let told = episodes(&perf(text + &end));
        let ids: Vec<_> = told[0].diagnoses.iter().map(|d| d.id.clone()).collect();
        ids
    };
    let abort = own(100, 6, -6, 1) + &own(110, 11, 128, 0);
    let abort = abort + &line("app", 8, 120, &delivered(11, 128));
    assert_eq!(ids(abort), ["PID1_ABORT_AS_SEGV"]);
    let seccomp = own(100, 31, 1, 0) + &line("app", 8, 120, &delivered(31, 1));
    assert_eq!(ids(seccomp), ["SECCOMP_KILL"]);
}

#[test]
fn what_an_init_takes_without_a_handler_is_dropped_but_for_faults_and_sigstop() {
    let text = [
        line("app", 8, 100, &delivered(15, 0)),
        line("app", 8, 110, &delivered(3, 0)),
        // Sent by somebody, and no fault.
        line("app", 8, 120, &delivered(11, 0)),
        // BUS_MCEERR_AO
        line("app", 8, 130, &delivered(7, 5)),
        line("app", 8, 140, &delivered(20, 0)),
        line("app", 8, 150, &delivered(19, 0)),
        line("app", 8, 300, EXIT),
        zap(400),
        line("app", 8, 900, &chld(1)),
    ];
    let dropped = |sig| (sig, Outcome::Dropped, Reason::UnkillableInitAtDequeue);
    let mut want: Vec<_> = [15, 3, 11, 7, 20].map(dropped).into();
    want.push((19, Outcome::Stopped, Reason::Stop));
    let imported = perf(text.concat());
    assert_eq!(delivers(&imported), want);
    let exits = |r: &Record| matches!(r, Record::Exit(r) if r.signal.is_none());
    assert!(imported.records.iter().any(exits));
}

#[test]
fn a_second_sigkill_finds_a_dying_process_and_no_protected_init() {
    for exit in [line("app", 8, 300, EXIT), String::new()] {
        let text = [
            generate("shim", 6, 100, 9, ("app", 8), 0),
            generate("shim", 6, 110, 9, ("app", 8), 1),
            generate("shim", 6, 120, 15, ("app", 8), 1),
            line("app", 8, 200, &delivered(9, 0)),
            exit,
            zap(400),
            line("app", 8, 900, &chld(2)),
        ];
        let imported = perf(text.concat());
        let got: Vec<_> = signals(&imported)
            .filter(|s| s.sender.kind == Kind::Process)
            .map(|s| (s.reason, s.relation))
            .collect();
        assert_eq!(
            got,
            [
                (Reason::ForcedOnInit, Relation::Ancestor),
                (Reason::TargetExiting, Relation::Unknown),
                (Reason::TargetExiting, Relation::Unknown),
            ]
        );
        let told = episodes(&imported);
        assert_eq!((told.len(), told[0].exit_code), (1, Some(137)));
        let ids: Vec<_> = told[0].diagnoses.iter().map(|d| &*d.id).collect();
        assert_eq!(ids, ["KILL_WITHOUT_STOP"]);
    }
}

#[test]
fn an_end_by_a_signal_that_nobody_knows_is_no_exit() {
    let text = [
        generate("shim", 6, 100, 15, ("app", 8), 1),
        line("app", 8, 300, EXIT),
        zap(400),
        line("app", 8, 900, &chld(2)),
    ];
    let imported = perf(text.concat());
    assert!(
        !imported
            .records
            .iter()
            .any(|r| matches!(r, Record::Exit(_)))
    );
    let told = episodes(&imported);
    assert_eq!(
        (told.len(), told[0].ending, told[0].exit_code),
        (1, Ending::Unknown, None)
    );
}

/// `complete_signal` ends a process by it at once, and it is never taken.
#[test]
fn a_signal_that_waits_as_the_process_dies_of_one_is_that_one() {
    let of = |sigs: &[u32], took: u32| {
        let mut text: String = sigs
            .iter()
            .map(|sig| generate("shim", 6, 100, *sig, ("app", 8), 0))
            .collect();
        text += &line("app", 8, 200, &delivered(took, 0));
        text += &line("app", 8, 300, EXIT);
        text += &line("app", 8, 310, &chld(2));
        let told = episodes(&perf(text));
        (told[0].ending, told[0].exit_code, told[0].ungraceful)
    };
    assert_eq!(of(&[15], 9), (Ending::Exited, Some(143), false));
    // It may have been either of them, or neither.
    assert_eq!(of(&[15, 2], 9).1, None);
    assert_eq!(of(&[15], 18).1, None);
}
