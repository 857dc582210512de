//! Looks up functions and tracepoints: how many parameters, of which types.

use super::{Btf, MAX_DEPTH, Type, agreed, is_modifier, kind};

/// The most parameters a tracepoint is believed to have; the kernel passes 12.
const MAX_PARAMS: usize = 64;

impl Btf {
    /// How many parameters the kernel function `name` has, a final `...` not
    /// counted. `None` when BTF has no such function: absent from this kernel,
    /// or inlined everywhere.
    pub fn function_params(&self, name: &str) -> Option<usize> {
        agreed(self.functions(name).map(|proto| self.param_count(&proto)))
    }

    /// Whether the kernel function `name` returns nothing; `None` as for
    /// [`Btf::function_params`].
    pub fn function_returns_void(&self, name: &str) -> Option<bool> {
        agreed(self.functions(name).map(|proto| proto.size_or_type == 0))
    }

    /// The parameters of the tracepoint `name` as C types (`"int"`,
    /// `"struct task_struct *"`), the leading `void *__data` left out. `None`
    /// when this kernel has no such tracepoint.
    ///
    /// The texts come from the file: escape them before printing.
    pub fn tracepoint_params(&self, name: &str) -> Option<Vec<String>> {
        let typedef = format!("btf_trace_{name}");
        agreed(self.named(&typedef, &[kind::TYPEDEF]).filter_map(|ty| {
            let pointer = self
                .strip(ty.size_or_type)
                .filter(|ty| ty.kind == kind::PTR)?;
            let proto = self.strip(pointer.size_or_type)?;
            if proto.kind != kind::FUNC_PROTO || proto.vlen > MAX_PARAMS {
                return None;
            }
            let params = 1..self.param_count(&proto);
            params
                .map(|index| Some(self.c_type(self.pair(&proto, index)?[1])))
                .collect()
        }))
    }

    fn functions<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Type> + 'a {
        self.named(name, &[kind::FUNC]).filter_map(|function| {
            let proto = self.strip(function.size_or_type)?;
            (proto.kind == kind::FUNC_PROTO).then_some(proto)
        })
    }

    fn param_count(&self, proto: &Type) -> usize {
        // `...` is a last parameter without name and type.
        let last = proto
            .vlen
            .checked_sub(1)
            .and_then(|last| self.pair(proto, last));
        proto.vlen - usize::from(last == Some([0, 0]))
    }

    /// A type roughly as C writes it, read from the outside in. The parameters
    /// of function pointers are left out.
    fn c_type(&self, mut id: u32) -> String {
        // What stands to the right of the base type: "*", " const", "[4]".
        let mut suffix = String::new();
        let mut qualifiers = Vec::new();
        for _ in 0..MAX_DEPTH {
            let Some(ty) = self.ty(id) else {
                return assemble(&qualifiers, if id == 0 { "void" } else { "?" }, &suffix);
            };
            let name = String::from_utf8_lossy(self.name(ty.name));
            match ty.kind {
                kind::PTR => {
                    // Qualifiers met so far were the pointer's own.
                    let own: String = qualifiers.drain(..).map(|q| format!(" {q}")).collect();
                    suffix.insert_str(0, &format!("*{own}"));
                }
                kind::ARRAY => match self.triple(&ty, 0) {
                    Some([element, _index, len]) => {
                        if suffix.starts_with('*') {
                            suffix = format!("({suffix})");
                        }
                        suffix.push_str(&format!("[{len}]"));
                        id = element;
                        continue;
                    }
                    None => return "?".to_owned(),
                },
                kind::CONST => qualifiers.push("const"),
                kind::VOLATILE => qualifiers.push("volatile"),
                kind::FUNC_PROTO => {
                    suffix = format!("({suffix})(...)");
                }
                kind::TYPEDEF => return assemble(&qualifiers, &name, &suffix),
                modifier if is_modifier(modifier) => {}
                _ => return assemble(&qualifiers, &base_name(&ty, &name), &suffix),
            }
            id = ty.size_or_type;
        }
        "?".to_owned()
    }
}

fn base_name(ty: &Type, name: &str) -> String {
    let tag = match ty.kind {
        kind::STRUCT => "struct",
        kind::UNION => "union",
        kind::ENUM | kind::ENUM64 => "enum",
        // kind_flag tells a forward declared union from a struct.
        kind::FWD if ty.flag => "union",
        kind::FWD => "struct",
        _ => return name.to_owned(),
    };
    let name = if name.is_empty() { "{...}" } else { name };
    format!("{tag} {name}")
}

fn assemble(qualifiers: &[&str], base: &str, suffix: &str) -> String {
    let mut words = qualifiers.to_vec();
    words.push(base);
    if !suffix.is_empty() {
        words.push(suffix);
    }
    words.join(" ")
}
