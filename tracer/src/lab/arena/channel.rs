//! One end of the conversation with a specimen.

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::Instant;

use anyhow::{Context as _, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, send};

use super::wire::{Answer, Event, MESSAGE_MAX, Order, Said, Told};

/// Waits until there is something to read, or `end`.
pub(super) fn wait_readable(fd: BorrowedFd<'_>, end: Instant) -> anyhow::Result<bool> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // Rounded up: a poll of 0 ms would spin.
        let millis = u16::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
        match poll(
            &mut [PollFd::new(fd, PollFlags::POLLIN)],
            PollTimeout::from(millis),
        ) {
            Ok(0) if millis == u16::MAX => {}
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("polling a specimen's socket"),
        }
    }
}

/// One end of the conversation.
#[derive(Debug)]
pub(super) struct Channel {
    fd: OwnedFd,
    seq: u64,
    events: VecDeque<Event>,
    answers: VecDeque<(u64, Answer)>,
    hellos: u32,
}

impl Channel {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            seq: 0,
            events: VecDeque::new(),
            answers: VecDeque::new(),
            hellos: 0,
        }
    }

    pub(super) fn tell(&mut self, order: Order) -> anyhow::Result<u64> {
        self.seq += 1;
        let seq = self.seq;
        let text = serde_json::to_vec(&Told { seq, order }).context("encoding an order")?;
        loop {
            match send(self.fd.as_raw_fd(), &text, MsgFlags::MSG_NOSIGNAL) {
                Ok(_) => return Ok(seq),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error).context("it is gone"),
            }
        }
    }

    /// The next message; `None` when the time is up.
    pub(super) fn receive(&mut self, end: Instant) -> anyhow::Result<Option<Said>> {
        if !wait_readable(self.fd.as_fd(), end)? {
            return Ok(None);
        }
        let mut buffer = [0; MESSAGE_MAX];
        let length =
            recv(self.fd.as_raw_fd(), &mut buffer, MsgFlags::empty()).context("it hung up")?;
        if length == 0 {
            bail!("it hung up");
        }
        serde_json::from_slice(&buffer[..length])
            .map(Some)
            .context("it said what no arena understands")
    }

    /// Takes messages until `found` finds what it looks for.
    fn until<T>(
        &mut self,
        end: Instant,
        mut found: impl FnMut(&mut Self) -> Option<T>,
    ) -> anyhow::Result<T> {
        loop {
            if let Some(value) = found(self) {
                return Ok(value);
            }
            match self.receive(end)? {
                None => bail!("no answer in time"),
                Some(Said::Answer { seq, answer }) => self.answers.push_back((seq, answer)),
                Some(Said::Event(event)) => self.events.push_back(event),
                Some(Said::Hello { .. }) => self.hellos += 1,
            }
        }
    }

    pub(super) fn answer_to(&mut self, wanted: u64, end: Instant) -> anyhow::Result<Answer> {
        self.until(end, |channel| {
            // Answers come in order: older ones are to orders nobody waits for.
            channel.answers.retain(|(seq, _)| *seq >= wanted);
            let (seq, _) = channel.answers.front()?;
            if *seq != wanted {
                return None;
            }
            channel.answers.pop_front().map(|(_, answer)| answer)
        })
    }

    pub(super) fn event(&mut self, end: Instant) -> anyhow::Result<Event> {
        self.until(end, |channel| channel.events.pop_front())
    }

    pub(super) fn hello(&mut self, end: Instant) -> anyhow::Result<()> {
        self.until(end, |channel| {
            channel.hellos = channel.hellos.checked_sub(1)?;
            Some(())
        })
    }
}
