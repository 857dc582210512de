//! Answers that people read, and pages for every word.

use super::{
    page::{Page, Topic, example, page},
    table::{blocks, rows},
    *,
};
use crate::decide::{Frozen, names::list};
use crate::output::text::Paint;

fn shown(question: &Question) -> String {
    question.check().expect("it can be asked");
    let mut out = Vec::new();
    text::answer(&mut out, &answer(question), Paint(false)).expect("a Vec takes all");
    String::from_utf8(out).expect("text")
}

fn init(signal: u32, from: From) -> Question {
    Question::new(signal, from, Target::Init, Set::Default)
}

#[test]
fn kill_1_inside() {
    insta::assert_snapshot!(shown(&init(15, From::Inside)));
}

#[test]
fn sigkill_from_the_host() {
    insta::assert_snapshot!(shown(&init(9, From::Host)));
}

#[test]
fn blocked_and_dropped_later() {
    let mut question = init(15, From::Host);
    question.state.blocked = true;
    insta::assert_snapshot!(shown(&question));
}

#[test]
fn a_real_fault_is_not_a_raise() {
    let raised = answer(&init(11, From::Itself));
    assert_eq!(raised.reason, Reason::UnkillableInit);
    let fault = answer(&init(11, From::Fault));
    assert_eq!(fault.outcome, Outcome::Fatal);
    assert!(
        fault.explanation.contains("faulted"),
        "{}",
        fault.explanation
    );
    // The address is the reason, and the kernel does not look for a sender.
    assert!(!fault.forced);
    let mut question = init(11, From::Fault);
    question.code = Some(128);
    question
        .check()
        .expect("a general protection fault has none");
    let forced = answer(&question);
    assert!(forced.forced);
    assert_eq!(forced.outcome, Outcome::Fatal);
}

#[test]
fn the_host_is_inside_of_nothing() {
    for from in [From::Inside, From::Host, From::Sibling, From::Kernel] {
        let question = Question::new(9, from, Target::GlobalInit, Set::Default);
        assert_eq!(answer(&question).reason, Reason::GlobalInit, "{from:?}");
    }
}

#[test]
fn what_no_program_can_bring_about_is_refused() {
    let refused = |change: fn(&mut Question)| {
        let mut question = init(15, From::Inside);
        change(&mut question);
        question.check().expect_err("it cannot be asked")
    };
    assert!(refused(|q| (q.signal, q.set) = (9, Set::Handler)).contains("EINVAL"));
    assert!(refused(|q| (q.signal, q.state.blocked) = (19, true)).contains("SIGSTOP"));
    assert!(refused(|q| (q.state.blocked, q.state.sigwait) = (true, true)).contains("sigwait"));
    assert!(refused(|q| (q.state.dying, q.state.dumping_core) = (true, true)).contains("--dying"));
    assert!(refused(|q| q.from = From::Fault).contains("SIGSEGV"));
    assert!(refused(|q| q.code = Some(1)).contains("EPERM"));
    assert!(refused(|q| (q.from, q.code) = (From::Kernel, Some(-1))).contains("processes"));
    let fault = refused(|q| (q.signal, q.from, q.code) = (11, From::Fault, Some(-1)));
    assert!(fault.contains("SEGV_MAPERR"), "{fault}");
}

/// Whatever can be asked has an answer: the model never has to give up.
#[test]
fn every_question_has_an_answer() {
    let mut asked = 0_u32;
    for signal in 1..=64 {
        for from in [
            From::Inside,
            From::Itself,
            From::Host,
            From::Sibling,
            From::Kernel,
            From::Fault,
        ] {
            for target in [Target::Process, Target::Init, Target::GlobalInit] {
                for set in [Set::Default, Set::Ignore, Set::Handler] {
                    for bits in 0..512_u32 {
                        let on = |bit: u32| bits & 1 << bit != 0;
                        let question = Question {
                            state: State {
                                blocked: on(0),
                                sigwait: on(1),
                                ptraced: on(2),
                                stopped: on(3),
                                frozen: [Frozen::No, Frozen::V1, Frozen::V2][bits as usize % 3],
                                pending: on(4),
                                dying: on(5),
                                dumping_core: on(6),
                            },
                            thread: on(7),
                            code: on(8).then_some(-1),
                            ..Question::new(signal, from, target, set)
                        };
                        if question.check().is_ok() {
                            asked += 1;
                            let reason = answer(&question).reason;
                            assert_ne!(reason, Reason::ModelDisagrees, "{question:?}");
                        }
                    }
                }
            }
        }
    }
    assert!(asked > 200_000, "{asked}");
}

#[test]
fn every_word_has_a_page_and_every_example_is_one() {
    for reason in Reason::ALL {
        assert_eq!(
            Topic::find(reason.id()).first(),
            Some(&Topic::Reason(*reason))
        );
        let Page::Reason { example, .. } = page(Topic::Reason(*reason)) else {
            panic!("{reason:?} has another page");
        };
        // What no process can ask for by itself.
        let has_none = matches!(
            reason,
            Reason::NotRecorded
                | Reason::KernelThread
                | Reason::ExitingThread
                | Reason::QueueFull
                | Reason::PermissionDenied
                | Reason::GroupExit
                | Reason::ModelDisagrees
        );
        assert_eq!(example.is_none(), has_none, "{reason:?}");
    }
    for entry in crate::diagnosis::catalogue::ALL {
        assert_eq!(
            Topic::find(&entry.id.cli()).last(),
            Some(&Topic::Diagnosis(entry.id))
        );
    }
    assert_eq!(Topic::find("nonsense"), []);
    assert_eq!(Topic::find("stopped").len(), 2, "a reason and a diagnosis");
    let example = example(Reason::ForcedOnInit).expect("one");
    assert_eq!(
        example.command,
        "sigwhy explain --signal KILL --init --from host"
    );
}

#[test]
fn the_table_holds_all_signals() {
    for target in [Target::Process, Target::Init, Target::GlobalInit] {
        let blocks = blocks(target, 1..=64);
        let mut signals: Vec<_> = blocks.iter().flat_map(|b| b.signals.clone()).collect();
        signals.sort_unstable();
        assert_eq!(signals, (1..=64).collect::<Vec<_>>());
    }
    assert_eq!(rows(9, Target::Init).len(), 3, "no handler, no mask");
    assert_eq!(
        list(&[1, 2, 34, 35, 36, 64]),
        "SIGHUP, SIGINT, SIGRTMIN to SIGRTMIN+2, SIGRTMAX"
    );
    let mut out = Vec::new();
    text::table(&mut out, &blocks(Target::Init, 1..=64), Paint(false)).expect("a Vec");
    insta::assert_snapshot!(String::from_utf8(out).expect("text"));
}

#[test]
fn pages_that_people_read() {
    let mut text = String::new();
    for word in [
        "unkillable_init",
        "unkillable_init_at_dequeue",
        "pid1-no-handler",
    ] {
        let mut out = Vec::new();
        for topic in Topic::find(word) {
            text::page(&mut out, &page(topic), Paint(false)).expect("a Vec");
        }
        text += &String::from_utf8(out).expect("text");
        text += "----\n";
    }
    insta::assert_snapshot!(text);
}
