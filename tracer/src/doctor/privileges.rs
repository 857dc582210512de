//! Checks of what this process may do: capabilities, user namespace, sysctls.
//!
//! Capability numbers: `include/uapi/linux/capability.h`.

use super::{Check, Status, Text, namespace_inode};

const GROUP: &str = "Rights";

const CAP_SYS_PTRACE: u32 = 19;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SYS_RESOURCE: u32 = 24;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// What is said of who may trace, and no more: make no PID namespace, for instance.
pub const MAY_ONLY_TRACE: &str = "CAP_BPF and CAP_PERFMON, enough to load and attach programs";

/// A set of capabilities, one bit for each, as `/proc/PID/status` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(u64);

impl Capabilities {
    fn has(self, capability: u32) -> bool {
        self.0 >> capability & 1 != 0
    }
}

/// The effective set out of `/proc/self/status`.
pub fn effective(status: &str) -> Option<Capabilities> {
    let text = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(text.trim(), 16).ok().map(Capabilities)
}

/// Whether programs may be loaded and attached.
pub fn tracing(have: Option<Capabilities>, kernel: Option<(u32, u32)>) -> Check {
    let check =
        |status, detail: String| Check::new(GROUP, "capabilities", "capabilities", status, detail);
    let Some(have) = have else {
        return check(
            Status::Info,
            "unknown: no CapEff in /proc/self/status".to_owned(),
        );
    };
    // CAP_BPF and CAP_PERFMON were split off CAP_SYS_ADMIN in 5.8.
    let is_split = kernel.is_none_or(|version| version >= (5, 8));
    if have.has(CAP_SYS_ADMIN) {
        return check(
            Status::Ok,
            "CAP_SYS_ADMIN, enough to load and attach programs".to_owned(),
        );
    }
    if !is_split {
        return check(Status::Fail, "CAP_SYS_ADMIN is missing".to_owned())
            .remedy("run it with sudo: before Linux 5.8 there is no smaller right");
    }
    let missing: Vec<_> = [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]
        .into_iter()
        .filter(|(capability, _)| !have.has(*capability))
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() {
        return check(Status::Ok, MAY_ONLY_TRACE.to_owned());
    }
    let verb = if missing.len() == 1 { "is" } else { "are" };
    check(
        Status::Fail,
        format!(
            "{} {verb} missing: may not load tracing programs",
            missing.join(" and ")
        ),
    )
    .remedy(
        "run it with sudo; or once: sudo setcap cap_bpf,cap_perfmon,cap_sys_ptrace+ep SIGWHY; \
         or: docker run --cap-add BPF --cap-add PERFMON --cap-add SYS_PTRACE",
    )
}

/// Whether the memory of maps is held against RLIMIT_MEMLOCK: only before 5.11,
/// and only worth a line when the limit cannot be raised.
pub fn memlock(have: Option<Capabilities>, kernel: Option<(u32, u32)>) -> Option<Check> {
    let is_charged = kernel.is_some_and(|version| version < (5, 11));
    (is_charged && !have?.has(CAP_SYS_RESOURCE)).then(|| {
        Check::new(
            GROUP,
            "memlock",
            "locked memory",
            Status::Warn,
            "CAP_SYS_RESOURCE is missing: before Linux 5.11 maps count against RLIMIT_MEMLOCK",
        )
        .remedy("run it with sudo, or raise the limit first: ulimit -l unlimited")
    })
}

/// Whether other users' processes may be looked at.
pub fn processes(have: Option<Capabilities>) -> Check {
    let check =
        |status, detail: &str| Check::new(GROUP, "processes", "other processes", status, detail);
    match have {
        None => check(Status::Info, "unknown: no CapEff in /proc/self/status"),
        Some(have) if have.has(CAP_SYS_PTRACE) => check(
            Status::Ok,
            "CAP_SYS_PTRACE: may read every process' /proc files",
        ),
        Some(_) => check(
            Status::Warn,
            "CAP_SYS_PTRACE is missing: namespaces and programs of other users' processes stay \
             unknown",
        )
        .remedy("run it with sudo, or add cap_sys_ptrace (docker run --cap-add SYS_PTRACE)"),
    }
}

/// The inode of the initial user namespace, `PROC_USER_INIT_INO` in the kernel's
/// `include/linux/proc_ns.h`.
const INITIAL_USER_NS: u64 = 0xeffffffd;

/// `link`: of `/proc/self/ns/user`, e.g. `user:[4026531837]`. BPF asks for rights
/// over the whole machine, and those of root in a user namespace are not.
pub fn user_namespace(link: &Text) -> Check {
    let check = |status, detail: &str| {
        Check::new(GROUP, "user_namespace", "user namespace", status, detail)
    };
    match link
        .as_deref()
        .ok()
        .and_then(|link| namespace_inode(link, "user"))
    {
        None => check(Status::Info, "unknown: no /proc/self/ns/user"),
        Some(INITIAL_USER_NS) => check(Status::Ok, "the machine's own"),
        Some(_) => check(
            Status::Fail,
            "not the machine's own: capabilities in it do not count for BPF",
        )
        .remedy("run it outside of the rootless or user-namespaced container, with sudo"),
    }
}

/// `status`: `/proc/self/status`. A filter may refuse bpf(2) whatever the rights.
pub fn seccomp(status: Option<&str>) -> Check {
    let mode = status
        .and_then(|text| text.lines().find_map(|line| line.strip_prefix("Seccomp:")))
        .map(str::trim);
    let detail = match mode {
        Some("0") => "no filter",
        Some("2") => {
            "a filter is active: if loading is refused in spite of the rights above, allow bpf(2) \
             in it (docker run --security-opt seccomp=unconfined)"
        }
        Some(_) => "not understood",
        None => "unknown: no Seccomp in /proc/self/status",
    };
    Check::new(GROUP, "seccomp", "seccomp", Status::Info, detail)
}

pub fn unprivileged_bpf(text: &Text) -> Check {
    let detail = match text.as_deref() {
        Ok("0") => "0: anyone may load some programs; tracing still needs the rights above",
        Ok("1") => "1: only with the rights above, until the next boot",
        Ok("2") => "2: only with the rights above",
        Ok(_) => "not understood",
        Err(_) => "unknown: no kernel.unprivileged_bpf_disabled",
    };
    Check::new(
        GROUP,
        "unprivileged_bpf_disabled",
        "unprivileged BPF",
        Status::Info,
        detail,
    )
}

pub fn perf_paranoid(text: &Text) -> Check {
    let detail = match text.as_deref() {
        Ok(value) => format!("{value}: does not bind a process with CAP_PERFMON"),
        Err(_) => "unknown: no kernel.perf_event_paranoid".to_owned(),
    };
    Check::new(
        GROUP,
        "perf_event_paranoid",
        "perf_event_paranoid",
        Status::Info,
        detail,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Option<Capabilities> = Some(Capabilities(0x1ff_ffff_ffff));
    const DOCKER: Option<Capabilities> = Some(Capabilities(0xa804_25fb));
    const NONE: Option<Capabilities> = Some(Capabilities(0));
    const NEW: Option<(u32, u32)> = Some((6, 12));

    fn status(text: &str) -> String {
        format!("Name:\tsigwhy\nCapPrm:\t0000000000000001\n{text}\nCapBnd:\t000001ffffffffff\n")
    }

    #[test]
    fn reads_the_effective_set() {
        assert_eq!(effective(&status("CapEff:\t000001ffffffffff")), ROOT);
        assert_eq!(effective(&status("CapEff:\t00000000a80425fb")), DOCKER);
        assert_eq!(effective(&status("CapEff:\t0000000000000000")), NONE);
        assert_eq!(effective(&status("CapEff:\tnonsense")), None);
        assert_eq!(effective(""), None);
    }

    #[test]
    fn loading_takes_admin_or_bpf_with_perfmon() {
        assert_eq!(tracing(ROOT, NEW).status, Status::Ok);
        let refused = tracing(DOCKER, NEW);
        assert_eq!(refused.status, Status::Fail);
        assert!(
            refused
                .detail
                .contains("CAP_BPF and CAP_PERFMON are missing")
        );
        assert!(refused.remedy.is_some_and(|remedy| remedy.contains("sudo")));
        assert_eq!(tracing(NONE, NEW).status, Status::Fail);
        assert_eq!(tracing(None, NEW).status, Status::Info);

        let only_bpf = Capabilities(1 << CAP_BPF);
        let both = Capabilities(1 << CAP_BPF | 1 << CAP_PERFMON);
        assert!(
            tracing(Some(only_bpf), NEW)
                .detail
                .starts_with("CAP_PERFMON is missing")
        );
        assert_eq!(tracing(Some(both), NEW).status, Status::Ok);
        assert_eq!(tracing(Some(both), Some((5, 7))).status, Status::Fail);
        assert_eq!(
            tracing(Some(Capabilities(1 << CAP_SYS_ADMIN)), NEW).status,
            Status::Ok
        );
    }

    #[test]
    fn locked_memory_matters_before_5_11_only() {
        assert!(memlock(DOCKER, Some((5, 10))).is_some());
        assert!(memlock(ROOT, Some((5, 10))).is_none());
        assert!(memlock(DOCKER, Some((5, 11))).is_none());
        assert!(memlock(None, Some((5, 10))).is_none());
        assert!(memlock(DOCKER, None).is_none());
    }

    #[test]
    fn other_processes_take_ptrace() {
        assert_eq!(processes(ROOT).status, Status::Ok);
        assert_eq!(processes(DOCKER).status, Status::Warn);
    }

    #[test]
    fn only_the_initial_user_namespace_counts() {
        let of = |link: &str| user_namespace(&Ok(link.to_owned())).status;
        assert_eq!(of("user:[4026531837]"), Status::Ok);
        assert_eq!(of("user:[4026532281]"), Status::Fail);
        assert_eq!(of("pid:[4026531837]"), Status::Info);
    }

    #[test]
    fn a_seccomp_filter_is_a_hint_only() {
        let of = |mode: &str| seccomp(Some(&status(mode)));
        assert_eq!(of("Seccomp:\t0\nSeccomp_filters:\t0").detail, "no filter");
        let filtered = of("Seccomp:\t2\nSeccomp_filters:\t1");
        assert!(filtered.detail.contains("seccomp=unconfined"));
        assert_eq!(filtered.status, Status::Info);
        assert!(seccomp(None).detail.starts_with("unknown"));
    }
}
