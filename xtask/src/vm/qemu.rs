//! One guest, from boot to end.
//!
//! Emulated (TCG), never KVM: it works wherever CI does, inside other virtual
//! machines too, and boots in two to three seconds.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::kernels::{Kernel, Scratch};
use super::stream;
use crate::failure::{Context as _, Result};
use crate::workspace::Workspace;

/// How long a boot may take: twenty times what it takes on an idle machine.
const BOOT_TIMEOUT: Duration = Duration::from_secs(60);

/// How often the guest's word is looked for.
const POLL: Duration = Duration::from_millis(50);

/// - `no_timer_check`: on a loaded host the timer test of a boot fails.
/// - `nokaslr`: addresses in a console's oops are those of the vmlinux.
/// - `panic=-1 oops=panic`: a kernel that is broken ends its guest.
const APPEND: &str = "console=ttyS0 quiet panic=-1 oops=panic mitigations=off nokaslr \
                      no_timer_check random.trust_cpu=on";

/// What is done with what the guest prints.
pub enum Output<'a> {
    /// To our stdout as it is.
    Raw,
    /// Line by line behind this label, and each shown to this.
    Lines(&'a str, &'a mut (dyn FnMut(&str) + Send)),
    /// The guest's terminal is ours.
    Terminal,
}

/// How a guest ended.
pub struct Ran {
    /// Seconds from the start of QEMU to user space; `None`: never reached.
    pub boot: Option<f64>,
    /// The jobs that ended, in order.
    pub jobs: Vec<Job>,
    /// Why it is not the jobs' own end.
    pub broken: Option<Broken>,
}

/// A job's end.
#[derive(Debug, PartialEq)]
pub struct Job {
    pub name: String,
    pub code: u8,
    pub seconds: f64,
}

/// What went wrong with the guest itself.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Broken {
    /// It never reached user space.
    NoBoot,
    /// The jobs took too long.
    TimedOut,
    /// Its kernel, or QEMU, died.
    Died,
}

/// Boots `kernel` with `initramfs`. A boot that never reaches user space is
/// tried once more, and nothing else is: what fails later may be a finding.
pub fn run(
    ws: &Workspace,
    kernel: &Kernel,
    initramfs: &Path,
    timeout: Option<Duration>,
    mut output: Output<'_>,
) -> Result<Ran> {
    let first = attempt(ws, kernel, initramfs, timeout, &mut output)?;
    if first.broken != Some(Broken::NoBoot) {
        return Ok(first);
    }
    eprintln!(
        "xtask: {} never reached user space, once more",
        kernel.label
    );
    attempt(ws, kernel, initramfs, timeout, &mut output)
}

fn attempt(
    ws: &Workspace,
    kernel: &Kernel,
    initramfs: &Path,
    timeout: Option<Duration>,
    output: &mut Output<'_>,
) -> Result<Ran> {
    let scratch = Scratch::new(ws)?;
    let mut command = command(ws, kernel, initramfs);
    // The serial lines' files are named relative to it: QEMU would take a comma
    // in a path for the next option.
    command.current_dir(&scratch.0);
    if matches!(output, Output::Terminal) {
        command.args(["-chardev", "stdio,id=tty,signal=off"]);
    } else {
        command
            .args(["-chardev", "stdio,id=tty"])
            .stdin(Stdio::null());
        command.stdout(Stdio::piped());
    }
    let start = Instant::now();
    let mut qemu = Qemu(command.spawn().context(|| "cannot run QEMU".into())?);
    let stdout = qemu.0.stdout.take();
    let tellings = scratch.0.join("told");
    let ran = thread::scope(|scope| -> Result<Ran> {
        let reader = stdout.map(|stdout| {
            scope.spawn(move || match output {
                Output::Lines(label, see) => stream::lines(stdout, label, see),
                Output::Raw | Output::Terminal => stream::raw(stdout),
            })
        });
        let ran = watch(&mut qemu, &tellings, start, timeout);
        if ran.is_err() {
            // The reader waits for QEMU's end.
            let _ = qemu.end();
        }
        match reader.map(thread::ScopedJoinHandle::join) {
            Some(Ok(Err(error))) => Err(error).context(|| "passing the output on".into()),
            _ => ran,
        }
    })?;
    if ran.broken.is_some() {
        keep_console(ws, kernel, &scratch.0.join("console"))?;
    }
    Ok(ran)
}

/// Waits for QEMU's end, or ends it.
fn watch(
    qemu: &mut Qemu,
    tellings: &Path,
    start: Instant,
    timeout: Option<Duration>,
) -> Result<Ran> {
    let mut boot = None;
    loop {
        let ended = qemu.ended()?;
        let told = Told::parse(&std::fs::read_to_string(tellings).unwrap_or_default());
        let elapsed = start.elapsed();
        if told.ready && boot.is_none() {
            boot = Some(elapsed.as_secs_f64());
        }
        let broken = match (ended, told.ready, told.done) {
            (_, _, true) => None,
            (true, true, false) => Some(Broken::Died),
            (true, false, false) => Some(Broken::NoBoot),
            (false, false, _) if elapsed > BOOT_TIMEOUT => Some(Broken::NoBoot),
            (false, true, _) if timeout.is_some_and(|timeout| elapsed > timeout) => {
                Some(Broken::TimedOut)
            }
            (false, ..) => {
                thread::sleep(POLL);
                continue;
            }
        };
        // After its last word it still prints what it has, then turns itself off.
        let goodbye = Instant::now();
        while broken.is_none() && !qemu.ended()? && goodbye.elapsed() < Duration::from_secs(5) {
            thread::sleep(POLL / 5);
        }
        qemu.end()?;
        return Ok(Ran {
            boot,
            jobs: told.jobs,
            broken,
        });
    }
}

/// - `-cpu qemu64` and what makes it x86-64-v2, but for cx16: emulating `max`
///   takes a third longer. A kernel that uses cmpxchg16b, which SLUB does when
///   the CPU has it, dies under QEMU 7.2's emulation in one boot of six.
/// - `thread=single`: with a host thread for each processor, a processor may
///   still run an instruction that the kernel has patched meanwhile, and 7.2
///   oopses with "int3" when a static key flips under load.
/// - q35, not microvm: 7.2 kernels mostly hang on that before their first word.
fn command(ws: &Workspace, kernel: &Kernel, initramfs: &Path) -> Command {
    let mut qemu = ws.command("qemu-system-x86_64");
    qemu.args([
        "-accel",
        "tcg,thread=single",
        "-cpu",
        "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,-cx16",
        "-M",
        "q35",
    ]);
    qemu.args(["-smp", "2", "-m", "2G", "-nodefaults", "-no-reboot"]);
    qemu.args(["-vga", "none", "-nic", "none", "-display", "none"]);
    qemu.args(["-serial", "file:console", "-serial", "chardev:tty"]);
    qemu.args(["-serial", "file:told", "-append", APPEND]);
    qemu.arg("-kernel").arg(&kernel.elf);
    qemu.arg("-initrd").arg(initramfs);
    qemu
}

fn keep_console(ws: &Workspace, kernel: &Kernel, console: &Path) -> Result<()> {
    let kept: PathBuf = super::dir(ws).join(format!("console-{}.log", kernel.label));
    std::fs::copy(console, &kept).context(|| "the guest's console is lost".into())?;
    let text = std::fs::read(&kept).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(20)..] {
        eprintln!("xtask: console: {}", line.escape_debug());
    }
    eprintln!("xtask: the whole console is in {}", kept.display());
    Ok(())
}

/// What the guest said of itself.
#[derive(Default)]
struct Told {
    ready: bool,
    done: bool,
    jobs: Vec<Job>,
}

impl Told {
    /// Reads what init.sh tells; a line that is still being written does not
    /// count yet.
    fn parse(text: &str) -> Self {
        let mut told = Self::default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["ready"] => told.ready = true,
                ["done"] => told.done = true,
                ["end", name, code, from, to] => told.jobs.extend(job(name, code, from, to)),
                _ => {}
            }
        }
        told
    }
}

fn job(name: &str, code: &str, from: &str, to: &str) -> Option<Job> {
    let (from, to): (f64, f64) = (from.parse().ok()?, to.parse().ok()?);
    Some(Job {
        name: name.to_owned(),
        code: code.parse().ok()?,
        seconds: to - from,
    })
}

/// A QEMU that ends with its owner.
struct Qemu(Child);

impl Qemu {
    fn ended(&mut self) -> Result<bool> {
        let status: Option<ExitStatus> = self.0.try_wait().context(|| "waiting for QEMU".into())?;
        Ok(status.is_some())
    }

    fn end(&mut self) -> Result<()> {
        if !self.ended()? {
            // It may have ended since: the wait says.
            let _ = self.0.kill();
        }
        self.0
            .wait()
            .map(drop)
            .context(|| "waiting for QEMU".into())
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_line_by_line() {
        let told = Told::parse("ready\nend suite 101 2.50 7.75\ngarbage\nend x y z\ndon");
        assert!(told.ready && !told.done);
        assert_eq!(
            told.jobs,
            [Job {
                name: "suite".into(),
                code: 101,
                seconds: 5.25
            }]
        );
        assert!(Told::parse("ready\ndone\n").done);
        assert!(!Told::parse("read").ready);
    }
}
