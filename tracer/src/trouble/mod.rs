//! What keeps sigwhy itself from its work, each with a page: why, and what to do.
//!
//! The pages are in the binary, so that an error can name one wherever sigwhy
//! runs: `sigwhy explain no-btf`. `docs/troubleshooting.md` is made from them. Of
//! signals and containers nothing is here: that is [`crate::decide`] and
//! [`crate::diagnosis`]. It imports no other module, so that any may import it.

use std::fmt;

mod catalogue;

pub use catalogue::ALL;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    NoPermission,
    LoadRefused,
    NoBtf,
    MissingFields,
    HookRefused,
    OldKernel,
    Lockdown,
    InContainer,
    HiddenProcesses,
    NoSuchContainer,
    NothingShown,
    NoNames,
    SilentRuntime,
    EventsLost,
    Unexplained,
    LabFailed,
    NoRecording,
    FileExists,
    DiskFull,
}

/// The page of one.
#[derive(Debug)]
pub struct Entry {
    pub trouble: Trouble,
    /// What `sigwhy explain` and the anchor of the document call it.
    pub id: &'static str,
    /// What is the matter, as a heading.
    pub title: &'static str,
    /// What sigwhy prints of it, `...` for what differs. A test finds each in the
    /// source.
    pub said: &'static [&'static str],
    pub why: &'static str,
    /// What to do, in the order in which to try it. A command follows a colon and
    /// stands between backticks.
    pub steps: &'static [&'static str],
}

impl Trouble {
    /// By its id.
    pub fn find(id: &str) -> Option<Self> {
        let entry = ALL.iter().find(|entry| entry.id == id)?;
        Some(entry.trouble)
    }

    /// Its page.
    pub fn entry(self) -> &'static Entry {
        let entry = ALL.iter().find(|entry| entry.trouble == self);
        // A test has every one in the list.
        entry.unwrap_or(&ALL[0])
    }

    pub fn id(self) -> &'static str {
        self.entry().id
    }

    /// Which page is behind a check of `sigwhy doctor` that has not come out well.
    pub fn of_check(id: &str) -> Option<Self> {
        Some(match id {
            "capabilities" | "memlock" => Self::NoPermission,
            "btf" => Self::NoBtf,
            "kernel" | "helpers" => Self::OldKernel,
            "lockdown" => Self::Lockdown,
            "user_namespace" | "pid_namespace" => Self::InContainer,
            "processes" => Self::HiddenProcesses,
            "fields" => Self::MissingFields,
            "hooks" | "signal_generate" | "signal_deliver" | "sched_process_exit" => {
                Self::HookRefused
            }
            _ => return None,
        })
    }

    /// An error that has this page. `line` says what failed, why and what to do, as
    /// every error; the page is named where it is printed.
    pub fn error(self, line: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(self.known(line))
    }

    /// The same, for an error that has a cause.
    pub fn known(self, line: impl Into<String>) -> Known {
        Known {
            trouble: self,
            line: line.into(),
        }
    }

    /// Where the page is, for the end of a line.
    pub fn more(self) -> impl fmt::Display {
        More(self)
    }
}

struct More(Trouble);

impl fmt::Display for More {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " (more: sigwhy explain {})", self.0.id())
    }
}

/// An error that has a page.
#[derive(Debug)]
pub struct Known {
    pub trouble: Trouble,
    line: String,
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for Known {}

/// Which page is behind an error, wherever in its chain that is known.
pub fn of(error: &anyhow::Error) -> Option<Trouble> {
    error
        .downcast_ref::<Known>()
        .map(|known| known.trouble)
        .or_else(|| {
            error.chain().find_map(|cause| {
                let known = cause.downcast_ref::<Known>()?;
                Some(known.trouble)
            })
        })
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn an_error_keeps_its_page_through_every_context() {
        let bare = Trouble::NoBtf.error("no types");
        assert_eq!(of(&bare), Some(Trouble::NoBtf));
        assert_eq!(of(&bare.context("starting")), Some(Trouble::NoBtf));
        let around = anyhow!("EPERM").context(Trouble::LoadRefused.known("cannot load"));
        assert_eq!(around.to_string(), "cannot load");
        assert_eq!(of(&around.context("starting")), Some(Trouble::LoadRefused));
        assert_eq!(of(&anyhow!("another")), None);
        let more = Trouble::NoBtf.more().to_string();
        assert_eq!(more, " (more: sigwhy explain no-btf)");
    }

    #[test]
    fn every_trouble_has_one_page() {
        for (index, entry) in ALL.iter().enumerate() {
            assert_eq!(Trouble::find(entry.id), Some(entry.trouble));
            assert_eq!(entry.trouble.entry().id, entry.id);
            // In the order of the enum, of which none is left out.
            assert_eq!(entry.trouble as usize, index, "{}", entry.id);
        }
        assert_eq!(ALL.len(), Trouble::DiskFull as usize + 1);
        assert_eq!(Trouble::find("nonsense"), None);
    }
}
