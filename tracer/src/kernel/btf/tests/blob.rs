//! BTF made by hand.

use crate::kernel::btf::header::MAGIC;
use crate::kernel::btf::{Btf, kind};

/// Builds BTF by hand: each method adds one type and returns its id.
#[derive(Default)]
pub struct Blob {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl Blob {
    pub fn text(&mut self, text: &str) -> u32 {
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

    pub fn add(
        &mut self,
        kind: u8,
        flag: bool,
        vlen: u32,
        name: &str,
        size: u32,
        data: &[u32],
    ) -> u32 {
        let name = self.text(name);
        let info = u32::from(flag) << 31 | u32::from(kind) << 24 | vlen;
        for word in [name, info, size].iter().chain(data) {
            self.types.extend_from_slice(&word.to_ne_bytes());
        }
        self.count += 1;
        self.count
    }

    pub fn int(&mut self, name: &str, size: u32) -> u32 {
        self.add(kind::INT, false, 0, name, size, &[size * 8])
    }

    /// `members`: name, type, and the member's raw `offset` word.
    pub fn composite(
        &mut self,
        kind: u8,
        flag: bool,
        name: &str,
        members: &[(&str, u32, u32)],
    ) -> u32 {
        let mut data = Vec::new();
        for (name, type_id, offset) in members {
            data.extend([self.text(name), *type_id, *offset]);
        }
        self.add(kind, flag, members.len() as u32, name, 64, &data)
    }

    pub fn proto(&mut self, returns: u32, params: &[(&str, u32)]) -> u32 {
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

    pub fn bytes(&self) -> Vec<u8> {
        self.bytes_with_layout(&[])
    }

    pub fn bytes_with_layout(&self, layout: &[u8]) -> Vec<u8> {
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

    pub fn parse(&self) -> Btf {
        Btf::parse(self.bytes()).expect("hand-built BTF is sound")
    }
}

/// One blob with most of what a kernel's BTF has.
pub fn sample() -> Blob {
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
