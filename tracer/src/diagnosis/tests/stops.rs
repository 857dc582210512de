//! Stop signals: dropped, ignored, waiting, handled to no avail.

use super::*;
use crate::record::Diagnosis;

#[test]
fn no_handler() {
    let ids = golden("PID1_NO_HANDLER", ten_seconds("app", &[]));
    assert_eq!(ids, ["PID1_NO_HANDLER", "GRACE_EXPIRED_KILL"]);
    // Without anybody who kills it, it runs on.
    let alone = Tape::new("app").dropped(15, From::Member(2));
    assert_eq!(super::ids(alone), ["PID1_NO_HANDLER"]);
    // Blocked first, and dropped when it was unblocked.
    let late = Tape::new("app")
        .signal(15, From::Runtime, 1, (Outcome::Queued, Reason::Blocked))
        .taken(15, 1, (Outcome::Dropped, Reason::UnkillableInitAtDequeue));
    assert_eq!(
        super::ids(killed(late, &[])),
        ["PID1_NO_HANDLER", "GRACE_EXPIRED_KILL"]
    );
}

#[test]
fn dropped_by_an_import() {
    let stop = (Outcome::Dropped, Reason::NotRecorded);
    let tape = Tape::new("app").signal(15, From::Host, 1, stop);
    let ids = golden("STOP_DROPPED", killed(tape, &[]));
    assert_eq!(ids, ["STOP_DROPPED", "GRACE_EXPIRED_KILL"]);
    let alone = Tape::new("app").signal(15, From::Host, 1, stop);
    assert_eq!(super::ids(alone), ["STOP_DROPPED"]);
    // A second one that it heard ended it: nothing was wrong with that.
    let heard = Tape::new("app")
        .signal(15, From::Host, 1, stop)
        .handled(15, From::Host, 1)
        .exits(1, 0)
        .zaps(&[])
        .zapped();
    assert!(super::ids(heard).is_empty());
}

const DENIED: (Outcome, Reason) = (Outcome::Failed, Reason::PermissionDenied);

#[test]
fn sender_denied() {
    // The security module's profile lets the runtime's SIGKILL pass, ten seconds later.
    let barred = |tape: Tape| {
        tape.signal_with(15, From::Runtime, 1, DENIED, |stop| {
            stop.rule = "check_kill_permission/EACCES".into();
        })
    };
    let stop = killed(
        barred(Tape::new("app").named(2, "server")),
        &[(2, true, false)],
    );
    assert_eq!(
        golden("SENDER_DENIED", stop.clone()),
        ["SENDER_DENIED", "GRACE_EXPIRED_KILL"]
    );
    let episode = episodes(&stop).pop().expect("one");
    assert_eq!(
        episode.grace_ns.map(|grace| grace / 1_000_000_000),
        Some(10)
    );
    // Neither passes: it runs on.
    let alive = barred(Tape::new("app"))
        .at(70_000)
        .signal(9, From::Runtime, 1, DENIED);
    assert_eq!(golden("SENDER_DENIED_alive", alive), ["SENDER_DENIED"]);
}

#[test]
fn who_may_not_stop_it_is_no_matter_where_another_may() {
    let tried = || Tape::new("app").signal(15, From::Host, 1, DENIED);
    let stopped = tried()
        .at(90_000)
        .handled(15, From::Runtime, 1)
        .exits(1, 0)
        .zaps(&[])
        .zapped();
    let episode = episodes(&stopped).pop().expect("one");
    assert!(episode.diagnoses.is_empty(), "{episode:?}");
    assert!(!episode.ungraceful);
    // The time that goes by in between is nobody's grace.
    let (began, ended) = (episode.began.mono_ns, episode.ended.expect("over").mono_ns);
    assert!(ended - began < 1_000_000_000, "{episode:?}");
    // A refused reload asks for no end.
    let reload = Tape::new("app").signal(1, From::Host, 1, DENIED);
    assert!(episodes(&reload).is_empty());
    // Somebody else's attempt explains nothing about the runtime's.
    let no_handler = killed(tried().at(60_500).dropped(15, From::Runtime), &[]);
    assert_eq!(ids(no_handler), ["PID1_NO_HANDLER", "GRACE_EXPIRED_KILL"]);
}

#[test]
fn ten_second_stop() {
    let ids = golden(
        "PID1_SHELL_WRAPPER",
        ten_seconds("bash", &[(2, true, false)]),
    );
    assert_eq!(ids, ["PID1_SHELL_WRAPPER", "GRACE_EXPIRED_KILL"]);
    let script = golden(
        "GRACE_EXPIRED_KILL",
        ten_seconds("docker-entrypoint.sh", &[(2, true, false)]),
    );
    assert_eq!(script[0], "PID1_SHELL_WRAPPER");
    // A shell alone wraps nobody.
    let alone = super::ids(ten_seconds("sh", &[]));
    assert_eq!(alone, ["PID1_NO_HANDLER", "GRACE_EXPIRED_KILL"]);
}

#[test]
fn a_shell_that_lives_on_may_run_nothing() {
    let diagnoses = |tape: &Tape| -> Vec<Diagnosis> {
        let told = episodes(tape).into_iter();
        told.flat_map(|episode| episode.diagnoses).collect()
    };
    // docker run -it IMAGE sh, and a docker stop from another terminal.
    let alone = diagnoses(&Tape::new("sh").dropped(15, From::Runtime));
    let [found] = alone.as_slice() else {
        panic!("{alone:#?}");
    };
    assert_eq!(found.id, "PID1_SHELL_WRAPPER");
    assert!(!found.complete && found.uncertain.is_some(), "{found:#?}");
    assert!(found.summary.contains("what it may run"), "{found:#?}");

    let wraps = Tape::new("sh")
        .named(2, "server")
        .dropped(15, From::Runtime)
        .handled(10, From::Member(2), 2);
    let wraps = diagnoses(&wraps);
    let [found] = wraps.as_slice() else {
        panic!("{wraps:#?}");
    };
    assert_eq!(found.id, "PID1_SHELL_WRAPPER");
    assert_eq!(found.uncertain, None, "{found:#?}");
    assert!(found.summary.contains("is its child"), "{found:#?}");
}

#[test]
fn startup_race() {
    let early = || Tape::new("app").at(800).dropped(15, From::Runtime);
    let killed = early()
        .at(10_800)
        .signal_with(9, From::Runtime, 1, FATAL, |kill| {
            kill.target.sigterm_disposition = Some(Disposition::Handler);
        })
        .dies_with(&[]);
    assert_eq!(
        golden("STARTUP_RACE", killed),
        ["STARTUP_RACE", "GRACE_EXPIRED_KILL"]
    );
    let again = early()
        .at(2_000)
        .handled(15, From::Runtime, 1)
        .exits(1, 0)
        .zaps(&[])
        .zapped();
    assert_eq!(ids(again), ["STARTUP_RACE"]);
    // One that never gets a handler was not too slow.
    let never = super::killed(early(), &[]);
    assert_eq!(ids(never), ["PID1_NO_HANDLER", "GRACE_EXPIRED_KILL"]);
}

#[test]
fn wrong_stop_signal() {
    let int = Tape::new("app")
        .dropped(2, From::Runtime)
        .at(70_000)
        .signal_with(9, From::Runtime, 1, FATAL, |kill| {
            kill.target.sigterm_disposition = Some(Disposition::Handler);
        })
        .dies_with(&[]);
    assert_eq!(
        golden("WRONG_STOPSIGNAL", int),
        ["WRONG_STOPSIGNAL", "GRACE_EXPIRED_KILL"]
    );
    let systemds = killed(Tape::new("app").dropped(37, From::Runtime), &[]);
    assert_eq!(ids(systemds), ["WRONG_STOPSIGNAL", "GRACE_EXPIRED_KILL"]);
    let to_systemd = killed(
        Tape::new("systemd").signal(15, From::Runtime, 1, (Outcome::Queued, Reason::Blocked)),
        &[],
    );
    assert_eq!(ids(to_systemd)[0], "WRONG_STOPSIGNAL");
}

#[test]
fn ignored() {
    let tape = Tape::new("app").signal(15, From::Runtime, 1, (Outcome::Dropped, Reason::Ignored));
    assert_eq!(
        golden("SIG_IGN_INHERITED", killed(tape, &[])),
        ["SIG_IGN_INHERITED", "GRACE_EXPIRED_KILL"]
    );
    // By the child that it was passed on to.
    let child = Tape::new("tini")
        .signal(15, From::Runtime, 1, (Outcome::Queued, Reason::Sigwait))
        .signal(15, From::Member(1), 2, (Outcome::Dropped, Reason::Ignored));
    assert_eq!(
        ids(killed(child, &[(2, false, false)])),
        ["SIG_IGN_INHERITED", "GRACE_EXPIRED_KILL"]
    );
}

#[test]
fn blocked() {
    const WAITS: (Outcome, Reason) = (Outcome::Queued, Reason::Blocked);
    let one = killed(Tape::new("app").signal(15, From::Runtime, 1, WAITS), &[]);
    let episode = episodes(&one).pop().expect("one");
    assert_eq!(episode.diagnoses[0].id, "SIG_BLOCKED");
    assert!(!episode.diagnoses[0].complete, "it may have been read");
    let two = Tape::new("app").signal(15, From::Runtime, 1, WAITS).signal(
        15,
        From::Runtime,
        1,
        (Outcome::Coalesced, Reason::AlreadyPending),
    );
    let two = killed(two, &[]);
    golden("SIG_BLOCKED", two.clone());
    let episode = episodes(&two).pop().expect("one");
    assert!(episode.diagnoses[0].complete && episode.complete);
    // An init between two sigwaits takes it all the same.
    let passes = Tape::new("tini")
        .named(2, "server")
        .signal(15, From::Runtime, 1, WAITS)
        .handled(15, From::Member(1), 2)
        .exits(2, 0)
        .exits(1, 0)
        .zaps(&[])
        .zapped();
    assert_eq!(ids(passes), [""; 0]);
}

#[test]
fn reraise() {
    let plain =
        Tape::new("node")
            .handled(15, From::Runtime, 1)
            .signal(15, From::Member(1), 1, DROPPED);
    assert_eq!(
        golden("RERAISE_DROPPED", killed(plain, &[])),
        ["RERAISE_DROPPED", "GRACE_EXPIRED_KILL"]
    );
    let within = Tape::new("node")
        .handled(15, From::Runtime, 1)
        .signal(15, From::Member(1), 1, (Outcome::Queued, Reason::Blocked))
        .taken(15, 1, (Outcome::Dropped, Reason::UnkillableInitAtDequeue));
    assert_eq!(
        ids(killed(within.clone(), &[])),
        ["RERAISE_DROPPED", "GRACE_EXPIRED_KILL"]
    );
    assert_eq!(ids(within), ["RERAISE_DROPPED"], "nobody kills it");
}

#[test]
fn ctrl_c() {
    let key = Tape::new("app").dropped(2, From::Of(Kind::Tty));
    assert_eq!(golden("CTRL_C_DROPPED", key), ["CTRL_C_DROPPED"]);
}

#[test]
fn core_signal() {
    let segv = Tape::new("app").dropped(11, From::Runtime);
    assert_eq!(
        golden("PID1_RAISE_CORE_DROPPED", segv),
        ["PID1_RAISE_CORE_DROPPED"]
    );
    let quit = killed(Tape::new("app").dropped(3, From::Runtime), &[]);
    assert_eq!(ids(quit), ["PID1_NO_HANDLER", "GRACE_EXPIRED_KILL"]);
}

#[test]
fn sigpipe() {
    let mut tape = Tape::new("app");
    for _ in 0..3 {
        tape = tape.dropped(13, From::Of(Kind::Io));
    }
    assert_eq!(episodes(&tape), [], "nothing ends by it");
    let stopped = tape
        .handled(15, From::Runtime, 1)
        .exits(1, 0)
        .zaps(&[])
        .zapped();
    assert_eq!(golden("SIGPIPE_SWALLOWED", stopped), ["SIGPIPE_SWALLOWED"]);
}

#[test]
fn no_exit() {
    let own = killed(Tape::new("app").handled(15, From::Runtime, 1), &[]);
    assert_eq!(
        golden("HANDLER_NO_EXIT", own),
        ["HANDLER_NO_EXIT", "GRACE_EXPIRED_KILL"]
    );
    let child = Tape::new("tini")
        .named(2, "server")
        .signal(15, From::Runtime, 1, (Outcome::Queued, Reason::Sigwait))
        .handled(15, From::Member(1), 2);
    let child = killed(child, &[(2, true, true)]);
    assert_eq!(
        ids(child.clone()),
        ["HANDLER_NO_EXIT", "GRACE_EXPIRED_KILL"]
    );
    let text = paragraph(&child);
    assert!(
        text.contains("server (pid 31151) handled SIGTERM"),
        "{text}"
    );
}

#[test]
fn trap() {
    let tape = Tape::new("bash")
        .named(2, "server")
        .handled(15, From::Runtime, 1);
    assert_eq!(
        golden("SHELL_TRAP_DEFERRED", killed(tape, &[(2, true, false)])),
        ["SHELL_TRAP_DEFERRED", "GRACE_EXPIRED_KILL"]
    );
}

#[test]
fn consumed() {
    let tape = Tape::new("init").named(2, "server").signal(
        15,
        From::Runtime,
        1,
        (Outcome::Queued, Reason::Sigwait),
    );
    assert_eq!(
        golden("CONSUMED_NOT_FORWARDED", killed(tape, &[(2, true, false)])),
        ["CONSUMED_NOT_FORWARDED", "GRACE_EXPIRED_KILL"]
    );
}

#[test]
fn package_manager() {
    let npm = Tape::new("npm start")
        .named(2, "node")
        .handled(15, From::Runtime, 1);
    let ends = npm.clone().exits(1, 0).zaps(&[(2, true, false)]).zapped();
    assert_eq!(golden("PM_SWALLOWS", ends), ["PM_SWALLOWS"]);
    assert_eq!(
        ids(killed(npm, &[(2, true, false)])),
        ["PM_SWALLOWS", "GRACE_EXPIRED_KILL"]
    );
    let supervisor = Tape::new("supervisord")
        .named(2, "server")
        .handled(15, From::Runtime, 1)
        .handled(15, From::Member(1), 2)
        .signal(9, From::Member(1), 2, (Outcome::Fatal, Reason::Kill))
        .dies(2, 9)
        .exits(1, 0)
        .zaps(&[])
        .zapped();
    assert_eq!(ids(supervisor), ["PM_SWALLOWS"]);
}
