//! The thread that reads runtimes' files, so that no event waits for a disk.
//!
//! It is asked what [`Registry`] wants to know, and its answers are taken in
//! between two looks at the rings. Should it hang, on a file system that does,
//! containers keep the names that the kernel's facts give them, and nothing
//! else is late. It ends with the process.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::Instant;

use super::boottime;
use crate::container::{Answer, Question, Registry, Resolver, Root};

/// How long the start waits for the names of what runs already.
const FIRST_NAMES: Duration = Duration::from_millis(500);

/// While an answer is awaited: how soon it is looked for.
const LOOK_FOR_ANSWER: Duration = Duration::from_millis(5);

/// The thread, from here.
pub struct Names {
    ask: Sender<Vec<Question>>,
    answers: Receiver<Vec<Answer>>,
    /// Questions asked and not answered.
    open: usize,
    /// When to see to it next; `None` while nothing is to be asked.
    at: Option<Instant>,
}

impl Names {
    /// Starts the thread, which looks at everything that runs first.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(controller: Option<&'static str>) -> anyhow::Result<Self> {
        let (ask, questions) = channel::<Vec<Question>>();
        let (tell, answers) = channel();
        thread::Builder::new()
            .name("sigwhy-names".to_owned())
            .spawn(move || {
                let mut resolver = Resolver::new(Root::new("/"), controller);
                let mut told = tell.send(resolver.survey());
                while let (Ok(()), Ok(questions)) = (&told, questions.recv()) {
                    let answers = questions.iter().map(|one| resolver.resolve(one));
                    told = tell.send(answers.collect());
                }
            })
            .context("cannot start the thread that reads containers' names")?;
        Ok(Self {
            ask,
            answers,
            open: 0,
            at: None,
        })
    }

    /// Waits a little for what runs already, so that the first events have names.
    pub fn first(&mut self, registry: &mut Registry) {
        if let Ok(answers) = self.answers.recv_timeout(FIRST_NAMES) {
            learn(registry, answers);
        }
    }

    /// Takes in what was answered, and asks what is to be asked.
    pub fn exchange(&mut self, registry: &mut Registry) {
        while let Ok(answers) = self.answers.try_recv() {
            self.open = self.open.saturating_sub(answers.len());
            learn(registry, answers);
        }
        let now = boottime();
        if registry.next_want().is_some_and(|due| due <= now) {
            let questions = registry.wants(now);
            self.open += questions.len();
            if !questions.is_empty() && self.ask.send(questions).is_err() {
                // The thread is gone, which only a bug of its own can do.
                self.open = 0;
            }
        }
        let due = registry.next_want().map(|due| due.saturating_sub(now));
        let awaited = (self.open > 0).then_some(LOOK_FOR_ANSWER);
        let wait = due.map(Duration::from_nanos).into_iter().chain(awaited);
        self.at = wait.min().map(|wait| Instant::now() + wait);
    }

    /// When to call [`Self::exchange`] if nothing else happens.
    pub fn at(&self) -> Option<Instant> {
        self.at
    }
}

fn learn(registry: &mut Registry, answers: Vec<Answer>) {
    let now = boottime();
    for answer in answers {
        registry.learn(answer, now);
    }
}
