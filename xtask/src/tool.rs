//! Programs of others that xtask builds for its own use, each in its pinned
//! version: cargo-deny and mdBook. (bpf-linker, which is tied to a toolchain, is
//! [`crate::linker`]'s.)

use crate::failure::{Result, fail};
use crate::workspace::{self, Workspace};

/// One of them.
pub struct Tool {
    /// The crate, and the program.
    pub name: &'static str,
    pub version: &'static str,
    /// Without the default ones.
    pub features: &'static [&'static str],
    /// How long its build takes, for a person.
    pub takes: &'static str,
}

impl Tool {
    /// Builds it if the pinned version is not there.
    pub fn ensure(&self, ws: &Workspace) -> Result<()> {
        let Self { name, version, .. } = self;
        let binary = ws.tools().join("bin").join(name);
        let installed = workspace::output(ws.command(binary).arg("--version"));
        if installed.is_some_and(|text| is_version(&text, version)) {
            return Ok(());
        }
        eprintln!("xtask: building {name} {version} (once, {})", self.takes);
        let mut install = ws.host_cargo();
        install
            .args(["install", name, "--locked", "--force", "--version", version])
            .arg("--no-default-features")
            .arg("--root")
            .arg(ws.tools())
            // It runs for a second: optimising it would take far longer than that.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .env_remove("CARGO_TARGET_DIR");
        if !self.features.is_empty() {
            install.args(["--features", &self.features.join(",")]);
        }
        if !workspace::status(&mut install)?.success() {
            return fail(format!(
                "{name} {version} could not be built (cargo says why above): check the network and try again"
            ));
        }
        Ok(())
    }
}

/// Whether `text`, what `--version` printed, ends with this version.
fn is_version(text: &str, version: &str) -> bool {
    let last = text.split_whitespace().next_back().unwrap_or_default();
    last.trim_start_matches('v') == version
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_whole() {
        assert!(is_version("cargo-deny 0.20.2\n", "0.20.2"));
        assert!(is_version("mdbook v0.5.4\n", "0.5.4"));
        assert!(!is_version("mdbook v10.5.4", "0.5.4"));
        assert!(!is_version("", "0.5.4"));
    }
}
