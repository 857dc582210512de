use tracer_common::signals::{SIGKILL, SIGTERM};

use super::*;
use crate::lab::arena::Status;
use crate::lab::check::check;
use crate::lab::fixtures::{cast, deliver, process, signal, when, zap};
use crate::lab::scenario::Seen;
use crate::lab::scenarios;
use crate::lab::stage::Told;

const DROPPED: (Outcome, Reason) = (Outcome::Dropped, Reason::UnkillableInit);
const TERM_DROPPED: &str = "PID 1 has no SIGTERM handler, and the kernel protects a namespace's init from signals it does not handle";
const KILL_DROPPED: &str = "a SIGKILL from inside its own PID namespace never reaches PID 1: only a sender that PID 1 cannot see has that power";

fn options(color: bool) -> Options {
    Options {
        color,
        columns: COLUMNS,
        explain: false,
        echo: false,
        time: TimeZone::UTC,
    }
}

fn told(millis: u64, text: &str) -> Told {
    Told {
        mono_ns: when(millis).mono_ns,
        text: text.to_owned(),
        answer: None,
    }
}

fn from_shell(millis: u64, number: u32, why: &'static str) -> Record {
    let (shell, init) = (process("shell", 2), process("init.sh", 1));
    signal(millis, number, shell, init, DROPPED, why)
}

/// The whole of `kill-init`, with these records.
fn kill_init(records: Vec<Record>, status: Status, color: bool) -> String {
    let scenario = scenarios::find("kill-init").expect("there");
    let steps = vec![
        told(0, "shell calls kill(1, SIGTERM)"),
        told(1, "shell calls kill(1, SIGKILL)"),
    ];
    let seen = [Seen::Fate {
        who: "init.sh",
        status,
    }];
    let cast = cast(&[("host-shell", 0), ("init.sh", 1), ("shell", 2)]);
    let report = Report {
        scenario,
        checks: check(scenario, &cast, &records, &seen),
        steps,
        records,
    };
    let mut out = Vec::new();
    let mut show = Show::new(&mut out, &options(color));
    show.prediction(scenario).expect("in memory");
    for (index, step) in report.steps.iter().enumerate() {
        show.scene(&Scene::Step(step)).expect("in memory");
        if let Some(record) = report.records.get(index) {
            show.scene(&Scene::Record(record)).expect("in memory");
        }
    }
    show.verdict(&report).expect("in memory");
    String::from_utf8(out).expect("text")
}

fn scene(record: &Record) -> String {
    let mut out = Vec::new();
    let mut show = Show::new(&mut out, &options(false));
    show.scene(&Scene::Record(record)).expect("in memory");
    String::from_utf8(out).expect("text")
}

#[test]
fn a_prediction_that_holds() {
    let records = vec![
        from_shell(0, SIGTERM, TERM_DROPPED),
        from_shell(1, SIGKILL, KILL_DROPPED),
    ];
    let text = kill_init(records, Status::Alive, false);
    assert!(text.lines().all(|line| line.chars().count() <= COLUMNS));
    insta::assert_snapshot!(text);
}

#[test]
fn a_prediction_that_does_not() {
    let text = kill_init(
        vec![from_shell(0, SIGTERM, TERM_DROPPED)],
        Status::Exited(0),
        false,
    );
    insta::assert_snapshot!(text);
}

#[test]
fn colours_do_not_change_the_layout() {
    let records = || {
        vec![
            from_shell(0, SIGTERM, TERM_DROPPED),
            from_shell(1, SIGKILL, KILL_DROPPED),
        ]
    };
    let plain = kill_init(records(), Status::Alive, false);
    let coloured = kill_init(records(), Status::Alive, true);
    assert_ne!(plain, coloured);
    let widths = |text: &str| text.lines().map(width).collect::<Vec<_>>();
    assert_eq!(widths(&plain), widths(&coloured));
}

#[test]
fn the_end_of_a_namespace_and_its_victims() {
    let victims = [process("worker-1", 2), process("worker-2", 3)];
    insta::assert_snapshot!(scene(&zap(0, process("init.sh", 1), &victims)));
}

#[test]
fn a_handler_that_runs_is_shown_and_the_taking_of_a_group_kill_is_not() {
    let init = || process("init.sh", 1);
    let handled = deliver(0, SIGTERM, init(), (Outcome::Handled, Reason::Handler));
    insta::assert_snapshot!(scene(&handled));
    let taken = deliver(0, SIGKILL, init(), (Outcome::Fatal, Reason::GroupExit));
    assert_eq!(scene(&taken), "");
}

#[test]
fn what_others_chose_cannot_move_the_cursor() {
    let mut nasty = process("x", 2);
    nasty.comm = Some(crate::record::Comm::from("\x1b[2J\nSIGKILL"));
    let record = signal(
        0,
        SIGTERM,
        nasty,
        process("init.sh", 1),
        DROPPED,
        TERM_DROPPED,
    );
    let text = scene(&record);
    assert!(!text.contains('\x1b'), "{text:?}");
    let begins = |line: &str| line.trim_start().starts_with("SIGKILL");
    assert!(!text.lines().any(begins), "{text}");
}

#[test]
fn the_list_is_aligned() {
    let mut out = Vec::new();
    list(&mut out, scenarios::COURSE, COLUMNS, Paint(false)).expect("in memory");
    insta::assert_snapshot!(String::from_utf8(out).expect("text"));
}

fn shown_page(name: &str, columns: usize) -> String {
    let mut out = Vec::new();
    let options = Options {
        columns,
        ..options(false)
    };
    let scenario = scenarios::find(name).expect("there");
    page(
        &mut out,
        scenario,
        std::time::Duration::from_secs(2),
        &options,
    )
    .expect("in memory");
    String::from_utf8(out).expect("text")
}

#[test]
fn a_scenario_that_is_read() {
    insta::assert_snapshot!(shown_page("kill-init", COLUMNS));
}

#[test]
fn pages_fit_every_terminal() {
    for scenario in scenarios::ALL {
        for columns in [60, 80, 100] {
            let text = shown_page(scenario.name, columns);
            // Commands are to be copied, and stand as they are.
            let commands: Vec<_> = scenario
                .exercises
                .iter()
                .filter_map(|text| text.split('`').nth(1))
                .collect();
            for line in text.lines() {
                let is_command = columns < COLUMNS && commands.contains(&line.trim());
                assert!(
                    is_command || width(line) <= columns,
                    "{}: {line}",
                    scenario.name
                );
            }
            for command in commands {
                let is_whole = |line: &str| line.trim() == command;
                assert!(text.lines().any(is_whole), "{}: {command}", scenario.name);
            }
        }
    }
}

#[test]
fn what_belongs_to_a_line_is_further_in() {
    let mut out = Vec::new();
    let mut show = Show::new(&mut out, &options(false));
    for text in [
        "/proc/7/status of bash:",
        "  SigCgt 0000000000010002: SIGINT, SIGCHLD",
    ] {
        show.scene(&Scene::Step(&told(0, text))).expect("in memory");
    }
    assert_eq!(
        String::from_utf8(out).expect("text"),
        "  # /proc/7/status of bash:\n  #   SigCgt 0000000000010002: SIGINT, SIGCHLD\n"
    );
}

#[test]
fn the_model_answers_below_the_question() {
    let question = crate::explain::Question::new(
        SIGKILL,
        crate::explain::From::Inside,
        crate::explain::Target::GlobalInit,
        crate::explain::Set::Default,
    );
    let told = Told {
        answer: Some(Box::new(crate::explain::answer(&question))),
        ..told(0, "nothing is sent")
    };
    let shown = |explain| {
        let mut out = Vec::new();
        let options = Options {
            explain,
            ..options(false)
        };
        let mut show = Show::new(&mut out, &options);
        show.scene(&Scene::Step(&told)).expect("in memory");
        String::from_utf8(out).expect("text")
    };
    assert_eq!(
        shown(false),
        "  # nothing is sent\n      DROPPED  SIGKILL never reaches the machine's own PID 1, whoever \
         sends it\n"
    );
    let explained = shown(true);
    assert!(
        explained.contains("      yes  Is it SIGKILL or SIGSTOP for the machine's own PID 1?\n"),
        "{explained}"
    );
    assert!(explained.ends_with("decided by sig_task_ignored/global_init; not forced\n\n"));
}

#[test]
fn a_pause_ends_its_line_where_enter_does_not() {
    let shown = |echo| {
        let mut out = Vec::new();
        let options = Options {
            echo,
            ..options(false)
        };
        let mut show = Show::new(&mut out, &options);
        show.scene(&Scene::Pause).expect("in memory");
        show.scene(&Scene::NoMoreCues).expect("in memory");
        String::from_utf8(out).expect("text")
    };
    let (asks, ends) = (
        "  -- Enter: the next step --",
        "  -- the rest goes on by itself --\n",
    );
    assert_eq!(shown(false), format!("{asks}\n{ends}"));
    assert_eq!(shown(true), format!("{asks} \n{ends}"));
}

#[test]
fn a_tally() {
    let tally = |refuted: &[&str]| {
        let mut out = Vec::new();
        Show::new(&mut out, &options(false))
            .tally(6, refuted)
            .expect("in memory");
        String::from_utf8(out).expect("text")
    };
    assert_eq!(tally(&[]), "\nAll 6 predictions held.\n");
    assert_eq!(
        tally(&["handler"]),
        "\n1 of 6 predictions did NOT hold: handler\n"
    );
}
