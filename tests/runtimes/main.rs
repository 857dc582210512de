//! sigwhy on real containers: Docker's, containerd's, pods of its CRI and of a
//! kubelet, Podman's, runc's, crun's, LXC's and systemd-nspawn's, stopped and
//! killed by their own tools.
//!
//! They need what `cargo xtask runtimes up` brings up; `cargo xtask runtimes test`
//! does it all. What the kernel does is tested elsewhere, by processes that are
//! made for it: here it is whether real runtimes do what is said of them, and
//! whose container sigwhy says it was.

mod docker;
mod engine;
mod identity;
mod inits;
mod kubelet;
#[path = "../cli/live.rs"]
#[expect(dead_code, reason = "the tests of the command line use the rest of it")]
mod live;
/// What live.rs asks of the other tests' harness.
mod harness {
    pub use super::skip::{own_machine, skip};
    pub use super::slow::slow;
}
mod machines;
mod nested;
mod others;
mod pods;
mod rootless;
mod said;
#[path = "../harness/skip.rs"]
mod skip;
#[path = "../harness/slow.rs"]
mod slow;
mod sockets;
mod verdicts;

type Outcome = anyhow::Result<()>;

/// SIGTERM to an init that has no handler, by a runtime from outside.
const TERM_DROPPED: &str = "SIGTERM dropped unkillable_init (ignored) by runc, ancestor";

/// The SIGKILL that comes after the grace period.
const KILL_FORCED: &str = "SIGKILL fatal forced_on_init (delivered) by runc, ancestor";

/// SIGTERM to a process that is no init and has no handler.
const TERM_ENDS: &str = "SIGTERM fatal default_terminate (delivered) by runc";
