//! `explain`: answers without a kernel, for people and for programs.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::live::{Said, run, sigwhy};

type Outcome = anyhow::Result<()>;

fn explain(args: &[&str]) -> anyhow::Result<Said> {
    run(sigwhy().arg("explain").args(args))
}

#[test]
fn an_answer_for_people_fits_a_terminal() -> Outcome {
    for args in [
        &["--signal", "TERM", "--init"][..],
        &["--signal", "KILL", "--init", "--from", "host"],
        &["--table", "--init"],
        &["--table"],
        &["unkillable_init"],
        &["pid1-shell-wrapper"],
        &["no-permission"],
        &["hook-refused"],
        &[],
    ] {
        let said = explain(args)?;
        assert_eq!(said.status.code(), Some(0), "{args:?}: {}", said.err());
        assert!(said.err.is_empty(), "{args:?}: {}", said.err());
        let wide = said.out.iter().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{args:?}");
    }
    let text = explain(&["--signal", "TERM", "--init"])?.out.join("\n");
    for words in [
        "dropped  unkillable_init",
        "PID 1 has no SIGTERM handler",
        "decided by sig_task_ignored/unkillable; not forced",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    Ok(())
}

#[test]
fn an_answer_for_programs() -> Outcome {
    let said = explain(&["--signal", "9", "--init", "--from=host", "--format=json"])?;
    let [answer] = &said.records()?[..] else {
        anyhow::bail!("one object: {:?}", said.out);
    };
    assert_eq!(answer["signal"]["name"], "SIGKILL");
    assert_eq!(answer["outcome"], "fatal");
    assert_eq!(answer["reason"], "forced_on_init");
    assert_eq!(answer["rule"], "complete_signal/sig_fatal");
    assert_eq!(answer["forced"], true);
    assert_eq!(answer["delivery"], Value::Null);
    let path = answer["path"].as_array().context("a path")?;
    ensure!(path.len() > 5, "{path:?}");

    // A bad address is nobody's signal; a fault without a reason is the kernel's.
    for (code, forced) in [
        (None, false),
        (Some("--code=2"), false),
        (Some("--code=128"), true),
    ] {
        let fault = ["--signal=SEGV", "--init", "--from=fault", "--format=json"];
        let args: Vec<&str> = fault.into_iter().chain(code).collect();
        let answer = &explain(&args)?.records()?[0];
        assert_eq!(
            (&answer["outcome"], &answer["forced"]),
            (&"fatal".into(), &forced.into()),
            "{args:?}"
        );
    }
    let rows = explain(&["--table", "--init", "--format", "json"])?.records()?;
    // 62 signals, three senders, four ways to set it; SIGKILL and SIGSTOP have one.
    assert_eq!(rows.len(), 62 * 3 * 4 + 2 * 3);
    let page = explain(&["stopped", "--format", "json"])?.records()?;
    let topics: Vec<_> = page.iter().map(|page| &page["topic"]).collect();
    assert_eq!(topics, ["reason", "diagnosis"]);
    let page = explain(&["no-btf", "--format", "json"])?.records()?;
    assert_eq!(page[0]["topic"], "trouble");
    let every = explain(&["--format", "json"])?.records()?;
    for topic in ["reason", "diagnosis", "trouble"] {
        let count = every.iter().filter(|page| page["topic"] == topic).count();
        assert!(count > 15, "{count} of {topic}");
    }
    assert!(
        page[0]["steps"]
            .as_array()
            .is_some_and(|steps| !steps.is_empty())
    );
    Ok(())
}

#[test]
fn what_makes_no_sense_is_said_in_one_line() -> Outcome {
    for (args, code, words) in [
        (&["nonsense"][..], 1, "neither a reason nor a diagnosis"),
        (&["--init"], 1, "which signal?"),
        (&["--signal", "KILL", "--handler", "handler"], 1, "EINVAL"),
        (&["--signal", "TERM", "--code", "1"], 1, "EPERM"),
        (
            &["--signal", "SEGV", "--from", "fault", "--code", "-6"],
            1,
            "SEGV_MAPERR",
        ),
        (&["--signal", "NOPE"], 2, "is no signal"),
        (&["--blocked"], 2, "--signal"),
    ] {
        let said = explain(args)?;
        assert_eq!(said.status.code(), Some(code), "{args:?}");
        assert!(said.err().contains(words), "{args:?}: {}", said.err());
        assert!(said.out.is_empty(), "{args:?}");
    }
    Ok(())
}
