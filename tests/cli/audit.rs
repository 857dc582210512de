//! `sigwhy audit`: what it says of real PID 1s, and that a stop then does that.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use libc::{SIGKILL, SIGSTOP, SIGTERM};
use serde_json::Value;
use sigwhy::lab::arena::{Arena, Disposition, Group, Order, Place, Specimen};

use super::live::{Said, run, sigwhy};
use super::why::{freeze_v1, freeze_v2};
use crate::arena::arena;
use crate::cases::cgroup::Cgroup;
use crate::harness::slow;

type Outcome = anyhow::Result<()>;

const SOON: Duration = Duration::from_secs(20);

/// A container whose PID 1 is called so.
fn init(arena: &Arena, comm: &str) -> anyhow::Result<Specimen> {
    arena.spawn_host("launcher")?.spawn_init(comm)
}

/// Another process of it, with a handler.
fn server(parent: &Specimen) -> anyhow::Result<Specimen> {
    let server = parent.spawn_child("server")?;
    server.dispose(SIGTERM, Disposition::Handler)?;
    Ok(server)
}

fn audit(inits: &[&Specimen], options: &[&str]) -> anyhow::Result<Said> {
    let mut names = Vec::new();
    for init in inits {
        names.push(format!("pidns-{}", init.pid_ns()?));
    }
    run(sigwhy()
        .args(["audit", "-c", &names.join(",")])
        .args(options))
}

/// What is said about each.
fn audits(inits: &[&Specimen], options: &[&str]) -> anyhow::Result<Vec<Value>> {
    let said = audit(inits, &[&["--format", "json"], options].concat())?;
    let records = said.records()?;
    let of = |init: &&Specimen| {
        let found = records.iter().find(|r| r["main"]["pid"] == init.pid());
        found
            .cloned()
            .with_context(|| format!("{init} is not listed: {:?}", said.err))
    };
    inits.iter().map(of).collect()
}

#[track_caller]
fn found(audit: &Value, ids: &[&str]) {
    let list = audit["findings"].as_array().into_iter().flatten();
    let got: Vec<_> = list.filter_map(|finding| finding["id"].as_str()).collect();
    assert_eq!(got, ids, "{audit:#}");
}

/// All of them grow old together, so it is one test.
#[test]
fn what_a_stop_would_do() -> Outcome {
    let arena = arena()?;
    let app = init(&arena, "app")?;
    let cut = server(&app)?;

    let shell = init(&arena, "bash")?;
    let app_of_shell = server(&shell)?;

    let handles = init(&arena, "good")?;
    handles.dispose(SIGTERM, Disposition::Handler)?;
    server(&handles)?;

    let ignores = init(&arena, "nohup")?;
    ignores.dispose(SIGTERM, Disposition::Ignore)?;

    let blocks = init(&arena, "blocks")?;
    blocks.block(&[SIGTERM])?;

    let reads = init(&arena, "reads")?;
    reads.signalfd(&[SIGTERM], Duration::from_secs(120))?;

    // docker run --init image sh -c server: the shell dies, and all with it.
    let tini = init(&arena, "tini")?;
    let wrapper = tini.spawn_child("sh")?;
    let behind = server(&wrapper)?;
    tini.sigwait(&[SIGTERM], Duration::from_secs(120))?;

    // docker run --init image nohup app: nobody ends before SIGKILL.
    let deaf = init(&arena, "tini")?;
    let nohup = deaf.spawn_child("nohup")?;
    nohup.dispose(SIGTERM, Disposition::Ignore)?;
    let behind_nohup = server(&nohup)?;
    deaf.sigwait(&[SIGTERM], Duration::from_secs(120))?;

    // An init behind the first: what that one does is its own affair.
    let outer = init(&arena, "tini")?;
    let inner = outer.spawn_child("tini")?;
    server(&inner)?;
    inner.sigwait(&[SIGTERM], Duration::from_secs(120))?;
    outer.sigwait(&[SIGTERM], Duration::from_secs(120))?;

    let audits = audits(
        &[
            &app, &shell, &handles, &ignores, &blocks, &reads, &tini, &deaf, &outer,
        ],
        &["--settle", "5200ms"],
    )?;
    let [
        of_app,
        of_shell,
        of_handles,
        of_ignores,
        of_blocks,
        of_reads,
        of_tini,
        of_deaf,
        of_outer,
    ] = audits.as_slice()
    else {
        anyhow::bail!("{audits:#?}");
    };
    found(of_app, &["PID1_NO_HANDLER"]);
    assert_eq!(of_app["cut_off"][0]["pid"], cut.pid(), "{of_app:#}");
    assert_eq!(
        (&of_app["ends"], &of_app["cut_off_total"]),
        (&"by_sigkill".into(), &1.into())
    );
    found(of_shell, &["PID1_SHELL_WRAPPER"]);
    assert_eq!(of_shell["passes"], "to_nobody");
    found(of_handles, &[]);
    assert_eq!(
        (&of_handles["passes"], &of_handles["perhaps_cut_off"]),
        (&"unknown".into(), &1.into())
    );
    found(of_ignores, &["SIG_IGN_INHERITED"]);
    found(of_blocks, &["SIG_BLOCKED"]);
    found(of_reads, &[]);
    assert_eq!(of_reads["taken_by"], "signalfd", "{of_reads:#}");
    found(of_tini, &["FORWARD_DIRECT_CHILD_ONLY"]);
    assert_eq!(of_tini["cut_off"][0]["pid"], behind.pid(), "{of_tini:#}");

    found(of_deaf, &["SIG_IGN_INHERITED"]);
    assert_eq!(of_deaf["ends"], "by_sigkill", "{of_deaf:#}");
    let cut_off = &of_deaf["cut_off"][0]["pid"];
    assert_eq!(cut_off, behind_nohup.pid(), "{of_deaf:#}");

    found(of_outer, &[]);
    assert_eq!(of_outer["perhaps_cut_off"], 1, "{of_outer:#}");

    // And so it is: the signal does nothing, and SIGKILL takes the server along.
    app_of_shell.caught(SIGTERM)?;
    let host = arena.spawn_host("runc")?;
    host.kill(shell.pid(), SIGTERM)?;
    host.kill(app.pid(), SIGTERM)?;
    assert_eq!(app_of_shell.caught(SIGTERM)?, 0);
    assert!(app.stat().is_some_and(|stat| !stat.is_dead()));
    host.kill(app.pid(), SIGKILL)?;
    cut.await_death(SOON).map(drop)
}

#[test]
fn zombies_of_an_init() -> Outcome {
    let arena = arena()?;
    let init = init(&arena, "app")?;
    init.dispose(SIGTERM, Disposition::Handler)?;
    for _ in 0..2 {
        let child = init.spawn_child("job")?;
        child.order(Order::Exit { code: 0 })?;
        child.await_death(SOON)?;
    }
    // Dead for a moment is not forgotten; by the CPU's clock a busy machine is slow.
    let end = Instant::now() + slow(SOON);
    let audit = loop {
        let audit = audits(&[&init], &[])?.remove(0);
        if audit["zombies_total"] == 2 {
            break audit;
        }
        ensure!(Instant::now() < end, "{audit:#}");
        std::thread::sleep(Duration::from_millis(200));
    };
    found(&audit, &["ZOMBIE_ACCUMULATION"]);
    assert_eq!(audit["zombies_total"], 2, "{audit:#}");
    assert_eq!(audit["zombies"][0]["parent"]["pid"], init.pid());
    Ok(())
}

#[test]
fn a_daemon_left_to_an_init() -> Outcome {
    let arena = arena()?;
    let init = init(&arena, "app")?;
    init.dispose(SIGTERM, Disposition::Handler)?;
    let starter = init.spawn(Place::Same, Group::Inherit, "starter")?;
    let leader = starter.spawn(Place::Same, Group::Inherit, "daemon")?;
    leader.order(Order::SetSid)?;
    let daemon = leader.spawn(Place::Same, Group::Inherit, "daemon")?;
    daemon.dispose(SIGTERM, Disposition::Handler)?;
    leader.order(Order::Exit { code: 0 })?;
    leader.reap(SOON)?;
    let audit = audits(&[&init], &[])?.remove(0);
    found(&audit, &["ORPHAN_DAEMONS"]);
    let text = audit["findings"][0]["summary"].as_str().unwrap_or_default();
    assert!(text.contains(&format!("[{}]", daemon.pid())), "{audit:#}");
    Ok(())
}

#[test]
fn one_that_is_young_and_one_that_is_stopped() -> Outcome {
    let arena = arena()?;
    let stopped = init(&arena, "app")?;
    stopped.dispose(SIGTERM, Disposition::Handler)?;
    arena.spawn_host("runc")?.kill(stopped.pid(), SIGSTOP)?;
    stopped.await_stop(SOON)?;
    let audit = audits(&[&stopped], &[])?.remove(0);
    found(&audit, &["STOPPED"]);
    assert_eq!(audit["ends"], "after_hold", "{audit:#}");
    assert_eq!(audit["stop"]["reason"], "stopped", "{audit:#}");
    let said = self::audit(&[&stopped], &[])?.out.join("\n");
    assert!(said.contains("SIGTERM waits: it is stopped"), "{said}");

    let young = init(&arena, "app")?;
    let audit = audits(&[&young], &[])?.remove(0);
    // Not on a machine that is slower than a container is young.
    let is_young = audit["age_ns"]
        .as_u64()
        .is_some_and(|ns| ns < 5_000_000_000);
    found(
        &audit,
        &[if is_young {
            "STARTUP_RACE"
        } else {
            "PID1_NO_HANDLER"
        }],
    );
    Ok(())
}

#[test]
fn who_is_frozen() -> Outcome {
    let arena = arena()?;
    let host = arena.spawn_host("runc")?;
    for (id, file) in [
        ("FROZEN_V1", "freezer.state"),
        ("FROZEN_V2", "cgroup.freeze"),
    ] {
        let group = match id {
            "FROZEN_V1" => Cgroup::v1_freezer("audit-v1"),
            _ => Cgroup::v2("audit-v2", file),
        };
        let Some(group) = group else { continue };
        let handles = host.spawn_init("app")?;
        handles.dispose(SIGTERM, Disposition::Handler)?;
        let ignores = host.spawn_init("app")?;
        ignores.dispose(SIGTERM, Disposition::Ignore)?;
        group.add(&[&handles, &ignores])?;
        match id {
            "FROZEN_V1" => freeze_v1(&group)?,
            _ => freeze_v2(&group)?,
        }
        let audits = audits(&[&handles, &ignores], &[])?;
        found(&audits[0], &[id]);
        assert_eq!(audits[0]["ends"], "after_hold", "{:#}", audits[0]);
        // No SIGKILL ends whom the freezer of v1 holds.
        let (ids, ends): (&[&str], _) = match id {
            "FROZEN_V1" => (&["SIG_IGN_INHERITED", id], "after_hold"),
            _ => (&["SIG_IGN_INHERITED"], "by_sigkill"),
        };
        found(&audits[1], ids);
        assert_eq!(audits[1]["ends"], ends, "{:#}", audits[1]);
    }
    Ok(())
}

#[test]
fn a_check_of_an_image() -> Outcome {
    let arena = arena()?;
    let bad = init(&arena, "app")?;
    bad.dispose(SIGTERM, Disposition::Ignore)?;
    let good = init(&arena, "app")?;
    good.dispose(SIGTERM, Disposition::Handler)?;
    for (of, fail_on, code) in [
        (&bad, "any", 3),
        (&bad, "sig-ign-inherited", 3),
        (&bad, "SIG_BLOCKED,SIG_IGN_INHERITED", 3),
        (&bad, "pid1-no-handler", 0),
        (&good, "any", 0),
    ] {
        let said = audit(&[of], &["--fail-on", fail_on])?;
        assert_eq!(said.status.code(), Some(code), "{fail_on}: {:?}", said.out);
    }
    let said = audit(&[&bad, &good], &[])?;
    assert_eq!(
        said.status.code(),
        Some(0),
        "without --fail-on it only tells"
    );
    let out = said.out.join("\n");
    for words in [
        "NAME",
        "FINDINGS",
        "SIGTERM ignored",
        "sig-ign-inherited: SIGTERM is dropped",
        "Fix: ",
        "2 looked at, 1 with something wrong",
    ] {
        assert!(out.contains(words), "{words:?} is not in\n{out}");
    }
    Ok(())
}

#[test]
fn bad_usage() -> Outcome {
    // A check of what does not run must not pass.
    let nobody = ["audit", "-c", "nobody-is-called-so"];
    let said = run(sigwhy().args(nobody).args(["--fail-on", "any"]))?;
    assert_eq!(said.status.code(), Some(1));
    assert!(said.err().contains("nothing was checked"), "{:?}", said.err);
    let said = run(sigwhy().args(nobody))?;
    ensure!(said.status.success(), "{:?}", said.err);
    let said = run(sigwhy().args(["audit", "--fail-on", "oom-init"]))?;
    assert_eq!(said.status.code(), Some(2), "a look cannot find that");
    assert!(said.err().contains("zombie-accumulation"), "{:?}", said.err);
    Ok(())
}
