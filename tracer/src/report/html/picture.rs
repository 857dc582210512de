//! A termination as what is drawn and listed of it: numbered events in the order
//! of time, between lanes. Not how it looks: that is [`super::draw`].

use std::collections::BTreeSet;

use super::lanes::{Lane, Lanes};
use crate::{
    decide::{Outcome, Reason},
    episode::{
        scene::{Scene, Shot},
        story::{Exited, Hop, Key, key},
        words,
    },
    record::{Ending, Episode, EpisodeState, Referred, duration},
};

/// What became of a signal, as it is coloured and shaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    Delivered,
    Dropped,
    Ignored,
    Pending,
    Coalesced,
    Killed,
}

impl Fate {
    pub const ALL: [Self; 6] = [
        Self::Delivered,
        Self::Dropped,
        Self::Ignored,
        Self::Pending,
        Self::Coalesced,
        Self::Killed,
    ];

    /// As the legend has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Dropped => "dropped by the kernel",
            Self::Ignored => "ignored by the target",
            Self::Pending => "waits in the queue",
            Self::Coalesced => "one was pending already",
            Self::Killed => "ends the target",
        }
    }

    /// As the style sheet has it.
    pub fn class(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Dropped => "dropped",
            Self::Ignored => "ignored",
            Self::Pending => "pending",
            Self::Coalesced => "coalesced",
            Self::Killed => "killed",
        }
    }

    /// Of a signal, and in one word what became of it.
    fn of(hop: &Hop) -> (Self, &'static str) {
        if let Some(taken) = hop.taken {
            return match taken.outcome {
                Outcome::Handled => (Self::Delivered, "handled"),
                Outcome::Stopped => (Self::Delivered, "stops it"),
                Outcome::Fatal => (Self::Killed, "fatal"),
                Outcome::Ignored => (Self::Ignored, "ignored"),
                _ => (Self::Dropped, "dropped when taken"),
            };
        }
        match (hop.outcome, hop.reason) {
            (Outcome::Dropped, Reason::Ignored | Reason::DefaultIgnore) => {
                (Self::Ignored, "ignored")
            }
            (Outcome::Dropped, _) => (Self::Dropped, "dropped"),
            (Outcome::Failed, _) => (Self::Dropped, "failed"),
            (Outcome::Coalesced, _) => (Self::Coalesced, "coalesced"),
            (Outcome::Fatal, _) => (Self::Killed, "fatal"),
            (Outcome::Ignored, _) => (Self::Ignored, "ignored"),
            (Outcome::Handled, _) => (Self::Delivered, "handled"),
            (Outcome::Stopped, _) => (Self::Delivered, "stops it"),
            (Outcome::Queued, Reason::Blocked) => (Self::Pending, "blocked"),
            // It is awake already, and no record says when it took it.
            (Outcome::Queued, Reason::Sigwait) => (Self::Delivered, "waited for"),
            (Outcome::Queued, Reason::Stopped) => (Self::Pending, "stopped"),
            (Outcome::Queued, Reason::Frozen) => (Self::Pending, "frozen"),
            (Outcome::Queued, _) => (Self::Pending, "queued"),
        }
    }
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An arrow between two lanes, which may be the same one.
    Signal {
        from: usize,
        to: usize,
        fate: Fate,
        /// When its target took it, where it waited.
        until: Option<u64>,
    },
    /// The end of a lane; `killed`: by a signal.
    Exit { lane: usize, killed: bool },
    /// The PID namespace begins or has come to its end.
    Zap { lane: usize },
    /// Something that only the timeline has.
    Note { lane: usize },
    /// The end of a process that has no lane.
    Bystander,
}

/// A line of the list, and what is drawn for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// CLOCK_BOOTTIME in nanoseconds.
    pub at: u64,
    pub what: What,
    /// A name and a word: `SIGTERM`, `dropped`.
    pub name: String,
    pub word: String,
    /// A sentence without its stop.
    pub text: String,
    /// The kernel's reasons: each a sentence and the rule behind it.
    pub why: Vec<(String, String)>,
}

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: u64,
    pub to: u64,
}

/// What there is to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub lanes: Vec<Lane>,
    pub events: Vec<Event>,
    /// From the stop signal to the SIGKILL that was needed after all, or to when it
    /// was given up.
    pub wasted: Option<Span>,
    /// The end of the PID namespace.
    pub zap: Option<Span>,
    /// Signals that found no room, and SIGCHLDs.
    pub omitted: u64,
    pub children: u64,
}

/// The picture of an episode, for which its scene must have been kept.
pub fn picture(episode: &Episode, scene: &Scene) -> Picture {
    let mut lanes = Lanes::default();
    let container = episode.container.as_deref();
    let main = lanes.inside(&episode.init);
    let known = concerned(episode, scene);
    let mut events = Vec::new();
    for shot in &scene.signals {
        let to = lanes.inside(&shot.hop.target);
        let from = lanes.sender(&shot.hop, container, episode.init.pid_ns);
        events.push(signal(shot, from, to));
    }
    for exited in &scene.exits {
        let lane = key(&exited.process)
            .filter(|key| known.contains(key))
            .map(|_| lanes.inside(&exited.process));
        events.push(exit(exited, lane));
    }
    let zap = scene.zap.as_ref().map(|zap| {
        let began = match (zap.ended, zap.duration_ns) {
            (Some(ended), Some(took)) => ended.mono_ns.saturating_sub(took),
            _ => zap.began.mono_ns,
        };
        Span {
            from: began.min(zap.began.mono_ns),
            to: zap.ended.unwrap_or(episode.when).mono_ns,
        }
    });
    events.extend(rest_of_timeline(episode, scene, main));
    events.sort_by_key(|event| event.at);
    let (lanes, places) = lanes.finish();
    for event in &mut events {
        match &mut event.what {
            What::Signal { from, to, .. } => (*from, *to) = (places[*from], places[*to]),
            What::Exit { lane, .. } | What::Zap { lane } | What::Note { lane } => {
                *lane = places[*lane];
            }
            What::Bystander => {}
        }
    }
    Picture {
        lanes,
        events,
        wasted: wasted(episode, zap),
        zap,
        omitted: scene.omitted,
        children: scene.children,
    }
}

/// Whom a signal came from or went to, and the main process.
fn concerned(episode: &Episode, scene: &Scene) -> BTreeSet<Key> {
    let hops = scene.signals.iter().map(|shot| &shot.hop);
    let processes = hops.flat_map(|hop| [&hop.target, &hop.sender.process]);
    let victims = scene.zap.iter().flat_map(|zap| zap.killed.iter());
    processes
        .chain([&episode.init])
        .chain(victims.map(|victim| &victim.process))
        .filter_map(key)
        .collect()
}

fn wasted(episode: &Episode, zap: Option<Span>) -> Option<Span> {
    if episode.state == EpisodeState::Stuck {
        let from = zap.map_or(episode.began.mono_ns, |zap| zap.from);
        return Some(Span {
            from,
            to: episode.when.mono_ns,
        });
    }
    let grace = episode.grace_ns?;
    let was_killed = episode.ending == Ending::Killed && episode.kill_sender.is_some();
    let from = episode.began.mono_ns;
    was_killed.then(|| Span {
        from,
        to: from.saturating_add(grace),
    })
}

fn signal(shot: &Shot, from: usize, to: usize) -> Event {
    let hop = &shot.hop;
    let (fate, word) = Fate::of(hop);
    let mut why = vec![(shot.explanation.to_string(), shot.rule.to_string())];
    if let (Some(taken), Some(taking)) = (hop.taken, &shot.taking) {
        let waited = duration(taken.mono_ns.saturating_sub(hop.when.mono_ns));
        let text = format!("taken {waited} later: {}", taking.explanation);
        why.push((text, taking.rule.to_string()));
    }
    Event {
        at: hop.when.mono_ns,
        what: What::Signal {
            from,
            to,
            fate,
            until: hop.taken.map(|taken| taken.mono_ns),
        },
        name: hop.signal.name.to_string(),
        word: word.to_owned(),
        text: words::hop(hop),
        why,
    }
}

fn exit(exited: &Exited, lane: Option<usize>) -> Event {
    let (name, word) = match (&exited.signal, exited.code) {
        (Some(signal), _) => ("dies".to_owned(), format!("by {}", signal.name)),
        (None, Some(code)) => ("exits".to_owned(), format!("with {code}")),
        (None, None) => ("exits".to_owned(), String::new()),
    };
    let killed = exited.signal.is_some();
    Event {
        at: exited.when.mono_ns,
        what: lane.map_or(What::Bystander, |lane| What::Exit { lane, killed }),
        name,
        word,
        text: words::exited(exited),
        why: Vec::new(),
    }
}

/// What the timeline tells and the scene does not have: the begin and the end of
/// the zap, and a signal that was lost when it was taken.
fn rest_of_timeline<'a>(
    episode: &'a Episode,
    scene: &'a Scene,
    main: usize,
) -> impl Iterator<Item = Event> + 'a {
    let is_new = |kind: Referred, at: u64| match kind {
        Referred::Zap => true,
        Referred::Signal => !scene.signals.iter().any(|s| s.hop.when.mono_ns == at),
        Referred::Exit => !scene.exits.iter().any(|exit| exit.when.mono_ns == at),
        Referred::Deliver => !scene
            .signals
            .iter()
            .any(|s| s.hop.taken.is_some_and(|taken| taken.mono_ns == at)),
    };
    let lines = episode.timeline.iter();
    lines
        .filter(move |line| is_new(line.reference.record, line.reference.mono_ns))
        .map(move |line| {
            let is_zap = line.reference.record == Referred::Zap;
            Event {
                at: line.reference.mono_ns,
                what: if is_zap {
                    What::Zap { lane: main }
                } else {
                    What::Note { lane: main }
                },
                name: if is_zap { "namespace" } else { "" }.to_owned(),
                word: String::new(),
                text: line.text.clone(),
                why: Vec::new(),
            }
        })
}
