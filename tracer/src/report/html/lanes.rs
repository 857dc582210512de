//! Who is in a picture: a lane for each process that sent or got a signal, those
//! outside of the container first.
//!
//! What has nothing to do with the end, such as each `sleep` of a shell's loop,
//! shares one lane, and so do those for which there is no room.

use std::collections::BTreeMap;

use crate::{
    decide::sender::Kind,
    episode::story::{Hop, Key, key},
    output::text::words,
    record::{Container, Process, Sender},
};

/// Lanes of a container's processes, and of others, at most.
const INSIDE: usize = 24;
const OUTSIDE: usize = 12;

/// A row of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    pub name: String,
    /// Its numbers, or what it is.
    pub about: String,
    pub is_inside: bool,
    /// By all for whom there was no room.
    pub is_shared: bool,
}

/// What makes a process, or no process, the same lane again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Process(Key),
    /// Each of its calls is another process: `runc kill`.
    Runtime(String),
    Kernel(&'static str),
    /// Nothing but a name, or not even that.
    Unknown(String),
}

/// The lanes of a picture in the making.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: Vec<Lane>,
    whose: BTreeMap<Whose, usize>,
    /// Pids of a runtime's calls.
    calls: BTreeMap<usize, Vec<u32>>,
    /// The last of inside and outside, that take whoever has no room.
    full: [Option<usize>; 2],
    folded: [u64; 2],
}

impl Lanes {
    /// The lane of a process of the container.
    pub fn inside(&mut self, process: &Process) -> usize {
        self.of(whose(process), true, || Lane {
            name: words::comm(process.comm.as_ref()),
            about: numbers(process),
            is_inside: true,
            is_shared: false,
        })
    }

    /// The lane of a signal's sender.
    pub fn sender(&mut self, hop: &Hop, own: Option<&Container>, pid_ns: Option<u32>) -> usize {
        let sender = &hop.sender;
        if let Some((name, about)) = no_process(sender.kind) {
            return self.of(Whose::Kernel(name), false, || Lane {
                name: name.to_owned(),
                about: about.to_owned(),
                is_inside: false,
                is_shared: false,
            });
        }
        let process = &sender.process;
        if is_inside(process, own, pid_ns) {
            return self.inside(process);
        }
        if let Some(role) = by_runtime(sender) {
            let lane = self.of(Whose::Runtime(role.to_owned()), false, || Lane {
                name: role.to_owned(),
                about: String::new(),
                is_inside: false,
                is_shared: false,
            });
            let calls = self.calls.entry(lane).or_default();
            calls.extend(process.pid.filter(|pid| !calls.contains(pid)));
            return lane;
        }
        self.of(whose(process), false, || Lane {
            name: words::comm(process.comm.as_ref()),
            about: match (&process.container, process.pid) {
                (Some(other), _) => {
                    format!(
                        "{}, in {}",
                        numbers(process),
                        words::container_column(&other.name)
                    )
                }
                (None, Some(pid)) => format!("pid {pid}, on the host"),
                (None, None) => "of unknown pid".to_owned(),
            },
            is_inside: false,
            is_shared: false,
        })
    }

    fn of(&mut self, whose: Whose, is_inside: bool, lane: impl FnOnce() -> Lane) -> usize {
        if let Some(known) = self.whose.get(&whose) {
            return *known;
        }
        let room = if is_inside { INSIDE } else { OUTSIDE };
        let same = self.lanes.iter().filter(|l| l.is_inside == is_inside);
        let count = same.count();
        let side = usize::from(is_inside);
        let index = match self.full[side] {
            Some(last) => last,
            None => {
                self.lanes.push(lane());
                self.lanes.len() - 1
            }
        };
        if self.full[side].is_some() {
            self.folded[side] += 1;
        } else if count + 1 >= room {
            self.full[side] = Some(index);
            self.folded[side] = 1;
        }
        self.whose.insert(whose, index);
        index
    }

    /// The lanes as they stand in the picture, and for each number that was given
    /// out where that is.
    pub fn finish(mut self) -> (Vec<Lane>, Vec<usize>) {
        for (lane, pids) in &self.calls {
            let list: Vec<_> = pids.iter().take(3).map(u32::to_string).collect();
            let more = if pids.len() > list.len() { ", ..." } else { "" };
            let s = if pids.len() == 1 { "" } else { "s" };
            self.lanes[*lane].about = format!("pid{s} {}{more}", list.join(", "));
        }
        for side in 0..2 {
            if let Some(lane) = self.full[side] {
                self.lanes[lane].name = format!("{} more", self.folded[side]);
                self.lanes[lane].about = "processes, in one lane".to_owned();
                self.lanes[lane].is_shared = true;
            }
        }
        let mut order: Vec<usize> = (0..self.lanes.len()).collect();
        order.sort_by_key(|lane| (self.lanes[*lane].is_inside, *lane));
        let mut place = vec![0; order.len()];
        for (at, lane) in order.iter().enumerate() {
            place[*lane] = at;
        }
        let lanes = order.iter().map(|lane| self.lanes[*lane].clone()).collect();
        (lanes, place)
    }
}

/// Who it is to others, where that says more than its own name.
fn by_runtime(sender: &Sender) -> Option<&str> {
    let is_runtime = sender.role.as_deref() == Some("runtime");
    sender.role_words.as_deref().filter(|_| is_runtime)
}

fn is_inside(process: &Process, own: Option<&Container>, pid_ns: Option<u32>) -> bool {
    match (own, process.container.as_deref()) {
        (Some(own), Some(its)) if own.id.is_some() || its.id.is_some() => own.id == its.id,
        _ => process.pid_ns.is_some() && process.pid_ns == pid_ns && process.ns_level > Some(0),
    }
}

fn whose(process: &Process) -> Whose {
    match key(process) {
        Some(key) => Whose::Process(key),
        None => Whose::Unknown(words::process(process)),
    }
}

/// `PID 1, 31150 on the host`
fn numbers(process: &Process) -> String {
    match (process.ns_pid, process.pid) {
        (Some(own), Some(pid)) if own != pid => format!("PID {own}, {pid} on the host"),
        (_, Some(pid)) => format!("pid {pid}"),
        (Some(own), None) => format!("PID {own}"),
        (None, None) => "of unknown pid".to_owned(),
    }
}

fn no_process(kind: Kind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        Kind::Process | Kind::Zap | Kind::ChildExit | Kind::ParentDeath => return None,
        Kind::Kernel => ("the kernel", "for a reason of its own"),
        Kind::Timer => ("a timer", "of the kernel"),
        Kind::Tty => ("the terminal", "a key or a hang-up"),
        Kind::Oom => ("the OOM killer", "of the kernel"),
        Kind::Fault => ("the kernel", "for a fault of the process"),
        Kind::Io => ("the kernel", "for a failed write"),
    })
}
