//! Pages of made-up terminations: what is drawn, what is told, what is allowed.

use sha2::{Digest as _, Sha256};

use super::picture::{Fate, Picture, What, picture};
use super::*;
use crate::{
    decide::{Outcome, Reason, sender::Kind},
    diagnosis::Teller,
    episode::tape::{From, Tape, when},
    record::Record,
    report::Wanted,
};

fn report_of(tapes: &[Tape], pictures: usize) -> Report {
    let mut report = Report::picturing(pictures);
    for tape in tapes {
        let (mut teller, mut out) = (Teller::picturing(), Vec::new());
        for record in &tape.records {
            teller.take(record, &mut out);
        }
        teller.tick(when(100_000_000), &mut out);
        for record in out {
            if let Record::Episode(episode) = record {
                let scene = teller.take_scene(&episode.id);
                report.take(&Wanted::default(), "node-7", *episode, scene);
            }
        }
    }
    report
}

fn options(limit: usize) -> Options {
    Options {
        limit,
        zone: TimeZone::UTC,
    }
}

fn page(report: &Report, limit: usize) -> String {
    let mut out = Vec::new();
    render(report, &options(limit), &mut out).expect("memory has room");
    String::from_utf8(out).expect("text")
}

fn pictures(tape: Tape) -> Vec<Picture> {
    let report = report_of(&[tape], 10);
    let told = report.ranked();
    told.iter()
        .filter_map(|told| Some(picture(&told.episode, told.scene.as_ref()?)))
        .collect()
}

fn ten_seconds() -> Tape {
    Tape::new("bash")
        .named(2, "server")
        .dropped(15, From::Runtime)
        .at(65_000)
        .exits(4, 0)
        .at(70_000)
        .killed(From::Runtime)
        .dies_with(&[(2, true, false), (3, false, false)])
}

#[test]
fn the_ten_seconds_of_docker_stop() {
    let report = report_of(&[ten_seconds()], 10);
    let page = page(&report, 10);
    let (_, article) = page.split_once("<article").expect("one");
    let (article, _) = article.split_once("</article>").expect("its end");
    // A tag to a line: what differs is then seen.
    insta::assert_snapshot!("article", article.replace("><", ">\n<"));
    assert_eq!(page, self::page(&report_of(&[ten_seconds()], 10), 10));
}

#[test]
fn who_sends_from_outside_is_above_and_a_runtime_is_one() {
    let pictures = pictures(ten_seconds());
    let [drawn] = pictures.as_slice() else {
        panic!("{pictures:?}");
    };
    let lanes: Vec<_> = drawn
        .lanes
        .iter()
        .map(|lane| (lane.name.as_str(), lane.about.as_str(), lane.is_inside))
        .collect();
    assert_eq!(
        lanes,
        [
            ("docker (runc)", "pid 900", false),
            ("bash", "PID 1, 31150 on the host", true),
            ("server", "PID 2, 31151 on the host", true),
            ("sleep", "PID 3, 31152 on the host", true),
        ]
    );
    // Whoever neither sent nor got anything has no lane, but a line of the list.
    let bystanders = drawn.events.iter().filter(|e| e.what == What::Bystander);
    assert_eq!(bystanders.count(), 1);
    let wasted = drawn.wasted.expect("ten seconds");
    assert_eq!(wasted.to - wasted.from, 10_000_200_000);
    assert!(drawn.zap.is_some_and(|zap| zap.to > zap.from));
    assert!(drawn.events.is_sorted_by_key(|event| event.at));
}

/// One signal to PID 1 before it is killed, and how that is drawn.
fn drawn_as(tape: impl FnOnce(Tape) -> Tape) -> (Fate, String, Option<u64>) {
    let tape = tape(Tape::new("app").dropped(15, From::Runtime));
    let tape = tape.at(70_000).killed(From::Runtime).dies_with(&[]);
    let drawn = pictures(tape).pop().expect("one");
    match (&drawn.events[1].what, &drawn.events[1].word) {
        (What::Signal { fate, until, .. }, word) => (*fate, word.clone(), *until),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_fate_has_its_own_look() {
    let signal =
        |outcome, reason| move |tape: Tape| tape.signal(10, From::Host, 1, (outcome, reason));
    for (outcome, reason, fate, word) in [
        (
            Outcome::Dropped,
            Reason::UnkillableInit,
            Fate::Dropped,
            "dropped",
        ),
        (Outcome::Dropped, Reason::Ignored, Fate::Ignored, "ignored"),
        (Outcome::Failed, Reason::QueueFull, Fate::Dropped, "failed"),
        (
            Outcome::Coalesced,
            Reason::AlreadyPending,
            Fate::Coalesced,
            "coalesced",
        ),
        (Outcome::Queued, Reason::Blocked, Fate::Pending, "blocked"),
        (Outcome::Queued, Reason::Frozen, Fate::Pending, "frozen"),
    ] {
        let drawn = drawn_as(signal(outcome, reason));
        assert_eq!(
            (drawn.0, drawn.1.as_str(), drawn.2),
            (fate, word, None),
            "{reason:?}"
        );
    }
    let (fate, word, until) = drawn_as(|tape| tape.handled(10, From::Host, 1));
    assert_eq!((fate, word.as_str()), (Fate::Delivered, "handled"));
    assert!(until.is_some(), "it waited a little");
    let blocked = |tape: Tape| {
        let fate = (Outcome::Dropped, Reason::UnkillableInitAtDequeue);
        signal(Outcome::Queued, Reason::Blocked)(tape).taken(10, 1, fate)
    };
    assert_eq!(drawn_as(blocked).1, "dropped when taken");
}

#[test]
fn a_crowd_shares_a_lane_and_no_arrow_is_lost() {
    let crowd: Vec<_> = (2..90).map(|member| (member, false, false)).collect();
    let tape = Tape::new("bash")
        .dropped(15, From::Runtime)
        .at(70_000)
        .killed(From::Runtime)
        .dies_with(&crowd);
    let drawn = pictures(tape).pop().expect("one");
    assert_eq!(drawn.lanes.len(), 25);
    assert_eq!(drawn.lanes[24].name, "66 more");
    let arrows = drawn
        .events
        .iter()
        .filter(|e| matches!(e.what, What::Signal { .. }));
    assert_eq!(arrows.count(), 90);
    assert_eq!(drawn.omitted, 0);
}

#[test]
fn the_kernel_has_a_lane_for_what_no_process_sent() {
    let tape = Tape::new("app")
        .signal(
            9,
            From::Of(Kind::Oom),
            1,
            (Outcome::Fatal, Reason::ForcedOnInit),
        )
        .dies_with(&[]);
    let drawn = pictures(tape).pop().expect("one");
    assert_eq!(drawn.lanes[0].name, "the OOM killer");
    assert!(!drawn.lanes[0].is_inside);
    assert_eq!(drawn.wasted, None);
}

#[test]
fn the_worst_keep_their_pictures_and_the_page_says_how_many_do_not() {
    let stop = |nth: u32, grace: u64| {
        Tape::nth("bash", nth)
            .dropped(15, From::Runtime)
            .at(60_000 + grace)
            .killed(From::Runtime)
            .dies_with(&[])
    };
    let tapes: Vec<_> = (1..=5)
        .map(|nth| stop(nth, u64::from(nth) * 1_000))
        .collect();
    let report = report_of(&tapes, 2);
    let pictured: Vec<_> = report
        .ranked()
        .iter()
        .map(|told| told.scene.is_some())
        .collect();
    assert_eq!(pictured, [true, true, false, false, false]);
    let page = page(&report, 4);
    assert_eq!(page.matches("<article").count(), 2);
    assert!(page.contains("The first 2 are told whole; --whole N tells more of them."));
    assert!(page.contains("and 1 more, which cost less"));
    assert!(
        report_of(&tapes, 0)
            .ranked()
            .iter()
            .all(|told| told.scene.is_none())
    );
}

#[test]
fn nothing_is_a_page_too() {
    let page = page(&Report::default(), 10);
    assert!(page.starts_with(HEAD));
    assert!(page.contains("<h1>No termination of a container</h1>"));
    assert!(!page.contains("<article") && page.ends_with("</html>\n"));
}

#[test]
fn hostile_names_stay_text() {
    let hostile = "</script><img s";
    let tape = Tape::new(hostile)
        .named(2, "\" onload=a()//")
        .dropped(15, From::Member(2))
        .at(70_000)
        .killed(From::Runtime)
        .dies_with(&[(2, true, false)]);
    let page = page(&report_of(&[tape], 1), 1);
    assert!(!page.contains(hostile) && !page.contains("\" onload"));
    assert!(page.contains("&lt;/script&gt;&lt;img s"));
    assert_eq!(page.matches("</script>").count(), 1);
    assert_eq!(page.matches("</style>").count(), 1);
}

/// Of a part of the page, as a policy names it.
fn hash(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut base64 = String::from("sha256-");
    for three in Sha256::digest(text).chunks(3) {
        let bits = three
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit) & 63) as usize;
            base64.push(if digit <= three.len() {
                DIGITS[index] as char
            } else {
                '='
            });
        }
    }
    base64
}

#[test]
fn the_policy_allows_our_script_and_style_and_no_other() {
    assert_eq!(
        hash("abc"),
        "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
    );
    assert_eq!(hash(STYLE), STYLE_HASH, "put this into html/mod.rs");
    assert_eq!(hash(SCRIPT), SCRIPT_HASH, "put this into html/mod.rs");
    let page = page(&Report::default(), 1);
    let policy = "default-src &#39;none&#39;; style-src &#39;sha256-";
    assert!(page.contains(policy), "no policy");
    // What would need more than that policy gives.
    assert!(!page.contains(" style=\"") && !page.contains("http://") && !page.contains("https://"));
}
