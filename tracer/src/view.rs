//! Who wants to see a record: the filters that the kernel side cannot apply,
//! since they ask for what only the decision tells.
//!
//! Pure. A filter matches the TARGET of a signal, unless it names the sender.

use crate::{
    decide::{Outcome, Reason, sender::Kind},
    record::{Container, Process, Record},
};

/// What to show. Empty lists ask for nothing and so show all.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub containers: Vec<ContainerPattern>,
    pub outcomes: Vec<Outcome>,
    pub reasons: Vec<Reason>,
    /// Only signals and deliveries: somebody asked for particular ones.
    pub signals_only: bool,
    /// Also what the kernel does to no effect and for no one's information.
    pub noise: bool,
    /// Whose ends are wanted, by host pid; `None`: everybody's. The kernel side
    /// applies this to signals, but passes on the end of every init and of
    /// every PID namespace, whatever the filters.
    pub ends_of: Option<Vec<u32>>,
}

/// A container by name, id or the beginning of it, image, pod (`namespace/pod` or
/// the pod alone), init, or PID-namespace inode; `*` and `?` match as in a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPattern(String);

impl ContainerPattern {
    pub fn new(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }

    /// The inode of the PID namespace, where the pattern is just that.
    pub fn pid_ns(&self) -> Option<u32> {
        self.0
            .strip_prefix("pidns-")
            .unwrap_or(&self.0)
            .parse()
            .ok()
    }

    /// As runtimes take ids: any beginning that is not too short to mean one.
    fn begins(&self, id: Option<&str>) -> bool {
        const SHORTEST: usize = 4;
        self.0.len() >= SHORTEST && id.is_some_and(|id| id.starts_with(&self.0))
    }

    /// Whether it means this container.
    pub fn matches(&self, container: &Container) -> bool {
        let is = |text: &Option<String>| text.as_ref().is_some_and(|text| glob(&self.0, text));
        let pod = container.pod.as_ref().map(|pod| {
            let space = container.pod_namespace.as_deref().unwrap_or("default");
            format!("{space}/{pod}")
        });
        self.pid_ns() == Some(container.pid_ns)
            || glob(&self.0, &container.name)
            || self.begins(container.id.as_deref())
            || is(&container.image)
            || is(&container.pod)
            || is(&pod)
            || container
                .init_comm
                .is_some_and(|comm| glob(&self.0, &comm.as_str()))
    }
}

impl View {
    /// Whether a record is to be shown.
    pub fn shows(&self, record: &Record) -> bool {
        let by_decision = |outcome: Outcome, reason: Reason| {
            (self.outcomes.is_empty() || self.outcomes.contains(&outcome))
                && (self.reasons.is_empty() || self.reasons.contains(&reason))
        };
        let decided = !self.outcomes.is_empty() || !self.reasons.is_empty();
        match record {
            // The zap also hits the exiting threads of the dying init itself.
            Record::Signal(signal)
                if !self.noise
                    && signal.sender.kind == Kind::Zap
                    && signal.sender.process.pid == signal.target.process.pid =>
            {
                false
            }
            Record::Signal(signal) => {
                by_decision(signal.outcome, signal.reason)
                    && self.in_container(signal.target.process.container.as_deref())
            }
            // A delivery knows no sender: of a sender's signals it is where it
            // follows one that was seen, since only that sender's were.
            Record::Deliver(deliver)
                if self.ends_of.as_ref().is_some_and(Vec::is_empty)
                    && deliver.generated_mono_ns.is_none() =>
            {
                false
            }
            Record::Deliver(deliver) => {
                by_decision(deliver.outcome, deliver.reason)
                    && self.in_container(deliver.target.process.container.as_deref())
            }
            Record::Zap(zap) => !decided && self.shows_end_of(&zap.init, zap.container.as_deref()),
            Record::Exit(exit) => {
                !decided && self.shows_end_of(&exit.process, exit.container.as_deref())
            }
            Record::Episode(episode) => {
                !decided && !self.signals_only && self.in_container(episode.container.as_deref())
            }
            Record::Loss(_) | Record::Start(_) | Record::Stop(_) => true,
        }
    }

    fn shows_end_of(&self, process: &Process, container: Option<&Container>) -> bool {
        let is_wanted = |pids: &Vec<u32>| process.pid.is_some_and(|pid| pids.contains(&pid));
        !self.signals_only
            && self.ends_of.as_ref().is_none_or(is_wanted)
            && self.in_container(container)
    }

    fn in_container(&self, container: Option<&Container>) -> bool {
        self.containers.is_empty()
            || container.is_some_and(|c| self.containers.iter().any(|p| p.matches(c)))
    }
}

/// Shell matching with `*` and `?`, over characters.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last star took one character more.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((after, taken)) => {
                    retry = Some((after, taken + 1));
                    p = after;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, yes) in [
            ("web", "web", true),
            ("web", "web-1", false),
            ("web*", "web-1", true),
            ("*-1", "web-1", true),
            ("w?b", "wéb", true),
            ("*a*b*c", "xxaxxbxxbxxc", true),
            ("*a*b*c", "xxaxxcxxb", false),
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
        ] {
            assert_eq!(glob(pattern, text), yes, "{pattern} {text}");
        }
    }

    #[test]
    fn ends_are_those_of_the_wanted() {
        let of = |view: &View, pid| {
            let process = Process {
                pid: Some(pid),
                ..Process::NONE
            };
            view.shows_end_of(&process, None)
        };
        assert!(of(&View::default(), 7));
        let chosen = View {
            ends_of: Some(vec![7]),
            ..View::default()
        };
        assert!(of(&chosen, 7) && !of(&chosen, 8));
        // Only senders were named: nobody's end.
        let nobody = View {
            ends_of: Some(Vec::new()),
            ..View::default()
        };
        assert!(!of(&nobody, 7));
    }

    #[test]
    fn a_namespace_by_its_inode() {
        assert_eq!(ContainerPattern::new("pidns-17").pid_ns(), Some(17));
        assert_eq!(ContainerPattern::new("17").pid_ns(), Some(17));
        assert_eq!(ContainerPattern::new("web-17").pid_ns(), None);
    }
}
