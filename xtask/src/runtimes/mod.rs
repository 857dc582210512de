//! `cargo xtask runtimes`: Docker, containerd with its CRI, Podman and runc on
//! this machine, for the tests that need real ones.
//!
//! docs/runtimes.md says how to use it. Nothing is fetched but Debian's packages,
//! no network is set up, and what the machine runs itself is not touched: see
//! [`place`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::args::Args;
use crate::failure::{Context as _, Failure, Result, fail};
use crate::privilege;
use crate::vm::initramfs::utf8;
use crate::workspace::{self, Workspace};

mod clients;
mod config;
mod daemon;
pub mod image;
mod kubelet;
mod leftovers;
pub mod packages;
mod place;
mod process;
pub mod suite;
mod tar;

use daemon::{Daemon, State};
use place::Place;

/// Debian's own, for which its modules are; another one may be first on `PATH`.
const PYTHON: &str = "/usr/bin/python3";

/// In the order in which they are started: the second uses the first.
const DAEMONS: [&str; 2] = ["containerd", "dockerd"];

/// Also a kubelet, which must be compiled first.
const KUBELET: &str = "--kubelet";

/// The command.
pub fn run(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    match args.command().as_deref() {
        Some("up") => {
            let kubelet = args.flag(KUBELET);
            args.finish()?;
            bring_up(ws, kubelet)
        }
        Some("down") => {
            let what = match (args.flag("--purge"), args.flag(KUBELET)) {
                (true, _) => Down::Purge,
                (false, true) => Down::Kubelet,
                (false, false) => Down::All,
            };
            args.finish()?;
            take_down(ws, what)
        }
        Some("status") => {
            args.finish()?;
            as_root(ws, &["status"], || status(ws))
        }
        Some("run") => run_inside(ws, args),
        Some("test") => suite::run(ws, args),
        Some(other) => Err(Failure::Usage(format!("runtimes has no {other:?}"))),
        None => Err(Failure::Usage(
            "runtimes what? up, run, test, status or down".into(),
        )),
    }
}

/// How much is ended.
#[derive(Clone, Copy, PartialEq)]
enum Down {
    Kubelet,
    All,
    /// The images and the state too.
    Purge,
}

fn bring_up(ws: &Workspace, kubelet: bool) -> Result<ExitCode> {
    let words: &[&str] = if kubelet { &["up", KUBELET] } else { &["up"] };
    as_root(ws, words, || up(ws, kubelet))
}

fn take_down(ws: &Workspace, what: Down) -> Result<ExitCode> {
    let words: &[&str] = match what {
        Down::Kubelet => &["down", KUBELET],
        Down::All => &["down"],
        Down::Purge => &["down", "--purge"],
    };
    as_root(ws, words, || down(ws, what))
}

/// Does it as root: here, or in another xtask under sudo.
fn as_root(
    ws: &Workspace,
    words: &[&str],
    body: impl FnOnce() -> Result<ExitCode>,
) -> Result<ExitCode> {
    if privilege::is_root() {
        return body();
    }
    let me = std::env::current_exe().context(|| "where is xtask?".into())?;
    let mut command = privilege::command(ws, "env", "daemons and packages belong to root")?;
    let mut target = std::ffi::OsString::from("CARGO_TARGET_DIR=");
    target.push(&ws.target);
    command.arg(target).arg(me).arg("runtimes").args(words);
    let status = workspace::status(&mut command)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

/// All that is on this machine.
struct Runtimes<'a> {
    ws: &'a Workspace,
    /// `target/runtimes`, with everything of ours.
    dir: PathBuf,
    place: Place,
    containerd: Daemon,
    dockerd: Daemon,
}

impl<'a> Runtimes<'a> {
    fn new(ws: &'a Workspace) -> Result<Self> {
        let dir = ws.target.join("runtimes");
        let place = Place::new(&dir);
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let config = utf8(&dir.join("containerd.toml"))?.to_owned();
        let containerd = Daemon {
            name: DAEMONS[0],
            args: vec!["--config".into(), config.clone()],
            mark: config,
            question: words("ctr --connect-timeout 1s version"),
            pid_file: None,
            dir: dir.clone(),
            place: place.clone(),
        };
        let pid_file = dir.join("dockerd.own.pid");
        let mark = format!("--pidfile={}", utf8(&pid_file)?);
        let mut args: Vec<String> = config::DOCKERD_ARGS
            .iter()
            .map(|arg| (*arg).to_owned())
            .collect();
        // The machine's own file may contradict the options.
        args.push(format!(
            "--config-file={}",
            utf8(&dir.join("dockerd.json"))?
        ));
        args.push(mark.clone());
        let dockerd = Daemon {
            name: DAEMONS[1],
            args,
            mark,
            question: words("docker -H unix:///run/docker.sock version"),
            pid_file: Some(pid_file),
            dir: dir.clone(),
            place: place.clone(),
        };
        Ok(Self {
            ws,
            dir,
            place,
            containerd,
            dockerd,
        })
    }

    /// The cgroups that were there before.
    fn noted(&self) -> PathBuf {
        self.dir.join("cgroups.before")
    }

    /// Starts what does not run.
    fn start(&self, say: impl Fn(String)) -> Result<()> {
        let down = |daemon: &Daemon| daemon.state() == State::Down;
        if down(&self.containerd) && down(&self.dockerd) {
            leftovers::note(&self.noted())?;
        }
        if down(&self.containerd) && !down(&self.dockerd) {
            // It is in a place that another containerd would not be in.
            self.dockerd.stop(self.ws)?;
        }
        let made = self.place.make(self.ws)?;
        let pid = self.containerd.ensure(self.ws, &made)?;
        say(format!("containerd is up (pid {pid})"));
        let joined = self.place.enter(&self.ws.root);
        let pid = self.dockerd.ensure(self.ws, &joined)?;
        say(format!("dockerd is up (pid {pid})"));
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.dir.join(name);
        let parent = path.parent().unwrap_or(&self.dir);
        fs::create_dir_all(parent).context(|| format!("cannot make {}", parent.display()))?;
        fs::write(&path, text).context(|| format!("cannot write {}", path.display()))
    }

    /// The CRI client, with what protoc makes of its messages.
    fn install_cri(&self) -> Result<()> {
        let from = self.ws.root.join("tests/runtimes/cri");
        for name in ["client.py", "cri.proto"] {
            let path = from.join(name);
            let text =
                fs::read_to_string(&path).context(|| format!("cannot read {}", path.display()))?;
            self.write(&format!("cri/{name}"), &text)?;
        }
        let mut protoc = self.ws.command("protoc");
        protoc.args(["--python_out=.", "cri.proto"]);
        protoc.current_dir(self.dir.join("cri"));
        clients::run_quietly(&mut protoc, "compiling tests/runtimes/cri/cri.proto")
    }

    /// A directory for `runc run --bundle`.
    fn install_bundle(&self) -> Result<()> {
        let rootfs = self.dir.join("rootfs");
        bundle(self.ws, &self.dir.join("bundle"), utf8(&rootfs)?).map(drop)
    }
}

/// Makes a bundle in `dir`, with its files in `rootfs`; returns its configuration:
/// runc's own example, running a shell that waits.
pub fn bundle(ws: &Workspace, dir: &Path, rootfs: &str) -> Result<String> {
    let config = dir.join("config.json");
    let _ = fs::remove_dir_all(dir);
    fs::create_dir_all(dir).context(|| format!("cannot make {}", dir.display()))?;
    let mut spec = ws.command("runc");
    spec.arg("spec").current_dir(dir);
    clients::run_quietly(&mut spec, "runc spec")?;
    let text =
        fs::read_to_string(&config).context(|| format!("cannot read {}", config.display()))?;
    let text = bundle_config(&text, rootfs)?;
    fs::write(&config, &text).context(|| format!("cannot write {}", config.display()))?;
    Ok(text)
}

/// runc's example with another command, no terminal and the root file system at
/// `rootfs`, for many containers at once.
fn bundle_config(example: &str, rootfs: &str) -> Result<String> {
    let mut text = example.to_owned();
    for (old, new) in [
        (r#""terminal": true"#, r#""terminal": false"#.to_owned()),
        (r#""sh""#, r#""/bin/bash-init""#.to_owned()),
        (r#""path": "rootfs""#, format!(r#""path": "{rootfs}""#)),
    ] {
        if !text.contains(old) {
            return fail(format!(
                "`runc spec` has no {old}: this runc is unknown here"
            ));
        }
        text = text.replacen(old, &new, 1);
    }
    Ok(text)
}

/// `runtimes up`.
fn up(ws: &Workspace, kubelet: bool) -> Result<ExitCode> {
    let start = Instant::now();
    let say = |what: String| {
        let seconds = start.elapsed().as_secs_f64();
        eprintln!("xtask: {seconds:5.1} s  {what}");
    };
    let runtimes = Runtimes::new(ws)?;
    let cni = runtimes.dir.join("cni");
    runtimes.write("containerd.toml", &config::containerd_toml(utf8(&cni)?))?;
    runtimes.write("dockerd.json", "{}\n")?;
    runtimes.write("containers.conf", config::CONTAINERS_CONF)?;
    runtimes.write("storage.conf", config::STORAGE_CONF)?;
    let data = runtimes.dir.join("data");
    fs::create_dir_all(&data).context(|| format!("cannot make {}", data.display()))?;
    let installed = packages::ensure(ws, &[packages::NEEDS], &runtimes.dir.join("apt.log"))?;
    say(match installed.len() {
        0 => "packages are there".into(),
        _ => format!("installed {}", installed.join(" ")),
    });
    let images = image::build(ws, &runtimes.dir)?;
    say(format!("images are {}", images.archive.display()));
    runtimes.start(say)?;
    let filled = runtimes.load(&images)?;
    say(match filled.len() {
        0 => "images are loaded".into(),
        _ => format!("images loaded into {}", filled.join(", ")),
    });
    runtimes.install_cri()?;
    runtimes.install_bundle()?;
    runtimes.until_the_cri_knows()?;
    if kubelet {
        runtimes.start_kubelet(say)?;
    }
    say(format!("all is up: {}", runtimes.dir.display()));
    Ok(ExitCode::SUCCESS)
}

/// `runtimes down`.
fn down(ws: &Workspace, what: Down) -> Result<ExitCode> {
    packages::clean()?;
    let runtimes = Runtimes::new(ws)?;
    if !runtimes.dir.exists() {
        eprintln!("xtask: nothing was started");
        return Ok(ExitCode::SUCCESS);
    }
    // It would start again what is removed.
    let kubelet = runtimes.stop_kubelet(ws)?;
    if let Some(pid) = kubelet {
        eprintln!("xtask: stopped kubelet (pid {pid})");
    }
    if what == Down::Kubelet {
        return Ok(ExitCode::SUCCESS);
    }
    let crowd = runtimes.place.crowd();
    runtimes.remove_containers();
    // dockerd first: it uses the other.
    for daemon in [&runtimes.dockerd, &runtimes.containerd] {
        match daemon.stop(ws)? {
            Some(pid) => eprintln!("xtask: stopped {} (pid {pid})", daemon.name),
            None => eprintln!("xtask: {} does not run", daemon.name),
        }
    }
    leftovers::clean(&runtimes.noted(), &crowd)?;
    if what == Down::Purge {
        let dir = &runtimes.dir;
        fs::remove_dir_all(dir).context(|| format!("cannot remove {}", dir.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `runtimes run -- COMMAND`: where the runtimes are.
fn run_inside(ws: &Workspace, args: &mut Args) -> Result<ExitCode> {
    let argv = args.rest();
    if argv.is_empty() {
        return Err(Failure::Usage("runtimes run -- which command?".into()));
    }
    let cwd = std::env::current_dir().context(|| "no current directory".into())?;
    let words = Runtimes::new(ws)?.place.enter(&cwd);
    let mut command = privilege::command(ws, &words[0], "the runtimes are root's")?;
    command.args(&words[1..]).args(argv);
    privilege::become_it(command)
}

/// `runtimes status`: exit code 0 if all is up, 3 if not.
fn status(ws: &Workspace) -> Result<ExitCode> {
    let runtimes = Runtimes::new(ws)?;
    let up = is_up(&runtimes);
    let kubelet = runtimes.kubelet()?;
    for daemon in [&runtimes.containerd, &runtimes.dockerd, &kubelet] {
        println!("{:10} {}", daemon.name, describe(daemon.state()));
    }
    println!("{:10} {}", "state", runtimes.dir.display());
    Ok(ExitCode::from(if up { 0 } else { 3 }))
}

/// Whether both daemons answer and all that `up` puts there last is there.
fn is_up(runtimes: &Runtimes) -> bool {
    let answers = |daemon: &Daemon| daemon.answers(runtimes.ws);
    answers(&runtimes.containerd)
        && answers(&runtimes.dockerd)
        && runtimes.dir.join("bundle/config.json").exists()
}

fn describe(state: State) -> String {
    match state {
        State::Up(pid) => format!("is up (pid {pid})"),
        State::Down => "is down".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_starts_our_init_in_our_files() {
        let example =
            r#"{"process": {"terminal": true, "args": ["sh"]}, "root": {"path": "rootfs"}}"#;
        let made = bundle_config(example, "/t/rootfs");
        assert_eq!(
            made.as_deref(),
            Ok(
                r#"{"process": {"terminal": false, "args": ["/bin/bash-init"]}, "root": {"path": "/t/rootfs"}}"#
            )
        );
        assert!(bundle_config("{}", "/t").is_err());
    }
}
