//! Orders that wait for signals. They answer first and say an event when done.

use std::io;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::super::raw;
use super::super::wire::{Answer, Event};
use super::Body;
use super::obey::done;

/// How often who waits for signals looks whether its arena is still there.
const WAIT_GLANCE: Duration = Duration::from_secs(10);

impl Body {
    /// When a wait of at most `millis` is over: no specimen outlives its deadline.
    fn end_of_wait(&self, millis: u64) -> Instant {
        let now = Instant::now();
        self.deadline.min(
            now.checked_add(Duration::from_millis(millis))
                .unwrap_or(now),
        )
    }

    /// Whether the arena has hung up. Orders that wait here are left alone.
    fn is_abandoned(&self) -> bool {
        let mut socket = [PollFd::new(self.socket.as_fd(), PollFlags::empty())];
        let hung_up = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
        matches!(poll(&mut socket, PollTimeout::ZERO), Ok(n) if n > 0) && hung_up(&socket[0])
    }

    pub(super) fn sig_wait(&self, seq: u64, mask: u64, millis: u64) -> anyhow::Result<()> {
        if let Err(error) = raw::set_mask(mask) {
            return self.answer(seq, done("rt_sigprocmask", Err(error)));
        }
        self.answer(seq, Answer::Done)?;
        let end = self.end_of_wait(millis);
        let signal = loop {
            let left = end.saturating_duration_since(Instant::now());
            match raw::sigtimedwait(mask, left.min(WAIT_GLANCE).as_millis() as u64) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e).context("rt_sigtimedwait"),
                // Only this slice of the time is over; what comes now waits.
                Ok(0) if left > WAIT_GLANCE && !self.is_abandoned() => {}
                Ok(signal) => break signal,
            }
        };
        self.event(Event::Signal(signal))
    }

    pub(super) fn signal_fd(&self, seq: u64, mask: u64, millis: u64) -> anyhow::Result<()> {
        let fd = match raw::set_mask(mask).and_then(|()| raw::signalfd(mask)) {
            Ok(fd) => fd,
            Err(error) => return self.answer(seq, done("signalfd", Err(error))),
        };
        self.answer(seq, Answer::Done)?;
        let end = self.end_of_wait(millis);
        let left = end.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut awaited = [
            PollFd::new(fd.as_fd(), PollFlags::POLLIN),
            // For its end only: no order is obeyed meanwhile.
            PollFd::new(self.socket.as_fd(), PollFlags::empty()),
        ];
        let signal = match poll(&mut awaited, timeout) {
            Ok(0) | Err(Errno::EINTR) => 0,
            Err(error) => return Err(error).context("polling a signalfd"),
            Ok(_) if !awaited[0].any().unwrap_or(false) => 0,
            Ok(_) => {
                // struct signalfd_siginfo: 128 bytes, ssi_signo the first four.
                let mut info = [0; 128];
                std::fs::File::from(fd)
                    .read_exact(&mut info)
                    .context("reading a signalfd")?;
                u32::from_ne_bytes([info[0], info[1], info[2], info[3]]) as i32
            }
        };
        self.event(Event::Signal(signal))
    }
}
