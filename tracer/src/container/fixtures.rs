//! A machine's files for tests: a tree of its own below the temporary directory.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Root;

/// 64 hexadecimal digits.
pub const ID: &str = "9db05c0cf888a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607182930";
/// Another 64.
pub const ID2: &str = "149a2dd0f888a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607182931";

/// A directory that ends with this value.
#[derive(Debug)]
pub struct Tree(PathBuf);

impl Tree {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sigwhy-tree-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("the temporary directory can be written");
        Self(path)
    }

    pub fn root(&self) -> Root {
        Root::new(&self.0)
    }

    pub fn directory(&self, path: &str) {
        fs::create_dir_all(self.root().at(path)).expect("a directory");
    }

    pub fn file(&self, path: &str, text: &str) {
        let path = self.root().at(path);
        let parent = path.parent().expect("below the root");
        fs::create_dir_all(parent).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// Puts a process there, in the place of one with its number.
    pub fn process(&self, process: &Process) {
        let Process {
            pid,
            ppid,
            uid,
            start_ticks,
            comm,
            args,
            cgroups,
            pid_ns,
            ns_pid,
        } = process;
        let at = format!("/proc/{pid}");
        self.file(
            &format!("{at}/stat"),
            &format!(
                "{pid} ({comm}) S {ppid} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {start_ticks} 0 0\n"
            ),
        );
        let numbers = if pid == ns_pid {
            format!("{pid}")
        } else {
            format!("{pid}\t{ns_pid}")
        };
        self.file(
            &format!("{at}/status"),
            &format!(
                "Name:\t{comm}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nNSpid:\t{numbers}\n\
                 SigPnd:\t0\nShdPnd:\t0\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n"
            ),
        );
        self.file(&format!("{at}/cmdline"), &(args.join("\0") + "\0"));
        self.file(&format!("{at}/cgroup"), cgroups);
        self.directory(&format!("{at}/ns"));
        let link = self.root().at(format!("{at}/ns/pid"));
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(format!("pid:[{pid_ns}]"), link).expect("a link");
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process to be put into a tree.
#[derive(Debug, Clone)]
pub struct Process {
    pub pid: u32,
    pub ppid: u32,
    pub uid: u32,
    pub start_ticks: u64,
    pub comm: &'static str,
    pub args: Vec<String>,
    /// The text of `/proc/PID/cgroup`.
    pub cgroups: String,
    pub pid_ns: u32,
    pub ns_pid: u32,
}

impl Process {
    pub fn new(pid: u32, comm: &'static str) -> Self {
        Self {
            pid,
            ppid: 1,
            uid: 0,
            start_ticks: u64::from(pid) * 10,
            comm,
            args: vec![comm.to_owned()],
            cgroups: "0::/\n".to_owned(),
            pid_ns: 4_026_531_836,
            ns_pid: pid,
        }
    }

    /// The init of PID namespace `pid_ns`, in the cgroup.
    pub fn init(pid: u32, comm: &'static str, pid_ns: u32, cgroup: &str) -> Self {
        Self {
            pid_ns,
            ns_pid: 1,
            cgroups: format!("0::{cgroup}\n"),
            ..Self::new(pid, comm)
        }
    }

    pub fn child_of(self, ppid: u32) -> Self {
        Self { ppid, ..self }
    }

    pub fn args(self, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self { args, ..self }
    }

    pub fn uid(self, uid: u32) -> Self {
        Self { uid, ..self }
    }
}
