//! What this machine lets sigwhy do, as a list of checks with remedies.
//!
//! [`environment`] reads files only: the kernel's settings, this process' rights
//! and where it runs. [`hooks`] has the loader try whether the hooks really load;
//! its checks join the same [`Report`]. Judging is in pure functions of what was
//! found, so that any machine's findings can be tested.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::container::{self, sockets};
use crate::kernel::btf::{self, Btf};
use crate::trouble::Trouble;

pub mod hooks;
mod kernel;
mod place;
mod privileges;
mod render;

pub use privileges::MAY_ONLY_TRACE;
pub use render::render;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Worth knowing, nothing to do.
    Info,
    /// Tracing works, but with less than it could have.
    Warn,
    /// Tracing cannot work.
    Fail,
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it belongs to, one of the headings of the text output. Checks of a
    /// group stand next to each other.
    pub group: &'static str,
    /// A stable name for programs, e.g. `lockdown`.
    pub id: &'static str,
    /// A few words for people.
    pub title: String,
    pub status: Status,
    /// What was found. May hold text from outside: the renderer escapes it.
    pub detail: String,
    /// What to do about it; `null` when there is nothing to do.
    pub remedy: Option<String>,
    /// What `sigwhy explain` calls the page about what has not come out well, where
    /// there is one. [`Report`] fills it in.
    pub page: Option<&'static str>,
}

impl Check {
    /// A check that needs no remedy yet.
    pub fn new(
        group: &'static str,
        id: &'static str,
        title: &str,
        status: Status,
        detail: impl Into<String>,
    ) -> Check {
        Check {
            group,
            id,
            title: title.to_owned(),
            status,
            detail: detail.into(),
            remedy: None,
            page: None,
        }
    }

    /// The same check with what to do about it.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Check {
        self.remedy = Some(remedy.into());
        self
    }
}

/// All checks and what follows from them. As JSON, one object.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Always `doctor`: tells this object from the records of a trace.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Version of sigwhy that looked.
    pub version: &'static str,
    /// Whether no check failed.
    pub can_trace: bool,
    /// The same as a sentence, with the titles of the checks that failed.
    pub verdict: String,
    pub checks: Vec<Check>,
    /// Every hook with every way to attach it; empty where none was looked at.
    pub hooks: Vec<hooks::HookReport>,
}

impl Report {
    /// The report on this machine.
    pub fn new(checks: Vec<Check>) -> Report {
        Report::about("this machine", checks)
    }

    /// The report on another place, such as a kernel known by its types only.
    pub fn about(place: &str, mut checks: Vec<Check>) -> Report {
        for check in &mut checks {
            if matches!(check.status, Status::Warn | Status::Fail) {
                check.page = Trouble::of_check(check.id).map(Trouble::id);
            }
        }
        let failed: Vec<&str> = checks
            .iter()
            .filter(|check| check.status == Status::Fail)
            .map(|check| check.title.as_str())
            .collect();
        let can_trace = failed.is_empty();
        Report {
            kind: "doctor",
            version: env!("CARGO_PKG_VERSION"),
            can_trace,
            verdict: if can_trace {
                format!("sigwhy can trace on {place}")
            } else {
                format!("sigwhy cannot trace on {place}: see {}", failed.join(", "))
            },
            checks,
            hooks: Vec::new(),
        }
    }

    /// The same report with the hooks one by one.
    pub fn with_hooks(mut self, hooks: Vec<hooks::HookReport>) -> Report {
        self.hooks = hooks;
        self
    }
}

/// Where to look.
#[derive(Debug)]
pub struct Options {
    /// BTF to use instead of the running kernel's.
    pub btf: Option<PathBuf>,
    /// The directory that holds `proc`, `sys` and `boot`; `/` but in tests.
    pub root: PathBuf,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            btf: None,
            root: PathBuf::from("/"),
        }
    }
}

/// Looks at the kernel, this process' rights and its surroundings. Needs no
/// rights itself, changes nothing, and takes a few milliseconds, most of it for
/// reading the kernel's types.
pub fn environment(options: &Options) -> Vec<Check> {
    let root = Root(&options.root);
    let release = root.read("proc/sys/kernel/osrelease");
    let version = release.as_deref().ok().and_then(kernel::version);
    let config = release.as_deref().ok().and_then(|release| {
        root.read(&format!("boot/config-{}", file_name(release)?))
            .ok()
    });
    let btf_path = match &options.btf {
        Some(path) => path.clone(),
        None => root.0.join(btf::VMLINUX.trim_start_matches('/')),
    };
    let mounts = root.read("proc/self/mounts").unwrap_or_default();
    let status = root.read("proc/self/status");
    let capabilities = status.as_deref().ok().and_then(privileges::effective);

    let mut checks = vec![
        kernel::release(&release, std::env::consts::ARCH),
        kernel::btf(Btf::from_file(&btf_path), options.btf.is_some()),
        kernel::lockdown(
            &root.read("sys/kernel/security/lockdown"),
            &root.read("proc/cmdline").unwrap_or_default(),
        ),
        kernel::jit(&root.read("proc/sys/net/core/bpf_jit_enable")),
        kernel::config(config.as_deref(), root.exists("proc/config.gz")),
        privileges::tracing(capabilities, version),
    ];
    checks.extend(privileges::memlock(capabilities, version));
    checks.extend([
        privileges::processes(capabilities),
        privileges::user_namespace(&root.link("proc/self/ns/user")),
        privileges::seccomp(status.as_deref().ok()),
        privileges::unprivileged_bpf(&root.read("proc/sys/kernel/unprivileged_bpf_disabled")),
        privileges::perf_paranoid(&root.read("proc/sys/kernel/perf_event_paranoid")),
        place::pid_namespace(&root.link("proc/self/ns/pid")),
        place::cgroups(&mounts, &root.read("proc/cgroups").unwrap_or_default()),
        place::tracefs(&mounts),
        place::pid_max(&root.read("proc/sys/kernel/pid_max")),
        place::sockets(&sockets::place::find(
            &container::Root::new(&options.root),
            &sockets::place::from_env(),
            None,
        )),
    ]);
    checks
}

/// What a file says, without the final newline, or why it could not be read.
type Text = io::Result<String>;

/// The directory everything is read below.
struct Root<'a>(&'a Path);

impl Root<'_> {
    fn read(&self, path: &str) -> Text {
        // Bytes, since a mount point may have any name.
        let bytes = std::fs::read(self.0.join(path))?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    fn link(&self, path: &str) -> Text {
        let target = std::fs::read_link(self.0.join(path))?;
        Ok(target.to_string_lossy().into_owned())
    }

    fn exists(&self, path: &str) -> bool {
        self.0.join(path).exists()
    }
}

/// The inode out of a link such as `pid:[4026531836]` in `/proc/PID/ns`.
fn namespace_inode(link: &str, kind: &str) -> Option<u64> {
    let rest = link.strip_prefix(kind)?.strip_prefix(":[")?;
    rest.strip_suffix(']')?.parse().ok()
}

/// `text` if it is the name of a file and nothing that leads elsewhere.
fn file_name(text: &str) -> Option<&str> {
    (!text.is_empty() && !text.contains(['/', '\0'])).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that goes away with the test.
    struct Scratch(PathBuf);

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn machine(name: &str, files: &[(&str, &str)]) -> Scratch {
        let root =
            std::env::temp_dir().join(format!("sigwhy-doctor-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().expect("paths here have one")).expect("writable");
            std::fs::write(path, text).expect("writable");
        }
        std::fs::create_dir_all(&root).expect("writable");
        Scratch(root)
    }

    fn status(checks: &[Check], id: &str) -> Option<Status> {
        checks
            .iter()
            .find(|check| check.id == id)
            .map(|check| check.status)
    }

    #[test]
    fn a_machine_without_any_file_cannot_trace_and_says_why() {
        let root = machine("empty", &[]);
        let checks = environment(&Options {
            btf: None,
            root: root.0.clone(),
        });
        assert_eq!(status(&checks, "btf"), Some(Status::Fail));
        // Not being able to look is no finding.
        for id in [
            "lockdown",
            "jit",
            "pid_namespace",
            "user_namespace",
            "perf_event_paranoid",
        ] {
            assert_eq!(status(&checks, id), Some(Status::Info), "{id}");
        }
        let report = Report::new(checks);
        assert!(!report.can_trace);
        assert!(report.verdict.contains("cannot trace") && report.verdict.contains("BTF"));
        assert!(
            report
                .checks
                .iter()
                .all(|c| c.status != Status::Fail || c.remedy.is_some())
        );
    }

    #[test]
    fn a_container_with_docker_s_default_rights() {
        let root = machine(
            "docker",
            &[
                ("proc/sys/kernel/osrelease", "5.10.0-32-amd64\n"),
                (
                    "proc/self/status",
                    "Name:\tsigwhy\nCapEff:\t00000000a80425fb\n",
                ),
                (
                    "boot/config-5.10.0-32-amd64",
                    "CONFIG_BPF_SYSCALL=y\n# CONFIG_KPROBES is not set\n",
                ),
                (
                    "sys/kernel/security/lockdown",
                    "none integrity [confidentiality]\n",
                ),
            ],
        );
        std::fs::create_dir_all(root.0.join("proc/self/ns")).expect("writable");
        for (name, inode) in [("pid", 4026532567_u64), ("user", 4026531837)] {
            let link = root.0.join("proc/self/ns").join(name);
            std::os::unix::fs::symlink(format!("{name}:[{inode}]"), link).expect("writable");
        }
        let checks = environment(&Options {
            btf: None,
            root: root.0.clone(),
        });
        assert_eq!(status(&checks, "kernel"), Some(Status::Ok));
        assert_eq!(status(&checks, "capabilities"), Some(Status::Fail));
        assert_eq!(status(&checks, "memlock"), Some(Status::Warn));
        assert_eq!(status(&checks, "processes"), Some(Status::Warn));
        assert_eq!(status(&checks, "user_namespace"), Some(Status::Ok));
        assert_eq!(status(&checks, "lockdown"), Some(Status::Fail));
        assert_eq!(status(&checks, "pid_namespace"), Some(Status::Warn));
        let config = checks
            .iter()
            .find(|check| check.id == "config")
            .expect("always there");
        assert!(config.detail.contains("KPROBES"), "{}", config.detail);
    }

    #[test]
    fn ids_are_unique_and_groups_are_together() {
        let checks = environment(&Options::default());
        let mut ids: Vec<_> = checks.iter().map(|check| check.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), checks.len());
        let mut groups: Vec<_> = checks.iter().map(|check| check.group).collect();
        groups.dedup();
        let with_repeats = groups.len();
        groups.sort_unstable();
        groups.dedup();
        assert_eq!(groups.len(), with_repeats);
    }

    #[test]
    fn json_has_null_for_no_remedy() {
        let well = Check::new("Kernel", "kernel", "kernel", Status::Ok, "x");
        let check = Check::new("Kernel", "btf", "BTF", Status::Warn, "x");
        let json = serde_json::to_value(Report::new(vec![check, well])).expect("it is plain data");
        assert_eq!(json["checks"][0]["page"], "no-btf");
        assert!(json["checks"][1]["page"].is_null());
        assert_eq!(json["type"], "doctor");
        assert_eq!(json["can_trace"], true);
        assert_eq!(json["checks"][0]["status"], "warn");
        assert!(json["checks"][0]["remedy"].is_null());
    }

    #[test]
    fn a_release_cannot_lead_out_of_boot() {
        assert_eq!(file_name("6.1.0-50-amd64"), Some("6.1.0-50-amd64"));
        assert_eq!(file_name("../../etc/passwd"), None);
        assert_eq!(file_name(""), None);
    }
}
