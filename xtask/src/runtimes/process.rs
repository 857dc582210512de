//! Processes of this machine, told apart by pid and start time: a pid alone is
//! somebody else's soon after.

use std::fs;
use std::path::Path;

/// A process as `/proc` has it.
#[derive(Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    /// In clock ticks since boot.
    pub start: u64,
    pub comm: String,
    /// Ended, and not yet waited for by its parent.
    pub zombie: bool,
}

impl Process {
    /// The process that has this pid now.
    pub fn get(pid: u32) -> Option<Self> {
        parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Whether it is the one that a record of [`Process::record`] tells of, and
    /// has not ended.
    pub fn recorded(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        let (pid, start) = text.trim().split_once(' ')?;
        let now = Self::get(pid.parse().ok()?)?;
        (now.start == start.parse().ok()? && !now.zombie).then_some(now)
    }

    /// What to keep in a file, to find it again.
    pub fn record(&self) -> String {
        format!("{} {}\n", self.pid, self.start)
    }

    /// Its arguments, with spaces between them.
    pub fn command_line(&self) -> String {
        let bytes = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    }
}

/// All processes that have not ended.
pub fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Process::get)
        .filter(|process| !process.zombie)
        .collect()
}

/// A line of `/proc/PID/stat` (proc(5)); the name may hold anything.
fn parse(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (comm, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Process {
        pid: pid.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        // Field 22 of the whole, of which two are gone.
        start: fields.get(19)?.parse().ok()?,
        comm: comm.to_owned(),
        zombie: matches!(*fields.first()?, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "77 (a) S (b c) Z 1 77 77 0 -1 4 0 0 0 0 1 2 3 4 20 0 1 0 126261 0 0";

    #[test]
    fn a_name_may_look_like_the_rest_of_the_line() {
        let expected = Process {
            pid: 77,
            parent: 1,
            start: 126_261,
            comm: "a) S (b c".into(),
            zombie: true,
        };
        assert_eq!(parse(STAT), Some(expected));
        assert_eq!(parse("77 (a) S 1"), None);
    }

    #[test]
    fn a_record_is_of_one_process_only() -> std::io::Result<()> {
        let file = std::env::temp_dir().join(format!("xtask-process-{}", std::process::id()));
        let me = Process::get(std::process::id());
        let Some(me) = me else {
            return Err(std::io::Error::other("no /proc/self"));
        };
        fs::write(&file, me.record())?;
        assert_eq!(Process::recorded(&file).as_ref(), Some(&me));
        fs::write(&file, format!("{} {}\n", me.pid, me.start + 1))?;
        assert_eq!(Process::recorded(&file), None);
        fs::write(&file, "nonsense")?;
        assert_eq!(Process::recorded(&file), None);
        assert!(all().contains(&me));
        fs::remove_file(&file)
    }
}
