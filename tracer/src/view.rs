//! Who wants to see a record: the filters that the kernel side cannot apply,
//! since they ask for what only the decision tells.
//!
//! Pure. A filter matches the TARGET of a signal, unless it names the sender.

use crate::{
    decide::{Outcome, Reason},
    record::{Container, Record},
};

/// What to show. Empty lists ask for nothing and so show all.
#[derive(Debug, Clone, Default)]
pub struct View {
    pub containers: Vec<ContainerPattern>,
    pub outcomes: Vec<Outcome>,
    pub reasons: Vec<Reason>,
    /// Only signals and deliveries: somebody asked for particular ones.
    pub signals_only: bool,
}

/// A container by name, init, or PID-namespace inode; `*` and `?` match as in a shell.
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

    fn matches(&self, container: &Container) -> bool {
        self.pid_ns() == Some(container.pid_ns)
            || glob(&self.0, &container.name)
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
            Record::Signal(signal) => {
                by_decision(signal.outcome, signal.reason)
                    && self.in_container(signal.target.process.container.as_deref())
            }
            Record::Deliver(deliver) => {
                by_decision(deliver.outcome, deliver.reason)
                    && self.in_container(deliver.target.process.container.as_deref())
            }
            Record::Zap(zap) => {
                !decided && !self.signals_only && self.in_container(zap.container.as_deref())
            }
            Record::Exit(exit) => {
                !decided && !self.signals_only && self.in_container(exit.container.as_deref())
            }
            Record::Loss(_) | Record::Start(_) | Record::Stop(_) => true,
        }
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
    fn a_namespace_by_its_inode() {
        assert_eq!(ContainerPattern::new("pidns-17").pid_ns(), Some(17));
        assert_eq!(ContainerPattern::new("17").pid_ns(), Some(17));
        assert_eq!(ContainerPattern::new("web-17").pid_ns(), None);
    }
}
