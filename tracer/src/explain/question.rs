//! A signal that nobody has sent, as a person puts it, and the facts of it.

use crate::decide::{
    Frozen, Handler, Info, Relation, Sender, Situation, TraceResult, foresee, names,
    situation::{self, SIGNAL_GROUP_EXIT, SIGNAL_STOP_STOPPED, SIGNAL_UNKILLABLE, si},
};

/// The `si_code` of a plain fault.
const FIRST_REASON: i32 = 1;

/// Who would get it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Target {
    /// A process of a container, not its PID 1.
    #[default]
    Process,
    /// PID 1 of a container.
    Init,
    /// The machine's own PID 1.
    GlobalInit,
}

/// Who would send it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum From {
    /// Another process of the target's PID namespace.
    #[default]
    Inside,
    /// The target itself, with kill(2) or raise(3).
    Itself,
    /// A process of the host: docker, the kubelet, a shell.
    Host,
    /// A process of another container.
    Sibling,
    /// The kernel: the terminal, the OOM killer, the end of a namespace.
    Kernel,
    /// A fault of the target's own: a bad address, an illegal instruction. Its
    /// si_code says which; 128 (SI_KERNEL) is one that the processor gives no reason
    /// for.
    Fault,
}

/// What the target has set for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Set {
    /// SIG_DFL: nothing.
    #[default]
    Default,
    /// SIG_IGN.
    Ignore,
    /// A handler.
    Handler,
}

/// What else the target is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    pub blocked: bool,
    pub sigwait: bool,
    pub ptraced: bool,
    pub stopped: bool,
    pub frozen: Frozen,
    /// One of the same number is pending already.
    pub pending: bool,
    pub dying: bool,
    pub dumping_core: bool,
}

impl State {
    /// A process that runs and minds its own business.
    pub const PLAIN: Self = Self {
        blocked: false,
        sigwait: false,
        ptraced: false,
        stopped: false,
        frozen: Frozen::No,
        pending: false,
        dying: false,
        dumping_core: false,
    };
}

/// The question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// 1 to 64.
    pub signal: u32,
    pub from: From,
    pub target: Target,
    pub set: Set,
    pub state: State,
    /// To one thread (tgkill), not to the process.
    pub thread: bool,
    /// `si_code`, where it is not the usual one.
    pub code: Option<i32>,
}

impl Question {
    /// A plain one.
    pub const fn new(signal: u32, from: From, target: Target, set: Set) -> Self {
        Self {
            signal,
            from,
            target,
            set,
            state: State::PLAIN,
            thread: false,
            code: None,
        }
    }

    /// Why it cannot be asked, if so: what no program can bring about.
    ///
    /// # Errors
    /// A line that says what contradicts what.
    pub fn check(&self) -> Result<(), String> {
        let name = names::signal(self.signal);
        let fixed = matches!(self.signal, 9 | 19);
        if fixed && (self.set != Set::Default || self.state.blocked || self.state.sigwait) {
            return Err(format!(
                "{name} can be neither handled, ignored nor blocked: sigaction(2) refuses it with EINVAL, and masks leave it out"
            ));
        }
        if self.state.blocked && self.state.sigwait {
            return Err(
                "who waits for a signal in sigwait takes it: choose --blocked or --sigwait".into(),
            );
        }
        if self.state.dying && self.state.dumping_core {
            return Err("a core dump is a way to die: choose --dying or --core-dump".into());
        }
        if self.from == From::Fault && !matches!(self.signal, 4 | 5 | 7 | 8 | 11 | 31) {
            return Err(format!(
                "{name} does not come of a fault: SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP and SIGSYS do"
            ));
        }
        match self.code {
            Some(_) if self.from == From::Kernel => {
                Err("--code is for what processes send, and for faults".into())
            }
            Some(code) if self.from == From::Fault && !(1..=si::KERNEL).contains(&code) => {
                Err(format!(
                    "no fault has si_code {code}: 1 and up say which (1 is SEGV_MAPERR for SIGSEGV), and 128 that there is none to say"
                ))
            }
            Some(_) if self.from == From::Fault => Ok(()),
            Some(code) if code >= 0 && code != si::USER && self.from != From::Itself => {
                Err(format!(
                    "rt_sigqueueinfo(2) refuses si_code {code} for another process (EPERM): only a negative one passes"
                ))
            }
            _ => Ok(()),
        }
    }

    /// The facts, before the kernel gets to it.
    pub fn situation(&self) -> Situation {
        let (level, nr) = match self.target {
            Target::Process => (1, 7),
            Target::Init => (1, 1),
            Target::GlobalInit => (0, 1),
        };
        let flag = |on: bool, flag: u32| if on { flag } else { 0 };
        let state = &self.state;
        let unkillable = self.target != Target::Process;
        let target = situation::Target {
            level,
            nr,
            pf_flags: 0,
            signal_flags: flag(unkillable, SIGNAL_UNKILLABLE)
                | flag(state.stopped, SIGNAL_STOP_STOPPED)
                | flag(state.dying || state.dumping_core, SIGNAL_GROUP_EXIT),
            group_exit_code: 0,
            exit_state: 0,
            live: 1,
            handler: match self.set {
                Set::Default => Handler::Default,
                Set::Ignore => Handler::Ignore,
                Set::Handler => Handler::Function,
            },
            // do_sigtimedwait() unblocks it while it waits.
            blocked: state.blocked,
            real_blocked: state.sigwait,
            ptraced: state.ptraced,
            core_dump: state.dumping_core,
            frozen: state.frozen,
            was_dying: state.dying || state.dumping_core,
        };
        let s = Situation {
            sig: self.signal,
            code: self.code.unwrap_or(match self.from {
                From::Kernel => si::KERNEL,
                // Any of the processor's reasons: SEGV_MAPERR, FPE_INTDIV, ILL_ILLOPC.
                From::Fault => FIRST_REASON,
                _ if self.thread => si::TKILL,
                _ => si::USER,
            }),
            info: match self.from {
                From::Kernel => Info::Priv,
                _ => Info::Pointer,
            },
            group: !self.thread && self.from != From::Fault,
            result: TraceResult::Ignored,
            relation: self.relation(),
            sender: self.sender(nr, level),
            target,
            pdeath_signal: 0,
            oom_victim: false,
        };
        match self.from {
            From::Fault => foresee::force_sig(&s),
            _ => s,
        }
    }

    /// The host is inside of nothing: there, everybody is visible.
    fn relation(&self) -> Relation {
        match self.from {
            From::Kernel => Relation::Kernel,
            From::Inside | From::Itself | From::Fault => Relation::Same,
            From::Host if self.target == Target::GlobalInit => Relation::Same,
            From::Host => Relation::Ancestor,
            From::Sibling if self.target == Target::GlobalInit => Relation::Descendant,
            From::Sibling => Relation::Unrelated,
        }
    }

    fn sender(&self, nr: u32, level: u32) -> Sender {
        let itself = matches!(self.from, From::Itself | From::Fault);
        let invisible = matches!(self.relation(), Relation::Ancestor | Relation::Unrelated);
        Sender {
            nr_in_target: match () {
                () if itself => nr,
                () if invisible => 0,
                () => 42,
            },
            pf_flags: 0,
            nr: if itself { nr } else { 42 },
            level: match self.from {
                From::Host => 0,
                From::Sibling => 1,
                _ => level,
            },
            is_idle: false,
            is_target: itself,
        }
    }

    /// The question, for a person.
    pub fn words(&self) -> String {
        let name = names::signal(self.signal);
        let who = match self.target {
            Target::Process => "a process of a container (not its PID 1)",
            Target::Init => "PID 1 of a container",
            Target::GlobalInit => "the machine's own PID 1",
        };
        let from = match (self.from, self.target) {
            (From::Inside, Target::GlobalInit) => "from another process of the host",
            (From::Inside, _) => "from inside the same container",
            (From::Itself, _) => "from itself",
            (From::Host, _) => "from the host",
            (From::Sibling, Target::GlobalInit) => "from inside a container",
            (From::Sibling, _) => "from another container",
            (From::Kernel, _) => "from the kernel",
            (From::Fault, _) => "for a fault of its own",
        };
        let thread = if self.thread { "one thread of " } else { "" };
        let mut facts = vec![match self.set {
            Set::Default => "no handler set (SIG_DFL)",
            Set::Ignore => "set to be ignored (SIG_IGN)",
            Set::Handler => "a handler set",
        }];
        let state = &self.state;
        let also = [
            (state.blocked, "the signal blocked"),
            (state.sigwait, "waiting for it in sigwait"),
            (state.ptraced, "traced (strace, gdb)"),
            (state.stopped, "stopped"),
            (state.frozen == Frozen::V1, "frozen by the v1 freezer"),
            (state.frozen == Frozen::V2, "frozen by the v2 freezer"),
            (state.pending, "one pending already"),
            (state.dying, "dying already"),
            (state.dumping_core, "writing a core dump"),
        ];
        facts.extend(also.iter().filter(|(on, _)| *on).map(|(_, words)| *words));
        let code = match self.code {
            Some(code) => format!(" with si_code {}", names::code(self.signal, code)),
            None => String::new(),
        };
        format!(
            "{name} to {thread}{who}, {from}{code}; {}",
            facts.join(", ")
        )
    }
}
