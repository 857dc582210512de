//! `sigwhy why`: is it stuck right now, in which wait, who holds it, and what
//! will free it.

use std::io;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::looking::Looking;
use super::which::{Which, tell_unseen};
use crate::container::Root;
use crate::snapshot::{self, Task};
use crate::trouble::Trouble;
use crate::waits::target::Target;
use crate::waits::watch::{Step, Watch};
use crate::waits::{Verdict, text};

/// Exit code where something is stuck.
const STUCK: u8 = 3;

/// Say why a container or a process does not end, right now.
///
/// For a container that hangs after docker stop, a pod that stays in Terminating,
/// a process that SIGKILL does not remove. Reads /proc and the cgroup freezers:
/// no trace has to have been running, and nothing is loaded into the kernel.
/// Says in which of the waits of docs/kernel-zap.md it is, which process, freezer,
/// tracer or file system holds it, for how long, and what will free it.
///
/// Exits with 0 where nothing is stuck, with 3 where something is, with 1 where
/// nothing is called so or it cannot be looked at.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A container by its name, the beginning of its id, its image, its pod or
    /// namespace/pod, or the inode of its PID namespace; or a process by its PID as
    /// this machine's /proc numbers it. Without one: every container that is stuck.
    #[arg(value_name = "CONTAINER|PID")]
    pub target: Option<String>,

    /// Stay until it is over, and tell what changes on the way and what ended it.
    #[arg(short, long, requires = "target")]
    pub watch: bool,

    #[command(flatten)]
    pub looking: Looking,
}

/// Looks and prints.
///
/// # Errors
/// When there is no `/proc` to read, nothing is called so, or the output cannot be
/// written.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let root = args.looking.root()?;
    let Some(called) = &args.target else {
        return everything(&args, &root);
    };
    let targets = Target::find(&root, called, args.looking.asking.patience())?;
    if targets.is_empty() {
        tell_unseen(snapshot::unseen(&root));
        return Err(Trouble::NoSuchContainer.error(format!(
            "no container and no process is called {called:?}; `sigwhy ps` lists what runs"
        )));
    }
    if args.watch {
        let [target] = targets.as_slice() else {
            let names: Vec<_> = targets.iter().map(Target::name).collect();
            bail!(
                "{called} is more than one: {}; watch one of them",
                names.join(", ")
            );
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        return runtime.block_on(watch(&args, &root, target));
    }
    let verdicts: Vec<Verdict> = targets
        .iter()
        .filter_map(|target| target.look(&root))
        .collect();
    if verdicts.is_empty() {
        bail!(
            "{called} was gone before it could be looked at, or its PID 1 is not to be seen here"
        );
    }
    tell(&args, &verdicts)
}

/// Whatever is stuck.
fn everything(args: &Args, root: &Root) -> anyhow::Result<ExitCode> {
    let targets = Target::all(
        root,
        &Which::default().wanted(),
        args.looking.asking.patience(),
    );
    // Read once for all of them: only who seems to be stuck is looked at anew.
    let all = Task::all(root);
    let seems_stuck = |target: &&Target| {
        let glance = target.among(root, || &all);
        glance.is_some_and(|verdict| verdict.is_stuck())
    };
    let stuck: Vec<Verdict> = targets
        .iter()
        .filter(seems_stuck)
        .filter_map(|target| target.look(root))
        .filter(Verdict::is_stuck)
        .collect();
    tell_unseen(snapshot::unseen(root));
    if stuck.is_empty() && args.looking.is_text() {
        super::tell(&format!(
            "of {} containers to be seen here none is stuck",
            targets.len()
        ));
    }
    tell(args, &stuck)
}

fn tell(args: &Args, verdicts: &[Verdict]) -> anyhow::Result<ExitCode> {
    for (index, verdict) in verdicts.iter().enumerate() {
        print(args, verdict, index == 0).context(super::WRITING)?;
    }
    Ok(code(verdicts.iter().any(Verdict::is_stuck)))
}

fn code(is_stuck: bool) -> ExitCode {
    match is_stuck {
        true => ExitCode::from(STUCK),
        false => ExitCode::SUCCESS,
    }
}

async fn watch(args: &Args, root: &Root, target: &Target) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let Some(first) = target.look(root) else {
        bail!(
            "{} is gone, or its PID 1 is not to be seen here",
            target.name()
        );
    };
    print(args, &first, true).context(super::WRITING)?;
    let mut watch = Watch::new(root, target.clone(), first);
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            () = tokio::time::sleep(watch.pause()) => {}
        }
        match watch.step() {
            Step::Same => {}
            Step::Changed(verdict) => print(args, &verdict, false).context(super::WRITING)?,
            Step::Over(verdict) => {
                print(args, &verdict, false).context(super::WRITING)?;
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
    Ok(code(watch.is_stuck()))
}

fn print(args: &Args, verdict: &Verdict, is_first: bool) -> io::Result<()> {
    args.looking
        .print(std::slice::from_ref(verdict), |mut out, colour| {
            if !is_first {
                writeln!(out)?;
            }
            text::render(verdict, &mut out, colour)
        })
}
