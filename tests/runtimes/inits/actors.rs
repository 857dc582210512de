//! The lab's actors have the masks of the real inits that they play.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use sigwhy::lab::arena::procfs;
use sigwhy::lab::scenarios::programs::{self, Masks};

use super::super::{Outcome, harness::slow};
use super::{INITS, Running};

/// How long an init may take until it has set what it sets.
const SETTLED: Duration = Duration::from_secs(10);

/// What the lab's actor of such an init has set.
fn of_the_actor(name: &str) -> Option<Masks> {
    Some(match name {
        "bash" => programs::BASH,
        "C without a handler" => programs::PLAIN,
        "tini" | "tini -g" => programs::TINI,
        "dumb-init" => programs::DUMB_INIT,
        "catatonit" => programs::CATATONIT,
        // With Notify Go's runtime blocks signals in whichever thread it likes, and
        // changes what it catches of the C library's own: no actor plays that.
        "Go without Notify" => programs::GO,
        _ => return None,
    })
}

/// What a process has set, and what it waits for in sigtimedwait(2).
fn masks(pid: u32) -> anyhow::Result<Masks> {
    let sets = procfs::signal_sets(i32::try_from(pid)?)?;
    Ok(Masks {
        caught: sets.caught,
        ignored: sets.ignored,
        blocked: sets.blocked,
        awaited: awaited(pid)?.unwrap_or(0),
    })
}

/// The first argument of its sigtimedwait(2), if it sleeps in there: /proc shows the
/// mask nowhere.
fn awaited(pid: u32) -> anyhow::Result<Option<u64>> {
    let call = std::fs::read_to_string(format!("/proc/{pid}/syscall"))?;
    let mut words = call.split_whitespace();
    let wanted = libc::SYS_rt_sigtimedwait.to_string();
    if words.next() != Some(wanted.as_str()) {
        return Ok(None);
    }
    let address = words.next().context("no argument")?;
    let address = u64::from_str_radix(address.trim_start_matches("0x"), 16)?;
    let mut mask = [0; 8];
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    memory.read_exact_at(&mut mask, address)?;
    Ok(Some(u64::from_ne_bytes(mask)))
}

#[test]
fn the_actors_of_the_lab_have_set_what_the_real_ones_have() -> Outcome {
    let mut wrong = Vec::new();
    for init in INITS {
        let Some(wanted) = of_the_actor(init.name) else {
            continue;
        };
        let running = Running::start(init).with_context(|| init.name)?;
        // It takes each a moment to set them, and tini and bash have others at times,
        // between two waits.
        let end = Instant::now() + slow(SETTLED);
        loop {
            let seen = masks(running.container.pid).with_context(|| init.name)?;
            if seen.comparable() == wanted.comparable() {
                break;
            }
            if Instant::now() > end {
                wrong.push(format!("{}: {seen:x?}, the actor {wanted:x?}", init.name));
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
