//! The kernels that guests run: Debian's cloud kernels, one of each series that
//! sigwhy promises to work on, fetched once and kept unpacked below target/.

use std::path::{Path, PathBuf};

use super::{apt::Apt, image};
use crate::failure::{Context as _, Failure, Result};
use crate::workspace::{self, ContextNone as _, Workspace};

/// Each the kernel of a Debian release: 11, 12, 13, and the next one's.
pub const SERIES: &[&str] = &["5.10", "6.1", "6.12", "7.2"];

/// A kernel that can be booted.
pub struct Kernel {
    /// Short: the series, or the name of a file.
    pub label: String,
    /// The package and its version, or the file's path.
    pub version: String,
    /// The vmlinux.
    pub elf: PathBuf,
}

/// What `--kernel` asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    Series(&'static str),
    /// A bzImage, a vmlinux or a .deb that holds one.
    File(PathBuf),
}

/// Reads `--kernel`: series or files with commas between, or `all`.
pub fn choices(text: &str) -> Result<Vec<Choice>> {
    if text == "all" {
        return Ok(SERIES.iter().copied().map(Choice::Series).collect());
    }
    text.split(',').map(choice).collect()
}

fn choice(text: &str) -> Result<Choice> {
    if let Some(series) = SERIES.iter().find(|series| **series == text) {
        return Ok(Choice::Series(series));
    }
    if text.contains('/') || Path::new(text).is_file() {
        return Ok(Choice::File(text.into()));
    }
    Err(Failure::Usage(format!(
        "--kernel takes {}, all, or a file, not {text:?}",
        SERIES.join(", ")
    )))
}

/// The kernels of these choices, fetched where they are not here yet.
pub fn ensure(ws: &Workspace, choices: &[Choice]) -> Result<Vec<Kernel>> {
    let mut kernels = Vec::new();
    for choice in choices {
        let kernel = match choice {
            Choice::File(path) => from_file(ws, path)?,
            Choice::Series(series) => match cached(ws, series) {
                Some(kernel) => kernel,
                None => fetch(ws, &[series])?.remove(0),
            },
        };
        eprintln!("xtask: kernel {}: {}", kernel.label, kernel.version);
        kernels.push(kernel);
    }
    Ok(kernels)
}

/// Fetches the newest kernel of each series, whether or not one is here.
pub fn fetch(ws: &Workspace, series: &[&str]) -> Result<Vec<Kernel>> {
    let apt = Apt::update(ws, &dir(ws).join("apt"))?;
    series
        .iter()
        .map(|series| {
            let package = apt.newest(series)?;
            let version = format!("{} {}", package.name, package.version);
            if let Some(kernel) = cached(ws, series).filter(|kernel| kernel.version == version) {
                return Ok(kernel);
            }
            eprintln!("xtask: fetching {version}");
            let scratch = Scratch::new(ws)?;
            let deb = apt.download(&package, &scratch.0)?;
            keep(ws, series, &version, &unpack_deb(ws, &deb, &scratch.0)?)
        })
        .collect()
}

/// Unpacks the image beside the kept kernels, and then puts it among them in
/// one step, so that an xtask beside this one sees all of it or nothing.
fn keep(ws: &Workspace, series: &str, version: &str, bzimage: &Path) -> Result<Kernel> {
    let scratch = Scratch::new(ws)?;
    image::unpack(ws, bzimage, &scratch.0.join("vmlinux"))?;
    let wrong = || format!("cannot keep the {series} kernel");
    std::fs::write(scratch.0.join("version"), format!("{version}\n")).context(wrong)?;
    let home = dir(ws).join(series);
    if home.exists() {
        std::fs::remove_dir_all(&home).context(wrong)?;
    }
    std::fs::rename(&scratch.0, &home).context(wrong)?;
    cached(ws, series).context_none("the kernel just kept is gone: is something else cleaning up?")
}

fn cached(ws: &Workspace, series: &str) -> Option<Kernel> {
    let home = dir(ws).join(series);
    let version = std::fs::read_to_string(home.join("version")).ok()?;
    let elf = home.join("vmlinux");
    image::is_elf(&elf).then(|| Kernel {
        label: series.to_owned(),
        version: version.trim().to_owned(),
        elf,
    })
}

/// A kernel of the user's: unpacked anew each time, because it may be one that
/// is being worked on.
fn from_file(ws: &Workspace, path: &Path) -> Result<Kernel> {
    let scratch = Scratch::new(ws)?;
    let mut image = path.to_owned();
    if path.extension().is_some_and(|ext| ext == "deb") {
        image = unpack_deb(ws, path, &scratch.0)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let elf = dir(ws).join(format!("{name}.vmlinux"));
    image::unpack(ws, &image, &elf)?;
    Ok(Kernel {
        label: name.into_owned(),
        version: path.display().to_string(),
        elf,
    })
}

/// Unpacks a package and returns the kernel image in it.
fn unpack_deb(ws: &Workspace, deb: &Path, into: &Path) -> Result<PathBuf> {
    let tree = into.join("tree");
    let mut unpack = ws.command("dpkg-deb");
    unpack
        .arg("-x")
        .arg(std::path::absolute(deb).context(|| deb.display().to_string())?);
    workspace::run(unpack.arg(&tree), &format!("unpacking {}", deb.display()))?;
    // Below boot/, and from 7.2 on below usr/lib/modules/RELEASE/.
    find_image(&tree, 5).context_none(&format!("{} holds no vmlinuz", deb.display()))
}

fn find_image(dir: &Path, depth: u32) -> Option<PathBuf> {
    let entries: Vec<_> = std::fs::read_dir(dir).ok()?.flatten().collect();
    let is_image = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("vmlinuz");
    let here = entries.iter().find(|entry| {
        is_image(&entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_file())
    });
    if let Some(here) = here {
        return Some(here.path());
    }
    let below = entries
        .iter()
        .filter(|entry| depth > 0 && entry.file_type().is_ok_and(|kind| kind.is_dir()));
    below
        .into_iter()
        .find_map(|entry| find_image(&entry.path(), depth - 1))
}

fn dir(ws: &Workspace) -> PathBuf {
    super::dir(ws).join("kernels")
}

/// A directory that goes when it is done with.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(ws: &Workspace) -> Result<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = dir(ws).join(format!(".scratch-{}-{count}", std::process::id()));
        sweep(&dir(ws));
        // Of an earlier process with our pid, which the sweep took for ours.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

/// Removes what processes left that were killed, by Ctrl-C most of all.
fn sweep(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if owner(&name).is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// The pid in a scratch directory's name.
fn owner(name: &str) -> Option<&str> {
    let (pid, _count) = name.strip_prefix(".scratch-")?.split_once('-')?;
    pid.parse::<u32>().is_ok().then_some(pid)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scratch_directories_have_an_owner() {
        assert_eq!(owner(".scratch-77-0"), Some("77"));
        assert_eq!(owner(".scratch-../x-0"), None);
        assert_eq!(owner("6.12"), None);
    }

    #[test]
    fn all_are_all_and_a_path_is_a_file() {
        assert_eq!(choices("all").map(|all| all.len()), Ok(SERIES.len()));
        assert_eq!(
            choices("6.1,./bzImage"),
            Ok(vec![
                Choice::Series("6.1"),
                Choice::File("./bzImage".into())
            ])
        );
        assert!(matches!(choices("6.2"), Err(Failure::Usage(_))));
        assert!(matches!(choices(""), Err(Failure::Usage(_))));
    }
}
