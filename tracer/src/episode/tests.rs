use super::story::{Exited, Hop, Story};
use super::tape::{From, Tape, when};
use super::*;
use crate::decide::{Outcome, Reason, sender::Kind};
use crate::record;

fn stories(tape: Tape) -> Vec<Story> {
    let (mut episodes, mut told) = (Episodes::new(), Vec::new());
    for record in &tape.records {
        episodes.take(record, &mut told);
    }
    episodes.tick(when(10_000_000).mono_ns, &mut told);
    told
}

#[test]
fn a_stop_is_told_once_it_is_over() {
    let tape = Tape::new("bash")
        .dropped(15, From::Runtime)
        .at(70_000)
        .killed(From::Runtime)
        .dies_with(&[(2, true, false)]);
    let (mut episodes, mut told) = (Episodes::new(), Vec::new());
    for record in &tape.records {
        episodes.take(record, &mut told);
    }
    assert!(
        told.is_empty(),
        "not before the last record had time to come"
    );
    assert!(!episodes.is_waiting());
    let due = episodes.due().expect("something to tell");
    episodes.tick(due, &mut told);
    let [story] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(story.state, State::Over);
    assert_eq!(story.grace_ns(), Some(10_000_100_000));
    assert_eq!(story.exit_signal(), Some(9));
    assert_eq!(story.zap.as_ref().map(|zap| zap.unheard), Some(1));
    assert_eq!((episodes.due(), episodes.entries.len()), (None, 0));
}

#[test]
fn a_reload_is_nobodys_end() {
    let hup = Tape::new("nginx").handled(1, From::Runtime, 1);
    assert!(stories(hup).is_empty());
    let child = Tape::new("nginx").signal(9, From::Member(1), 2, (Outcome::Fatal, Reason::Kill));
    assert!(stories(child).is_empty());
    let leaves_nobody = Tape::new("job").exits(1, 0).zaps(&[]).zapped();
    assert!(stories(leaves_nobody).is_empty());
    let leaves_no_handler = Tape::new("job")
        .exits(1, 0)
        .zaps(&[(2, false, false)])
        .zapped();
    assert!(stories(leaves_no_handler).is_empty());
}

#[test]
fn another_signal_that_a_runtime_kills_after_was_the_stop_signal() {
    let tape = Tape::new("httpd")
        .handled(28, From::Runtime, 1)
        .at(70_000)
        .killed(From::Runtime)
        .dies_with(&[]);
    let told = stories(tape);
    let stop = told.first().and_then(Story::first_stop).expect("a stop");
    assert_eq!(stop.signal.number, 28);
    assert!(stop.taken.is_some());
}

#[test]
fn an_end_that_lasts_is_stuck_first_and_over_then() {
    let tape = Tape::new("bash")
        .killed(From::Runtime)
        .dies(1, 9)
        .zaps(&[(2, false, false)])
        .dies(2, 9)
        .at(70_000)
        .zapped();
    let states: Vec<_> = stories(tape).iter().map(|story| story.state).collect();
    assert_eq!(states, [State::Stuck, State::Over]);
}

#[test]
fn who_lives_on_is_told_after_a_while_and_begins_anew() {
    let tape = Tape::new("app")
        .dropped(15, From::Member(2))
        .at(100_000)
        .dropped(15, From::Runtime)
        .at(110_000)
        .killed(From::Runtime)
        .dies_with(&[]);
    let told = stories(tape);
    let states: Vec<_> = told.iter().map(|story| story.state).collect();
    assert_eq!(states, [State::LivesOn, State::Over]);
    assert_eq!(told[1].stops.total, 1, "the second has its own stop signal");
}

#[test]
fn a_grace_of_minutes_is_one_termination() {
    let tape = Tape::new("app")
        .dropped(15, From::Runtime)
        .at(60_000 + 1_800_000)
        .killed(From::Runtime)
        .dies_with(&[]);
    let told = stories(tape);
    let states: Vec<_> = told.iter().map(|story| story.state).collect();
    assert_eq!(states, [State::LivesOn, State::Over]);
    assert_eq!(story::id_of(&told[0]), story::id_of(&told[1]));
    assert_eq!(told[1].grace_ns(), Some(1_800_000_100_000));
}

#[test]
fn filters_that_hide_a_part_hide_the_whole() {
    let stop = |filters: &[&str]| {
        Tape::new("app")
            .starts(filters)
            .dropped(15, From::Runtime)
            .killed(From::Runtime)
            .dies_with(&[])
    };
    assert_eq!(stories(stop(&["--container web", "--host"])).len(), 1);
    assert_eq!(stories(stop(&["--signal SIGTERM"])).len(), 0);
}

#[test]
fn losses_are_of_those_under_way() {
    let tape = Tape::new("app")
        .dropped(15, From::Runtime)
        .lost(3)
        .killed(From::Runtime)
        .dies_with(&[]);
    assert!(stories(tape)[0].lossy);
    let before = Tape::new("app")
        .lost(3)
        .dropped(15, From::Runtime)
        .killed(From::Runtime)
        .dies_with(&[]);
    assert!(!stories(before)[0].lossy);
}

#[test]
fn what_does_not_end_is_told_as_it_is() {
    let tape = Tape::new("app").dropped(15, From::Runtime);
    let (mut episodes, mut told) = (Episodes::new(), Vec::new());
    for record in &tape.records {
        episodes.take(record, &mut told);
    }
    assert!(episodes.is_waiting());
    episodes.finish(&mut told);
    let states: Vec<_> = told.iter().map(|story| story.state).collect();
    assert_eq!(states, [State::Open]);
}

#[test]
fn an_oom_kill_of_a_member_is_told_with_an_init_that_was_never_seen() {
    let tape = Tape::new("app").named(2, "greedy").signal(
        9,
        From::Of(Kind::Oom),
        2,
        (Outcome::Fatal, Reason::Kill),
    );
    let told = stories(tape.clone());
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].state, told[0].main.pid),
        (State::LivesOn, Some(31_150))
    );
    // Its init is adopted where it shows up.
    let dies = tape.exits(1, 1).zaps(&[]).zapped();
    let told = stories(dies);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].state, told[0].oom.total), (State::Over, 1));
}

#[test]
fn ever_more_containers_find_ever_the_same_room() {
    let (mut episodes, mut told) = (Episodes::new(), Vec::new());
    for nth in 0..3 * LIMIT as u32 {
        let mut tape = Tape::nth("app", nth);
        for member in 2..20 {
            tape = tape
                .dropped(15, From::Runtime)
                .handled(15, From::Member(1), member)
                .handled(10, From::Member(2), member);
        }
        for record in &tape.records {
            episodes.take(record, &mut told);
        }
        assert!(episodes.entries.len() <= LIMIT);
        assert!(episodes.by_namespace.len() <= LIMIT);
    }
    assert_eq!(episodes.entries.len(), LIMIT);
    // What LIMIT says about the room that one takes.
    let most = 5 * 12 * size_of::<Hop>() + 3 * 24 * size_of::<Hop>();
    let most = most + 64 * (size_of::<Exited>() + size_of::<record::ZapVictim>());
    assert!(size_of::<Entry>() <= 3 << 10, "{}", size_of::<Entry>());
    assert!(most <= 130 << 10, "{most}");
    for entry in episodes.entries.values() {
        assert!(entry.story.stops.len() <= 12 && entry.story.stops.total == 18);
        assert!(entry.story.timeline.len() <= 96 && entry.story.omitted > 0);
    }
}
