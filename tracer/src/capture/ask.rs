//! The thread that asks runtimes over their sockets about containers that their
//! files did not name.
//!
//! It is handed what the thread of files has answered poorly, and tells what it
//! heard as a second answer to the same question. Nobody waits for it: should
//! a daemon hang, its containers keep the names that they have. It ends with the
//! process.

use std::thread;

use anyhow::Context as _;
use tokio::sync::mpsc as queue;

use super::names::{News, Tell};
use crate::container::sockets::{self, Sockets, place};
use crate::container::{Answer, Root, Verdict};

/// Answers that wait to be made better. What finds no room is asked about again
/// when its files are.
const ROOM: usize = 1024;

/// The thread, from the one that reads files.
pub struct Asker(queue::Sender<Answer>);

impl Asker {
    /// Starts the thread; `tell` gets the better answers.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(tell: Tell) -> anyhow::Result<Self> {
        let (ask, mut asked) = queue::channel::<Answer>(ROOM);
        let runtime = sockets::runtime().context("cannot set up asking runtimes' sockets")?;
        let work = async move {
            let mut sockets = Sockets::new(Root::new("/"), place::from_env());
            while let Some(mut answer) = asked.recv().await {
                let Verdict::Container(identity) = &mut answer.verdict else {
                    continue;
                };
                let is_known = sockets.complete(identity).await;
                if is_known && tell.tell(News::Answers(vec![answer])).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new()
            .name("sigwhy-ask".to_owned())
            .spawn(move || runtime.block_on(work))
            .context("cannot start the thread that asks runtimes' sockets")?;
        Ok(Self(ask))
    }

    /// Has the runtimes asked about those of these that are poor.
    pub fn take(&self, answers: &[Answer]) {
        for answer in answers {
            let Verdict::Container(identity) = &answer.verdict else {
                continue;
            };
            if identity.is_poor() {
                // Full: it comes again.
                let _ = self.0.try_send(answer.clone());
            }
        }
    }
}
