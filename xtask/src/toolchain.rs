//! The pinned Rust toolchains, through rustup.

use crate::failure::{Result, fail};
use crate::pins;
use crate::workspace::{self, ContextNone as _, Workspace};

/// Installs whichever of the pinned toolchains and components is missing.
/// Returns whether anything was.
pub fn ensure(ws: &Workspace) -> Result<bool> {
    if !workspace::is_installed("rustup") {
        return fail(
            "rustup is not on PATH: install it from https://rustup.rs (sigwhy pins two toolchains)",
        );
    }
    let host = ensure_one(ws, pins::HOST, pins::HOST_COMPONENTS)?;
    let ebpf = ensure_one(ws, pins::EBPF, pins::EBPF_COMPONENTS)?;
    Ok(host || ebpf)
}

fn ensure_one(ws: &Workspace, toolchain: &str, components: &[&str]) -> Result<bool> {
    let mut list = ws.command("rustup");
    list.args(["component", "list", "--installed", "--toolchain", toolchain]);
    let missing = match workspace::output(&mut list) {
        Some(installed) => missing_components(&installed, components),
        None => components.to_vec(),
    };
    if missing.is_empty() {
        return Ok(false);
    }
    eprintln!(
        "xtask: installing Rust {toolchain} ({})",
        missing.join(", ")
    );
    let mut install = ws.command("rustup");
    install.args(["toolchain", "install", toolchain, "--profile", "minimal"]);
    install.arg("--no-self-update");
    for component in components {
        install.args(["--component", component]);
    }
    if !workspace::status(&mut install)?.success() {
        return fail(format!(
            "rustup could not install Rust {toolchain} (it says why above): check the network or \
             RUSTUP_DIST_SERVER, then run `cargo xtask setup` again"
        ));
    }
    Ok(true)
}

/// Which of `wanted` a `rustup component list --installed` does not name. It
/// names most with the host behind (`clippy-x86_64-unknown-linux-gnu`).
fn missing_components<'a>(installed: &str, wanted: &[&'a str]) -> Vec<&'a str> {
    let has = |name: &str| {
        installed.lines().any(|line| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    };
    // rustc itself: a toolchain that was half removed still lists components.
    std::iter::once("rustc")
        .chain(wanted.iter().copied())
        .filter(|name| !has(name))
        .collect()
}

/// The LLVM version of the eBPF toolchain ("22.1.8"), which must be of the
/// pinned major: the verifier refuses what the next one makes.
pub fn check_llvm(ws: &Workspace) -> Result<String> {
    let mut rustc = ws.rustup_run(pins::EBPF, "rustc");
    let text = workspace::output(rustc.arg("-vV"))
        .context_none("the eBPF toolchain does not run: try `cargo xtask setup`")?;
    let version = llvm_version(&text).context_none("`rustc -vV` names no LLVM version")?;
    if version.split('.').next() != Some(pins::LLVM_MAJOR) {
        return fail(format!(
            "Rust {} has LLVM {version}, and sigwhy's eBPF side needs LLVM {} (xtask/src/pins.rs says why): pin another nightly",
            pins::EBPF,
            pins::LLVM_MAJOR,
        ));
    }
    Ok(version.to_owned())
}

fn llvm_version(rustc_vv: &str) -> Option<&str> {
    rustc_vv
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_counts_with_and_without_the_host_behind() {
        let installed =
            "rustc-x86_64-unknown-linux-gnu\nrust-src\nrustfmt-x86_64-unknown-linux-gnu\n";
        assert!(missing_components(installed, &["rust-src", "rustfmt"]).is_empty());
        assert_eq!(missing_components(installed, &["clippy"]), ["clippy"]);
        // "rust" is a prefix of many names and a component of none.
        assert_eq!(missing_components("", &["rust-src"]), ["rustc", "rust-src"]);
    }

    #[test]
    fn the_llvm_version_is_read_from_rustc() {
        let text = "rustc 1.99.0-nightly (da80ed070 2026-07-14)\nhost: x\nLLVM version: 22.1.8\n";
        assert_eq!(llvm_version(text), Some("22.1.8"));
        assert_eq!(llvm_version("rustc 1.0\n"), None);
    }
}
