//! Whose SIGKILLs are those of a namespace's end, where exits are not recorded.

use super::*;

fn kill(us: u64, pid: u32) -> String {
    let event =
        format!("signal:signal_generate: sig=9 errno=0 code=128 comm=victim pid={pid} grp=1 res=0");
    line("app", 8, us, &event)
}

fn chld(comm: &str, tid: u32, us: u64, code: u32, to: u32) -> String {
    let event =
        format!("signal:signal_generate: sig=17 errno=0 code={code} comm=sh pid={to} grp=1 res=0");
    line(comm, tid, us, &event)
}

/// Whether the process 8 is taken for an init.
fn is_zap(text: &[String]) -> bool {
    let imported = perf(text.concat());
    let by_init = |record: &Record| matches!(record, Record::Zap(_));
    imported.records.iter().any(by_init)
}

#[test]
fn who_asks_for_memory_and_ends_is_no_init() {
    // One victim, whoever hears of it.
    for parent in [1, 6, 8] {
        let text = [
            kill(10, 9),
            chld("victim", 9, 20, 2, parent),
            chld("app", 8, 30, 1, 6),
        ];
        assert!(!is_zap(&text), "{parent}");
    }
    assert!(!is_zap(&[kill(10, 9), chld("app", 8, 30, 1, 6)]));
    // A whole cgroup, and one of them is heard of outside, now or soon.
    for late in [20, 40, 3_000_000] {
        let text = [
            kill(10, 9),
            kill(11, 10),
            chld("victim", 10, 15, 2, 9),
            chld("victim", 9, late, 2, 6),
            chld("app", 8, 30, 1, 6),
        ];
        assert!(!is_zap(&text), "{late}");
    }
}

#[test]
fn who_ends_and_takes_several_along_who_tell_nobody_is_an_init() {
    let ends = chld("app", 8, 30, 1, 6);
    assert!(is_zap(&[kill(10, 9), kill(11, 10), ends.clone()]));
    // One was the parent of the other.
    let among = chld("victim", 10, 15, 2, 9);
    assert!(is_zap(&[kill(10, 9), kill(11, 10), among, ends.clone()]));
    // Another process of that number, much later.
    let later = chld("other", 9, 60_000_000, 1, 6);
    assert!(is_zap(&[kill(10, 9), kill(11, 10), ends.clone(), later]));
    // The same one twice is one.
    assert!(!is_zap(&[kill(10, 9), kill(11, 9), ends]));
}

#[test]
fn who_was_killed_and_kills_is_an_init() {
    let ends = chld("app", 8, 30, 2, 6);
    let killed = generate("shim", 6, 5, 9, ("app", 8), 0);
    assert!(is_zap(&[killed.clone(), kill(10, 9), ends.clone()]));
    // It was killed afterwards: by then it had asked for memory.
    let late = generate("shim", 6, 20, 9, ("app", 8), 0);
    assert!(!is_zap(&[kill(10, 9), late, ends.clone()]));
    // Even if one that came from outside is heard of there.
    let heard = chld("victim", 9, 20, 2, 6);
    assert!(is_zap(&[killed, kill(10, 9), heard, ends]));
}

#[test]
fn the_victim_of_memory_is_killed_by_the_kernel_and_no_more() {
    let text = [
        kill(10, 9),
        chld("victim", 9, 20, 2, 6),
        chld("app", 8, 30, 1, 6),
    ];
    let imported = perf(text.concat());
    let signal = signals(&imported).next().expect("the kill");
    assert_eq!(
        (signal.sender.kind, signal.outcome, signal.reason),
        (Kind::Kernel, Outcome::Fatal, Reason::Kill)
    );
    let ended = |record: &Record| match record {
        Record::Exit(exit) => Some((exit.process.pid, exit.is_init)),
        _ => None,
    };
    let exits: Vec<_> = imported.records.iter().filter_map(ended).collect();
    assert_eq!(exits, [(Some(9), false), (Some(8), false)]);
}
