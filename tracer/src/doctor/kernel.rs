//! Checks of the kernel itself: its release, types, lockdown, JIT and build.

use crate::kernel::btf::{Btf, BtfError};

use super::{Check, Status, Text};

const GROUP: &str = "Kernel";

/// The oldest kernel with everything sigwhy needs: the BPF ring buffer and
/// CAP_BPF came with 5.8.
const OLDEST: (u32, u32) = (5, 8);

/// The tracepoint all of sigwhy is about.
const TRACEPOINT: &str = "signal_generate";

/// Major and minor version out of a release such as `6.18.44-fc` or `7.0-rc1`.
pub fn version(release: &str) -> Option<(u32, u32)> {
    let (major, rest) = release.split_once('.')?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    Some((major.parse().ok()?, rest[..digits].parse().ok()?))
}

pub fn release(release: &Text, arch: &str) -> Check {
    let check = |status, detail: String| Check::new(GROUP, "kernel", "kernel", status, detail);
    let Ok(release) = release else {
        return check(
            Status::Info,
            "release unknown: is /proc mounted?".to_owned(),
        );
    };
    let detail = format!("Linux {release} on {arch}");
    match version(release) {
        Some(version) if version < OLDEST => check(Status::Fail, detail).remedy(format!(
            "run Linux {}.{} or later: older ones have no BPF ring buffer",
            OLDEST.0, OLDEST.1
        )),
        _ if !matches!(arch, "x86_64" | "aarch64") => {
            check(Status::Warn, detail).remedy("none: sigwhy is only tested on x86_64 and aarch64")
        }
        Some(_) => check(Status::Ok, detail),
        None => check(Status::Info, detail),
    }
}

/// `is_given`: whether the user named the file.
pub fn btf(btf: Result<Btf, BtfError>, is_given: bool) -> Check {
    let check = |status, detail: String| Check::new(GROUP, "btf", "BTF", status, detail);
    match btf {
        Err(error) => check(Status::Fail, error.to_string()).remedy(match is_given {
            true => "leave --btf out, or give it the unpacked vmlinux of the running kernel",
            false => {
                "boot a kernel built with CONFIG_DEBUG_INFO_BTF=y (all current distributions' \
                 are), mount /sys, or give this kernel's types with --btf FILE"
            }
        }),
        Ok(btf) => match btf.tracepoint_params(TRACEPOINT) {
            None => check(
                Status::Fail,
                format!(
                    "{} types, but no tracepoint {TRACEPOINT} among them",
                    btf.type_count()
                ),
            )
            .remedy("boot a kernel with CONFIG_TRACEPOINTS=y, or give the right file with --btf"),
            Some(params) => check(
                Status::Ok,
                format!(
                    "{} types, {TRACEPOINT}({})",
                    btf.type_count(),
                    params.join(", ")
                ),
            ),
        },
    }
}

/// `text`: e.g. `none [integrity] confidentiality`, the mode in brackets;
/// `cmdline`: `/proc/cmdline`, a weaker witness where securityfs is not mounted,
/// as in most containers.
pub fn lockdown(text: &Text, cmdline: &str) -> Check {
    let check = |status, detail: String| Check::new(GROUP, "lockdown", "lockdown", status, detail);
    let words = cmdline.split_ascii_whitespace();
    let mode = match text {
        Ok(text) => bracketed(text),
        Err(_) => words
            .filter_map(|word| word.strip_prefix("lockdown="))
            .next_back(),
    };
    match mode {
        Some("none") => check(Status::Ok, "off".to_owned()),
        Some("integrity") => check(
            Status::Ok,
            "integrity: leaves reading for tracers allowed".to_owned(),
        ),
        Some("confidentiality") => check(
            Status::Fail,
            "confidentiality: the kernel refuses bpf_probe_read_kernel to everybody".to_owned(),
        )
        .remedy(
            "boot with lockdown=integrity or without lockdown=; it cannot be lowered while running",
        ),
        _ => check(
            Status::Info,
            match text {
                Ok(text) => format!("not understood: {text}"),
                Err(_) => "unknown: no /sys/kernel/security/lockdown (securityfs not mounted, or \
                           a kernel without lockdown)"
                    .to_owned(),
            },
        ),
    }
}

fn bracketed(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    Some(rest.split_once(']')?.0)
}

pub fn jit(text: &Text) -> Check {
    let check = |status, detail: &str| Check::new(GROUP, "jit", "BPF JIT", status, detail);
    match text.as_deref() {
        Ok("0") => check(
            Status::Warn,
            "off: programs are interpreted, and fentry cannot be used",
        )
        .remedy("sudo sysctl net.core.bpf_jit_enable=1"),
        Ok("1") => check(Status::Ok, "on"),
        Ok("2") => check(
            Status::Warn,
            "on, and writes every program to the kernel log",
        )
        .remedy("sudo sysctl net.core.bpf_jit_enable=1"),
        Ok(other) => check(Status::Info, &format!("not understood: {other}")),
        Err(_) => check(
            Status::Info,
            "unknown: no net.core.bpf_jit_enable (only the initial network namespace shows it)",
        ),
    }
}

/// The options sigwhy has a use for, and what for.
const OPTIONS: [(&str, &str); 7] = [
    ("BPF_SYSCALL", "needed"),
    ("BPF_EVENTS", "needed"),
    ("DEBUG_INFO_BTF", "needed"),
    ("BPF_JIT", "speed, fentry"),
    ("PID_NS", "containers"),
    ("KPROBES", "fallback hooks"),
    ("FUNCTION_TRACER", "fentry hooks"),
];

/// `text`: the kernel's configuration if it is a plain file; `packed`: whether
/// there is a compressed one.
pub fn config(text: Option<&str>, packed: bool) -> Check {
    let check = |detail: String| Check::new(GROUP, "config", "build options", Status::Info, detail);
    let Some(text) = text else {
        return check(
            match packed {
                true => "only packed: see zgrep -E 'BPF|KPROBES|FUNCTION_TRACER' /proc/config.gz",
                false => "unknown: no configuration in /boot (not needed)",
            }
            .to_owned(),
        );
    };
    let missing: Vec<_> = OPTIONS
        .iter()
        .filter(|(option, _)| !is_enabled(text, option))
        .map(|(option, purpose)| format!("CONFIG_{option} ({purpose})"))
        .collect();
    check(match missing.is_empty() {
        true => "everything sigwhy has a use for is built in".to_owned(),
        false => format!("not built in: {}", missing.join(", ")),
    })
}

fn is_enabled(config: &str, option: &str) -> bool {
    config.lines().any(|line| {
        let value = line
            .strip_prefix("CONFIG_")
            .and_then(|line| line.strip_prefix(option));
        value == Some("=y")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> Text {
        Ok(text.to_owned())
    }

    fn absent() -> Text {
        Err(std::io::ErrorKind::NotFound.into())
    }

    #[test]
    fn releases_of_distributions_have_a_version() {
        for (text, expected) in [
            ("6.18.44-fc-v769", Some((6, 18))),
            ("5.10.0-32-cloud-amd64", Some((5, 10))),
            ("7.0-rc1", Some((7, 0))),
            ("5.14.0-427.el9.x86_64", Some((5, 14))),
            ("6.6+", Some((6, 6))),
            ("", None),
            ("linux", None),
            ("6", None),
            ("6.x", None),
            ("99999999999.1", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }

    #[test]
    fn old_kernels_fail_and_foreign_machines_warn() {
        assert_eq!(
            release(&ok("5.4.0-200-generic"), "x86_64").status,
            Status::Fail
        );
        assert_eq!(
            release(&ok("4.18.0-553.el8"), "x86_64").status,
            Status::Fail
        );
        assert_eq!(release(&ok("5.8.0"), "aarch64").status, Status::Ok);
        assert_eq!(release(&ok("10.0.1"), "x86_64").status, Status::Ok);
        assert_eq!(release(&ok("6.12.1"), "riscv64").status, Status::Warn);
        assert_eq!(release(&ok("custom"), "x86_64").status, Status::Info);
    }

    #[test]
    fn lockdown_modes() {
        assert_eq!(
            lockdown(&ok("[none] integrity confidentiality"), "").status,
            Status::Ok
        );
        assert_eq!(
            lockdown(&ok("none [integrity] confidentiality"), "").status,
            Status::Ok
        );
        let refused = lockdown(&ok("none integrity [confidentiality]"), "");
        assert_eq!(refused.status, Status::Fail);
        assert!(
            refused
                .remedy
                .is_some_and(|remedy| remedy.contains("lockdown=integrity"))
        );
        assert_eq!(lockdown(&ok("none integrity"), "").status, Status::Info);
        assert_eq!(lockdown(&ok("]none["), "").status, Status::Info);
        assert_eq!(
            lockdown(&absent(), "root=/dev/vda quiet").status,
            Status::Info
        );
        let booted = "quiet lockdown=integrity lockdown=confidentiality";
        assert_eq!(lockdown(&absent(), booted).status, Status::Fail);
        assert_eq!(lockdown(&ok("[none] integrity"), booted).status, Status::Ok);
    }

    #[test]
    fn jit_values() {
        assert_eq!(jit(&ok("1")).status, Status::Ok);
        assert_eq!(jit(&ok("0")).status, Status::Warn);
        assert_eq!(jit(&ok("2")).status, Status::Warn);
        assert_eq!(jit(&absent()).status, Status::Info);
    }

    #[test]
    fn build_options_are_compared_whole() {
        let text = "CONFIG_BPF_SYSCALL=y\nCONFIG_BPF_EVENTS=y\nCONFIG_DEBUG_INFO_BTF_MODULES=y\n\
                    CONFIG_BPF_JIT=y\nCONFIG_PID_NS=y\n# CONFIG_KPROBES is not set\n\
                    CONFIG_FUNCTION_TRACER=y\n";
        let detail = config(Some(text), false).detail;
        assert!(
            detail.contains("CONFIG_DEBUG_INFO_BTF (needed)"),
            "{detail}"
        );
        assert!(detail.contains("CONFIG_KPROBES"), "{detail}");
        assert!(!detail.contains("CONFIG_BPF_JIT"), "{detail}");
        assert!(config(None, true).detail.contains("/proc/config.gz"));
        assert_eq!(config(None, false).status, Status::Info);
    }

    #[test]
    fn an_absent_btf_says_what_to_do() {
        let path = std::path::Path::new("/nonexistent/vmlinux");
        let check = btf(Btf::from_file(path), false);
        assert_eq!(check.status, Status::Fail);
        assert!(check.detail.contains("/nonexistent/vmlinux"));
        assert!(
            check
                .remedy
                .is_some_and(|remedy| remedy.contains("CONFIG_DEBUG_INFO_BTF"))
        );
    }
}
