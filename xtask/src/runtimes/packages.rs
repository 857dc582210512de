//! The Debian packages that the runtimes are, installed without a daemon being
//! started: Debian would start dockerd as it is by default, which makes a bridge,
//! fills iptables and turns forwarding on.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use crate::failure::{Context as _, Result, fail};
use crate::privilege;
use crate::workspace::{self, Workspace};

/// Asked by every maintainer script before it starts a daemon (invoke-rc.d(8));
/// 101 forbids it.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Told from somebody else's by its second line.
const OUR_POLICY: &str =
    "#!/bin/sh\n# by `cargo xtask runtimes up`, only while it installs\nexit 101\n";

/// Something that must be there, and the packages that have it: Debian 12's
/// first, and one to try where that did not bring it.
pub struct Need {
    what: What,
    packages: &'static [&'static str],
}

pub enum What {
    Program(&'static str),
    /// Below /usr, which the tests give to containers of theirs.
    File(&'static str),
    /// A module of Debian's python3, which the CRI client is for.
    Python(&'static str),
}

/// For the runtimes and their tests.
pub const NEEDS: &[Need] = &[
    program("runc", &["runc"]),
    program("containerd", &["containerd"]),
    program("ctr", &["containerd"]),
    program("dockerd", &["docker.io"]),
    // Since Debian 13 the client is a package of its own.
    program("docker", &["docker.io", "docker-cli"]),
    program("podman", &["podman"]),
    program("crun", &["crun"]),
    program("tini-static", &["tini"]),
    program("dumb-init", &["dumb-init"]),
    program("catatonit", &["catatonit"]),
    program("busybox", &["busybox-static"]),
    program("bash-static", &["bash-static"]),
    program("protoc", &["protobuf-compiler"]),
    program("cc", &["gcc"]),
    program("go", &["golang-go"]),
    program("lxc-start", &["lxc"]),
    program("systemd-nspawn", &["systemd-container"]),
    Need {
        what: What::File("/usr/bin/node"),
        packages: &["nodejs"],
    },
    Need {
        what: What::Python("grpc"),
        packages: &["python3-grpcio"],
    },
    Need {
        what: What::Python("google.protobuf"),
        packages: &["python3-protobuf"],
    },
];

/// For the tests of the report's page, which measure text: hence a font.
pub const BROWSER: &[Need] = &[
    program("chromium", &["chromium"]),
    Need {
        what: What::File("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
        packages: &["fonts-dejavu-core"],
    },
];

/// For compiling the kubelet.
pub const KUBELET: &[Need] = &[
    program("go", &["golang-go"]),
    program("dpkg-source", &["dpkg-dev"]),
    Need {
        what: What::File("/usr/share/gocode/src/github.com/modern-go/reflect2/reflect2.go"),
        packages: &["golang-github-modern-go-reflect2-dev"],
    },
];

/// For a guest that systemd runs.
pub const SYSTEMD: &[Need] = &[Need {
    what: What::File("/usr/lib/systemd/systemd"),
    packages: &["systemd"],
}];

const fn program(name: &'static str, packages: &'static [&'static str]) -> Need {
    Need {
        what: What::Program(name),
        packages,
    }
}

impl What {
    fn is_there(&self, ws: &Workspace) -> bool {
        match self {
            Self::Program(name) => workspace::is_installed(name),
            Self::File(path) => Path::new(path).is_file(),
            Self::Python(module) => {
                let mut python = ws.command(super::PYTHON);
                let import = format!("import {module}");
                workspace::output(python.args(["-c", &import])).is_some()
            }
        }
    }
}

/// Why nothing can be installed although something is missing; `None` else.
pub fn cannot_install(ws: &Workspace, needs: &[&[Need]]) -> Option<String> {
    let missing = missing(needs, |what| what.is_there(ws), 0);
    let can = missing.is_empty() || workspace::is_installed("apt-get");
    (!can).then(|| {
        format!(
            "no apt-get here to install {}, which come from Debian's packages",
            missing.join(" ")
        )
    })
}

/// Installs what is missing; returns its names. For root. What apt says goes to
/// `log`.
pub fn ensure(ws: &Workspace, needs: &[&[Need]], log: &Path) -> Result<Vec<&'static str>> {
    if let Some(why) = cannot_install(ws, needs) {
        return fail(why);
    }
    let mut installed = Vec::new();
    for choice in 0..2 {
        let missing = missing(needs, |what| what.is_there(ws), choice);
        if missing.is_empty() {
            break;
        }
        install(ws, &missing, log)?;
        installed.extend(missing);
    }
    let mut needs = needs.iter().copied().flatten();
    let Some(need) = needs.find(|need| !need.what.is_there(ws)) else {
        return Ok(installed);
    };
    let (What::Program(what) | What::File(what) | What::Python(what)) = need.what;
    fail(format!(
        "{what} is not there, although {} is installed: is its directory on PATH?",
        need.packages[0]
    ))
}

/// The packages of what is missing: first choices, or second ones.
fn missing(
    needs: &[&[Need]],
    is_there: impl Fn(&What) -> bool,
    choice: usize,
) -> Vec<&'static str> {
    let needs = needs.iter().copied().flatten();
    let mut packages: Vec<&str> = needs
        .filter_map(|need| Some((need, *need.packages.get(choice)?)))
        .filter(|(need, _)| !is_there(&need.what))
        .map(|(_, package)| package)
        .collect();
    packages.dedup();
    packages
}

fn install(ws: &Workspace, packages: &[&str], log: &Path) -> Result<()> {
    if !privilege::is_root() {
        return fail(format!(
            "some programs are not here: as root, apt-get install --no-install-recommends {}",
            packages.join(" ")
        ));
    }
    let wrong = || format!("cannot write {}", log.display());
    let out = fs::File::create(log).context(wrong)?;
    let apt = |args: &[&str]| {
        let mut apt = ws.command("apt-get");
        // Another apt may be at work; that is no reason to fail.
        apt.args(["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]);
        apt.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        apt.stdin(Stdio::null());
        apt.stdout(out.try_clone().context(wrong)?);
        apt.stderr(out.try_clone().context(wrong)?);
        let what = format!("apt-get {} ({})", args[0], log.display());
        workspace::run(&mut apt, &what)
    };
    let mut args = vec!["install", "--yes", "--no-install-recommends"];
    args.extend(packages);
    eprintln!("xtask: apt-get {}", args.join(" "));
    let _guard = Policy::forbid(Path::new(POLICY))?;
    // A new machine has no package lists, an old one has old ones.
    apt(&args).or_else(|_| {
        apt(&["update"])?;
        apt(&args)
    })
}

/// The file that keeps daemons from being started, where it is ours.
struct Policy<'a>(Option<&'a Path>);

impl<'a> Policy<'a> {
    /// Puts it there. A machine that has one already forbids more or knows better.
    fn forbid(path: &'a Path) -> Result<Self> {
        if path.exists() && !is_ours(path) {
            return Ok(Self(None));
        }
        let wrong = || format!("cannot write {}", path.display());
        fs::write(path, OUR_POLICY).context(wrong)?;
        let guard = Self(Some(path));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).context(wrong)?;
        Ok(guard)
    }
}

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            if let Err(error) = fs::remove_file(path) {
                eprintln!("xtask: cannot remove {}: {error}", path.display());
            }
        }
    }
}

fn is_ours(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text == OUR_POLICY)
}

/// Removes the file that an `up` killed in the middle of installing has left.
pub fn clean() -> Result<()> {
    if !is_ours(Path::new(POLICY)) {
        return Ok(());
    }
    fs::remove_file(POLICY).context(|| format!("cannot remove {POLICY}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_once_and_a_second_choice_only_then() {
        let nothing = missing(&[NEEDS], |_| false, 0);
        assert_eq!(nothing[..3], ["runc", "containerd", "docker.io"]);
        let no_client = |what: &What| !matches!(what, What::Program("docker"));
        assert_eq!(missing(&[NEEDS], no_client, 0), ["docker.io"]);
        assert_eq!(missing(&[NEEDS], no_client, 1), ["docker-cli"]);
        assert!(missing(&[NEEDS, SYSTEMD], |_| true, 1).is_empty());
    }

    #[test]
    fn a_policy_of_the_machine_stays_and_ours_goes() {
        let path = std::env::temp_dir().join(format!("xtask-policy-{}", std::process::id()));
        let read = || fs::read_to_string(&path).unwrap_or_default();

        let guard = Policy::forbid(&path);
        assert_eq!(read(), OUR_POLICY);
        drop(guard);
        assert!(!path.exists());

        assert!(fs::write(&path, OUR_POLICY).is_ok(), "one that was left");
        drop(Policy::forbid(&path));
        assert!(!path.exists());

        assert!(fs::write(&path, "#!/bin/sh\nexit 0\n").is_ok());
        drop(Policy::forbid(&path));
        assert_eq!(read(), "#!/bin/sh\nexit 0\n");
        assert!(fs::remove_file(&path).is_ok());
    }
}
