//! cargo-deny: licences, sources and bans of what sigwhy depends on (deny.toml).
//!
//! It takes minutes to build, so only CI and `test --deny` ask for it.

use crate::failure::Result;
use crate::pins;
use crate::tool::Tool;
use crate::workspace::{self, Workspace};

/// Its default features are for reading advisories over the network.
const DENY: Tool = Tool {
    name: "cargo-deny",
    version: pins::CARGO_DENY,
    features: &[],
    takes: "some minutes",
};

/// Builds the pinned cargo-deny if it is not there, and runs its checks.
pub fn check(ws: &Workspace) -> Result<()> {
    DENY.ensure(ws)?;
    let mut cargo = ws.host_cargo();
    // Not `advisories`: deny.toml says why.
    cargo.args(["deny", "--all-features", "--locked", "check"]);
    cargo.args(["bans", "licenses", "sources"]);
    workspace::run(&mut cargo, "cargo deny")
}
