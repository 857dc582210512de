//! Enter, for a scenario that is played step by step.
//!
//! Reading a line cannot be interrupted, so a thread of its own does it and is
//! left behind when the program ends.

use std::io::BufRead;
use std::thread;

use anyhow::Context as _;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Lines that somebody enters. What they say is no matter.
#[derive(Debug)]
pub struct Cues(UnboundedReceiver<()>);

impl Cues {
    /// From now on, every line of `input` is a cue.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn of(input: impl FnOnce() -> Box<dyn BufRead> + Send + 'static) -> anyhow::Result<Self> {
        let (sender, receiver) = unbounded_channel();
        thread::Builder::new()
            .name("cues".into())
            .spawn(move || {
                let mut input = input();
                let mut line = Vec::new();
                while matches!(input.read_until(b'\n', &mut line), Ok(n) if n > 0) {
                    line.clear();
                    if sender.send(()).is_err() {
                        return;
                    }
                }
            })
            .context("starting the thread that waits for Enter")?;
        Ok(Self(receiver))
    }

    /// Waits for the next one; false when there will be none.
    pub async fn next(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_cue_per_line_and_then_none() {
        let input = || Box::new(&b"\nq\nlast"[..]) as Box<dyn BufRead>;
        let mut cues = Cues::of(input).expect("a thread");
        assert!(cues.next().await && cues.next().await && cues.next().await);
        assert!(!cues.next().await);
    }
}
