//! Hand-built BTF, the running kernel's, and damaged copies of both.

use super::*;

/// Builds BTF by hand: each method adds one type and returns its id.
#[derive(Default)]
struct Blob {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl Blob {
    fn text(&mut self, text: &str) -> u32 {
        if self.strings.is_empty() {
            self.strings.push(0);
        }
        if text.is_empty() {
            return 0;
        }
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        at
    }

    fn add(&mut self, kind: u8, flag: bool, vlen: u32, name: &str, size: u32, data: &[u32]) -> u32 {
        let name = self.text(name);
        let info = u32::from(flag) << 31 | u32::from(kind) << 24 | vlen;
        for word in [name, info, size].iter().chain(data) {
            self.types.extend_from_slice(&word.to_ne_bytes());
        }
        self.count += 1;
        self.count
    }

    fn int(&mut self, name: &str, size: u32) -> u32 {
        self.add(kind::INT, false, 0, name, size, &[size * 8])
    }

    /// `members`: name, type, and the member's raw `offset` word.
    fn composite(&mut self, kind: u8, flag: bool, name: &str, members: &[(&str, u32, u32)]) -> u32 {
        let mut data = Vec::new();
        for (name, type_id, offset) in members {
            data.extend([self.text(name), *type_id, *offset]);
        }
        self.add(kind, flag, members.len() as u32, name, 64, &data)
    }

    fn proto(&mut self, returns: u32, params: &[(&str, u32)]) -> u32 {
        let mut data = Vec::new();
        for (name, type_id) in params {
            data.extend([self.text(name), *type_id]);
        }
        self.add(
            kind::FUNC_PROTO,
            false,
            params.len() as u32,
            "",
            returns,
            &data,
        )
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes_with_layout(&[])
    }

    fn bytes_with_layout(&self, layout: &[u8]) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut header = vec![0, types, types, strings];
        if !layout.is_empty() {
            header.extend([types + strings, layout.len() as u32]);
        }
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        bytes.extend((8 + 4 * header.len() as u32).to_ne_bytes());
        bytes.extend(header.iter().flat_map(|word| word.to_ne_bytes()));
        bytes.extend_from_slice(&self.types);
        bytes.extend_from_slice(&self.strings);
        bytes.extend_from_slice(layout);
        bytes
    }

    fn parse(&self) -> Btf {
        Btf::parse(self.bytes()).expect("hand-built BTF is sound")
    }
}

/// One blob with most of what a kernel's BTF has.
fn sample() -> Blob {
    let mut b = Blob::default();
    let int = b.int("int", 4);
    let long = b.int("long", 8);
    let bool_ = b.int("bool", 1);
    let sigset = b.composite(kind::STRUCT, false, "", &[("sig", long, 0)]);
    let sigset_t = b.add(kind::TYPEDEF, false, 0, "sigset_t", sigset, &[]);
    let const_set = b.add(kind::CONST, false, 0, "", sigset_t, &[]);
    let volatile_set = b.add(kind::VOLATILE, false, 0, "", const_set, &[]);
    let tagged = b.add(kind::TYPE_TAG, false, 0, "rcu", volatile_set, &[]);
    b.add(kind::TYPEDEF, false, 0, "old_sigset_t", tagged, &[]);

    b.add(kind::FWD, false, 0, "task", 0, &[]);
    let leaf = b.composite(
        kind::STRUCT,
        false,
        "",
        &[("si_signo", int, 0), ("si_code", int, 64)],
    );
    let anonymous = b.composite(kind::UNION, false, "", &[("", leaf, 0), ("_pad", long, 0)]);
    let pointer = b.add(kind::PTR, false, 0, "", leaf, &[]);
    let array = b.add(kind::ARRAY, false, 0, "", 0, &[int, int, 16]);
    let flexible = b.add(kind::ARRAY, false, 0, "", 0, &[long, int, 0]);
    b.composite(
        kind::STRUCT,
        false,
        "task",
        &[
            ("pid", int, 0),
            ("", anonymous, 64),
            ("blocked", tagged, 192),
            ("info", pointer, 256),
            ("comm", array, 320),
            ("numbers", flexible, 832),
        ],
    );
    b.composite(
        kind::STRUCT,
        true,
        "flags",
        &[
            ("plain", int, 0),
            ("one", int, 1 << 24 | 32),
            ("three", int, 3 << 24 | 37),
            ("whole_byte", bool_, 48),
        ],
    );
    // The older encoding: an INT that says which of its bits it is.
    let narrow = b.add(kind::INT, false, 0, "unsigned", 4, &[2 << 16 | 5]);
    b.composite(
        kind::STRUCT,
        false,
        "old_flags",
        &[("five", narrow, 32), ("set", int, 64)],
    );

    let names = ["PIDTYPE_PID", "PIDTYPE_TGID"].map(|name| b.text(name));
    b.add(
        kind::ENUM,
        true,
        2,
        "pid_type",
        4,
        &[names[0], u32::MAX, names[1], 1],
    );
    let names = ["BIG", "NEG"].map(|name| b.text(name));
    let words = [names[0], 5, 1, names[1], u32::MAX, u32::MAX];
    b.add(kind::ENUM64, true, 2, "wide", 8, &words);

    let task = b.add(kind::FWD, false, 0, "task_struct", 0, &[]);
    let task_ptr = b.add(kind::PTR, false, 0, "", task, &[]);
    let data = b.add(kind::PTR, false, 0, "", 0, &[]);
    let char = b.int("char", 1);
    let const_char = b.add(kind::CONST, false, 0, "", char, &[]);
    let text = b.add(kind::PTR, false, 0, "", const_char, &[]);
    let const_text = b.add(kind::CONST, false, 0, "", text, &[]);
    let callback = b.proto(0, &[("x", int)]);
    let callback_ptr = b.add(kind::PTR, false, 0, "", callback, &[]);
    let array_ptr = b.add(kind::PTR, false, 0, "", array, &[]);
    let params = [
        ("__data", data),
        ("sig", int),
        ("task", task_ptr),
        ("group", bool_),
        ("path", text),
        ("name", const_text),
        ("fn", callback_ptr),
        ("buf", array_ptr),
        ("any", data),
    ];
    let proto = b.proto(0, &params);
    let proto_ptr = b.add(kind::PTR, false, 0, "", proto, &[]);
    b.add(
        kind::TYPEDEF,
        false,
        0,
        "btf_trace_signal_generate",
        proto_ptr,
        &[],
    );
    let proto = b.proto(int, &[("sig", int), ("p", task_ptr), ("force", bool_)]);
    b.add(kind::FUNC, false, 0, "prepare_signal", proto, &[]);
    let variadic = b.proto(0, &[("fmt", text), ("", 0)]);
    let printk = b.add(kind::FUNC, false, 1, "printk", variadic, &[]);
    b.add(kind::DECL_TAG, false, 0, "bpf_kfunc", printk, &[u32::MAX]);
    b.add(kind::VAR, false, 0, "jiffies", long, &[1]);
    b.add(kind::DATASEC, false, 1, ".data", 8, &[1, 0, 8]);
    b.add(kind::FLOAT, false, 0, "double", 8, &[]);
    b.add(kind::RESTRICT, false, 0, "", text, &[]);
    b
}

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
    let directory = Btf::from_file(Path::new("/"))
        .err()
        .expect("no file")
        .to_string();
    assert!(directory.contains("cannot read it"), "{directory}");
}

#[test]
fn takes_the_section_of_an_elf_file() {
    let btf = sample().bytes();
    let elf = elf_file(&btf);
    let path = std::env::temp_dir().join(format!("sigwhy-btf-{}", std::process::id()));
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).expect("the temporary directory is writable");
        Btf::from_file(&path)
    };
    let whole = read(&elf).expect("it has a .BTF section");
    assert_eq!(whole.member_offset("task", "si_code"), Some(16));
    assert_eq!(
        read(&btf).expect("raw").member_offset("task", "pid"),
        Some(0)
    );
    for len in 0..elf.len() {
        // Cut anywhere, the last section header is gone.
        assert!(read(&elf[..len]).is_err(), "{len}");
    }
    let mut random = Random(1);
    for _ in 0..500 {
        let mut damaged = elf.clone();
        damage(&mut damaged, &mut random);
        if let Ok(btf) = read(&damaged) {
            ask_everything(&btf);
        }
    }
    std::fs::remove_file(&path).expect("it was written above");
}

/// Header, `.BTF`, names, then three section headers.
fn elf_file(btf: &[u8]) -> Vec<u8> {
    let names = b"\0.BTF\0.shstrtab\0";
    let names_at = 64 + btf.len() as u64;
    let table = names_at + names.len() as u64;
    let mut elf = vec![0; 64];
    elf[..4].copy_from_slice(elf::MAGIC);
    elf[4] = 2;
    elf[5] = if cfg!(target_endian = "little") { 1 } else { 2 };
    elf[40..48].copy_from_slice(&table.to_ne_bytes());
    for (at, half) in [(58, 64_u16), (60, 3), (62, 2)] {
        elf[at..at + 2].copy_from_slice(&half.to_ne_bytes());
    }
    elf.extend_from_slice(btf);
    elf.extend_from_slice(names);
    for (name, at, len) in [
        (0, 0, 0),
        (1_u32, 64, btf.len() as u64),
        (6, names_at, names.len() as u64),
    ] {
        let mut section = [0; 64];
        section[..4].copy_from_slice(&name.to_ne_bytes());
        section[4..8].copy_from_slice(&1_u32.to_ne_bytes());
        section[24..32].copy_from_slice(&u64::to_ne_bytes(at));
        section[32..40].copy_from_slice(&len.to_ne_bytes());
        elf.extend_from_slice(&section);
    }
    elf
}

/// A small generator (xorshift64), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// Overwrites a few bytes, or cuts the end off.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    if random.below(4) == 0 {
        bytes.truncate(random.below(bytes.len()));
    }
    for _ in 0..random.below(8) {
        let at = random.below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = random.below(256) as u8;
        }
    }
}

fn ask_everything(btf: &Btf) {
    for name in [
        "task",
        "flags",
        "old_flags",
        "sigset_t",
        "task_struct",
        "pid",
        "pid_type",
    ] {
        for path in [
            "si_code",
            "blocked.sig",
            "one",
            "five",
            "numbers",
            "frozen",
            "comm",
        ] {
            let _ = btf.member_offset(name, path);
            let _ = btf.member_size(name, path);
            let _ = btf.member_array_len(name, path);
            let _ = btf.bitfield(name, path);
        }
        let _ = btf.size_of(name);
        let _ = btf.enum_value(name, "PIDTYPE_TGID");
    }
    for name in ["signal_generate", "sched_process_exit"] {
        let _ = btf.tracepoint_params(name);
    }
    for name in ["prepare_signal", "printk", "do_exit"] {
        let _ = btf.function_params(name);
        let _ = btf.function_returns_void(name);
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let sound = sample().bytes();
    for len in 0..sound.len() {
        assert!(Btf::parse(sound[..len].to_vec()).is_err(), "cut to {len}");
    }
    let mut random = Random(0x5eed);
    let mut parsed = 0;
    for _ in 0..5000 {
        let mut damaged = sound.clone();
        damage(&mut damaged, &mut random);
        if let Ok(btf) = Btf::parse(damaged) {
            ask_everything(&btf);
            parsed += 1;
        }
    }
    // Otherwise the lookups were hardly tried.
    assert!(parsed > 500, "{parsed}");
}

#[test]
fn the_running_kernel_damaged() {
    let Ok(sound) = std::fs::read(VMLINUX) else {
        return;
    };
    let mut random = Random(7);
    for _ in 0..24 {
        let mut damaged = sound.clone();
        damage(&mut damaged, &mut random);
        if let Ok(btf) = Btf::parse(damaged) {
            ask_everything(&btf);
        }
    }
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
