//! Threads that a specimen starts: idle workers to be signalled, and tracers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::super::launch::wait_thread_gone;
use super::super::raw::{self, PtraceCall};
use super::super::wire::TracePolicy;

/// A thread that does nothing but take signals.
pub struct Worker {
    pub tid: i32,
    stop: Arc<AtomicBool>,
    handle: JoinHandle<()>,
}

impl Worker {
    /// Starts one; it runs with `mask` when this returns.
    pub fn start(mask: u64) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, started) = mpsc::channel();
        let handle = thread::Builder::new().name("worker".into()).spawn({
            let stop = Arc::clone(&stop);
            move || {
                let masked = raw::set_mask(mask);
                let _ = ready.send((nix::unistd::gettid().as_raw(), masked));
                while !stop.load(SeqCst) {
                    thread::park();
                }
            }
        })?;
        let (tid, masked) = started
            .recv()
            .map_err(|_| io::Error::other("a worker thread died at its start"))?;
        masked?;
        Ok(Self { tid, stop, handle })
    }

    /// Ends it, and waits until the kernel has forgotten it.
    pub fn end(self) {
        self.stop.store(true, SeqCst);
        self.handle.thread().unpark();
        let _ = self.handle.join();
        wait_thread_gone(self.tid);
    }
}

/// A thread that traces one process; ptrace(2) ties a tracee to a thread.
pub struct Tracer {
    stop: Arc<AtomicBool>,
    handle: JoinHandle<()>,
}

impl Tracer {
    /// Attaches; the tracee is traced when this returns.
    pub fn start(pid: i32, attach: bool, exit_kill: bool, policy: TracePolicy) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (attached, result) = mpsc::channel();
        let handle = thread::Builder::new().name("tracer".into()).spawn({
            let stop = Arc::clone(&stop);
            move || {
                let options = if exit_kill {
                    libc::PTRACE_O_EXITKILL
                } else {
                    0
                };
                let attached_how = if attach {
                    raw::ptrace(PtraceCall::Attach, pid)
                } else {
                    raw::ptrace(PtraceCall::Seize { options }, pid)
                };
                let failed = attached_how.is_err();
                let _ = attached.send(attached_how);
                if failed {
                    return;
                }
                if policy == TracePolicy::Neglect {
                    while !stop.load(SeqCst) {
                        thread::park();
                    }
                } else {
                    Loop {
                        pid,
                        policy,
                        options: if attach { options } else { 0 },
                        first_stop: attach,
                    }
                    .run(&stop);
                }
            }
        })?;
        result
            .recv()
            .map_err(|_| io::Error::other("the tracer thread died at its start"))??;
        Ok(Self { stop, handle })
    }

    /// Detaches and ends the thread.
    pub fn end(self) {
        self.stop.store(true, SeqCst);
        self.handle.thread().unpark();
        let _ = self.handle.join();
    }
}

/// How often a tracer looks for a stop of its tracee.
const TRACE_POLL: Duration = Duration::from_micros(300);

struct Loop {
    pid: i32,
    policy: TracePolicy,
    options: i32,
    /// PTRACE_ATTACH's own SIGSTOP is still to come, and is not the tracee's.
    first_stop: bool,
}

impl Loop {
    fn run(mut self, stop: &AtomicBool) {
        let mut interrupted = false;
        loop {
            if stop.load(SeqCst) && !interrupted {
                interrupted = true;
                if raw::ptrace(PtraceCall::Interrupt, self.pid).is_err() {
                    // Attached the old way: only a stop of its own lets it go,
                    // or the end of this thread.
                    return;
                }
            }
            match raw::wait_any_status(self.pid) {
                Ok(Some(status)) if libc::WIFSTOPPED(status) => {
                    if !self.step(status, interrupted).is_ok_and(|traced| traced) {
                        return;
                    }
                }
                Ok(None) => thread::sleep(TRACE_POLL),
                // Dead, or no longer ours.
                Ok(Some(_)) | Err(_) => return,
            }
        }
    }

    /// Lets the tracee go on from a stop. Whether it is traced still.
    fn step(&mut self, status: i32, mut detach: bool) -> io::Result<bool> {
        let signal = libc::WSTOPSIG(status);
        let event = status >> 16;
        let deliver = if event != 0 || std::mem::take(&mut self.first_stop) {
            if self.options != 0 {
                raw::ptrace(
                    PtraceCall::SetOptions {
                        options: self.options,
                    },
                    self.pid,
                )?;
                self.options = 0;
            }
            0
        } else {
            match self.policy {
                TracePolicy::Reinject => signal,
                TracePolicy::ReinjectTimes(0) => {
                    detach = true;
                    0
                }
                TracePolicy::ReinjectTimes(times) => {
                    self.policy = TracePolicy::ReinjectTimes(times - 1);
                    signal
                }
                TracePolicy::Swallow | TracePolicy::Neglect => 0,
            }
        };
        if detach {
            return raw::ptrace(PtraceCall::Detach { signal: deliver }, self.pid).map(|()| false);
        }
        let group_stop = event == libc::PTRACE_EVENT_STOP
            && matches!(
                signal,
                libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU
            );
        if group_stop {
            raw::ptrace(PtraceCall::Listen, self.pid)?;
        } else {
            raw::ptrace(PtraceCall::Cont { signal: deliver }, self.pid)?;
        }
        Ok(true)
    }
}
