//! Memory runs out in a cgroup. The OOM killer sends its SIGKILL from within
//! whatever allocated last, which is not to be blamed for it.

use anyhow::Context as _;
use libc::SIGKILL;
use sigwhy::lab::arena::{Order, Specimen};

use super::cases;
use super::cgroup::Cgroup;
use super::scene::Family;
use crate::harness::expect::{Expect, deliver, died_of, sig, zap_begins, zap_ends};

/// What there is, in MiB.
const LIMIT: usize = 32;
/// What the chosen one has: without it, there is enough for [`MORE`].
const BALLAST: usize = 16;
/// What somebody asks for on top.
const MORE: usize = 24;

/// SI_KERNEL of include/uapi/asm-generic/siginfo.h.
const SI_KERNEL: i32 = 0x80;

fn allocate(who: &Specimen, mebibytes: usize) -> anyhow::Result<()> {
    who.order(Order::Allocate { mebibytes })
}

/// Makes it the one that the OOM killer takes first.
fn choose(victim: &Specimen) -> anyhow::Result<()> {
    std::fs::write(score(victim), "1000").context("writing the score of an OOM victim")
}

/// Keeps the OOM killer from taking it, and says whether it does: that asks for
/// CAP_SYS_RESOURCE. Who is not spared may be the second one: the chosen one is
/// overlooked as soon as it exits, and holds its memory for a moment more.
fn spare(process: &Specimen) -> anyhow::Result<bool> {
    match std::fs::write(score(process), "-1000") {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(false),
        result => result
            .map(|()| true)
            .context("sparing a process from the OOM killer"),
    }
}

fn score(process: &Specimen) -> String {
    format!("/proc/{}/oom_score_adj", process.pid())
}

/// Ended by the OOM killer, and by no process.
fn oom(reason: &str) -> Expect {
    by_oom(sig(SIGKILL).fatal(reason))
}

fn by_oom(expect: Expect) -> Expect {
    expect
        .by_kernel("oom")
        .with("/sender/pid", serde_json::Value::Null)
        .with("/scope", "process")
        .forced(true)
        .code(SI_KERNEL)
}

/// The OOM killer or the zap comes by once more, if the process is still there.
fn again() -> Expect {
    sig(SIGKILL)
        .outcome("dropped")
        .reason("target_exiting")
        .maybe()
}

fn zapped_again(init: &Specimen) -> Expect {
    again().by_way_of("zap", init, "same")
}

cases! {
    x06_memory_runs_out_and_the_init_is_chosen
    "the OOM killer ends an init, and not in the name of who wanted more" |s| {
        let Some(group) = Cgroup::memory("x06") else { return Ok(()) };
        group.limit_memory(LIMIT)?;
        let Family { init, inside, .. } = s.family()?;
        let hog = s.host("hog")?;
        group.add(&[&init, &hog])?;
        choose(&init)?;
        let spared = spare(&hog)?;
        allocate(&init, BALLAST)?;
        hog.post(Order::Allocate { mebibytes: MORE })?;
        s.dies_of(&init, SIGKILL)?;
        if spared {
            s.lives(&hog)?;
            s.signals(&hog, []);
        } else {
            s.signals(&hog, [oom("kill").maybe()]);
        }
        s.signals(&init, [oom("forced_on_init")]);
        s.deliveries(&init, [deliver(SIGKILL).outcome("fatal")]);
        s.signals(&inside, [sig(SIGKILL).fatal("kill").by_way_of("zap", &init, "same").forced(true)]);
        s.zaps(&init, [zap_begins().killing(&[&inside]), zap_ends()]);
        s.exits(&init, [died_of(SIGKILL)]);
    }
    x06b_memory_runs_out_and_a_child_is_chosen
    "the OOM killer ends a child of the init, which had wanted more and goes on" |s| {
        let Some(group) = Cgroup::memory("x06b") else { return Ok(()) };
        group.limit_memory(LIMIT)?;
        let Family { init, inside, .. } = s.family()?;
        group.add(&[&init, &inside])?;
        choose(&inside)?;
        let spared = spare(&init)?;
        allocate(&inside, BALLAST)?;
        init.post(Order::Allocate { mebibytes: MORE })?;
        s.dies(&inside)?;
        if spared {
            s.lives(&init)?;
            s.signals(&inside, [oom("kill")]);
            s.signals(&init, []);
            s.exits(&init, []);
        } else {
            s.signals(&inside, [oom("kill"), zapped_again(&init)]);
            s.signals(&init, [oom("forced_on_init").maybe()]);
        }
        s.deliveries(&inside, [deliver(SIGKILL).outcome("fatal")]);
        s.exits(&inside, [died_of(SIGKILL)]);
    }
    x06c_memory_runs_out_for_who_wanted_it
    "the OOM killer ends the init that wanted more, from within itself" |s| {
        let Some(group) = Cgroup::memory("x06c") else { return Ok(()) };
        group.limit_memory(LIMIT)?;
        let Family { init, inside, .. } = s.family()?;
        group.add(&[&init])?;
        init.post(Order::Allocate { mebibytes: 2 * LIMIT })?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&init, [oom("forced_on_init")]);
        s.zaps(&init, [zap_begins().killing(&[&inside]), zap_ends()]);
        s.exits(&init, [died_of(SIGKILL)]);
    }
    x06d_memory_runs_out_for_a_whole_container
    "with memory.oom.group the OOM killer ends an init and all of its processes, each itself" |s| {
        let Some(group) = Cgroup::v2("x06d", "memory.oom.group") else { return Ok(()) };
        group.limit_memory(LIMIT)?;
        group.write("memory.oom.group", "1")?;
        let Family { init, inside, .. } = s.family()?;
        let hog = init.spawn_child("hog")?;
        // The kernel goes through them in this order, after the chosen one.
        group.add(&[&inside, &hog, &init])?;
        choose(&inside)?;
        allocate(&inside, BALLAST)?;
        hog.post(Order::Allocate { mebibytes: MORE })?;
        s.dies_of(&init, SIGKILL)?;
        s.signals(&inside, [oom("kill"), by_oom(again()), zapped_again(&init)]);
        s.signals(&hog, [oom("kill"), zapped_again(&init)]);
        s.signals(&init, [oom("forced_on_init")]);
        s.zaps(&init, [zap_begins().killing(&[]), zap_ends()]);
        for each in [&inside, &hog, &init] {
            s.exits(each, [died_of(SIGKILL)]);
        }
    }
}
