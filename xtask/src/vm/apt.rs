//! Debian's kernel packages through an apt of our own: the machine's mirrors
//! and keys, but separate lists and caches, so that its own configuration and
//! what it may install stay as they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Context as _, Result, fail};
use crate::privilege;
use crate::workspace::{self, ContextNone as _, Workspace};

/// Where Debian keeps the keys of all its releases, old ones too.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The suites that hold the series in [`super::kernels::SERIES`], and whether
/// they are on the security mirror.
const SUITES: &[(&str, bool)] = &[
    ("bullseye-security", true),
    ("bookworm-security", true),
    ("trixie-security", true),
    ("bookworm", false),
    ("trixie", false),
    ("forky", false),
];

/// Depends on the newest kernel of its suite.
const METAPACKAGE: &str = "linux-image-cloud-amd64";

/// An apt with a state of its own.
pub struct Apt<'a> {
    ws: &'a Workspace,
    dir: PathBuf,
}

/// A package to download.
#[derive(Debug, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    pub version: String,
}

impl<'a> Apt<'a> {
    /// Makes its state below `dir` and brings the package lists up to date.
    pub fn update(ws: &'a Workspace, dir: &Path) -> Result<Self> {
        let apt = Self {
            ws,
            dir: dir.to_owned(),
        };
        for part in ["lists/partial", "archives/partial"] {
            let part = dir.join(part);
            std::fs::create_dir_all(&part).context(|| format!("cannot make {}", part.display()))?;
        }
        let mut targets = ws.command("apt-get");
        targets.args(["indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)"]);
        let targets = workspace::output(targets.arg("Created-By: Packages"))
            .context_none("`apt-get indextargets` failed: kernels are fetched through apt")?;
        let list = dir.join("sources.list");
        std::fs::write(&list, sources(&targets)?)
            .context(|| format!("cannot write {}", list.display()))?;
        eprintln!("xtask: reading Debian's package lists");
        workspace::run(
            apt.command("apt-get").args(["--quiet=2", "update"]),
            "apt-get update of Debian's kernel suites",
        )?;
        Ok(apt)
    }

    /// The newest package that has the kernel image of a series ("6.12").
    pub fn newest(&self, series: &str) -> Result<Package> {
        let shown = workspace::output(self.command("apt-cache").args(["show", METAPACKAGE]))
            .unwrap_or_default();
        let Some(release) = newest_release(&shown, series) else {
            return fail(format!(
                "no suite of this mirror has a {series} kernel for now: fetch another, or give --kernel a file"
            ));
        };
        // From 7.2 on linux-image is empty and linux-binary has the image.
        for kind in ["linux-binary", "linux-image"] {
            let name = format!("{kind}-{release}");
            let shown = workspace::output(self.command("apt-cache").args(["show", &name]));
            if let Some(version) = shown.as_deref().and_then(|text| field(text, "Version")) {
                return Ok(Package {
                    version: version.to_owned(),
                    name,
                });
            }
        }
        fail(format!(
            "{METAPACKAGE} names {release}, and no package has it"
        ))
    }

    /// Downloads a package into a directory of its own; returns the file.
    pub fn download(&self, package: &Package, into: &Path) -> Result<PathBuf> {
        let exact = format!("{}={}", package.name, package.version);
        let mut get = self.command("apt-get");
        get.args(["--quiet=2", "download", &exact])
            .current_dir(into);
        workspace::run(&mut get, &format!("downloading {exact}"))?;
        std::fs::read_dir(into)
            .context(|| format!("cannot read {}", into.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|ext| ext == "deb"))
            .context_none("apt-get download left no .deb")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.ws.command(program);
        let dir = self.dir.display();
        for option in [
            format!("Dir::Etc::SourceList={dir}/sources.list"),
            "Dir::Etc::SourceParts=/dev/null".to_owned(),
            format!("Dir::State::Lists={dir}/lists"),
            format!("Dir::Cache::archives={dir}/archives"),
            "Dir::Cache::pkgcache=".to_owned(),
            "Dir::Cache::srcpkgcache=".to_owned(),
            "APT::Architecture=amd64".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        if privilege::is_root() {
            // apt would download as a user who may not write below target/.
            command.args(["-o", "APT::Sandbox::User=root"]);
        }
        command
    }
}

/// A sources.list for [`SUITES`], out of `ORIGIN LABEL URI` lines.
fn sources(targets: &str) -> Result<String> {
    let mirror = |label: &str| {
        let head = format!("Debian {label} ");
        targets.lines().find_map(|line| line.strip_prefix(&head))
    };
    let (Some(main), Some(security)) = (mirror("Debian"), mirror("Debian-Security")) else {
        return fail(
            "apt has no Debian mirror here (main and security, after an `apt-get update`): give --kernel a bzImage, a vmlinux or a .deb",
        );
    };
    Ok(SUITES
        .iter()
        .map(|(suite, is_security)| {
            let uri = if *is_security { security } else { main };
            format!("deb [signed-by={KEYRING}] {uri} {suite} main\n")
        })
        .collect())
}

/// The release ("6.12.107+deb13-cloud-amd64") of the newest kernel of a series
/// that the metapackage, shown newest first, depends on.
fn newest_release<'a>(shown: &'a str, series: &str) -> Option<&'a str> {
    shown
        .lines()
        .filter_map(|line| line.strip_prefix("Depends: "))
        .flat_map(|depends| depends.split([',', '|', ' ']))
        .filter_map(|word| word.strip_prefix("linux-image-"))
        .find(|release| {
            release
                .strip_prefix(series)
                .is_some_and(|rest| rest.starts_with('.'))
        })
}

fn field<'a>(shown: &'a str, name: &str) -> Option<&'a str> {
    shown
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "Package: linux-image-cloud-amd64\nVersion: 7.2.12-1\n\
        Depends: linux-image-7.2.12+deb14-cloud-amd64 (= 7.2.12-1)\n\n\
        Package: linux-image-cloud-amd64\nVersion: 6.1.192-2\n\
        Depends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)\n";

    #[test]
    fn a_series_is_not_the_start_of_another() {
        assert_eq!(newest_release(SHOWN, "6.1"), Some("6.1.0-56-cloud-amd64"));
        let twelve = SHOWN.replace("6.1.0", "6.12.0");
        assert_eq!(newest_release(&twelve, "6.1"), None);
        assert_eq!(field(SHOWN, "Version"), Some("7.2.12-1"));
    }

    #[test]
    fn the_mirrors_are_those_of_the_machine() {
        let targets = "Debian Debian http://a/debian/\nDebian Debian-Security http://b/sec/\n";
        let list = sources(targets).unwrap_or_default();
        assert!(list.contains("http://a/debian/ forky main\n"), "{list}");
        assert!(
            list.contains("http://b/sec/ bullseye-security main\n"),
            "{list}"
        );
        assert!(sources("Ubuntu Ubuntu http://u/\n").is_err());
    }
}
