use super::*;
use crate::decide::sender::Kind;
use crate::output::fixtures::{self, inside, outside};
use crate::record::{Process, SignalName, Zap};

const PLAIN: TextOptions = TextOptions {
    color: false,
    verbose: false,
    all: false,
    time: TimeZone::UTC,
};

fn render(options: TextOptions, records: &[Record]) -> String {
    let mut sink = Text::new(Vec::new(), options);
    for record in records {
        sink.record(record).expect("a Vec takes everything");
    }
    sink.flush().expect("a Vec takes everything");
    String::from_utf8(sink.into_inner()).expect("UTF-8 was written")
}

/// Escape sequences made visible, lines kept.
fn visible(text: &str) -> String {
    text.replace('\x1b', "<ESC>")
}

fn signal(change: impl FnOnce(&mut Signal)) -> Record {
    let mut signal = fixtures::dropped();
    change(&mut signal);
    Record::Signal(Box::new(signal))
}

/// Everything that can stand left of the arrow.
fn senders() -> Vec<Record> {
    let (lab, web) = (fixtures::lab(), fixtures::container("web", 7, "nginx"));
    let with = |kind, process| signal(|s| s.sender = fixtures::sender(kind, process));
    let mut records = vec![
        with(Kind::Process, outside("dockerd", 812)),
        with(Kind::Process, inside(&web, "sh", 9, 4711)),
        with(Kind::Process, Process::NONE),
        with(Kind::Zap, inside(&lab, "init.sh", 1, 31150)),
        with(Kind::ChildExit, inside(&lab, "sleep", 23, 31208)),
        with(Kind::ParentDeath, inside(&lab, "sh", 23, 31208)),
    ];
    for kind in Kind::ALL {
        if !kind.names_a_process() {
            records.push(with(kind, Process::NONE));
        }
    }
    records
}

/// Every word of an outcome.
fn outcomes() -> Vec<Record> {
    let mut records: Vec<_> = Outcome::ALL
        .into_iter()
        .map(|outcome| {
            signal(|s| {
                s.outcome = outcome;
                s.reason = Reason::Handler;
                s.explanation = "why".into();
            })
        })
        .collect();
    records.push(signal(|s| {
        s.reason = Reason::ModelDisagrees;
        s.explanation = "please report".into();
    }));
    records
}

#[test]
fn the_line_of_the_readme() {
    assert_eq!(
        render(PLAIN, &[Record::Signal(Box::new(fixtures::dropped()))]),
        "14:03:07.221  pidns-4026532281 (init.sh)  SIGTERM  bash 22[31207] -> init.sh 1[31150]  \
         DROPPED  PID 1 has no SIGTERM handler, and the kernel protects a namespace's init from \
         signals it does not handle\n"
    );
}

#[test]
fn every_record() {
    insta::assert_snapshot!("records", render(PLAIN, &fixtures::all()));
    let all = TextOptions { all: true, ..PLAIN };
    insta::assert_snapshot!("records_all", render(all, &fixtures::all()));
}

#[test]
fn every_record_with_its_path() {
    let verbose = TextOptions {
        verbose: true,
        all: true,
        ..PLAIN
    };
    insta::assert_snapshot!("records_verbose", render(verbose, &fixtures::all()));
}

#[test]
fn every_sender_and_outcome() {
    insta::assert_snapshot!("senders", render(PLAIN, &senders()));
    insta::assert_snapshot!("outcomes", render(PLAIN, &outcomes()));
    let color = TextOptions {
        color: true,
        ..PLAIN
    };
    insta::assert_snapshot!("outcomes_color", visible(&render(color, &outcomes())));
}

#[test]
fn hosts_threads_and_long_names() {
    let records = [
        signal(|s| {
            s.target = fixtures::target(outside("sleep", 77));
            s.sender = fixtures::sender(Kind::Process, outside("bash", 76));
        }),
        signal(|s| {
            s.scope = Scope::Thread;
            s.target.process.tid = Some(31151);
        }),
        signal(|s| {
            let long = fixtures::container(&"long-".repeat(20), 8, "init.sh");
            s.sender = fixtures::sender(Kind::Process, inside(&long, "sh", 2, 3));
            s.target = fixtures::target(inside(&long, "init.sh", 1, 2));
        }),
        signal(|s| {
            let long = fixtures::container(&"長い名前".repeat(20), 8, "init.sh");
            s.sender = fixtures::sender(Kind::Process, inside(&long, "sh", 2, 3));
        }),
    ];
    insta::assert_snapshot!("names", render(PLAIN, &records));
}

#[test]
fn foreign_text_cannot_write_to_the_terminal() {
    let options = TextOptions {
        verbose: true,
        all: true,
        ..PLAIN
    };
    for name in fixtures::HOSTILE {
        let records = [
            Record::Signal(Box::new(fixtures::hostile(name))),
            Record::Zap(Box::new(Zap {
                init: outside(name, 5),
                container: Some(fixtures::container(name, 5, name)),
                ..fixtures::zap_end()
            })),
            Record::Exit(Box::new(Exit {
                process: outside(name, 5),
                ..fixtures::exit()
            })),
        ];
        let text = render(options.clone(), &records);
        assert!(
            !text.contains(|c: char| c != '\n' && c.is_control() || c == '\u{202e}'),
            "{text:?}"
        );
        // The signal has its line, its decision, its ancestors and a path.
        assert_eq!(text.lines().count(), 6, "{text}");

        let mut stop = fixtures::stop();
        stop.signals[0].container = Some(name.to_owned());
        stop.signals[0].outcomes.insert(name.to_owned(), 1);
        let mut start = fixtures::start();
        start.host = name.to_owned();
        start.filters.push(name.to_owned());
        let session = summary(&stop, false) + &header(&start);
        assert!(
            !session.contains(|c: char| c != '\n' && c.is_control() || c == '\u{202e}'),
            "{session:?}"
        );
    }
}

#[test]
fn a_name_cannot_pass_for_a_route() {
    let text = render(
        PLAIN,
        &[Record::Signal(Box::new(fixtures::hostile("x 1[2] -> y")))],
    );
    let route = r#""x 1[2] -> y" 22[31207] in "x 1[2] -> y" -> "x 1[2] -> y" 1[31150]"#;
    assert!(text.contains(route), "{text}");
    let mut named_host = fixtures::exit();
    named_host.container = Some(fixtures::container("host", 5, "init"));
    let text = render(PLAIN, &[Record::Exit(Box::new(named_host))]);
    assert!(text.contains(r#"  "host" (init)  "#), "{text}");
}

#[test]
fn colours_change_nothing_but_colours() {
    let options = |color| TextOptions {
        color,
        verbose: true,
        all: true,
        ..PLAIN
    };
    let colored = render(options(true), &fixtures::all()) + &summary(&fixtures::stop(), true);
    let plain = render(options(false), &fixtures::all()) + &summary(&fixtures::stop(), false);
    assert_ne!(colored, plain);
    let mut stripped = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        stripped.push_str(before);
        rest = after.split_once('m').expect("every sequence ends").1;
    }
    assert_eq!(stripped + rest, plain);
}

#[test]
fn only_news_is_shown_unless_asked_for() {
    let mut handled = fixtures::deliver();
    (handled.outcome, handled.reason) = (Outcome::Handled, Reason::Handler);
    let mut stopped = fixtures::deliver();
    (stopped.outcome, stopped.reason) = (Outcome::Stopped, Reason::Stop);
    let mut unexplained = fixtures::deliver();
    unexplained.reason = Reason::ModelDisagrees;
    let mut child = fixtures::exit();
    child.is_init = false;
    child.signal = Some(SignalName {
        number: 11,
        name: "SIGSEGV".into(),
    });
    child.core_dumped = true;
    let mut nothing_lost = fixtures::loss();
    nothing_lost.ring_full = 0;
    let dull = [
        Record::Deliver(Box::new(handled)),
        Record::Exit(Box::new(child)),
        Record::Loss(nothing_lost),
    ];
    assert_eq!(render(PLAIN, &dull), "");
    let all = TextOptions { all: true, ..PLAIN };
    insta::assert_snapshot!("dull", render(all, &dull));
    for news in [fixtures::deliver(), stopped, unexplained] {
        assert!(is_news(&Record::Deliver(Box::new(news))));
    }
}

#[test]
fn a_crowd_of_victims_is_counted() {
    let mut zap = fixtures::zap_begin();
    let killed = zap.killed.as_mut().expect("a begin");
    *killed = std::iter::repeat_n(killed[0].clone(), 25).collect();
    let text = render(PLAIN, &[Record::Zap(Box::new(zap.clone()))]);
    assert_eq!(text.lines().count(), 1 + NAMED_VICTIMS + 1);
    assert!(text.ends_with("    and 5 more\n"), "{text}");
    zap.killed = Some(Vec::new());
    let text = render(PLAIN, &[Record::Zap(Box::new(zap))]);
    assert!(
        text.ends_with(": no other process is left in it\n"),
        "{text}"
    );
}

#[test]
fn times_are_in_the_zone_that_was_asked_for() {
    let zone = TimeZone::fixed(jiff::tz::offset(5));
    let options = TextOptions {
        time: zone,
        ..PLAIN
    };
    assert!(render(options, &[signal(|_| {})]).starts_with("19:03:07.221  "));
}

#[test]
fn durations_have_units() {
    for (ns, text) in [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1.0 us"),
        (999_999, "999.9 us"),
        (1_234_567, "1.2 ms"),
        (10_000_000_000, "10.0 s"),
        (59_999_999_999, "59.9 s"),
        (61_000_000_000, "1 min 1 s"),
        (7_260_000_000_000, "2 h 1 min"),
        (u64::MAX, "5124095 h 34 min"),
    ] {
        assert_eq!(words::duration(ns), text);
    }
}

#[test]
fn the_start_and_the_end_for_people() {
    insta::assert_snapshot!("header", header(&fixtures::start()));
    insta::assert_snapshot!("summary", summary(&fixtures::stop(), false));
    insta::assert_snapshot!("summary_color", visible(&summary(&fixtures::stop(), true)));
    let mut quiet = fixtures::stop();
    quiet.signals.clear();
    (quiet.lost, quiet.model_disagrees) = (0, 0);
    assert_eq!(summary(&quiet, false), "no signals\nnothing lost\n");
}
