//! One order at a time, each a few lines.

use std::ffi::CString;
use std::io;
use std::io::Write as _;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{self, Gid, Pid, Uid};

use super::super::launch;
use super::super::raw;
use super::super::wire::{Answer, Order, Report, Status, Told};
use super::spawned::{Tracer, Worker};
use super::{Body, Ending};

/// The longest that an order may block which nothing but time ends, in milliseconds.
const BLOCK_MAX: u64 = 30_000;

/// The longest that [`Order::BurnCpu`] spins: two seconds of processor time can
/// take long on a machine with much else to do.
const BURN_MAX: Duration = Duration::from_secs(40);

/// The most that one [`Order::Allocate`] takes, in MiB.
const ALLOCATE_MAX: usize = 256;

pub(super) fn done(call: &str, result: io::Result<()>) -> Answer {
    refused(call, result, |()| Answer::Done)
}

fn refused<T>(call: &str, result: io::Result<T>, make: impl FnOnce(T) -> Answer) -> Answer {
    match result {
        Ok(value) => make(value),
        Err(error) => Answer::Refused {
            // Errors of ours, not the kernel's, have none.
            errno: error.raw_os_error().unwrap_or(libc::EIO),
            call: format!("{call}: {error}"),
        },
    }
}

impl Body {
    /// Does what it is told, and answers. `Some` ends the specimen.
    pub(super) fn obey(&mut self, told: Told) -> anyhow::Result<Option<Ending>> {
        let Told { seq, order } = told;
        let answer = match order {
            Order::Exit { code } => {
                self.answer(seq, Answer::Done)?;
                return Ok(Some(Ending::Exit(code as u8)));
            }
            Order::LeaderExit => return Ok(Some(Ending::LeaderExit { seq })),
            Order::SigWait { mask, millis } => {
                return self.sig_wait(seq, mask, millis).map(|()| None);
            }
            Order::SignalFd { mask, millis } => {
                return self.signal_fd(seq, mask, millis).map(|()| None);
            }
            Order::Exec { comm } => self.exec(seq, &comm)?,
            order => self.perform(order),
        };
        self.answer(seq, answer)?;
        Ok(None)
    }

    fn perform(&mut self, order: Order) -> Answer {
        match order {
            Order::Ping => Answer::Done,
            Order::Query => Answer::Report(report()),
            Order::Dispose { signal, to } => done("sigaction", raw::dispose(signal, to)),
            Order::Mask { mask } => done("rt_sigprocmask", raw::set_mask(mask)),
            Order::Threads { count, mask } => refused(
                "starting threads",
                self.threads(count, mask),
                Answer::Numbers,
            ),
            Order::EndThreads => {
                self.workers.drain(..).for_each(Worker::end);
                Answer::Done
            }
            Order::Spawn(birth) => refused(
                "spawn",
                launch::launch(Path::new("/proc/self/exe"), &self.home, &birth),
                |child| Answer::Number(child.id().into()),
            ),
            Order::Kill { pid: -1, .. } if !self.may_harm_namespace => {
                Answer::Unfit("kill(-1) outside a PID namespace of an arena".into())
            }
            Order::Kill { pid, signal } => done("kill", raw::kill(pid, signal)),
            Order::TgKill { tgid, tid, signal } => done("tgkill", raw::tgkill(tgid, tid, signal)),
            Order::Queue {
                pid,
                tid,
                signal,
                code,
            } => done("rt_sigqueueinfo", raw::queue(pid, tid, signal, code)),
            Order::PidfdSend { pid, signal } => done(
                "pidfd_send_signal",
                raw::pidfd_open(pid).and_then(|fd| raw::pidfd_send_signal(fd.as_fd(), signal)),
            ),
            Order::PidfdSendForeign { host_pid, signal } => done(
                "pidfd_send_signal",
                std::fs::File::open(format!("/proc/{host_pid}"))
                    .and_then(|dir| raw::pidfd_send_signal(dir.as_fd(), signal)),
            ),
            Order::Fault => {
                raw::fault();
                Answer::Unfit("the fault did not happen".into())
            }
            Order::Abort => raw::abort(),
            Order::Raise { signal } => done("raise", raw::raise(signal)),
            Order::BrokenPipe => done("write", broken_pipe()),
            Order::ReadableDescriptor { signal } => done("fcntl", readable(signal)),
            Order::FileTooBig => done("write", file_too_big()),
            Order::Alarm { millis } => done("setitimer", raw::alarm(millis)),
            Order::Timer { signal, millis } => done("timer_create", raw::timer(signal, millis)),
            Order::LimitPending { count } => done(
                "setrlimit",
                setrlimit(Resource::RLIMIT_SIGPENDING, count, count).map_err(io::Error::from),
            ),
            Order::Allocate { mebibytes } => {
                let ones = vec![1; mebibytes.min(ALLOCATE_MAX) << 20];
                // Nobody reads it; it is written all the same.
                self.hoard.push(std::hint::black_box(ones));
                Answer::Done
            }
            Order::BurnCpu { soft, hard } => done("setrlimit", burn(soft, hard)),
            Order::ParentDeath { signal } => done("prctl", raw::parent_death(signal)),
            Order::Subreaper => done(
                "prctl",
                nix::sys::prctl::set_child_subreaper(true).map_err(io::Error::from),
            ),
            Order::RequestKey { description } => done("request_key", request_key(&description)),
            Order::SeccompKill => done("seccomp", raw::seccomp_kill()),
            Order::Reboot { power_off } => self.reboot(power_off),
            Order::Trace {
                pid,
                attach,
                exit_kill,
                policy,
            } => refused(
                "ptrace",
                Tracer::start(pid, attach, exit_kill, policy),
                |tracer| {
                    self.tracers.insert(pid, tracer);
                    Answer::Done
                },
            ),
            Order::Untrace { pid } => match self.tracers.remove(&pid) {
                Some(tracer) => {
                    tracer.end();
                    Answer::Done
                }
                None => Answer::Unfit(format!("not tracing {pid}")),
            },
            Order::Status { pid } => refused("waitid", status(pid), Answer::Status),
            Order::Reap { pid, millis } => refused("waitpid", reap(pid, millis), Answer::Status),
            Order::SetPgid { pid, pgid } => done(
                "setpgid",
                unistd::setpgid(Pid::from_raw(pid), Pid::from_raw(pgid)).map_err(io::Error::from),
            ),
            Order::SetSid => done(
                "setsid",
                unistd::setsid().map(drop).map_err(io::Error::from),
            ),
            Order::SetUid { uid } => done("setuid", set_uid(uid)),
            Order::UnshareUser => done("unshare", unshare_user()),
            Order::PtyMake => refused("openpt", self.pty_make(), Answer::Text),
            Order::PtyOpen { path } => done("open", self.pty_open(&path)),
            Order::PtyWrite { bytes } => match &mut self.pty {
                Some(pty) => done("write", pty.write_all(&bytes)),
                None => Answer::Unfit("there is no pty".into()),
            },
            Order::PtyClose => {
                self.pty = None;
                Answer::Done
            }
            Order::Write { path, text } => done("write", write(&path, &text)),
            Order::Exit { .. }
            | Order::LeaderExit
            | Order::SigWait { .. }
            | Order::SignalFd { .. }
            | Order::Exec { .. } => Answer::Unfit("not an order to be answered here".into()),
        }
    }

    fn threads(&mut self, count: u32, mask: u64) -> io::Result<Vec<i32>> {
        let mut tids = Vec::new();
        for _ in 0..count.min(64) {
            let worker = Worker::start(mask)?;
            tids.push(worker.tid);
            self.workers.push(worker);
        }
        Ok(tids)
    }

    /// Returns only if it failed.
    fn exec(&self, seq: u64, comm: &str) -> anyhow::Result<Answer> {
        let arguments = launch::arguments(&self.home, self.id, comm);
        let fd = format!("--fd={}", self.socket.as_raw_fd());
        let argv: Vec<CString> = ["exe", launch::SUBCOMMAND, &fd]
            .into_iter()
            .map(str::to_owned)
            .chain(arguments)
            .map(CString::new)
            .collect::<Result<_, _>>()
            .context("an argument holds a NUL")?;
        fcntl(&self.socket, FcntlArg::F_SETFD(FdFlag::empty()))
            .context("keeping the socket over execve")?;
        self.answer(seq, Answer::Done)?;
        let Err(error) = unistd::execv(c"/proc/self/exe", &argv);
        Err(error).context("execve of itself")
    }

    fn reboot(&self, power_off: bool) -> Answer {
        use nix::sys::reboot::{RebootMode, reboot};
        if !self.may_harm_namespace {
            return Answer::Unfit("reboot outside a PID namespace of an arena".into());
        }
        let mode = if power_off {
            RebootMode::RB_POWER_OFF
        } else {
            RebootMode::RB_AUTOBOOT
        };
        let Err(error) = reboot(mode);
        done("reboot", Err(error.into()))
    }

    fn pty_make(&mut self) -> io::Result<String> {
        let master = nix::pty::posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
        nix::pty::grantpt(&master)?;
        nix::pty::unlockpt(&master)?;
        let slave = nix::pty::ptsname_r(&master)?;
        self.pty = Some(master);
        Ok(slave)
    }

    /// Without O_NOCTTY, which std never sets, the terminal becomes the
    /// controlling one of a session leader that has none.
    fn pty_open(&mut self, path: &str) -> io::Result<()> {
        let file = std::fs::File::options().read(true).write(true).open(path)?;
        self.terminal = Some(file);
        Ok(())
    }
}

fn report() -> Report {
    Report {
        pid: unistd::getpid().as_raw(),
        tid: unistd::gettid().as_raw(),
        ppid: unistd::getppid().as_raw(),
        pgrp: unistd::getpgrp().as_raw(),
        sid: unistd::getsid(None).map_or(0, Pid::as_raw),
        uid: unistd::getuid().as_raw(),
        caught: raw::caught(),
    }
}

fn broken_pipe() -> io::Result<()> {
    let (reader, mut writer) = io::pipe()?;
    drop(reader);
    writer.write_all(b"x")
}

fn readable(signal: i32) -> io::Result<()> {
    let (reader, mut writer) = io::pipe()?;
    raw::notify_readable(reader.as_fd(), signal)?;
    writer.write_all(b"x")?;
    // The end of the writer would be told as well.
    drop(reader);
    Ok(())
}

fn file_too_big() -> io::Result<()> {
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?;
    let name = c"too-big";
    let file = nix::sys::memfd::memfd_create(name, nix::sys::memfd::MFdFlags::MFD_CLOEXEC)?;
    std::fs::File::from(file).write_all(b"x")
}

fn request_key(description: &str) -> io::Result<()> {
    raw::request_key(&CString::new(description)?)
}

fn write(path: &str, text: &str) -> io::Result<()> {
    std::fs::File::options()
        .write(true)
        .open(path)?
        .write_all(text.as_bytes())
}

fn burn(soft: u64, hard: u64) -> io::Result<()> {
    setrlimit(Resource::RLIMIT_CPU, soft, hard)?;
    let end = Instant::now() + BURN_MAX;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
    Ok(())
}

fn status(pid: i32) -> io::Result<Status> {
    match raw::peek_child(pid) {
        Ok(None) => Ok(Status::Alive),
        Ok(Some((code, status))) => Ok(Status::from_siginfo(code, status)),
        Err(error) if error.raw_os_error() == Some(libc::ECHILD) => Ok(Status::Gone),
        Err(error) => Err(error),
    }
}

fn reap(pid: i32, millis: u64) -> io::Result<Status> {
    let end = Instant::now() + Duration::from_millis(millis.min(BLOCK_MAX));
    loop {
        if let Some(status) = raw::wait_any_status(pid)? {
            return Ok(Status::from_wait(status));
        }
        if Instant::now() >= end {
            return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
        }
        thread::sleep(Duration::from_micros(200));
    }
}

fn set_uid(uid: u32) -> io::Result<()> {
    unistd::setgid(Gid::from_raw(uid))?;
    unistd::setuid(Uid::from_raw(uid))?;
    // Changing ids made /proc/self root's; a later uid_map is written there.
    nix::sys::prctl::set_dumpable(true)?;
    Ok(())
}

fn unshare_user() -> io::Result<()> {
    let (uid, gid) = (unistd::getuid(), unistd::getgid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID)?;
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("0 {gid} 1"))?;
    Ok(())
}
