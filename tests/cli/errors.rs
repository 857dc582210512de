//! Errors: one line that says what failed, why, and what to do.

use std::fs::File;
use std::os::unix::process::CommandExt as _;

use super::live::{Said, run, run_into, sigwhy};
use crate::arena::arena;
use crate::harness::skip::skip;

type Outcome = anyhow::Result<()>;

/// Fails with 1 and exactly one line, which holds all of `words`.
fn one_line(said: &Said, words: &[&str]) {
    assert_eq!(said.status.code(), Some(1), "{:?}", said.err);
    assert_eq!(said.err.len(), 1, "{:#?}", said.err);
    let line = &said.err[0];
    assert!(line.starts_with("sigwhy: "), "{line}");
    for word in words {
        assert!(line.contains(word), "{word:?} is not in {line}");
    }
}

#[test]
fn without_the_right_to_load() -> Outcome {
    // A copy: the build directory may be closed to others.
    let dir = std::env::temp_dir().join(format!("sigwhy-nobody-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let copy = dir.join("sigwhy");
    std::fs::copy(env!("CARGO_BIN_EXE_sigwhy"), &copy)?;
    let nobody = || {
        let mut command = std::process::Command::new(&copy);
        command.uid(65534).gid(65534).current_dir("/");
        command
    };
    let live = run(nobody().arg("live"));
    let doctor = run(nobody().args(["doctor", "--format", "json"]));
    let guide = run(&mut nobody());
    let arena = arena()?;
    let init = arena.spawn_init("init")?;
    let why = run(nobody().args(["why", &init.pid().to_string()]));
    std::fs::remove_dir_all(&dir)?;
    let (live, doctor) = (live?, doctor?);
    // What may not be looked at is not guessed at.
    one_line(&why?, &["PID namespace", "sudo"]);
    one_line(
        &live,
        &[
            "Operation not permitted",
            "sudo",
            "CAP_BPF",
            "sigwhy doctor",
        ],
    );
    assert!(live.err[0].len() < 250, "{}", live.err[0]);
    assert!(live.err[0].ends_with("(more: sigwhy explain no-permission)"));
    let guide = guide?;
    assert_eq!(guide.status.code(), Some(0));
    let guide = guide.out.join("\n");
    for words in [
        "sudo sigwhy live",
        "CAP_BPF and CAP_PERFMON",
        "no-permission",
    ] {
        assert!(guide.contains(words), "{words:?} is not in\n{guide}");
    }

    assert_eq!(doctor.status.code(), Some(3));
    assert_eq!(doctor.err.len(), 0);
    let report = &doctor.records()?[0];
    assert_eq!(report["can_trace"], false);
    let checks = report["checks"].as_array().expect("checks");
    let hooks: Vec<_> = checks.iter().filter(|c| c["group"] == "Hooks").collect();
    assert_eq!(hooks.len(), 1, "{hooks:?}");
    assert!(
        hooks[0]["detail"]
            .as_str()
            .is_some_and(|d| d.contains("CAP_BPF"))
    );
    Ok(())
}

#[test]
fn types_that_are_none() -> Outcome {
    for (file, words) in [
        ("/dev/null", ["/dev/null", "empty"]),
        ("/proc/nonexistent", ["/proc/nonexistent", "--btf"]),
        ("/proc/self/exe", ["/proc/self/exe", "ELF"]),
    ] {
        one_line(&run(sigwhy().args(["live", "--btf", file]))?, &words);
    }
    Ok(())
}

#[test]
fn a_way_to_attach_that_the_kernel_refuses() -> Outcome {
    let said = run(sigwhy().args(["live", "-d", "1ms", "--attach", "zap=fentry"]))?;
    if said.status.success() {
        skip("the kernel has fentry, so that no way to attach is refused");
        return Ok(());
    }
    one_line(&said, &["zap", "fentry", "sigwhy doctor"]);
    let verbose = run(sigwhy().args(["-v", "live", "-d", "1ms", "--attach", "zap=fentry"]))?;
    let mut lines = verbose.err.clone();
    lines.dedup();
    assert_eq!(lines, verbose.err, "nothing is said twice");
    assert_eq!(verbose.err[0], said.err[0]);
    Ok(())
}

#[test]
fn an_error_names_a_page_that_is_there() -> Outcome {
    for (args, page) in [
        (&["live", "--btf", "/proc/nonexistent"][..], "no-btf"),
        (&["live", "--btf", "/dev/null"], "no-btf"),
        (&["why", "no-such-name"], "no-such-container"),
        (
            &["audit", "-c", "no-such-name", "--fail-on", "ungraceful"],
            "no-such-container",
        ),
        (&["ps", "--root", "/dev"], "in-container"),
        (&["report", "/proc/self/status"], "no-recording"),
        (&["replay", "/proc/self/status"], "no-recording"),
        (
            &["report", "--from", "ftrace", "/proc/version"],
            "no-recording",
        ),
        (
            &["record", "-o", "/proc/version", "-d", "1ms"],
            "file-exists",
        ),
    ] {
        let said = run(sigwhy().args(args))?;
        one_line(&said, &[]);
        let more = format!(" (more: sigwhy explain {page})");
        assert!(said.err[0].ends_with(&more), "{args:?}: {}", said.err[0]);
        let page = run(sigwhy().args(["explain", page]))?;
        assert_eq!(page.status.code(), Some(0), "{args:?}");
    }
    Ok(())
}

/// Root of a user namespace has every capability, and may load nothing.
#[test]
fn root_of_a_user_namespace() -> Outcome {
    let inside = |args: &[&str]| {
        let mut command = std::process::Command::new("unshare");
        command.args(["-U", "-r"]).args(args);
        command
    };
    if !inside(&["true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        skip("no user namespaces here");
        return Ok(());
    }
    let exe = env!("CARGO_BIN_EXE_sigwhy");
    let live = run(&mut inside(&[exe, "live", "-d", "1ms"]))?;
    one_line(
        &live,
        &["not let even root", "sigwhy doctor", "load-refused"],
    );
    let guide = run(&mut inside(&[exe]))?.out.join("\n");
    assert!(
        guide.contains("user namespace: not the machine's own"),
        "{guide}"
    );
    Ok(())
}

#[test]
fn bad_usage_is_clap_s() -> Outcome {
    for args in [
        &["live", "--signal", "NOPE"][..],
        &["live", "--signal", "65"],
        &["live", "--attach", "zap=nope"],
        &["live", "--attach", "zap"],
        &["live", "--outcome", "lost"],
        &["live", "--reason", "because"],
        &["live", "--duration", "soon"],
        &["live", "--pid", "-1"],
        &["live", "-n", "0"],
        &["nope"],
    ] {
        let said = run(sigwhy().args(args))?;
        assert_eq!(said.status.code(), Some(2), "{args:?}");
        assert!(
            said.err[0].starts_with("error: "),
            "{args:?}: {:?}",
            said.err
        );
    }
    Ok(())
}

#[test]
fn a_full_disk() -> Outcome {
    let full = || File::options().write(true).open("/dev/full");
    for args in [
        &["doctor"][..],
        &["doctor", "--format", "json"],
        &["live", "--format", "json", "--signal", "64"],
        &["man"],
        &["completions", "bash"],
        &[],
    ] {
        let said = run_into(sigwhy().args(args), full()?)?;
        one_line(&said, &["writing the output: No space left on device"]);
    }
    Ok(())
}

#[test]
fn nobody_to_hear_the_errors() -> Outcome {
    let status = sigwhy()
        .args(["live", "-d", "1ms", "-c", "pidns-1"])
        .stderr(File::options().write(true).open("/dev/full")?)
        .status()?;
    assert_eq!(status.code(), Some(0));
    Ok(())
}

#[test]
fn the_bare_name_shows_what_there_is_to_do() -> Outcome {
    let said = run(&mut sigwhy())?;
    assert_eq!(said.status.code(), Some(0));
    assert_eq!(said.err.len(), 0);
    let text = said.out.join("\n");
    assert!(
        said.out.iter().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    for word in [
        "sigwhy live",
        "sigwhy doctor",
        "--help",
        "\nThis machine, Linux ",
        "live, run, record, lab run",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    Ok(())
}
