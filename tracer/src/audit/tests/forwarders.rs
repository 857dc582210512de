//! PID 1s that pass the stop signal on.

use tracer_common::signals::{SIGCONT, SIGWINCH};

use super::*;

#[test]
fn what_a_forwarder_reaches() {
    // tini -- sh -c server: the shell dies of SIGTERM, and all with it.
    let shell = || task("sh", 101, 2, 100);
    let audit = found(
        &facts("tini", Reason::Sigwait, vec![shell(), server(102, 3, 101)]),
        &["FORWARD_DIRECT_CHILD_ONLY"],
    );
    assert_eq!((audit.passes, audit.cut_off_total), (Passes::ToChild, 1));
    // What the child does in its handler is not known.
    let master = server(101, 2, 100);
    let audit = found(
        &facts("tini", Reason::Sigwait, vec![master, server(102, 3, 101)]),
        &[],
    );
    assert_eq!((audit.cut_off_total, audit.perhaps_cut_off), (0, 1));
    // Of one group, both hear it.
    let mut behind = server(102, 3, 101);
    behind.pgrp = 101;
    let audit = found(
        &facts("dumb-init", Reason::Handler, vec![shell(), behind]),
        &[],
    );
    assert_eq!((audit.passes, audit.perhaps_cut_off), (Passes::ToGroup, 0));
    let audit = found(
        &facts("app", Reason::Handler, vec![server(101, 2, 100)]),
        &[],
    );
    assert_eq!((audit.passes, audit.perhaps_cut_off), (Passes::Unknown, 1));
}

/// dumb-init with that rule, a child of these sets, and another process behind it.
fn rewriting(rewrite: &str, child: Task) -> Facts {
    let mut behind = server(102, 3, 101);
    behind.pgrp = 102;
    let mut facts = facts("dumb-init", Reason::Handler, vec![child, behind]);
    let args = ["dumb-init", "--rewrite", rewrite, "app"];
    facts.args = args.map(str::to_owned).to_vec();
    facts
}

#[test]
fn what_a_forwarder_makes_of_the_signal() {
    // It has a handler for SIGTERM, which is not what it gets.
    let deaf = |rewrite: &str| rewriting(rewrite, server(101, 2, 100));
    found(&deaf("1:3"), &[]);
    let audit = found(&deaf("15:3"), &["FORWARD_DIRECT_CHILD_ONLY"]);
    let text = &audit.findings[0].advice.summary;
    assert!(text.contains("passes SIGTERM on as SIGQUIT to"), "{text}");
    assert_eq!((audit.ends, audit.cut_off_total), (Ends::ByItself, 1));
}

#[test]
fn a_signal_that_is_passed_on_and_does_nothing() {
    let deaf = |rewrite: &str| rewriting(rewrite, server(101, 2, 100));
    let audit = found(&deaf("15:0"), &["PM_SWALLOWS"]);
    assert_eq!(
        (audit.ends, audit.passes, audit.cut_off_total),
        (Ends::BySigkill, Passes::ToNobody, 2)
    );
    assert!(audit.has_problem());
    let text = &audit.findings[0].advice.summary;
    assert!(text.contains("to nobody (--rewrite 15:0)"), "{text}");
    for (rewrite, words) in [
        ("15:28", "as SIGWINCH to"),
        ("15:18", "as SIGCONT to"),
        ("15:19", "as SIGSTOP to"),
        ("15:20", "as SIGTSTP to"),
    ] {
        let audit = found(&deaf(rewrite), &["WRONG_STOPSIGNAL"]);
        assert_eq!(
            (audit.ends, audit.passes, audit.cut_off_total),
            (Ends::BySigkill, Passes::ToGroup, 2)
        );
        let advice = &audit.findings[0].advice;
        assert!(advice.summary.contains(words), "{advice:?}");
        assert!(advice.fix.contains(rewrite), "{advice:?}");
        let stops = ["15:19", "15:20"].contains(&rewrite);
        assert_eq!(advice.summary.contains("stops by it"), stops, "{advice:?}");
        assert_eq!(advice.uncertain, None);
    }
    let mut young = deaf("15:28");
    young.now_ticks = Some(200);
    let audit = found(&young, &["WRONG_STOPSIGNAL"]);
    assert!(audit.findings[0].advice.uncertain.is_some());
}

#[test]
fn a_signal_that_somebody_waits_for() {
    // httpd stops for SIGWINCH, itself or behind a shell.
    let mut httpd = task("httpd", 101, 2, 100);
    httpd.status.caught = mask(SIGWINCH);
    let audit = found(&rewriting("15:28", httpd.clone()), &[]);
    assert_eq!((audit.ends, audit.perhaps_cut_off), (Ends::ByItself, 1));
    let mut behind = rewriting("15:28", task("sh", 101, 2, 100));
    httpd.pid = 103;
    behind.others.push(httpd.clone());
    let audit = found(&behind, &[]);
    assert_eq!((audit.ends, audit.perhaps_cut_off), (Ends::ByItself, 1));
    // Not where only the child gets it, or it does nothing to the handler's own.
    behind.args.insert(1, "--single-child".to_owned());
    found(&behind, &["WRONG_STOPSIGNAL"]);
    let mut other = rewriting("15:18", task("sh", 101, 2, 100));
    other.others.push(httpd.clone());
    found(&other, &["WRONG_STOPSIGNAL"]);
    httpd.status.caught = mask(SIGCONT);
    other.others.push(httpd);
    found(&other, &[]);
}

#[test]
fn a_child_that_ignores_it() {
    let mut child = task("sh", 101, 2, 100);
    child.status.ignored = TERM;
    let behind = || server(102, 3, 101);
    let audit = found(
        &facts("tini", Reason::Sigwait, vec![child.clone(), behind()]),
        &["SIG_IGN_INHERITED"],
    );
    assert_eq!(
        (audit.ends, audit.passes, audit.cut_off_total),
        (Ends::BySigkill, Passes::ToChild, 1)
    );
    // Who is in its group gets it as well.
    let mut group = facts("dumb-init", Reason::Sigwait, vec![child.clone(), behind()]);
    group.others[1].pgrp = 101;
    let audit = found(&group, &[]);
    assert_eq!(audit.ends, Ends::ByItself);
    // An init within, which the kernel protects.
    child.status.ignored = 0;
    child.status.ns_pids.push(1);
    found(
        &facts("tini", Reason::Sigwait, vec![child]),
        &["PID1_NO_HANDLER"],
    );
}
