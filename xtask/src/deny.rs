//! cargo-deny: licences, sources and bans of what sigwhy depends on (deny.toml).
//!
//! It takes minutes to build, so only CI and `test --deny` ask for it.

use crate::failure::{Result, fail};
use crate::pins;
use crate::workspace::{self, Workspace};

/// Builds the pinned cargo-deny if it is not there, and runs its checks.
pub fn check(ws: &Workspace) -> Result<()> {
    ensure(ws)?;
    let mut cargo = ws.host_cargo();
    // Not `advisories`: deny.toml says why.
    cargo.args(["deny", "--all-features", "--locked", "check"]);
    cargo.args(["bans", "licenses", "sources"]);
    workspace::run(&mut cargo, "cargo deny")
}

fn ensure(ws: &Workspace) -> Result<()> {
    let binary = ws.tools().join("bin/cargo-deny");
    let version = workspace::output(ws.command(binary).arg("--version"));
    if version.is_some_and(|text| text.trim().ends_with(pins::CARGO_DENY)) {
        return Ok(());
    }
    eprintln!(
        "xtask: building cargo-deny {} (once, some minutes)",
        pins::CARGO_DENY
    );
    let mut install = ws.host_cargo();
    install
        .args(["install", "cargo-deny", "--locked", "--force", "--version"])
        .arg(pins::CARGO_DENY)
        // The default features are for reading advisories over the network.
        .arg("--no-default-features")
        .arg("--root")
        .arg(ws.tools())
        // It runs for a second: optimising it would take far longer than that.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        .env_remove("CARGO_TARGET_DIR");
    if !workspace::status(&mut install)?.success() {
        return fail(format!(
            "cargo-deny {} could not be built (cargo says why above): check the network and try again",
            pins::CARGO_DENY
        ));
    }
    Ok(())
}
