//! What one run does: drawn at random, then made possible.

use libc::{SIGCHLD, SIGCONT, SIGKILL, SIGSTOP, SIGTERM};
use sigwhy::lab::arena::{Disposition, TracePolicy};

use crate::rng::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// PID 1 of a namespace below the host's.
    Init,
    /// PID 1 of a namespace below that.
    Nested,
    /// Another process of the first namespace.
    Member,
    /// A process of the host.
    Host,
}

impl Target {
    pub fn is_init(self) -> bool {
        matches!(self, Self::Init | Self::Nested)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Running,
    /// By SIGSTOP from the host.
    Stopped,
    Zombie,
    /// An init that has exited and waits for an injected process to be reaped.
    Zapping,
    /// The main thread has exited, another one lives.
    LeaderGone,
    /// The main thread waits for this signal in sigtimedwait(2).
    Waiting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Another process of the target's namespace.
    Same,
    /// The target itself.
    Itself,
    /// A process of the namespace around the target's.
    Parent,
    /// Of the one around that.
    Grandparent,
    /// The init of a sibling namespace, by the process group.
    Sibling,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Kill,
    TgKill,
    /// rt_sigqueueinfo(2) with this `si_code`.
    Queue(i32),
    /// rt_tgsigqueueinfo(2) with this `si_code`.
    TgQueue(i32),
    Pidfd,
    /// kill(2) of pid 0.
    Group,
}

impl Call {
    /// The `si_code` that the kernel sees.
    pub fn code(self) -> i32 {
        match self {
            Self::Kill | Self::Pidfd | Self::Group => 0,
            Self::TgKill => -6,
            Self::Queue(code) | Self::TgQueue(code) => code,
        }
    }

    /// Whether it is for one thread.
    pub fn to_thread(self) -> bool {
        matches!(self, Self::TgKill | Self::TgQueue(_))
    }
}

/// Extra threads of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    None,
    /// Two that block nothing.
    Open,
    /// Two that block the signal.
    Blocking,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub target: Target,
    pub state: State,
    pub disposition: Disposition,
    /// By the main thread.
    pub blocked: bool,
    pub threads: Threads,
    pub traced: Option<TracePolicy>,
    pub sender: Sender,
    pub call: Call,
    pub signal: i32,
    /// The same was sent before.
    pub pending: bool,
}

/// `si_code`s that anybody may use towards others.
const CODES: [i32; 7] = [-1, -2, -3, -4, -5, -60, -100];
/// Those that one may use towards oneself as well: SI_USER, SI_KERNEL, and
/// above.
const OWN_CODES: [i32; 3] = [0, 0x80, 0x81];

impl Plan {
    pub fn draw(rng: &mut Rng) -> Self {
        let signal = match rng.below(20) {
            0..=3 => SIGTERM,
            4..=7 => SIGKILL,
            8..=9 => SIGSTOP,
            10..=11 => SIGCONT,
            12 => SIGCHLD,
            // The real-time signals that libc leaves to programs.
            13..=14 => 34 + rng.below(31) as i32,
            _ => 1 + rng.below(31) as i32,
        };
        let target = rng.pick(&[
            Target::Init,
            Target::Init,
            Target::Nested,
            Target::Member,
            Target::Host,
        ]);
        let state = match rng.below(16) {
            0 | 1 => State::Stopped,
            2 => State::Zombie,
            3 => State::Zapping,
            4 => State::LeaderGone,
            5 => State::Waiting,
            _ => State::Running,
        };
        let sender = rng.pick(match target {
            Target::Init => &[
                Sender::Same,
                Sender::Same,
                Sender::Parent,
                Sender::Itself,
                Sender::Sibling,
            ][..],
            Target::Nested => &[
                Sender::Same,
                Sender::Parent,
                Sender::Grandparent,
                Sender::Itself,
            ],
            Target::Member => &[Sender::Same, Sender::Parent, Sender::Itself],
            Target::Host => &[Sender::Same, Sender::Itself],
        });
        let code = if sender == Sender::Itself && rng.one_in(2) {
            rng.pick(&OWN_CODES)
        } else {
            rng.pick(&CODES)
        };
        let call = match rng.below(8) {
            0..=2 => Call::Kill,
            3 => Call::TgKill,
            4 | 5 => Call::Queue(code),
            6 => Call::TgQueue(code),
            _ => Call::Pidfd,
        };
        Self {
            target,
            state,
            disposition: rng.pick(&[
                Disposition::Default,
                Disposition::Default,
                Disposition::Default,
                Disposition::Ignore,
                Disposition::Handler,
            ]),
            blocked: rng.one_in(4),
            threads: rng.pick(&[
                Threads::None,
                Threads::None,
                Threads::None,
                Threads::Open,
                Threads::Blocking,
            ]),
            traced: rng
                .one_in(6)
                .then(|| rng.pick(&[TracePolicy::Reinject, TracePolicy::Swallow])),
            sender,
            call,
            signal,
            pending: rng.one_in(2),
        }
        .possible()
    }

    /// Takes out what cannot be, or could not be told apart.
    fn possible(mut self) -> Self {
        if matches!(self.signal, SIGKILL | SIGSTOP) {
            self.disposition = Disposition::Default;
            self.blocked = false;
            if self.state == State::Waiting {
                self.state = State::Running;
            }
        }
        if self.sender == Sender::Sibling {
            self.call = Call::Group;
        }
        if self.state == State::Zapping && !self.target.is_init() {
            self.state = State::Zombie;
        }
        let gone = matches!(self.state, State::Zombie | State::Zapping);
        // The dead send nothing; nor does a namespace whose init is dying.
        if self.sender == Sender::Itself && self.state != State::Running
            || gone && self.target.is_init() && self.sender == Sender::Same
        {
            self.state = State::Running;
        }
        match self.state {
            State::Running => {}
            State::Stopped => self.traced = None,
            State::Zombie | State::Zapping => {
                self.disposition = Disposition::Default;
                self.blocked = false;
                self.threads = Threads::None;
                self.traced = None;
            }
            State::LeaderGone => {
                self.blocked = false;
                self.threads = Threads::None;
                self.traced = None;
                if self.call.to_thread() {
                    self.call = Call::Kill;
                }
            }
            State::Waiting => {
                self.blocked = false;
                self.traced = None;
            }
        }
        // A pending one needs to be kept by somebody.
        let kept = self.blocked && (self.threads != Threads::Open || self.call.to_thread());
        self.pending &= kept && self.state == State::Running && self.sender != Sender::Itself;
        self
    }
}
