//! Containers that are whole machines as a rule: LXC's and systemd-nspawn's.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::engine::{Container, dir, done, said as output, unique};
use super::harness::slow;
use super::identity::Identity;
use super::live::Live;
use super::said::{self, apart, lines, to};
use super::{KILL_FORCED, Outcome};

/// How long a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A directory of a machine's own, with its file system in `root/`: either locks
/// it or writes into it.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> anyhow::Result<Self> {
        let own = Self(dir()?.join("machines").join(name));
        let root = own.root();
        std::fs::create_dir_all(own.0.join("root"))?;
        let mut copy = Command::new("cp");
        copy.args(["--archive", "--no-target-directory"]);
        done(copy.arg(dir()?.join("rootfs")).arg(&root))?;
        for empty in ["proc", "sys", "dev", "run", "tmp", "usr", "var"] {
            std::fs::create_dir_all(root.join(empty))?;
        }
        // By which nspawn tells a file system from any other directory.
        std::fs::write(root.join("etc/os-release"), "ID=sigwhy\n")?;
        Ok(own)
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    fn parent(&self) -> &Path {
        self.0.parent().unwrap_or(&self.0)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn identity(runtime: &'static str, name: &str) -> Identity {
    Identity {
        runtime,
        id: name.to_owned(),
        name: Some(name.to_owned()),
        ..Identity::default()
    }
}

/// lxc-stop asks by SIGPWR, as a machine is told that its power fails.
#[test]
fn lxc_stop() -> Outcome {
    let name = unique("lxc");
    let own = Directory::new(&name)?;
    std::fs::write(
        own.0.join("config"),
        format!(
            "lxc.uts.name = {name}\nlxc.rootfs.path = dir:{}\nlxc.net.0.type = empty\n\
             lxc.apparmor.profile = unconfined\nlxc.pty.max = 0\n\
             lxc.mount.auto = proc:mixed sys:ro\nlxc.init.cmd = /bin/c-init\n",
            own.root().display()
        ),
    )?;
    let lxc = |tool: &str| {
        let mut command = Command::new(tool);
        command.arg("-P").arg(own.parent()).args(["-n", &name]);
        command
    };
    let mut kill = lxc("lxc-stop");
    kill.arg("--kill");
    done(&mut lxc("lxc-start"))?;
    let pid = output(lxc("lxc-info").args(["--no-humanize", "--pid"]));
    let is = identity("lxc", &name);
    let container = Container::new(&pid.unwrap_or_default(), is, vec![kill])?;
    container.until_it_is("c-init")?;
    let live = Live::json([""; 0])?;
    done(lxc("lxc-stop").args(["--timeout", "2"]))?;
    let records = live.records()?;
    assert_eq!(
        lines(&container, &records),
        [
            "SIGPWR dropped unkillable_init (ignored) by lxc-stop, ancestor",
            // The monitor, which is still called what it was started as.
            "SIGKILL fatal forced_on_init (delivered) by lxc-start, ancestor",
        ]
    );
    let grace = apart(&to(&container, &records));
    assert!(grace > Duration::from_millis(1900), "{grace:?}");
    for record in to(&container, &records) {
        assert_eq!(record["sender"]["role"], "runtime", "{record:#}");
        let words = said::word(record, "/sender/role_words");
        assert!(words.starts_with("lxc (lxc-st"), "{record:#}");
    }
    Ok(())
}

/// A running systemd-nspawn, which ends with its machine.
struct Nspawn(Child);

impl Nspawn {
    fn signal(&self, name: &str) -> Outcome {
        let pid = self.0.id().to_string();
        done(Command::new("/bin/kill").args(["-s", name, &pid]))
    }

    /// The first process of its machine, once it is that: what nspawn starts
    /// first makes the namespaces, and ends.
    fn init(&self, comm: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{0}/task/{0}/children", self.0.id());
        let end = Instant::now() + slow(PATIENCE);
        loop {
            let children = std::fs::read_to_string(&path)?;
            let is_it = |pid: &&str| {
                let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
                name.is_ok_and(|name| name.trim_end() == comm)
            };
            if let Some(pid) = children.split_whitespace().find(is_it) {
                return Ok(pid.to_owned());
            }
            if Instant::now() > end {
                bail!("systemd-nspawn starts no {comm}");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Nspawn {
    fn drop(&mut self) {
        // Its machine goes with it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first SIGTERM to nspawn is passed on as `--kill-signal` says, the second
/// ends the machine. One at a time: without machined all have the same cgroup.
#[test]
fn nspawn_asks_once_and_kills_then() -> Outcome {
    let name = unique("nspawn");
    let own = Directory::new(&name)?;
    let mut start = Command::new("systemd-nspawn");
    start.args(["--quiet", "--register=no", "--keep-unit"]);
    start.arg(format!("--machine={name}"));
    start.arg(format!("--directory={}", own.root().display()));
    start.args(["--kill-signal=SIGTERM", "/bin/c-init"]);
    start.stdin(Stdio::null());
    start.stdout(Stdio::null()).stderr(Stdio::null());
    let nspawn = Nspawn(start.spawn().context("cannot run systemd-nspawn")?);
    let is = identity("nspawn", &name);
    let container = Container::new(&nspawn.init("c-init")?, is, Vec::new())?;
    let live = Live::json([""; 0])?;
    nspawn.signal("TERM")?;
    live.record(|record| record["signal"]["name"] == "SIGTERM" && record["outcome"] == "dropped")?;
    nspawn.signal("TERM")?;
    let records = {
        let end = Instant::now() + slow(PATIENCE);
        while container.runs() && Instant::now() < end {
            thread::sleep(Duration::from_millis(20));
        }
        live.records()?
    };
    // The end of its terminal is a SIGHUP, when it is dying.
    let mut said = lines(&container, &records);
    said.retain(|line| !line.starts_with("SIGHUP dropped target_exiting"));
    assert_eq!(
        said,
        [
            "SIGTERM dropped unkillable_init (ignored) by systemd-nspawn, ancestor".to_owned(),
            KILL_FORCED.replace("runc", "systemd-nspawn"),
        ]
    );
    for record in to(&container, &records).into_iter().take(2) {
        assert_eq!(record["sender"]["role"], "runtime", "{record:#}");
        assert_eq!(record["sender"]["role_words"], "systemd-nspawn");
    }
    Ok(())
}
