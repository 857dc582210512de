//! What a reader gets: the list, the page of a scenario, its walk through the
//! kernel's tests, and steps at one's own pace.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use sigwhy::lab::scenarios;

use super::{lab, output};

#[test]
fn every_line_fits_where_there_is_no_terminal() {
    for words in [
        &["list"][..],
        &["show", "all"],
        &["run", "docker-stop", "--grace=0", "--explain"],
    ] {
        let told = output(words);
        assert_eq!(told.status.code(), Some(0), "{words:?}");
        let stdout = String::from_utf8(told.stdout).expect("UTF-8");
        for line in stdout.lines() {
            assert!(line.chars().count() <= 80, "{words:?}: {line}");
        }
    }
}

#[test]
fn the_list_names_every_scenario() {
    let list = output(&["list"]);
    assert!(list.status.success());
    let stdout = String::from_utf8(list.stdout).expect("UTF-8");
    // Chapters are at the margin, and what continues a line is far from it.
    let names: Vec<_> = stdout
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(
        names
            .iter()
            .copied()
            .eq(scenarios::ALL.iter().map(|s| s.name))
    );
    for chapter in scenarios::COURSE {
        assert!(stdout.contains(chapter.title), "{stdout}");
    }
}

#[test]
fn a_scenario_can_be_read_without_any_privilege() {
    use std::os::unix::process::CommandExt as _;
    let show = lab(&["show", "docker-stop"]).uid(65_534).output();
    // Its own file may be out of reach of nobody.
    let Ok(show) = show else { return };
    assert_eq!(show.status.code(), Some(0));
    let stdout = String::from_utf8(show.stdout).expect("UTF-8");
    let told = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "host-shell starts entry.sh as PID 1 of a container",
        "1. host-shell sends SIGTERM to entry.sh",
        "SIGTERM from host-shell to entry.sh: dropped (unkillable_init, force yes)",
        "zap_pid_ns_processes()",
        "sudo sigwhy lab run docker-stop",
    ] {
        assert!(told.contains(words), "{words:?} is not in\n{stdout}");
    }
}

#[test]
fn explained_means_every_test_in_words() {
    let run = output(&["run", "kill-init", "--explain"]);
    assert_eq!(run.status.code(), Some(0));
    let stdout = String::from_utf8(run.stdout).expect("UTF-8");
    let told = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "no Is the process dying already? prepare_signal(): signal->flags & SIGNAL_GROUP_EXIT",
        "yes Does the protection of an init (SIGNAL_UNKILLABLE, 0x40) apply?",
        "here: signal->flags = 0x40, handler: SIG_DFL, force: false",
        "decided by sig_task_ignored/unkillable; not forced",
    ] {
        assert!(told.contains(words), "{words:?} is not in\n{stdout}");
    }
}

/// Plays `kill-init`, which has two steps, with this on its standard input.
fn stepwise(input: &str) -> String {
    let mut run = lab(&["run", "kill-init", "--step"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = run.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = run.wait_with_output().expect("it ends");
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.contains("VERDICT: the prediction held"), "{stdout}");
    stdout
}

#[test]
fn each_step_waits_for_enter() {
    let mut run = lab(&["run", "kill-init", "--step"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut stdin = run.stdin.take().expect("piped");
    let mut lines = BufReader::new(run.stdout.take().expect("piped")).lines();
    let mut until = |words: &str| {
        let mut seen = Vec::new();
        for line in lines.by_ref().map_while(Result::ok) {
            seen.push(line);
            if seen.last().is_some_and(|line| line.contains(words)) {
                return seen;
            }
        }
        panic!("{words:?} never came: {seen:?}")
    };
    let sent = |lines: &[String]| lines.iter().filter(|l| l.contains("calls kill(")).count();
    assert_eq!(sent(&until("Enter")), 0);
    stdin.write_all(b"\n").expect("it reads");
    // What the first one did is told before the second is asked for.
    let first = until("Enter");
    assert_eq!(sent(&first), 1);
    assert!(
        first.iter().any(|line| line.contains("DROPPED")),
        "{first:?}"
    );
    stdin.write_all(b"\n").expect("it reads");
    assert_eq!(sent(&until("VERDICT")), 1);
    while lines.next().is_some() {}
    assert_eq!(run.wait().expect("it ends").code(), Some(0));
}

#[test]
fn at_the_end_of_the_input_the_rest_goes_on_by_itself() {
    for (input, asked) in [("", 1), ("\n", 2), ("\n\n\n", 2)] {
        let stdout = stepwise(input);
        assert_eq!(
            stdout.matches("-- Enter").count(),
            asked,
            "{input:?}: {stdout}"
        );
        let ended = usize::from(input.len() < 2);
        assert_eq!(stdout.matches("by itself --").count(), ended, "{stdout}");
    }
    let json = output(&["run", "kill-init", "--step", "--format=json"]);
    assert_eq!(json.status.code(), Some(1));
    assert_eq!(json.stdout, b"");
}

#[test]
fn an_interruption_between_two_steps_ends_it() {
    let mut run = lab(&["run", "kill-init", "--step"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(run.stdout.take().expect("piped")).lines();
    let asked = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("Enter")));
    assert!(asked.is_some(), "it never asked");
    let pid = nix::unistd::Pid::from_raw(run.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it lives");
    assert_eq!(run.wait().expect("it ends").code(), Some(130));
}
