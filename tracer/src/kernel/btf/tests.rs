//! Hand-built BTF, the running kernel's, and damaged copies of both.

use super::*;
use blob::{Blob, sample};

pub(crate) mod blob;
mod damage;

#[test]
fn finds_members_through_anonymous_and_qualified_types() {
    let btf = sample().parse();
    assert_eq!(btf.member_offset("task", "pid"), Some(0));
    assert_eq!(btf.member_offset("task", "si_code"), Some(16));
    assert_eq!(btf.member_offset("task", "_pad"), Some(8));
    assert_eq!(btf.member_offset("task", "blocked"), Some(24));
    assert_eq!(btf.member_offset("task", "blocked.sig"), Some(24));
    assert_eq!(btf.member_offset("sigset_t", "sig"), Some(0));
    assert_eq!(btf.member_offset("old_sigset_t", "sig"), Some(0));
    for (name, path) in [
        ("task", "info.si_code"),
        ("task", "comm.x"),
        ("task", "pid.x"),
        ("task", ""),
        ("task", "blocked."),
        ("task", ".pid"),
        ("task", "pi"),
        ("task", "pid2"),
        ("tas", "pid"),
        ("int", "pid"),
        ("", "sig"),
        ("task\0", "pid"),
    ] {
        assert_eq!(btf.member_offset(name, path), None, "{name:?}.{path:?}");
    }
}

#[test]
fn tells_sizes_and_array_lengths() {
    let btf = sample().parse();
    assert_eq!(btf.size_of("task"), Some(64));
    assert_eq!(btf.size_of("sigset_t"), Some(64));
    assert_eq!(btf.size_of("nothing"), None);
    assert_eq!(btf.member_array_len("task", "comm"), Some(16));
    assert_eq!(btf.member_array_len("task", "numbers"), Some(0));
    assert_eq!(btf.member_array_len("task", "pid"), None);
    assert_eq!(btf.member_size("task", "comm"), Some(64));
    assert_eq!(btf.member_size("task", "info"), Some(8));
    assert_eq!(btf.member_size("task", "pid"), Some(4));
    assert_eq!(btf.member_size("flags", "one"), None);
}

#[test]
fn reads_both_encodings_of_bitfields() {
    let btf = sample().parse();
    let place = |name, path| {
        let Bitfield {
            offset,
            shift,
            bits,
        } = btf.bitfield(name, path)?;
        Some((offset, shift, bits))
    };
    assert_eq!(place("flags", "one"), Some((4, 0, 1)));
    assert_eq!(place("flags", "three"), Some((4, 5, 3)));
    assert_eq!(place("flags", "whole_byte"), Some((6, 0, 8)));
    assert_eq!(place("flags", "plain"), Some((0, 0, 32)));
    assert_eq!(place("old_flags", "five"), Some((4, 2, 5)));
    assert_eq!(place("task", "comm"), None);
    // A bitfield has no byte offset, even where it starts on a byte.
    assert_eq!(btf.member_offset("flags", "one"), None);
    assert_eq!(btf.member_offset("old_flags", "five"), None);
    assert_eq!(btf.member_offset("flags", "whole_byte"), Some(6));
    assert_eq!(btf.member_offset("old_flags", "set"), Some(8));
}

#[test]
fn reads_enums_of_both_widths() {
    let btf = sample().parse();
    assert_eq!(btf.enum_value("pid_type", "PIDTYPE_PID"), Some(-1));
    assert_eq!(btf.enum_value("pid_type", "PIDTYPE_TGID"), Some(1));
    assert_eq!(btf.enum_value("wide", "BIG"), Some(0x1_0000_0005));
    assert_eq!(btf.enum_value("wide", "NEG"), Some(-1));
    assert_eq!(btf.enum_value("wide", "NONE"), None);
    assert_eq!(btf.enum_value("task", "pid"), None);
}

#[test]
fn describes_functions_and_tracepoints() {
    let btf = sample().parse();
    assert_eq!(btf.function_params("prepare_signal"), Some(3));
    assert_eq!(btf.function_returns_void("prepare_signal"), Some(false));
    assert_eq!(btf.function_params("printk"), Some(1));
    assert_eq!(btf.function_returns_void("printk"), Some(true));
    assert_eq!(btf.function_params("task"), None);
    let params = btf
        .tracepoint_params("signal_generate")
        .expect("it is there");
    assert_eq!(
        params,
        [
            "int",
            "struct task_struct *",
            "bool",
            "const char *",
            "const char * const",
            "void (*)(...)",
            "int (*)[16]",
            "void *",
        ]
    );
    assert_eq!(btf.tracepoint_params("signal"), None);
}

#[test]
fn disagreeing_definitions_have_no_answer() {
    let mut b = Blob::default();
    let int = b.int("int", 4);
    b.composite(
        kind::STRUCT,
        false,
        "ns",
        &[("level", int, 64), ("same", int, 0)],
    );
    b.composite(
        kind::STRUCT,
        false,
        "ns",
        &[("level", int, 96), ("same", int, 0)],
    );
    b.composite(kind::STRUCT, false, "ns", &[("other", int, 32)]);
    let btf = b.parse();
    assert_eq!(btf.member_offset("ns", "level"), None);
    assert_eq!(btf.member_offset("ns", "same"), Some(0));
    assert_eq!(btf.member_offset("ns", "other"), Some(4));
}

#[test]
fn an_unknown_kind_is_named_or_skipped_by_the_layout() {
    let mut b = Blob::default();
    let int = b.int("int", 4);
    b.add(20, false, 2, "", 0, &[7, 8, 9]);
    b.composite(kind::STRUCT, false, "after", &[("x", int, 32)]);
    let error = Btf::parse(b.bytes())
        .err()
        .expect("kind 20 is unknown")
        .to_string();
    assert!(
        error.contains("unknown kind 20") && error.contains("type 2"),
        "{error}"
    );
    // 20 entries of no matter, then: 4 bytes once and 4 for each of vlen.
    let mut layout = vec![0; 20 * 4];
    layout.extend([4, 4, 0, 0]);
    let btf = Btf::parse(b.bytes_with_layout(&layout)).expect("the layout tells the size");
    assert_eq!(btf.member_offset("after", "x"), Some(4));
}

#[test]
fn a_name_hashes_alike_in_the_file_and_in_a_question() {
    let text = "a_name_of_twenty_six_bytes";
    for len in 0..=text.len() {
        let (name, rest) = text.split_at(len);
        let in_file = format!("{name}\0{rest}\0");
        assert_eq!(hash(name.as_bytes()), hash(in_file.as_bytes()), "{name}");
        assert_eq!(
            hash(name.as_bytes()),
            hash(format!("{name}\0").as_bytes()),
            "{name}"
        );
    }
    assert_ne!(hash(b"task_struct"), hash(b"task_struct_"));
}

#[test]
fn cycles_and_multiplying_structs_end() {
    let mut b = Blob::default();
    b.add(kind::TYPEDEF, false, 0, "loop", 2, &[]);
    b.add(kind::CONST, false, 0, "", 1, &[]);
    // Each struct holds the next one 40 times: 40^50 members if followed.
    for id in 3..53 {
        let members = vec![("", id + 1, 0); 40];
        b.composite(
            kind::STRUCT,
            false,
            if id == 3 { "bomb" } else { "" },
            &members,
        );
    }
    b.add(kind::ARRAY, false, 0, "", 0, &[53, 1, 1]);
    b.composite(kind::STRUCT, false, "arrays", &[("a", 53, 0)]);
    let btf = b.parse();
    assert_eq!(btf.size_of("loop"), None);
    assert_eq!(btf.member_offset("bomb", "x"), None);
    assert_eq!(btf.member_size("arrays", "a"), None);
}

#[test]
fn says_what_a_file_is_instead() {
    let text = |bytes: &[u8]| {
        Btf::parse(bytes.to_vec())
            .err()
            .expect("no BTF")
            .to_string()
    };
    assert!(text(b"").contains("empty"));
    assert!(text(b"\x1f\x8b\x08").contains("gzip"));
    assert!(text(&[&b"MZ"[..], &[0; 60]].concat()).contains("extract-vmlinux"));
    assert!(text(&[b'x'; 100]).contains("magic"));
    let mut swapped = sample().bytes();
    swapped.swap(0, 1);
    assert!(text(&swapped).contains("byte order"));
    let missing = Btf::from_file(Path::new("/nonexistent\u{1b}/btf"))
        .err()
        .expect("absent");
    let missing = missing.to_string();
    assert!(
        missing.contains("--btf FILE") && !missing.contains('\u{1b}'),
        "{missing}"
    );
    let endless = Btf::from_file(Path::new("/dev/zero"))
        .err()
        .expect("no BTF");
    assert!(endless.to_string().contains("magic"), "{endless}");
    let directory = Btf::from_file(Path::new("/"))
        .err()
        .expect("no file")
        .to_string();
    assert!(directory.contains("cannot read it"), "{directory}");
}

#[test]
fn the_running_kernel() {
    let path = Path::new(VMLINUX);
    if !path.exists() {
        return;
    }
    let btf = Btf::from_file(path).expect("the kernel's own BTF is sound");
    let offset = |name, path| btf.member_offset(name, path);
    let pid = offset("task_struct", "pid").expect("every kernel has it");
    assert_eq!(offset("task_struct", "tgid"), Some(pid + 4));
    assert_eq!(btf.member_array_len("task_struct", "comm"), Some(16));
    assert_eq!(offset("kernel_siginfo", "si_signo"), Some(0));
    assert_eq!(offset("kernel_siginfo", "si_code"), Some(8));
    assert_eq!(offset("sigaction", "sa_handler"), Some(0));
    assert_eq!(btf.size_of("k_sigaction"), Some(32));
    assert_eq!(btf.size_of("upid"), Some(16));
    let thread_pid = offset("task_struct", "thread_pid");
    assert!(thread_pid.is_some_and(|at| at + 8 <= btf.size_of("task_struct").unwrap_or(0)));
    assert!(
        btf.member_array_len("pid", "numbers")
            .is_some_and(|len| len <= 1)
    );
    assert_eq!(
        btf.bitfield("task_struct", "frozen")
            .map(|field| field.bits),
        Some(1)
    );
    assert_eq!(btf.enum_value("pid_type", "PIDTYPE_PID"), Some(0));
    assert_eq!(
        btf.tracepoint_params("signal_generate")
            .expect("sigwhy is about it"),
        [
            "int",
            "struct kernel_siginfo *",
            "struct task_struct *",
            "int",
            "int"
        ]
    );
    assert!(
        btf.function_params("zap_pid_ns_processes")
            .is_none_or(|n| n == 1)
    );
    assert_eq!(btf.function_params("no_such_function_"), None);
}

/// What another reader found in the BTF of one known kernel.
#[test]
fn a_known_kernel() {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    if !release.starts_with("6.18.44-fc") || !Path::new(VMLINUX).exists() {
        return;
    }
    let btf = Btf::from_file(Path::new(VMLINUX)).expect("the kernel's own BTF is sound");
    for (name, path, offset) in [
        ("task_struct", "__state", 24),
        ("task_struct", "exit_state", 1160),
        ("task_struct", "pid", 1264),
        ("task_struct", "thread_pid", 1368),
        ("task_struct", "start_boottime", 1560),
        ("task_struct", "comm", 1752),
        ("task_struct", "signal", 1848),
        ("task_struct", "real_blocked", 1872),
        ("task_struct", "pending", 1888),
        ("signal_struct", "shared_pending", 64),
        ("signal_struct", "core_state", 120),
        ("sighand_struct", "action", 32),
        ("pid", "numbers", 144),
        ("pid_namespace", "ns.inum", 136),
        ("pid_namespace", "level", 64),
        ("ns_common", "ns_id", 32),
    ] {
        assert_eq!(btf.member_offset(name, path), Some(offset), "{name}.{path}");
    }
    assert_eq!(btf.member_offset("task_struct", "state"), None);
    let frozen = btf.bitfield("task_struct", "frozen");
    assert_eq!(
        frozen,
        Some(Bitfield {
            offset: 1193,
            shift: 4,
            bits: 1
        })
    );
}
