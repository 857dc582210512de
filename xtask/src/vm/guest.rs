//! What is inside a guest: busybox, sigwhy, and whatever is to be run.

use std::path::Path;
use std::process::Command;

use super::initramfs::{Tree, utf8};
use crate::failure::{Context as _, Failure, Result};
use crate::workspace::{self, ContextNone as _};

/// PID 1.
const INIT: &str = include_str!("init.sh");

/// A guest in the making.
pub struct Guest {
    tree: Tree,
    /// A shell script of calls to the functions in init.sh.
    jobs: String,
}

impl Guest {
    /// With busybox and nothing to do. Should xtask be gone, the guest ends by
    /// itself after `lifetime` seconds.
    pub fn new(lifetime: Option<u64>) -> Result<Self> {
        let mut tree = Tree::new();
        let busybox = workspace::on_path("busybox").context_none("busybox is gone from PATH")?;
        tree.host_file(&busybox, "/usr/bin/busybox")?;
        let applets = workspace::output(Command::new(&busybox).arg("--list"))
            .context_none("`busybox --list` failed")?;
        for applet in applets.lines().filter(|applet| *applet != "busybox") {
            tree.link(&format!("/usr/bin/{applet}"), "busybox");
        }
        tree.text("/init", 0o755, INIT);
        let root = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
        tree.text("/etc/passwd", 0o644, root);
        tree.text("/etc/group", 0o644, "root:x:0:\nnogroup:x:65534:\n");
        let mut jobs = String::new();
        if let Some(seconds) = lifetime {
            jobs += &format!("(sleep {seconds}; reboot -f) &\n");
        }
        Ok(Self { tree, jobs })
    }

    /// Adds a program at the path that it has on the host, and its name in /bin.
    pub fn program(&mut self, host: &Path, name: &str) -> Result<()> {
        let path = utf8(host)?;
        self.tree.host_file(host, path)?;
        self.tree.link(&format!("/usr/bin/{name}"), path);
        Ok(())
    }

    /// Adds a file of the host at another path.
    pub fn file(&mut self, host: &Path, path: &str) -> Result<()> {
        self.tree.host_file(host, path)
    }

    /// Adds a file with this text.
    pub fn text(&mut self, path: &str, text: &str) {
        self.tree.text(path, 0o644, text);
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.tree.link(path, target);
    }

    /// Where jobs start: a directory of the host, empty but for what is added.
    pub fn directory(&mut self, path: &Path) -> Result<()> {
        let path = utf8(path)?;
        self.tree.make_directory(path);
        self.jobs += &format!("cd {}\n", quote(path));
        Ok(())
    }

    /// A variable for the jobs.
    pub fn variable(&mut self, name: &str, value: &str) {
        self.jobs += &format!("export {name}={}\n", quote(value));
    }

    /// Adds a job; its `name` is one word.
    pub fn job(&mut self, name: &str, argv: &[String]) {
        let words: Vec<String> = argv.iter().map(|word| quote(word)).collect();
        self.jobs += &format!("job {name} {}\n", words.join(" "));
    }

    /// Adds a command line of the user's, and the host's files that it names:
    /// words with a slash that are files here.
    pub fn user_job(&mut self, name: &str, argv: &[String], cwd: &Path) -> Result<()> {
        for word in argv.iter().filter(|word| word.contains('/')) {
            let path = cwd.join(word);
            if path.is_file() && !belongs_to_the_guest(&path) {
                self.tree.host_file(&path, utf8(&path)?)?;
            }
        }
        self.job(name, argv);
        Ok(())
    }

    /// A shell on a terminal of this size.
    pub fn terminal(&mut self, rows: u32, columns: u32) {
        self.jobs += &format!("terminal {rows} {columns}\n");
    }

    /// Writes the initramfs.
    pub fn write(mut self, to: &Path) -> Result<()> {
        self.tree.text("/vm/jobs", 0o644, self.jobs);
        self.tree.write(to)
    }
}

/// The words after `--`, as UTF-8, which the guest's script is.
pub fn words(args: Vec<std::ffi::OsString>) -> Result<Vec<String>> {
    args.into_iter()
        .map(|arg| {
            arg.into_string()
                .map_err(|arg| Failure::Usage(format!("{arg:?} is not UTF-8")))
        })
        .collect()
}

/// Whether the kernel of the guest has its own file there.
fn belongs_to_the_guest(path: &Path) -> bool {
    ["/proc", "/sys", "/dev"]
        .iter()
        .any(|dir| path.starts_with(dir))
}

/// A word for the shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// This terminal's size, for a shell in the guest: a serial line has none.
pub fn terminal_size() -> (u32, u32) {
    let asked = Command::new("stty")
        .arg("size")
        .stdin(std::process::Stdio::inherit())
        .output()
        .context(|| "stty".into());
    let text = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    parse_size(&text.unwrap_or_default()).unwrap_or((24, 80))
}

fn parse_size(text: &str) -> Option<(u32, u32)> {
    let (rows, columns) = text.trim().split_once(' ')?;
    let size = (rows.parse().ok()?, columns.parse().ok()?);
    (size.0 > 0 && size.1 > 0).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_the_program_as_they_are() {
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("it's $HOME"), r"'it'\''s $HOME'");
    }

    #[test]
    fn a_terminal_without_a_size_has_the_usual_one() {
        assert_eq!(parse_size("50 132\n"), Some((50, 132)));
        assert_eq!(parse_size("0 0\n"), None);
        assert_eq!(parse_size(""), None);
    }
}
