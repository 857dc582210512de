//! Podman without root: a user's own containers, in a user namespace of one user,
//! with storage in a home directory and, on cgroup v1, in no cgroup of their own.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::engine::{Container, client, done, image, podman, said as output, unique};
use super::identity::Identity;
use super::live::Live;
use super::said::{apart, lines, to};
use super::{KILL_FORCED, Outcome, TERM_DROPPED};

/// Nobody's number: it needs no entry in /etc/passwd.
const USER: u32 = 64_242;

/// A user of this machine, with a home and a place for sockets.
struct User {
    home: PathBuf,
    runtime: PathBuf,
}

impl User {
    /// Below /run, which is the tests' own and gone with them.
    fn new() -> anyhow::Result<Self> {
        let user = Self {
            home: Path::new("/run").join(unique("home")),
            runtime: PathBuf::from(format!("/run/user/{USER}")),
        };
        for dir in [&user.home, &user.runtime] {
            fs::create_dir_all(dir)?;
            chown(dir, Some(USER), Some(USER))?;
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        }
        Ok(user)
    }

    fn podman(&self) -> anyhow::Result<Command> {
        let mut command = client("podman")?;
        command
            .uid(USER)
            .gid(USER)
            .current_dir(&self.home)
            .env("HOME", &self.home)
            .env("XDG_RUNTIME_DIR", &self.runtime);
        Ok(command)
    }
}

#[test]
fn podman_stop_without_root() -> Outcome {
    let user = User::new()?;
    let name = unique("rootless");
    let archive = user.home.join("image.tar");
    done(
        podman()?
            .args(["save", "-q", "-o"])
            .arg(&archive)
            .arg(image("c-init")),
    )?;
    chown(&archive, Some(USER), Some(USER))?;
    done(user.podman()?.args(["load", "-q", "-i"]).arg(&archive))?;
    let mut remove = user.podman()?;
    remove.args(["rm", "--force", "--time=0", &name]);
    let mut run = user.podman()?;
    run.args(["run", "--detach", "--network=none", "--name", &name]);
    let id = output(run.arg(image("c-init")))?;
    let pid = output(
        user.podman()?
            .args(["inspect", "--format={{.State.Pid}}", &name]),
    );
    let is = Identity {
        runtime: "podman",
        id,
        name: Some(name.clone()),
        image: Some(image("c-init")),
        has_no_cgroup: true,
        ..Identity::default()
    };
    let container = Container::new(&pid.unwrap_or_default(), is, vec![remove])?;
    container.until_it_is("c-init")?;
    let live = Live::json([""; 0])?;
    done(user.podman()?.args(["stop", "--time=2", &name]))?;
    let records = live.records()?;
    assert_eq!(lines(&container, &records), [TERM_DROPPED, KILL_FORCED]);
    let to = to(&container, &records);
    assert!(apart(&to) > Duration::from_millis(1900));
    for record in to {
        assert_eq!(
            record["sender"]["role_words"], "podman (runc)",
            "{record:#}"
        );
        assert_eq!(record["sender"]["uid"], USER, "{record:#}");
    }
    drop(container);
    let _ = fs::remove_dir_all(&user.home);
    Ok(())
}
