//! The load of `cargo xtask bench`: kill(2) in a loop, timed.
//!
//! It has no crates and is compiled with plain rustc, so that nothing but the
//! system call is measured. The target is a child of its own that ignores the
//! signal: the kernel drops it where signal_generate fires, nobody wakes up, and
//! what is left is the cost of sending plus the cost of whoever is watching.
//!
//! ```text
//! sigload flood COUNT SIGNAL          as fast as possible, in twenty batches
//! sigload paced RATE SECONDS SIGNAL   RATE signals a second
//! sigload interrupt PID               one SIGINT (a shell is not always there)
//! sigload inside PROCS ...            any of these in a PID namespace, and in the
//!                                     cgroup whose cgroup.procs that is
//! ```
//!
//! Results are one line of `key=value` on stdout. Signals are numbers.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const SIGINT: i32 = 2;
/// `SIG_IGN` of signal(2).
const SIG_IGN: usize = 1;
/// What signal(2) returns on failure.
const SIG_ERR: usize = usize::MAX;
const BATCHES: u64 = 20;
const CLONE_NEWPID: i32 = 0x2000_0000;

unsafe extern "C" {
    fn kill(pid: i32, signal: i32) -> i32;
    fn signal(signal: i32, handler: usize) -> usize;
    fn unshare(flags: i32) -> i32;
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["flood", count, signal] => number(count)
            .and_then(|count| Ok((count, number(signal)?)))
            .and_then(|(count, signal)| flood(count, signal)),
        ["paced", rate, seconds, signal] => number(rate)
            .and_then(|rate| Ok((rate, number(seconds)?, number(signal)?)))
            .and_then(|(rate, seconds, signal)| paced(rate, seconds, signal)),
        ["interrupt", pid] => number(pid).and_then(|pid| send(pid, SIGINT)),
        ["inside", members, ref rest @ ..] => inside(members, rest),
        ["ignore", signal] => number(signal).and_then(ignore),
        _ => Err(
            "usage: sigload flood COUNT SIGNAL | paced RATE SECONDS SIGNAL | interrupt PID".into(),
        ),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("sigload: {message}");
            ExitCode::FAILURE
        }
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no number that fits here"))
}

/// One kill(2) to one process.
fn send(pid: i32, signal: i32) -> Result<(), String> {
    if pid <= 1 {
        // 0 and below are whole groups; 1 is nobody's business here.
        return Err(format!("will not signal pid {pid}"));
    }
    // SAFETY: kill(2) takes two integers and touches no memory of ours.
    if unsafe { kill(pid, signal) } == 0 {
        Ok(())
    } else {
        Err(format!(
            "kill({pid}, {signal}): {}",
            std::io::Error::last_os_error()
        ))
    }
}

/// The child's part: ignore the signal, say so, and wait for stdin to close,
/// which it does however the parent ends.
fn ignore(number: i32) -> Result<(), String> {
    // SAFETY: SIG_IGN installs no code of ours, and this process has one thread.
    if unsafe { signal(number, SIG_IGN) } == SIG_ERR {
        return Err(format!(
            "cannot ignore signal {number}: {}",
            std::io::Error::last_os_error()
        ));
    }
    let mut stdout = std::io::stdout();
    writeln!(stdout, "ready")
        .and_then(|()| stdout.flush())
        .map_err(|e| e.to_string())?;
    let mut nothing = Vec::new();
    std::io::stdin()
        .read_to_end(&mut nothing)
        .map_err(|e| e.to_string())?;
    Ok(())
}

/// Runs this program again as the init of a PID namespace, in a cgroup.
fn inside(members: &str, args: &[&str]) -> Result<(), String> {
    std::fs::write(members, std::process::id().to_string())
        .map_err(|e| format!("cannot write {members}: {e}"))?;
    // SAFETY: takes an integer and touches no memory of ours.
    if unsafe { unshare(CLONE_NEWPID) } != 0 {
        let error = std::io::Error::last_os_error();
        return Err(format!("cannot make a PID namespace: {error}"));
    }
    let me = std::env::current_exe().map_err(|e| e.to_string())?;
    let status = Command::new(me).args(args).status();
    match status.map_err(|e| e.to_string())?.success() {
        true => Ok(()),
        false => Err("what ran inside has failed".into()),
    }
}

/// A child that ignores a signal; it goes when this does.
struct Target(Child);

impl Target {
    fn start(signal: i32) -> Result<Self, String> {
        let me = std::env::current_exe().map_err(|e| e.to_string())?;
        let child = Command::new(me)
            .args(["ignore", &signal.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start the target: {e}"))?;
        let mut target = Self(child);
        let mut line = String::new();
        if let Some(stdout) = target.0.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut line)
                .map_err(|e| e.to_string())?;
        }
        if line.trim() == "ready" {
            Ok(target)
        } else {
            Err("the target did not start".into())
        }
    }

    fn pid(&self) -> Result<i32, String> {
        i32::try_from(self.0.id()).map_err(|e| e.to_string())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Nothing is left to do about a failure at this point.
        let _ = self.0.wait();
    }
}

/// Sends `count` signals as fast as possible and prints nanoseconds per kill:
/// the fastest batch (the machine's noise is never negative) and the middle one.
fn flood(count: u64, signal: i32) -> Result<(), String> {
    let target = Target::start(signal)?;
    let pid = target.pid()?;
    let per_batch = (count / BATCHES).max(1);
    let mut batches = Vec::new();
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..per_batch {
            send(pid, signal)?;
        }
        batches.push(start.elapsed().as_secs_f64() * 1e9 / per_batch as f64);
    }
    batches.sort_by(f64::total_cmp);
    let median = (batches[batches.len() / 2] + batches[(batches.len() - 1) / 2]) / 2.0;
    println!(
        "sent={} min_ns={:.1} median_ns={median:.1}",
        per_batch * BATCHES,
        batches[0]
    );
    Ok(())
}

/// Sends at a steady rate for a time and prints how many were sent, the rate
/// that came of it and the longest that one was late.
fn paced(rate: u64, seconds: u64, signal: i32) -> Result<(), String> {
    if rate == 0 || rate > 1_000_000_000 {
        return Err("the rate must be 1 to 1000000000 a second".into());
    }
    let target = Target::start(signal)?;
    let pid = target.pid()?;
    let length = Duration::from_secs(seconds);
    let mut sent: u64 = 0;
    let mut worst = Duration::ZERO;
    let start = Instant::now();
    let elapsed = loop {
        let now = start.elapsed();
        if now >= length {
            break now;
        }
        let due =
            Duration::from_nanos((u128::from(sent) * 1_000_000_000 / u128::from(rate)) as u64);
        // Spinning on purpose: no timer is as fine as two microseconds.
        if now < due {
            std::hint::spin_loop();
            continue;
        }
        worst = worst.max(now - due);
        send(pid, signal)?;
        sent += 1;
    };
    println!(
        "sent={sent} rate={:.0} max_lag_us={}",
        sent as f64 / elapsed.as_secs_f64(),
        worst.as_micros()
    );
    Ok(())
}
