//! Lines: hostile names, cut ones, and those of another text.

use super::*;

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
fn a_name_may_be_that_of_an_event() {
    let name = "signal_deliver:";
    let to = ("app", 8);
    let deliver = "signal:signal_deliver: sig=15 errno=0 code=0 sa_handler=55d0c0 sa_flags=4000000";
    let exit = format!("sched:sched_process_exit: comm={name} pid=7 prio=120");
    let fork = format!("sched:sched_process_fork: comm={name} pid=7 child_comm={name} child_pid=9");
    let text = [
        generate(name, 7, 1, 15, (name, 8), 1),
        generate("sh", 7, 2, 15, (name, 8), 1),
        generate(name, 7, 3, 15, to, 1),
        line(name, 7, 4, deliver),
        line(name, 7, 5, &fork),
        line(name, 7, 6, &exit),
        // None of ours.
        line(name, 7, 7, "sched:sched_switch: prev_comm=x prev_pid=7"),
        line(
            "x",
            7,
            8,
            &format!("sched:sched_switch: prev_comm={name} prev_pid=7"),
        ),
    ];
    let imported = perf(text.concat());
    assert_eq!(imported.summary.bad_lines, 0);
    let got: Vec<_> = signals(&imported)
        .map(|s| (s.sender.process.pid, s.target.process.comm))
        .collect();
    let named = Some(crate::record::Comm::from(name));
    assert_eq!(
        got,
        [
            (Some(7), named),
            (Some(7), named),
            (Some(7), Some("app".into()))
        ]
    );
    let has = |is: fn(&Record) -> bool| imported.records.iter().any(is);
    assert!(has(
        |r| matches!(r, Record::Deliver(r) if r.outcome == Outcome::Handled)
    ));
    assert!(has(|r| matches!(r, Record::Exit(_))));
    let ftrace = format!(
        "  {name}-7  [001] d..2.  100.000001: signal_deliver: sig=15 errno=0 code=0 sa_handler=1 sa_flags=0\n"
    );
    let imported = import(Format::Ftrace, ftrace).expect("an event");
    assert_eq!(imported.summary.bad_lines, 0);
}

#[test]
fn a_line_of_nothing_but_names_takes_no_longer_than_it_is_long() {
    for piece in ["signal_deliver:", "signal_deliver: ", "1.5:signal_deliver:"] {
        let text = piece.repeat((64 << 10) / piece.len());
        let begun = std::time::Instant::now();
        for _ in 0..50 {
            assert!(!matches!(text::line(text.as_bytes()), Line::Event(_)));
        }
        let took = begun.elapsed();
        assert!(
            took < std::time::Duration::from_secs(5),
            "{piece}: {took:?}"
        );
    }
}

#[test]
fn a_thread_without_a_number_is_nobody() {
    let of = |who: &str| {
        format!(
            " :-1 {who} [000] 100.1: signal:signal_generate: sig=17 errno=0 code=1 comm=sh pid=7 grp=1 res=0\n"
        )
    };
    let read = |who| match text::line(of(who).trim_end().as_bytes()) {
        Line::Event(event) => (event.pid, event.tid, event.comm),
        other => panic!("{other:?}"),
    };
    assert_eq!(read("   -1"), (None, event::NOBODY, None));
    // Its process still has one.
    assert_eq!(read("31914/-1"), (Some(31914), 31914, None));
    // It was once taken for PID 1.
    let imported = perf(of("-1"));
    assert!(
        !imported
            .records
            .iter()
            .any(|r| matches!(r, Record::Exit(_)))
    );
    let init = "  foo -1  [001] d..2.  100.000001: signal_deliver: sig=15 errno=0 code=0 sa_handler=1 sa_flags=0";
    assert!(matches!(text::line(init.as_bytes()), Line::Event(event) if event.tid == 1));
}
