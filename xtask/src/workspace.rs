//! Where things are, and commands with a clean environment to run there.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::failure::{Context as _, Result, fail};
use crate::pins;

/// The repository and where it is built.
pub struct Workspace {
    /// The repository's root.
    pub root: PathBuf,
    /// `CARGO_TARGET_DIR`, or `target` below the root; absolute.
    pub target: PathBuf,
}

impl Workspace {
    /// Finds the repository that this xtask was built from.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context_none("xtask has no parent directory")?
            .to_owned();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) if !dir.is_empty() => std::path::absolute(&dir)
                .context(|| format!("CARGO_TARGET_DIR={}", dir.to_string_lossy()))?,
            _ => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// Where the tools that xtask builds are: `bin/` below it goes on `PATH`.
    pub fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// `cargo` of the toolchain `toolchain`, in the root, building into [`Self::target`].
    pub fn cargo(&self, toolchain: &str) -> Command {
        let mut command = self.rustup_run(toolchain, "cargo");
        command.env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// `cargo` of [`pins::HOST`].
    pub fn host_cargo(&self) -> Command {
        self.cargo(pins::HOST)
    }

    /// `program` of the toolchain `toolchain`, in the root.
    pub fn rustup_run(&self, toolchain: &str, program: &str) -> Command {
        let mut command = self.command("rustup");
        command.args(["run", toolchain, program]);
        command
    }

    /// Any program, in the root, with our tools on `PATH` and without what the
    /// cargo that started xtask left in the environment: that cargo belongs to
    /// another toolchain, and its `RUSTC` or library path would win over the
    /// toolchain that we ask for.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (key, _) in env::vars_os() {
            if is_left_by_cargo(&key.to_string_lossy()) {
                command.env_remove(key);
            }
        }
        if let Some(path) = env::var_os("LD_LIBRARY_PATH") {
            let kept = without_toolchains(&path, &self.target);
            if kept.is_empty() {
                command.env_remove("LD_LIBRARY_PATH");
            } else {
                command.env("LD_LIBRARY_PATH", kept);
            }
        }
        let old = env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.tools().join("bin")).chain(env::split_paths(&old));
        // Fails only for a directory with a colon in its name; then the old PATH stays.
        if let Ok(path) = env::join_paths(path) {
            command.env("PATH", path);
        }
        command
    }
}

/// Whether `cargo run` (or rustup, running that cargo) set the variable.
fn is_left_by_cargo(key: &str) -> bool {
    const EXACT: &[&str] = &[
        "CARGO",
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_LINKS",
        "CARGO_MANIFEST_PATH",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
        "RUSTC",
        "RUSTDOC",
        "RUSTUP_TOOLCHAIN",
        "RUSTUP_TOOLCHAIN_SOURCE",
        "RUST_RECURSION_COUNT",
    ];
    EXACT.contains(&key) || key.starts_with("CARGO_PKG_")
}

/// The entries of a library path that no toolchain and no build put there.
fn without_toolchains(path: &OsString, target: &Path) -> OsString {
    let ours = |dir: &Path| {
        let text = dir.to_string_lossy();
        dir.starts_with(target) || text.contains("/toolchains/") || text.contains("/rustlib/")
    };
    let kept = env::split_paths(path).filter(|dir| !dir.as_os_str().is_empty() && !ours(dir));
    env::join_paths(kept).unwrap_or_default()
}

/// Runs a command to its end on our own terminal. `what` says what failed.
pub fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = status(command)?;
    if status.success() {
        Ok(())
    } else {
        fail(format!("{what} failed ({status})"))
    }
}

/// Runs a command to its end on our own terminal.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    command
        .status()
        .context(|| format!("cannot run {}", command.get_program().to_string_lossy()))
}

/// What a command prints on stdout, or `None` when it fails or is not there.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Where `program` is on `PATH`.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
}

/// Whether `program` is on `PATH`.
pub fn is_installed(program: &str) -> bool {
    on_path(program).is_some()
}

/// Whether this is a run of CI, where nothing may be skipped.
pub fn is_ci() -> bool {
    env::var("CI").is_ok_and(|ci| !matches!(ci.as_str(), "" | "0" | "false"))
}

/// [`Option`] to [`Result`], with the line to print.
pub trait ContextNone<T> {
    /// The value, or a failure that says `message`.
    fn context_none(self, message: &str) -> Result<T>;
}

impl<T> ContextNone<T> for Option<T> {
    fn context_none(self, message: &str) -> Result<T> {
        self.map_or_else(|| fail(message), Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_keeps_what_is_his_in_the_environment() {
        for ours in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "CARGO_PKG_NAME"] {
            assert!(is_left_by_cargo(ours), "{ours}");
        }
        for his in [
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "RUSTC_WRAPPER",
            "RUSTUP_HOME",
            "RUSTFLAGS",
        ] {
            assert!(!is_left_by_cargo(his), "{his}");
        }
    }

    #[test]
    fn library_paths_of_toolchains_and_builds_go() {
        let path = OsString::from("/t/debug/deps:/r/toolchains/stable/lib:/opt/lib:");
        assert_eq!(without_toolchains(&path, Path::new("/t")), "/opt/lib");
    }
}
