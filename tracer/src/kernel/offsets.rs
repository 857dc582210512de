//! Resolves the table of kernel fields ([`tracer_common::offsets`]) against a
//! BTF, once, before the object is loaded.
//!
//! A field that a kernel lacks costs the ability that the table names, and a
//! required one ends the start with one line. Nothing here guesses: an offset
//! comes from BTF or is absent.

use std::collections::BTreeMap;

use tracer_common::{
    globals::ABSENT,
    offsets::{FIELDS, Field},
};

use super::btf::Btf;

/// The values for the object's globals that describe the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offsets {
    /// Global name to byte offset, [`ABSENT`] where the kernel has no such field.
    pub fields: Vec<(&'static str, u32)>,
    /// `sizeof(struct k_sigaction)`
    pub sizeof_k_sigaction: u32,
    /// `sizeof(struct upid)`
    pub sizeof_upid: u32,
    /// Byte offset of `signal_struct.pids[PIDTYPE_TGID]`.
    pub signal_tgid_pid: u32,
    /// Byte offset in `css_set` of the slot of `v1_controller`, or [`ABSENT`].
    pub css_set_v1_slot: u32,
    /// `sched_process_exit` says whether the thread group is dead.
    pub exit_has_group_dead: bool,
    /// `oom:mark_victim` passes a task.
    pub oom_passes_task: bool,
    /// A frozen task shows in its state (6.1 and later), not in a PF flag.
    pub frozen_in_state: bool,
    /// Abilities lost, each with the fields that are missing.
    pub lost: BTreeMap<&'static str, Vec<String>>,
}

/// What makes tracing impossible on a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFields(pub Vec<String>);

impl std::fmt::Display for MissingFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "this kernel's BTF lacks {}, which sigwhy needs; please report the kernel's version",
            self.0.join(", ")
        )
    }
}

impl std::error::Error for MissingFields {}

/// Resolves every field. `v1_controller` is the cgroup v1 controller whose
/// hierarchy names containers here, if any.
///
/// # Errors
/// When a field that everything needs is missing.
pub fn resolve(btf: &Btf, v1_controller: Option<&str>) -> Result<Offsets, MissingFields> {
    let mut lost: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    let mut fields = Vec::with_capacity(FIELDS.len());
    for field in FIELDS {
        let offset = offset_of(btf, field);
        if offset.is_none() {
            lost.entry(field.ability).or_default().push(describe(field));
        }
        fields.push((field.global, offset.unwrap_or(ABSENT)));
    }
    let mut size = |name: &'static str| {
        btf.size_of(name).unwrap_or_else(|| {
            lost.entry("required")
                .or_default()
                .push(format!("struct {name}"));
            0
        })
    };
    let (sizeof_k_sigaction, sizeof_upid) = (size("k_sigaction"), size("upid"));
    let signal_tgid_pid = pointer_slot(btf, "signal_struct", "pids", "pid_type", "PIDTYPE_TGID")
        .unwrap_or_else(|| {
            lost.entry("required")
                .or_default()
                .push("signal_struct.pids".to_owned());
            ABSENT
        });
    // A core dump shows in one of two places: having either is enough.
    if !(lost.contains_key("core_dump_in_signal") && lost.contains_key("core_dump_in_mm")) {
        lost.remove("core_dump_in_signal");
        lost.remove("core_dump_in_mm");
    }
    if let Some(required) = lost.remove("required") {
        return Err(MissingFields(required));
    }
    let params = |tracepoint| btf.tracepoint_params(tracepoint).unwrap_or_default();
    Ok(Offsets {
        fields,
        sizeof_k_sigaction,
        sizeof_upid,
        signal_tgid_pid,
        css_set_v1_slot: v1_controller
            .and_then(|controller| {
                let id = format!("{controller}_cgrp_id");
                pointer_slot(btf, "css_set", "subsys", "cgroup_subsys_id", &id)
            })
            .unwrap_or(ABSENT),
        exit_has_group_dead: params("sched_process_exit").len() >= 2,
        oom_passes_task: params("mark_victim")
            .first()
            .is_some_and(|first| first.contains('*')),
        // `frozen()` became a function of kernel/freezer.c when the freezer
        // moved from PF_FROZEN to a task state; before, it was inlined everywhere.
        frozen_in_state: btf.function_params("frozen").is_some(),
        lost,
    })
}

fn offset_of(btf: &Btf, field: &Field) -> Option<u32> {
    field
        .paths
        .iter()
        .find_map(|path| btf.member_offset(field.type_name, path))
}

fn describe(field: &Field) -> String {
    format!("{}.{}", field.type_name, field.paths[0])
}

/// The byte offset of one slot in an array of pointers, indexed by an enum.
fn pointer_slot(
    btf: &Btf,
    type_name: &str,
    path: &str,
    enum_name: &str,
    variant: &str,
) -> Option<u32> {
    const POINTER: u32 = 8;
    let index = btf.enum_value(enum_name, variant)?;
    let count = btf.member_array_len(type_name, path)?;
    let index = u32::try_from(index).ok().filter(|index| *index < count)?;
    Some(btf.member_offset(type_name, path)? + index * POINTER)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_running_kernel_has_every_required_field() {
        let path = Path::new("/sys/kernel/btf/vmlinux");
        if !path.exists() {
            // Where there is no BTF there is nothing to resolve; the error for
            // that case is tested by the loader.
            return;
        }
        let btf = Btf::from_file(path).expect("BTF of the running kernel");
        let offsets = resolve(&btf, Some("pids")).expect("required fields");
        let get = |name: &str| {
            offsets
                .fields
                .iter()
                .find(|(global, _)| *global == name)
                .map(|(_, offset)| *offset)
                .expect("in the table")
        };
        assert_eq!(get("TASK_TGID"), get("TASK_PID") + 4);
        assert!(get("PID_NUMBERS") > get("PID_LEVEL"));
        assert_eq!(offsets.sizeof_upid, 16);
        assert_ne!(offsets.css_set_v1_slot, ABSENT);
        assert!(offsets.lost.get("cgroup").is_none());
    }

    #[test]
    fn table_names_are_unique() {
        let mut names: Vec<_> = FIELDS.iter().map(|field| field.global).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FIELDS.len());
    }
}
