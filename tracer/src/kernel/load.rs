//! The loader: the only file that names aya's `EbpfLoader`.
//!
//! It resolves the offsets, sets the object's globals, climbs the ladder for
//! each hook, and hands out the rings and the counters. It decides nothing about
//! signals.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use aya::{
    Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{Array, HashMap, MapData, PerCpuArray},
};
use tracer_common::{
    facts::hook,
    globals::{RING_REST_BYTES, gate, name},
    offsets::extra,
    signals,
};

use super::{
    attach::{self, Attachment, Refusal, climb},
    btf::{self, Btf},
    cgroup,
    ladder::{Forced, HOOKS},
    offsets::{self, Offsets},
    ring::Ring,
};
use crate::trouble::Trouble;

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/sigwhy-ebpf"));

/// What to load, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Signals to record: bit `sig - 1`.
    pub signal_set: u64,
    /// Tracepoint results to record: bit `result`.
    pub result_set: u32,
    /// Bits of [`gate`] that the caller wants; the kernel's own are added, and what
    /// names need.
    pub gates: u32,
    /// BTF to resolve offsets from, instead of the running kernel's.
    pub btf: Option<PathBuf>,
    /// Rungs that must be used.
    pub forced: Vec<Forced>,
    /// Let the kernel side write its rare warnings.
    pub kernel_log: bool,
    /// Bytes of the ring for what does not matter by itself: a power of two, at
    /// least a page.
    pub ring_bytes: u32,
    /// Call containers by the names that runtimes have for them.
    pub names: bool,
    /// Of those that runtimes' files do not tell, ask the runtimes.
    pub sockets: bool,
    /// Hooks that are left out, by their ids.
    pub without: &'static [&'static str],
}

impl Default for Options {
    fn default() -> Self {
        Self {
            signal_set: u64::MAX,
            result_set: u32::MAX,
            gates: 0,
            btf: None,
            forced: Vec::new(),
            kernel_log: false,
            ring_bytes: RING_REST_BYTES,
            names: true,
            sockets: false,
            without: &[],
        }
    }
}

impl Options {
    /// Whether every SIGTERM is recorded, so that its absence can be told.
    pub fn sees_everything_about_sigterm(&self) -> bool {
        let narrow =
            gate::INITS_ONLY | gate::PIDS | gate::PID_NS | gate::CGROUPS | gate::SENDERS_NAMED;
        signals::contains(self.signal_set, signals::SIGTERM)
            && self.result_set & 0b1_1111 == 0b1_1111
            && self.gates & narrow == 0
    }
}

/// The loaded and attached object. Dropping it detaches everything.
pub struct Loaded {
    /// Owns the programs and so the links.
    ebpf: Ebpf,
    pub matters: Ring,
    pub rest: Ring,
    counters: PerCpuArray<MapData, [u64; 4]>,
    pub attachments: Vec<Attachment>,
    pub offsets: Offsets,
}

/// The sums of one hook's counters over all processors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    pub seen: u64,
    pub filtered: u64,
    pub submitted: u64,
    pub ring_full: u64,
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        let Self {
            seen,
            filtered,
            submitted,
            ring_full,
        } = other;
        self.seen += seen;
        self.filtered += filtered;
        self.submitted += submitted;
        self.ring_full += ring_full;
    }
}

/// The object with its programs not yet loaded, and what its globals were set from.
///
/// # Errors
/// Without BTF, or without the privilege to make maps; one line each.
pub(super) fn open(options: &Options) -> anyhow::Result<(Ebpf, Offsets)> {
    let path = options.btf.as_deref().unwrap_or(Path::new(btf::VMLINUX));
    // Their errors say what failed, and what to do, by themselves.
    let kernel_btf =
        Btf::from_file(path).map_err(|error| Trouble::NoBtf.error(error.to_string()))?;
    let proc_cgroups = std::fs::read_to_string("/proc/cgroups").unwrap_or_default();
    let offsets = offsets::resolve(&kernel_btf, cgroup::v1_controller(&proc_cgroups))
        .map_err(|error| Trouble::MissingFields.error(error.to_string()))?;
    drop(kernel_btf);

    let mut gates = options.gates;
    for (wanted, bit) in [
        (offsets.exit_has_group_dead, gate::GROUP_DEAD_ARG),
        (offsets.oom_passes_task, gate::OOM_TASK_ARG),
        (options.names, gate::HOSTED),
    ] {
        if wanted {
            gates |= bit;
        }
    }
    let log_level: u8 = if options.kernel_log { 2 } else { 0 };
    let mut loader = EbpfLoader::new();
    for (global, offset) in &offsets.fields {
        loader.override_global(global, offset, true);
    }
    loader
        .override_global(name::SIGNAL_SET, &options.signal_set, true)
        .override_global(name::RESULT_SET, &options.result_set, true)
        .override_global(name::GATES, &gates, true)
        .override_global(extra::SIZEOF_K_SIGACTION, &offsets.sizeof_k_sigaction, true)
        .override_global(extra::SIZEOF_UPID, &offsets.sizeof_upid, true)
        .override_global(extra::SIGNAL_TGID_PID, &offsets.signal_tgid_pid, true)
        .override_global(extra::CSS_SET_V1_SLOT, &offsets.css_set_v1_slot, true)
        .override_global("AYA_LOG_LEVEL", &log_level, true)
        // The refusal itself, without each instruction on the way: for a refused
        // program aya repeats the verification with ten times the room until the
        // log fits, and a rung that does not hold costs every start.
        .verifier_log_level(VerifierLogLevel::STATS)
        .map_max_entries("REST", options.ring_bytes);
    let ebpf = loader
        .load(OBJECT)
        .map_err(|error| explain_privilege(anyhow!(error).context("loading the eBPF object")))?;
    Ok((ebpf, offsets))
}

/// Loads the object and attaches every hook, required or not.
///
/// # Errors
/// Without BTF, without the privilege to load programs, or when a required hook
/// has no rung that holds; one line each.
pub fn load(options: &Options) -> anyhow::Result<Loaded> {
    let (mut ebpf, offsets) = open(options)?;
    // Typed programs name their target by its id in the kernel's own BTF.
    let ids = aya::Btf::from_sys_fs().map_err(|error| error.to_string());
    let mut attachments = Vec::with_capacity(HOOKS.len());
    let wanted = HOOKS
        .iter()
        .filter(|hook| !options.without.contains(&hook.id));
    for hook in wanted {
        let forced = options.forced.iter().find(|forced| forced.hook == hook.id);
        let attachment = climb(&mut ebpf, hook, forced.map(|f| f.rung), ids.as_ref());
        if attachment.rung.is_none() && (hook.required || forced.is_some()) {
            return Err(unattached(&attachment));
        }
        attachments.push(attachment);
    }
    drop(ids);
    give_back_memory();

    let mut take = |name: &str| ebpf.take_map(name).ok_or_else(|| no_map(name));
    let matters = Ring::new(take("MATTERS")?)?;
    let rest = Ring::new(take("REST")?)?;
    let counters = PerCpuArray::try_from(take("COUNTERS")?)?;
    Ok(Loaded {
        ebpf,
        matters,
        rest,
        counters,
        attachments,
        offsets,
    })
}

impl Loaded {
    /// The sums of all hooks' counters. They agree with one another once the
    /// programs are detached; while they run, a record may be between two of them.
    ///
    /// # Errors
    /// When the map cannot be read, which does not happen to a loaded object.
    pub fn counters(&self) -> anyhow::Result<Sums> {
        let mut total = Sums::default();
        for index in 0..hook::COUNT {
            for [seen, filtered, submitted, ring_full] in self.counters.get(&index, 0)?.iter() {
                total += Sums {
                    seen: *seen,
                    filtered: *filtered,
                    submitted: *submitted,
                    ring_full: *ring_full,
                };
            }
        }
        Ok(total)
    }

    /// Detaches every program; what is in the rings can still be read.
    pub fn detach(&mut self) {
        for (_, program) in self.ebpf.programs_mut() {
            attach::detach(program);
        }
    }

    /// Adds to a filter map.
    ///
    /// # Errors
    /// When the map is full ([`tracer_common::globals::FILTER_ENTRIES`]).
    pub fn filter<K: aya::Pod>(&mut self, map: &str, keys: &[(K, u8)]) -> anyhow::Result<()> {
        let changes: Vec<_> = keys
            .iter()
            .map(|(key, value)| (*key, Some(*value)))
            .collect();
        self.change(map, &changes)
    }

    /// Sets entries of a map, or takes them out.
    ///
    /// # Errors
    /// As [`Self::filter`].
    pub fn change<K: aya::Pod, V: aya::Pod>(
        &mut self,
        map: &str,
        changes: &[(K, Option<V>)],
    ) -> anyhow::Result<()> {
        let map_data = self.ebpf.map_mut(map).ok_or_else(|| no_map(map))?;
        let mut map_data: HashMap<_, K, V> = HashMap::try_from(map_data)?;
        for (key, value) in changes {
            match value {
                Some(value) => map_data
                    .insert(key, value, 0)
                    .with_context(|| format!("adding to the filter {map}"))?,
                // It may be gone by itself.
                None => drop(map_data.remove(key)),
            }
        }
        Ok(())
    }

    /// Tells the kernel side how many entries `HOSTED` has.
    ///
    /// # Errors
    /// When the map cannot be written, which does not happen to a loaded object.
    pub fn count_hosted(&mut self, count: usize) -> anyhow::Result<()> {
        let map = "HOSTED_COUNT";
        let map_data = self.ebpf.map_mut(map).ok_or_else(|| no_map(map))?;
        let mut map_data: Array<_, u32> = Array::try_from(map_data)?;
        map_data
            .set(0, &(count as u32), 0)
            .with_context(|| format!("writing {map}"))
    }

    /// The reader of the kernel side's own warnings, if it can write any.
    pub fn kernel_log(&mut self) -> Option<aya_log::EbpfLogger<&'static dyn log::Log>> {
        super::log::install();
        aya_log::EbpfLogger::init(&mut self.ebpf).ok()
    }
}

fn no_map(name: &str) -> anyhow::Error {
    anyhow!("the eBPF object has no map {name}: this build is broken")
}

fn unattached(attachment: &Attachment) -> anyhow::Error {
    let tried: Vec<String> = attachment.refused.iter().map(Refusal::to_string).collect();
    let line = format!(
        "cannot attach {} ({}); run `sigwhy doctor` for what is missing",
        attachment.hook.id,
        tried.join("; ")
    );
    // Their logs are the causes, which `-v` shows: too long for a line.
    let logs = attachment.refused.iter().rev().filter_map(|refusal| {
        let log = refusal.verifier.as_ref()?;
        Some(format!("the verifier on {}:\n{log}", refusal.rung))
    });
    let cause = logs.fold(None, |cause: Option<anyhow::Error>, log| {
        Some(match cause {
            Some(cause) => cause.context(log),
            None => anyhow!(log),
        })
    });
    match cause {
        Some(cause) => cause.context(Trouble::HookRefused.known(line)),
        None => Trouble::HookRefused.error(line),
    }
}

/// The kernel's types take tens of megabytes while they are looked at, in many
/// small pieces that the allocator would keep.
fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: glibc's `malloc_trim` takes no pointer and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Puts a chain into one line, so that the cause is seen without `-v`.
fn one_line(error: anyhow::Error) -> anyhow::Error {
    let line = format!("{error:#}");
    error.context(line)
}

/// Says first what is almost always the cause.
fn explain_privilege(error: anyhow::Error) -> anyhow::Error {
    let refused = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .find(|cause| matches!(cause.raw_os_error(), Some(libc::EPERM | libc::EACCES)));
    let Some(refused) = refused else {
        return one_line(error);
    };
    let (trouble, line) = if nix::unistd::geteuid().is_root() {
        (
            Trouble::LoadRefused,
            format!(
                "the kernel does not let even root load eBPF programs here ({refused}): run it on the host, outside of containers and user namespaces; `sigwhy doctor` tells what is in the way"
            ),
        )
    } else {
        (
            Trouble::NoPermission,
            format!(
                "the kernel does not let this user load eBPF programs ({refused}): run with sudo, or with CAP_BPF and CAP_PERFMON; `sigwhy doctor` tells what is missing"
            ),
        )
    };
    error.context(trouble.known(line))
}
