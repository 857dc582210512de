//! Every map and every value that the loader sets, with the reason for its size.

use aya_ebpf::{
    Global,
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf},
};
use tracer_common::{
    facts::{Counters, hook},
    filters::{Init, Place},
    globals::{ABSENT, FILTER_ENTRIES, RING_MATTERS_BYTES, RING_REST_BYTES},
};

/// Ring of what matters. Small: a record here is rare, and its ring must not be
/// pushed aside by a flood of the rest.
#[map]
pub static MATTERS: RingBuf = RingBuf::with_byte_size(RING_MATTERS_BYTES, 0);

/// Ring of the rest. 8 MiB are 120 ms of slim records at 500 000 a second,
/// twelve times the wake-up period; the loader may ask for more. A ring counts twice in
/// its reader's resident memory, since it is mapped twice in a row.
#[map]
pub static REST: RingBuf = RingBuf::with_byte_size(RING_REST_BYTES, 0);

/// When each ring's reader was last woken. Shared by all processors and written
/// without a lock: a lost update costs one wake-up too many, never one too few.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Wake {
    pub last: u64,
    pub bytes: u64,
}

#[map]
pub static WAKE: Array<Wake> = Array::with_max_entries(2, 0);

/// See [`Counters`]; one entry per hook.
#[map]
pub static COUNTERS: PerCpuArray<Counters> = PerCpuArray::with_max_entries(hook::COUNT, 0);

/// Wanted processes: thread group id to `WANT_*` bits.
#[map]
pub static FILTER_PIDS: HashMap<u32, u8> = HashMap::with_max_entries(FILTER_ENTRIES, 0);

/// Wanted PID namespaces of the target, by inode.
#[map]
pub static FILTER_PID_NS: HashMap<u32, u8> = HashMap::with_max_entries(FILTER_ENTRIES, 0);

/// Wanted cgroups of the target, by kernfs id in either hierarchy.
#[map]
pub static FILTER_CGROUPS: HashMap<u64, u8> = HashMap::with_max_entries(FILTER_ENTRIES, 0);

/// Targets that nobody asked for, where containers were asked for by name: the
/// reader adds who it has seen, once it knows the name. What is forgotten for
/// want of room is seen once more.
#[map]
pub static UNWANTED: LruHashMap<Place, Init> = LruHashMap::with_max_entries(FILTER_ENTRIES, 0);

/// Cgroups of containers in the host's PID namespace (`--pid=host`), which only
/// these tell from the host: kernfs id to `HOSTED_*` bits.
#[map]
pub static HOSTED: HashMap<u64, u8> = HashMap::with_max_entries(FILTER_ENTRIES, 0);

/// How many those are, so that signals of the host cost nothing where there are none.
#[map]
pub static HOSTED_COUNT: Array<u32> = Array::with_max_entries(1, 0);

/// Inits that are zapping their namespace: thread group id to start time. Only
/// used where the zap is inferred. There are never more than there are dying
/// containers at one time.
#[map]
pub static ZAPPING: HashMap<u32, u64> = HashMap::with_max_entries(FILTER_ENTRIES, 0);

/// What a kprobe on `check_kill_permission` was asked: thread to signal, siginfo
/// and target. Only used where there is no fexit. Whoever asks has an answer a
/// moment later; what a missed return leaves behind is forgotten for want of room.
#[map]
pub static ASKING: LruHashMap<u64, [u64; 3]> = LruHashMap::with_max_entries(FILTER_ENTRIES, 0);

#[unsafe(no_mangle)]
pub static SIGNAL_SET: Global<u64> = Global::new(u64::MAX);
#[unsafe(no_mangle)]
pub static RESULT_SET: Global<u32> = Global::new(u32::MAX);
#[unsafe(no_mangle)]
pub static GATES: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
pub static SIZEOF_K_SIGACTION: Global<u32> = Global::new(32);
#[unsafe(no_mangle)]
pub static SIZEOF_UPID: Global<u32> = Global::new(16);
#[unsafe(no_mangle)]
pub static SIGNAL_TGID_PID: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
pub static CSS_SET_V1_SLOT: Global<u32> = Global::new(ABSENT);

/// Whether the loader opened a gate. Its dead branches are never verified.
#[inline(always)]
pub fn gate(bit: u32) -> bool {
    GATES.load() & bit != 0
}
