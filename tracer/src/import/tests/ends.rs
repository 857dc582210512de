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
