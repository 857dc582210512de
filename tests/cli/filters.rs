//! Each filter shows what it should, and nothing else.

use std::time::Duration;

use serde_json::Value;

use super::cgroup::OwnCgroup;
use super::live::{Live, run, sigwhy};
use super::story::{Story, of_type, stray};
use crate::harness::slow;

type Outcome = anyhow::Result<()>;

/// Runs the story under filters. `{inode}`, `{init}`, `{host}`, `{near}` and
/// `{tag}` stand for what is known only then. Tried again where the machine is
/// so loud that records were lost, which is not what is tested here.
fn watch(tag: &str, args: &[&str]) -> anyhow::Result<(Story, Vec<Value>)> {
    for _ in 0..5 {
        let (story, records) = watch_once(tag, args)?;
        let loss = of_type(&records, "loss").last();
        if loss.is_some_and(|loss| loss["ring_full"] == 0) {
            return Ok((story, records));
        }
    }
    anyhow::bail!("records were lost in five runs: something floods this machine with signals")
}

fn watch_once(tag: &str, args: &[&str]) -> anyhow::Result<(Story, Vec<Value>)> {
    let story = Story::new(tag)?;
    let fill = |arg: &&str| {
        arg.replace("{inode}", &story.inode.to_string())
            .replace("{init}", &story.init.pid().to_string())
            .replace("{host}", &story.host.pid().to_string())
            .replace("{near}", &story.neighbour.pid().to_string())
            .replace("{tag}", tag)
    };
    let live = Live::json(args.iter().map(fill))?;
    story.tell()?;
    story.finish()?;
    let records = live.records()?;
    Ok((story, records))
}

/// What the story sends to the init before its end.
const TO_INIT: [&str; 3] = [
    "SIGTERM unkillable_init",
    "SIGUSR1 handler",
    "SIGUSR2 unkillable_init",
];

fn number(record: &Value) -> u64 {
    record["signal"]["number"].as_u64().unwrap_or(0)
}

#[test]
fn by_default_containers_without_noise() -> Outcome {
    let (story, records) = watch("cli-def", &[])?;
    let to_init = story.to(&story.init, &records);
    assert_eq!(to_init[..3], TO_INIT, "{to_init:?}");
    assert_eq!(to_init.len(), 4, "{to_init:?}");
    assert_eq!(story.to(&story.inside, &records)[0], "SIGUSR2 ignored");
    assert_eq!(story.to(&story.neighbour, &records).len(), 0);
    let concerns_a_container = |record: &Value| {
        let in_one = |at: &str| record.pointer(at).is_some_and(|c| !c.is_null());
        in_one("/target/container") || in_one("/sender/container") || in_one("/container")
    };
    assert_eq!(stray(&records, concerns_a_container), None);
    let is_noise = |r: &Value| r["type"] == "signal" && [17, 23, 28, 32, 33].contains(&number(r));
    assert_eq!(stray(&records, |record| !is_noise(record)), None);
    Ok(())
}

#[test]
fn a_filter_that_takes_nobody_is_told_once() -> Outcome {
    let story = Story::new("cli-nobody")?;
    let time = format!("{}ms", slow(Duration::from_secs(3)).as_millis());
    for (name, count) in [("no-such-container", 1), (&*story.inode.to_string(), 0)] {
        let said = run(sigwhy().args(["live", "-c", name, "-d", &time]))?;
        let words = format!("sigwhy: no container that runs now is one of --container {name}: ");
        let told = said.err.iter().filter(|line| line.starts_with(&words));
        assert_eq!(told.count(), count, "{:?}", said.err);
    }
    Ok(())
}

#[test]
fn by_signal() -> Outcome {
    let (story, records) = watch("cli-sig", &["--signal", "TERM,10"])?;
    assert_eq!(story.to(&story.init, &records), TO_INIT[..2]);
    assert_eq!(stray(&records, |r| [10, 15].contains(&number(r))), None);
    Ok(())
}

#[test]
fn by_target_process() -> Outcome {
    let (story, records) = watch("cli-pid", &["--pid", "{init},{near}"])?;
    assert_eq!(story.to(&story.init, &records)[..3], TO_INIT);
    assert_eq!(story.to(&story.neighbour, &records), ["SIGUSR1 handler"]);
    let wanted = [story.init.pid(), story.neighbour.pid()];
    let concerns = |record: &Value| {
        let pid = ["/target/pid", "/process/pid", "/init/pid"]
            .iter()
            .find_map(|at| record.pointer(at));
        wanted.iter().any(|w| pid == Some(&Value::from(*w)))
    };
    assert_eq!(stray(&records, concerns), None);
    Ok(())
}

#[test]
fn by_sender() -> Outcome {
    let (story, records) = watch("cli-send", &["--sender-pid", "{host}"])?;
    assert_eq!(story.to(&story.init, &records)[0], TO_INIT[1]);
    assert_eq!(story.to(&story.init, &records).len(), 2);
    assert_eq!(story.to(&story.inside, &records), ["SIGUSR2 ignored"]);
    assert_eq!(story.to(&story.neighbour, &records), ["SIGUSR1 handler"]);
    let stranger = |r: &&Value| r["sender"]["pid"] != story.host.pid();
    assert_eq!(of_type(&records, "signal").find(stranger), None);
    let sent: Vec<_> = of_type(&records, "signal").map(|r| &r["mono_ns"]).collect();
    let follows = |r: &Value| r["type"] == "signal" || sent.contains(&&r["generated_mono_ns"]);
    assert_eq!(stray(&records, follows), None);
    assert!(of_type(&records, "deliver").count() > 0, "handlers ran");
    Ok(())
}

fn only_of_container(story: &Story, records: &[Value]) {
    assert_eq!(story.to(&story.init, records)[..3], TO_INIT);
    assert_eq!(story.to(&story.inside, records)[0], "SIGUSR2 ignored");
    let in_it = |record: &Value| {
        ["/target/container/pid_ns", "/container/pid_ns"]
            .iter()
            .find_map(|at| record.pointer(at))
            == Some(&Value::from(story.inode))
    };
    assert_eq!(stray(records, in_it), None);
    assert_eq!(of_type(records, "zap").count(), 2, "begin and end");
}

#[test]
fn by_container_namespace() -> Outcome {
    let (story, records) = watch("cli-ns", &["--container", "{inode}"])?;
    only_of_container(&story, &records);
    Ok(())
}

#[test]
fn by_container_name() -> Outcome {
    let (story, records) = watch("cli-name", &["--container", "pidns-{inode},no*where"])?;
    only_of_container(&story, &records);
    Ok(())
}

#[test]
fn by_container_init() -> Outcome {
    let (story, records) = watch("cli-glob", &["-c", "{tag}?in*"])?;
    only_of_container(&story, &records);
    Ok(())
}

#[test]
fn by_outcome() -> Outcome {
    let (story, records) = watch("cli-out", &["--outcome", "dropped"])?;
    assert_eq!(story.to(&story.init, &records), [TO_INIT[0], TO_INIT[2]]);
    assert_eq!(story.to(&story.inside, &records)[0], "SIGUSR2 ignored");
    assert_eq!(stray(&records, |r| r["outcome"] == "dropped"), None);
    Ok(())
}

#[test]
fn by_reason() -> Outcome {
    let (story, records) = watch("cli-why", &["--reason", "handler,ignored"])?;
    assert_eq!(story.to(&story.init, &records), [TO_INIT[1]]);
    assert_eq!(story.to(&story.inside, &records)[0], "SIGUSR2 ignored");
    let wanted = |r: &Value| r["reason"] == "handler" || r["reason"] == "ignored";
    assert_eq!(stray(&records, wanted), None);
    Ok(())
}

#[test]
fn only_inits() -> Outcome {
    let (story, records) = watch("cli-pid1", &["--inits"])?;
    assert_eq!(story.to(&story.init, &records)[..3], TO_INIT);
    assert_eq!(story.to(&story.inside, &records).len(), 0);
    let is_init =
        |r: &Value| r["target"]["is_init"] == true || r["is_init"] == true || r["type"] == "zap";
    assert_eq!(stray(&records, is_init), None);
    Ok(())
}

#[test]
fn the_host_too() -> Outcome {
    let (story, records) = watch("cli-host", &["--host"])?;
    assert_eq!(story.to(&story.neighbour, &records), ["SIGUSR1 handler"]);
    assert_eq!(story.to(&story.init, &records)[..3], TO_INIT);
    let is_noise = |r: &Value| r["type"] == "signal" && [17, 23, 28, 32, 33].contains(&number(r));
    assert_eq!(stray(&records, |record| !is_noise(record)), None);
    Ok(())
}

#[test]
fn everything() -> Outcome {
    let (story, records) = watch("cli-all", &["--all"])?;
    assert_eq!(story.to(&story.neighbour, &records), ["SIGUSR1 handler"]);
    let host = story.to(&story.host, &records);
    assert!(
        host.iter().any(|line| line.starts_with("SIGCHLD ")),
        "{host:?}"
    );
    let near = story.neighbour.pid();
    let handled =
        |r: &Value| r["target"]["pid"] == near && r["outcome"] == "handled" && number(r) == 10;
    assert!(of_type(&records, "deliver").any(handled));
    let gone = |r: &Value| r["process"]["pid"] == story.inside.pid() && r["signal"]["number"] == 9;
    assert!(of_type(&records, "exit").any(gone));
    Ok(())
}

#[test]
fn by_cgroup() -> Outcome {
    let cgroup = OwnCgroup::new("sigwhy-cli")?;
    let story = Story::new("cli-cg")?;
    cgroup.admit(&story.neighbour)?;
    let live = Live::json(["--cgroup".as_ref(), cgroup.path().as_os_str()])?;
    story.tell()?;
    story.finish()?;
    let records = live.records()?;
    assert_eq!(story.to(&story.neighbour, &records)[0], "SIGUSR1 handler");
    let is_the_neighbour = |r: &Value| r["target"]["pid"] == story.neighbour.pid();
    assert_eq!(stray(&records, is_the_neighbour), None);
    Ok(())
}
