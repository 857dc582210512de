//! The kubelet's program, compiled here: no release of Debian has it in a package,
//! but Debian 12's source package of kubectl is the whole of Kubernetes with all
//! that it needs, and its Go compiles it.
//!
//! It takes some minutes, once: only the program is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::packages;
use crate::failure::{Context as _, Result, fail};
use crate::privilege;
use crate::vm::initramfs::utf8;
use crate::workspace::{self, ContextNone as _, Workspace};

/// The release whose source and whose Go fit each other.
const SUITE: &str = "bookworm";

const SOURCE: &str = "kubernetes";

/// Where Go looks for packages, and the tree is to be unpacked.
const IMPORT: &str = "k8s.io/kubernetes";

/// A package in the tree that breaks Go's maps since Go 1.18, and Debian's of the
/// same interface that does not.
const REFLECT: &str = "github.com/modern-go/reflect2";
const DEBIANS: &str = "/usr/share/gocode/src";

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The program below `dir`; made where it is not there yet.
pub fn ensure(ws: &Workspace, dir: &Path) -> Result<PathBuf> {
    let program = dir.join("bin/kubelet");
    if program.exists() {
        return Ok(program);
    }
    packages::ensure(ws, &[packages::KUBELET], &dir.join("apt.log"))?;
    let work = dir.join("build");
    let _ = fs::remove_dir_all(&work);
    let made = build(ws, &work, &program);
    // The tree and Go's cache take more than a gigabyte.
    let _ = fs::remove_dir_all(&work);
    made.map(|()| program)
}

fn build(ws: &Workspace, work: &Path, program: &Path) -> Result<()> {
    let tree = work.join("src").join(IMPORT);
    fetch(ws, work, &tree)?;
    mend(&tree)?;
    let version = version(&tree)?;
    eprintln!("xtask: compiling the kubelet {version}: some minutes, once");
    let new = work.join("kubelet");
    let mut go = ws.command("go");
    go.current_dir(&tree).args(["build", "-o", utf8(&new)?]);
    let package = "k8s.io/component-base/version.gitVersion";
    let flags = format!("-s -w -X {package}={version}");
    go.args(["-ldflags", &flags, "k8s.io/kubernetes/cmd/kubelet"]);
    // The tree is older than modules that this Go would take.
    go.env("GO111MODULE", "off").env("GOFLAGS", "");
    go.env("GOPATH", work).env("GOCACHE", work.join("cache"));
    go.env("CGO_ENABLED", "0").env("GOTOOLCHAIN", "local");
    workspace::run(&mut go, "compiling the kubelet with Debian 12's Go")?;
    let into = program.parent().context_none("it has a directory")?;
    fs::create_dir_all(into).context(|| format!("cannot make {}", into.display()))?;
    // All at once: what is there is whole.
    fs::rename(&new, program).context(|| format!("cannot write {}", program.display()))
}

/// The source package through an apt of its own, with the machine's mirror.
fn fetch(ws: &Workspace, work: &Path, tree: &Path) -> Result<()> {
    for part in [work.join("lists/partial"), work.join("src/k8s.io")] {
        fs::create_dir_all(&part).context(|| format!("cannot make {}", part.display()))?;
    }
    let mut targets = ws.command("apt-get");
    targets.args(["indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)"]);
    let targets = workspace::output(targets.arg("Created-By: Packages"))
        .context_none("`apt-get indextargets` failed: the source is fetched through apt")?;
    let list = work.join("sources.list");
    fs::write(&list, sources(&targets)?).context(|| format!("cannot write {}", list.display()))?;
    let dir = utf8(work)?;
    let apt = || -> Command {
        let mut apt = ws.command("apt-get");
        for option in [
            format!("Dir::Etc::SourceList={dir}/sources.list"),
            "Dir::Etc::SourceParts=/dev/null".to_owned(),
            format!("Dir::State::Lists={dir}/lists"),
            "Dir::Cache::pkgcache=".to_owned(),
            "Dir::Cache::srcpkgcache=".to_owned(),
        ] {
            apt.arg("-o").arg(option);
        }
        if privilege::is_root() {
            apt.args(["-o", "APT::Sandbox::User=root"]);
        }
        apt.arg("--quiet=2").current_dir(work);
        apt
    };
    eprintln!("xtask: fetching the source package {SOURCE} of Debian 12");
    workspace::run(apt().arg("update"), "apt-get update of Debian 12's sources")?;
    let mut source = apt();
    source.args(["source", "--download-only", SOURCE]);
    workspace::run(&mut source, "apt-get source kubernetes")?;
    let dsc = fs::read_dir(work)
        .context(|| format!("cannot read {dir}"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ext| ext == "dsc"))
        .context_none("apt-get source left no .dsc")?;
    let mut unpack = ws.command("dpkg-source");
    // apt has checked it against Debian's keys; the maintainer's is not here.
    unpack.args(["--no-check", "-x", utf8(&dsc)?, utf8(tree)?]);
    unpack.stdout(std::process::Stdio::null());
    workspace::run(&mut unpack, "dpkg-source -x")
}

fn sources(targets: &str) -> Result<String> {
    let mirror = targets
        .lines()
        .find_map(|line| line.strip_prefix("Debian Debian "));
    let Some(mirror) = mirror else {
        return fail(
            "apt has no Debian mirror here (after an `apt-get update`), and the kubelet's source is Debian's",
        );
    };
    Ok(format!(
        "deb-src [signed-by={KEYRING}] {mirror} {SUITE} main\n"
    ))
}

/// Puts Debian's reflect2 into the place of the tree's own.
fn mend(tree: &Path) -> Result<()> {
    let (from, into) = (
        Path::new(DEBIANS).join(REFLECT),
        tree.join("vendor").join(REFLECT),
    );
    let is_source = |path: &PathBuf| {
        let kind = path.extension().and_then(|ext| ext.to_str());
        matches!(kind, Some("go" | "s"))
    };
    let list = |dir: &Path| -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(dir).context(|| format!("cannot read {}", dir.display()))?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        Ok(paths.filter(is_source).collect())
    };
    for path in list(&into)? {
        fs::remove_file(&path).context(|| format!("cannot remove {}", path.display()))?;
    }
    for path in list(&from)? {
        let name = path.file_name().unwrap_or_default();
        fs::copy(&path, into.join(name)).context(|| format!("cannot copy {}", path.display()))?;
    }
    Ok(())
}

/// What it will say that it is: the version of Debian's package.
fn version(tree: &Path) -> Result<String> {
    let path = tree.join("debian/changelog");
    let text = fs::read_to_string(&path).context(|| format!("cannot read {}", path.display()))?;
    changelog_version(&text).context_none("debian/changelog begins with no version")
}

/// `v1.20.2` out of `kubernetes (1.20.5+really1.20.2-1.1) ...`.
fn changelog_version(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('(')?;
    let whole = rest.split([')', '-']).next()?;
    let upstream = whole.rsplit("really").next()?;
    let is_number = |part: &str| part.parse::<u32>().is_ok();
    (upstream.split('.').count() == 3 && upstream.split('.').all(is_number))
        .then(|| format!("v{upstream}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_upstreams() {
        let line = "kubernetes (1.20.5+really1.20.2-1.1+deb12u1) bookworm; urgency=medium\n";
        assert_eq!(changelog_version(line).as_deref(), Some("v1.20.2"));
        let line = "kubernetes (1.32.3+ds-2) unstable; urgency=medium\n";
        assert_eq!(changelog_version(line), None);
        assert_eq!(changelog_version(""), None);
    }

    #[test]
    fn the_mirror_is_the_machines() {
        let targets = "Debian Debian-Security http://b/sec/\nDebian Debian http://a/debian/\n";
        let list = sources(targets).unwrap_or_default();
        assert!(
            list.ends_with(" http://a/debian/ bookworm main\n"),
            "{list}"
        );
        assert!(sources("Ubuntu Ubuntu http://u/\n").is_err());
    }
}
