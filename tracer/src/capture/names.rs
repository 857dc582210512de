//! The threads that find out names, so that no event waits for a disk or for
//! a daemon: one reads runtimes' files and watches for names that change, and one
//! ([`super::ask`]) asks runtimes about what their files did not tell.
//!
//! They are asked what [`Registry`] wants to know, and their answers are taken in
//! between two looks at the rings. Should one hang, on a file system or on a
//! socket that does, containers keep the names that are known, and nothing else
//! is late. They end with the process.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use super::ask::Asker;
use super::boottime;
use crate::container::sockets;
use crate::container::{Answer, Question, Registry, Renamed, Renames, Resolver, Root, Verdict};

/// How long the start waits for the names of what runs already.
const FIRST_NAMES: Duration = Duration::from_millis(500);

/// What the threads have found out.
pub enum News {
    Answers(Vec<Answer>),
    Renamed(Vec<Renamed>),
}

/// How the threads tell, and wake who is to be told. An error where nobody
/// listens any more.
#[derive(Clone)]
pub struct Tell {
    news: mpsc::Sender<News>,
    wake: Arc<Notify>,
}

impl Tell {
    pub fn tell(&self, news: News) -> Result<(), mpsc::SendError<News>> {
        let told = self.news.send(news);
        self.wake.notify_one();
        told
    }
}

/// The threads, from here.
pub struct Names {
    ask: UnboundedSender<Vec<Question>>,
    news: Receiver<News>,
    wake: Arc<Notify>,
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
        let (ask, questions) = unbounded_channel();
        let (tell, news) = channel();
        let wake = Arc::new(Notify::new());
        let tell = Tell {
            news: tell,
            wake: wake.clone(),
        };
        let asker = match asks {
            true => Some(Asker::start(tell.clone())?),
            false => None,
        };
        let runtime = sockets::runtime().context("cannot set up reading containers' names")?;
        thread::Builder::new()
            .name("sigwhy-names".to_owned())
            .spawn(move || runtime.block_on(read(controller, questions, asker, tell)))
            .context("cannot start the thread that reads containers' names")?;
        Ok(Self {
            ask,
            news,
            wake,
            at: None,
        })
    }

    /// Waits a little for what runs already, so that the first events have names.
    pub fn first(&mut self, registry: &mut Registry) {
        if let Ok(news) = self.news.recv_timeout(FIRST_NAMES) {
            learn(registry, news);
        }
    }

    /// Takes in what was answered, and asks what is to be asked.
    pub fn exchange(&mut self, registry: &mut Registry) {
        while let Ok(news) = self.news.try_recv() {
            learn(registry, news);
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

    /// Waits for news. Safe to cancel.
    pub async fn news(&self) {
        self.wake.notified().await;
    }
}

fn learn(registry: &mut Registry, news: News) {
    let now = boottime();
    match news {
        News::Answers(answers) => {
            for answer in answers {
                registry.learn(answer, now);
            }
        }
        News::Renamed(renamed) => {
            for one in renamed {
                registry.rename(one);
            }
        }
    }
}

/// The thread of files: everything that runs now, and then what it is asked, and
/// names that change.
async fn read(
    controller: Option<&'static str>,
    mut questions: UnboundedReceiver<Vec<Question>>,
    asker: Option<Asker>,
    tell: Tell,
) {
    let root = Root::new("/");
    // Without, names are those that containers began with.
    let mut renames = Renames::new(root.clone()).ok();
    let mut resolver = Resolver::new(root, controller);
    let mut answers = resolver.survey();
    loop {
        if let Some(asker) = &asker {
            asker.take(&answers);
        }
        let mut changed = Vec::new();
        if let Some(renames) = &mut renames {
            for answer in &answers {
                if let Verdict::Container(identity) = &answer.verdict {
                    changed.extend(renames.watch(identity));
                }
            }
        }
        if tell.tell(News::Answers(answers)).is_err() {
            return;
        }
        answers = loop {
            if !changed.is_empty() && tell.tell(News::Renamed(changed)).is_err() {
                return;
            }
            let next = async {
                match &mut renames {
                    Some(renames) => renames.next().await,
                    None => std::future::pending().await,
                }
            };
            changed = tokio::select! {
                asked = questions.recv() => match asked {
                    Some(asked) => break asked.iter().map(|one| resolver.resolve(one)).collect(),
                    None => return,
                },
                changed = next => changed,
            };
        };
    }
}
