//! Containers by their names: what is filtered by them, and what they cost. The
//! containers here are made by hand, in cgroups that are named as a runtime
//! names them; real runtimes are in `tests/runtimes`.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use libc::{SIGKILL, SIGTERM, SIGUSR1, SIGUSR2};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};
use sigwhy::lab::arena::{Arena, Disposition, Order, Specimen};

use super::cgroup::{OwnCgroup, new_id};
use super::live::{Live, run, sigwhy};
use super::story::{of_type, stray};
use crate::arena::arena;
use crate::harness::slow;

type Outcome = anyhow::Result<()>;

/// A container made by hand: an init in a PID namespace and a cgroup.
pub struct Made {
    pub host: Specimen,
    pub init: Specimen,
    pub inside: Specimen,
    pub id: String,
    _arena: Arena,
    /// Last: it can be removed once the arena's processes are gone.
    cgroup: OwnCgroup,
}

impl Made {
    /// `tag`: at most 9 bytes; the init is called `tag-init`.
    pub fn new(tag: &str) -> anyhow::Result<Self> {
        let id = new_id();
        let cgroup = OwnCgroup::of_docker(&id)?;
        Self::within(tag, id, cgroup)
    }

    pub fn within(tag: &str, id: String, cgroup: OwnCgroup) -> anyhow::Result<Self> {
        let arena = arena()?;
        let host = arena.spawn_host(&format!("{tag}-host"))?;
        let init = host.spawn_init(&format!("{tag}-init"))?;
        cgroup.admit(&init)?;
        // Its children are where it is.
        let inside = init.spawn_child(&format!("{tag}-in"))?;
        init.dispose(SIGUSR1, Disposition::Handler)?;
        inside.dispose(SIGUSR2, Disposition::Ignore)?;
        Ok(Self {
            host,
            init,
            inside,
            id,
            _arena: arena,
            cgroup,
        })
    }

    /// What it is called where no file of a runtime tells.
    pub fn name(&self) -> &str {
        &self.id[..12]
    }
}

/// Whether a record is about this container.
pub fn is_of(record: &Value, id: &str) -> bool {
    ["/target/container/id", "/container/id"]
        .iter()
        .any(|at| record.pointer(at).is_some_and(|told| told == id))
}

#[test]
fn by_runtime_and_by_name_those_that_start_later_too() -> Outcome {
    let before = Made::new("nm-early")?;
    let live = Live::json(["--runtime", "docker"])?;
    let later = Made::new("nm-later")?;
    for made in [&before, &later] {
        made.inside.kill(1, SIGTERM)?;
        live.record(|r| is_of(r, &made.id) && r["reason"] == "unkillable_init")
            .context("its name")?;
    }
    let records = live.records()?;
    let is_dockers = |r: &Value| {
        ["/target/container/runtime", "/container/runtime"]
            .iter()
            .any(|at| r.pointer(at).is_some_and(|runtime| runtime == "docker"))
    };
    assert_eq!(stray(&records, is_dockers), None);

    let live = Live::json(["--container", later.name()])?;
    for made in [&before, &later] {
        made.inside.kill(1, SIGTERM)?;
    }
    live.record(|r| is_of(r, &later.id))?;
    let records = live.records()?;
    assert_eq!(stray(&records, |r| is_of(r, &later.id)), None);
    Ok(())
}

#[test]
fn by_the_senders_container() -> Outcome {
    let (wanted, other) = (Made::new("nm-send")?, Made::new("nm-mute")?);
    let live = Live::json(["--sender-container", wanted.name()])?;
    wanted.host.kill(wanted.inside.pid(), SIGUSR2)?;
    other.inside.kill(1, SIGUSR1)?;
    wanted.host.kill(wanted.init.pid(), SIGUSR1)?;
    // Two at one time would be one.
    while wanted.init.caught(SIGUSR1)? == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    wanted.inside.kill(1, SIGUSR1)?;
    live.record(|r| r["type"] == "deliver" && r["target"]["pid"] == wanted.init.pid())?;
    wanted.inside.kill(1, SIGTERM)?;
    live.record(|r| r["signal"]["name"] == "SIGTERM")?;
    let records = live.records()?;
    let from = |r: &&Value| r["sender"]["container"]["id"] != *wanted.id;
    assert_eq!(of_type(&records, "signal").find(from), None);
    let sent: Vec<_> = of_type(&records, "signal").map(|r| &r["mono_ns"]).collect();
    assert_eq!(sent.len(), 2, "{records:#?}");
    let follows = |r: &Value| r["type"] == "signal" || sent.contains(&&r["generated_mono_ns"]);
    assert_eq!(stray(&records, follows), None);
    Ok(())
}

#[test]
fn ps_takes_the_same_filters() -> Outcome {
    let (wanted, other) = (Made::new("nm-ps")?, Made::new("nm-not")?);
    let listed = |args: &[&str]| -> anyhow::Result<Vec<Value>> {
        run(sigwhy().args(["ps", "--format", "json"]).args(args))?.records()
    };
    let ids = |rows: &[Value]| -> Vec<String> {
        let ids = rows.iter().filter_map(|row| row["id"].as_str());
        ids.map(str::to_owned).collect()
    };
    assert_eq!(ids(&listed(&["-c", wanted.name()])?), [wanted.id.as_str()]);
    assert_eq!(ids(&listed(&["-c", "nm-ps-init"])?), [wanted.id.as_str()]);
    let dockers = listed(&["--runtime", "docker,podman"])?;
    assert!(dockers.iter().all(|row| row["runtime"] != "unknown"));
    for made in [&wanted, &other] {
        assert!(ids(&dockers).contains(&made.id), "{dockers:#?}");
    }
    assert!(listed(&["--pod", "*", "-c", wanted.name()])?.is_empty());
    assert!(listed(&["--namespace", "shop", "-c", wanted.name()])?.is_empty());
    let said = run(sigwhy().args(["ps", "-c", "nobody-is-called-so"]))?;
    assert_eq!(said.err, ["sigwhy: none of these containers runs"]);
    Ok(())
}

/// The counters at the end.
fn counted(records: &[Value], key: &str) -> anyhow::Result<u64> {
    let loss = of_type(records, "loss").last().context("no loss record")?;
    loss[key].as_u64().context("no such counter")
}

#[test]
fn a_flood_elsewhere_does_not_leave_the_kernel() -> Outcome {
    const FLOOD: u64 = 8_000;
    let (wanted, other) = (Made::new("nm-want")?, Made::new("nm-flood")?);
    let live = Live::json(["--container", wanted.name(), "--signal", "TERM,USR2"])?;
    // Seen until its name is settled: half a second, where no file tells more.
    for _ in 0..8 {
        other.host.kill(other.inside.pid(), SIGUSR2)?;
        thread::sleep(slow(Duration::from_millis(200)));
    }
    for _ in 0..FLOOD {
        other.host.kill(other.inside.pid(), SIGUSR2)?;
    }
    // Its own namespace, and one that starts now, are still seen.
    wanted.inside.kill(1, SIGTERM)?;
    live.record(|r| is_of(r, &wanted.id))?;
    let records = live.records()?;
    assert_eq!(stray(&records, |r| is_of(r, &wanted.id)), None);
    let [seen, filtered, submitted, full] =
        ["kernel_seen", "filtered", "submitted", "ring_full"].map(|key| counted(&records, key));
    let (seen, filtered, submitted, full) = (seen?, filtered?, submitted?, full?);
    assert_eq!(seen, filtered + submitted + full);
    assert!(filtered >= FLOOD, "{filtered} of {seen}");
    // Other tests' containers are seen until they are judged.
    assert!(submitted < FLOOD / 2, "{submitted} of {seen}");
    Ok(())
}

#[test]
fn whoever_takes_the_wanted_name_later_is_seen() -> Outcome {
    let made = Made::new("nm-other")?;
    let live = Live::json(["--container", "nm-becomes"])?;
    // Judged by the name that it has.
    for _ in 0..8 {
        made.inside.kill(1, SIGTERM)?;
        thread::sleep(slow(Duration::from_millis(200)));
    }
    // Only who it is may give it another name.
    made.init.order(Order::Write {
        path: "/proc/self/comm".into(),
        text: "nm-becomes".into(),
    })?;
    made.inside.kill(1, SIGTERM)?;
    live.record(|r| r["type"] == "signal" && is_of(r, &made.id))?;
    let records = live.records()?;
    assert_eq!(of_type(&records, "signal").count(), 1, "{records:#?}");
    Ok(())
}

#[test]
fn a_container_among_the_hosts_processes_has_its_name() -> Outcome {
    // Removed once the arena's processes are gone.
    let mut cgroups = Vec::new();
    let arena = arena()?;
    let spawn = |name: &str| arena.spawn_host(name);
    let (early, later, host) = (spawn("nm-agent")?, spawn("nm-agent2")?, spawn("nm-host")?);
    let (first, second) = (new_id(), new_id());
    let of_early = OwnCgroup::of_docker(&first)?;
    of_early.admit(&early)?;
    cgroups.push(of_early);
    for target in [&early, &later] {
        target.dispose(SIGUSR1, Disposition::Handler)?;
    }
    let live = Live::json(["--signal", "USR1,USR2,KILL"])?;
    // Nothing of the host itself is shown.
    host.dispose(SIGUSR2, Disposition::Ignore)?;
    host.kill(later.pid(), SIGUSR1)?;
    host.kill(early.pid(), SIGUSR1)?;
    early.kill(host.pid(), SIGUSR2)?;
    let of_later = OwnCgroup::of_docker(&second)?;
    of_later.admit(&later)?;
    cgroups.push(of_later);
    // Until its cgroup has been looked at, it is the host's.
    thread::sleep(Duration::from_secs(1));
    host.kill(later.pid(), SIGUSR1)?;
    host.kill(later.pid(), SIGKILL)?;
    later.await_death(Duration::from_secs(10))?;
    live.record(|r| r["target"]["container"]["id"] == *second && r["signal"]["number"] == 9)?;
    let records = live.records()?;
    let story: Vec<_> = of_type(&records, "signal")
        .filter(|r| {
            [early.pid(), later.pid(), host.pid()]
                .iter()
                .any(|pid| r["target"]["pid"] == *pid)
        })
        .map(|r| {
            let short = |id: &Value| match id.as_str() {
                Some(id) if id == first => "first",
                Some(id) if id == second => "second",
                Some(_) => "?",
                None => "-",
            };
            format!(
                "{} {} -> {} {}",
                r["signal"]["name"].as_str().unwrap_or("?"),
                short(&r["sender"]["container"]["id"]),
                short(&r["target"]["container"]["id"]),
                r["reason"].as_str().unwrap_or("?"),
            )
        })
        .collect();
    assert_eq!(
        story,
        [
            "SIGUSR1 - -> first handler",
            "SIGUSR2 first -> - ignored",
            "SIGUSR1 - -> second handler",
            "SIGKILL - -> second kill",
        ]
    );
    let mut told = of_type(&records, "signal").filter(|r| is_of(r, &first));
    let target = &told.next().context("its signal")?["target"];
    assert_eq!(target["container"]["pid_ns"], 4_026_531_836_u64);
    assert_eq!(target["pid_ns"], 4_026_531_836_u64);
    assert_eq!(target["is_init"], false);
    assert_eq!(target["container"]["name"], first[..12]);
    let handled = |r: &Value| r["outcome"] == "handled" && is_of(r, &first);
    assert!(of_type(&records, "deliver").any(handled), "{records:#?}");
    Ok(())
}

#[test]
fn names_outlive_their_cgroups() -> Outcome {
    let made = Made::new("nm-late")?;
    let live = Live::json(["--runtime", "docker"])?;
    made.host.kill(made.init.pid(), SIGKILL)?;
    live.record(|r| r["type"] == "zap" && r["phase"] == "end" && is_of(r, &made.id))?;
    // Dead and not reaped: its numbers are still there, its cgroup no more.
    made.cgroup.remove()?;
    thread::sleep(Duration::from_millis(500));
    made.host.kill(made.init.pid(), SIGUSR2)?;
    live.record(|r| is_of(r, &made.id) && r["signal"]["name"] == "SIGUSR2")
        .context("a signal to who died in a cgroup that is gone")?;
    live.end()?;
    Ok(())
}

#[test]
fn without_names_containers_are_their_namespaces() -> Outcome {
    let made = Made::new("nm-none")?;
    let live = Live::json(["--no-names"])?;
    made.inside.kill(1, SIGTERM)?;
    let record = live.record(|r| r["target"]["pid"] == made.init.pid())?;
    let container = &record["target"]["container"];
    let inode = made.init.pid_ns()?;
    assert_eq!(container["name"], format!("pidns-{inode}"));
    assert!(container["id"].is_null() && container["runtime"] == "unknown");
    live.end()?;
    Ok(())
}

/// What runc has written about a container, for as long as this lives.
pub struct OfRunc {
    directory: PathBuf,
    /// Runc was never used here.
    is_first: bool,
}

impl OfRunc {
    const RUNC: &str = "/run/runc";

    fn new(id: &str) -> anyhow::Result<Self> {
        let of_runc = Self {
            directory: Path::new(Self::RUNC).join(id),
            is_first: !Path::new(Self::RUNC).exists(),
        };
        fs::create_dir_all(&of_runc.directory)?;
        Ok(of_runc)
    }

    fn state(&self) -> PathBuf {
        self.directory.join("state.json")
    }

    /// Its main process, and labels as a CRI gives them: `KEY=VALUE`.
    pub fn told(id: &str, main: &Specimen, labels: &[String]) -> anyhow::Result<Self> {
        let of_runc = Self::new(id)?;
        let state = json!({
            "id": id,
            "init_process_pid": main.pid(),
            "config": {"labels": labels},
        });
        fs::write(of_runc.state(), state.to_string())?;
        Ok(of_runc)
    }

    /// Files of which none is one: whoever opens a FIFO waits for its writer for ever.
    fn hung(id: &str) -> anyhow::Result<Self> {
        let of_runc = Self::new(id)?;
        mkfifo(&of_runc.state(), Mode::S_IRWXU)?;
        Ok(of_runc)
    }
}

impl Drop for OfRunc {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
        if self.is_first {
            let _ = fs::remove_dir(Self::RUNC);
        }
    }
}

#[test]
fn a_file_that_never_answers_delays_nothing() -> Outcome {
    let id = new_id();
    let _hung = OfRunc::hung(&id)?;
    let cgroup = OwnCgroup::of_runc(&id)?;
    let made = Made::within("nm-hung", id, cgroup)?;
    let live = Live::json(["--signal", "USR2"])?;
    let mut worst = Duration::ZERO;
    for sent in 1..=50 {
        let begun = Instant::now();
        made.host.kill(made.inside.pid(), SIGUSR2)?;
        let seen = Cell::new(0);
        live.record(|r| {
            seen.set(seen.get() + usize::from(is_of(r, &made.id)));
            seen.get() == sent
        })?;
        worst = worst.max(begun.elapsed());
        thread::sleep(Duration::from_millis(20));
    }
    let begun = Instant::now();
    let said = live.end()?;
    let end = begun.elapsed();
    println!("worst latency {worst:?}, end after {end:?}");
    assert!(said.status.code().is_some(), "{:?}", said.err);
    assert!(worst < slow(Duration::from_millis(500)), "{worst:?}");
    assert!(end < slow(Duration::from_secs(1)), "{end:?}");
    Ok(())
}
