//! The threads that find out names, so that no event waits for a disk or for
//! a daemon: one reads runtimes' files, and one ([`super::ask`]) asks runtimes
//! about what their files did not tell.
//!
//! They are asked what [`Registry`] wants to know, and their answers are taken in
//! between two looks at the rings. Should one hang, on a file system or on a
//! socket that does, containers keep the names that are known, and nothing else
//! is late. They end with the process.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::ask::Asker;
use super::boottime;
use crate::container::{Answer, Question, Registry, Resolver, Root};

/// How long the start waits for the names of what runs already.
const FIRST_NAMES: Duration = Duration::from_millis(500);

/// The threads, from here.
pub struct Names {
    ask: Sender<Vec<Question>>,
    answers: Receiver<Vec<Answer>>,
    /// There are answers.
    news: Arc<Notify>,
    /// When to see to it next; `None` while nothing is to be asked.
    at: Option<Instant>,
}

impl Names {
    /// Starts the threads. That of files looks at everything that runs first.
    /// `asks`: whether there is to be one that asks runtimes' sockets.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(controller: Option<&'static str>, asks: bool) -> anyhow::Result<Self> {
        let (ask, questions) = channel::<Vec<Question>>();
        let (tell, answers) = channel();
        let news = Arc::new(Notify::new());
        let awake = news.clone();
        let tell = move |answers| {
            let told = tell.send(answers);
            awake.notify_one();
            told
        };
        let asker = match asks {
            true => Some(Asker::start(tell.clone())?),
            false => None,
        };
        thread::Builder::new()
            .name("sigwhy-names".to_owned())
            .spawn(move || {
                let mut resolver = Resolver::new(Root::new("/"), controller);
                let mut answers = resolver.survey();
                loop {
                    if let Some(asker) = &asker {
                        asker.take(&answers);
                    }
                    if tell(answers).is_err() {
                        return;
                    }
                    let Ok(questions) = questions.recv() else {
                        return;
                    };
                    answers = questions.iter().map(|one| resolver.resolve(one)).collect();
                }
            })
            .context("cannot start the thread that reads containers' names")?;
        Ok(Self {
            ask,
            answers,
            news,
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
            learn(registry, answers);
        }
        let now = boottime();
        if registry.next_want().is_some_and(|due| due <= now) {
            let questions = registry.wants(now);
            if !questions.is_empty() {
                // Refused where the thread is gone, which only a bug of its own can do.
                let _ = self.ask.send(questions);
            }
        }
        let due = registry.next_want().map(|due| due.saturating_sub(now));
        self.at = due.map(|wait| Instant::now() + Duration::from_nanos(wait));
    }

    /// When to call [`Self::exchange`] if nothing else happens.
    pub fn at(&self) -> Option<Instant> {
        self.at
    }

    /// Waits for answers. Safe to cancel.
    pub async fn news(&self) {
        self.news.notified().await;
    }
}

fn learn(registry: &mut Registry, answers: Vec<Answer>) {
    let now = boottime();
    for answer in answers {
        registry.learn(answer, now);
    }
}
