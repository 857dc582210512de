//! Starting a specimen: what the arena does for the first ones, and what
//! specimens do for the rest.
//!
//! posix_spawn(3) of the program itself; nothing here forks by hand.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns, unshare};

use super::wire::{Birth, Group, Place};

/// The hidden subcommand that makes this program a specimen.
pub const SUBCOMMAND: &str = "__specimen";

/// What every specimen of an arena has in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// The abstract name of the arena's socket.
    pub socket: String,
    /// The longest that a specimen lives, whatever happens, in seconds.
    pub life: u64,
    /// The inode of the PID namespace that the arena lives in: dangerous orders
    /// are refused there.
    pub pid_ns: u64,
}

/// The arguments after the subcommand's name.
pub fn arguments(home: &Home, id: u64, comm: &str) -> Vec<String> {
    vec![
        format!("--socket={}", home.socket),
        format!("--life={}", home.life),
        format!("--home-ns={}", home.pid_ns),
        format!("--id={id}"),
        format!("--comm={comm}"),
    ]
}

/// Starts a specimen with `exe`, which must be this very program.
pub fn launch(exe: &Path, home: &Home, birth: &Birth) -> io::Result<Child> {
    let mut command = Command::new(exe);
    command
        .arg(SUBCOMMAND)
        .args(arguments(home, birth.id, &birth.comm))
        .env_clear()
        // No pipe or socket of ours may stay open in there: whoever waits for
        // its end would wait for the specimen.
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if birth.group == Group::New {
        command.process_group(0);
    }
    match birth.place {
        Place::Same => command.spawn(),
        Place::NewNamespace => from_fresh_thread(command, || {
            unshare(CloneFlags::CLONE_NEWPID).map_err(io::Error::from)
        }),
        Place::NamespaceOf { host_pid } => {
            let namespace = File::open(format!("/proc/{host_pid}/ns/pid"))?;
            from_fresh_thread(command, move || {
                setns(&namespace, CloneFlags::CLONE_NEWPID).map_err(io::Error::from)
            })
        }
    }
}

/// Spawns from a thread of its own, because both unshare(2) and setns(2) of a
/// PID namespace last for the thread that called them, and then bar it from
/// starting threads.
fn from_fresh_thread(
    mut command: Command,
    enter: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> io::Result<Child> {
    let spawner = thread::Builder::new()
        .name("spawner".into())
        .spawn(move || {
            let tid = nix::unistd::gettid().as_raw();
            (tid, enter().and_then(|()| command.spawn()))
        })?;
    let (tid, child) = spawner
        .join()
        .map_err(|_| io::Error::other("the spawning thread panicked"))?;
    wait_thread_gone(tid);
    child
}

/// Waits until a thread that was joined has left the kernel too: joining only
/// proves that it left user space, and its children are handed to another
/// thread (which fires their PR_SET_PDEATHSIG) after that.
pub fn wait_thread_gone(tid: i32) {
    let path = format!("/proc/self/task/{tid}");
    for _ in 0..10_000 {
        if !Path::new(&path).exists() {
            return;
        }
        thread::sleep(Duration::from_micros(20));
    }
}
