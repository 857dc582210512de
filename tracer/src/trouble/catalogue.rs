//! The pages: one entry for each trouble.

use super::{Entry, Trouble};

/// Every page, in the order of the document.
pub const ALL: &[Entry] = &[
    Entry {
        trouble: Trouble::NoPermission,
        id: "no-permission",
        title: "sigwhy may not load its programs",
        said: &[
            "the kernel does not let this user load eBPF programs (...): run with sudo, or with CAP_BPF and CAP_PERFMON",
            "... missing: may not load tracing programs",
        ],
        why: "live, run, record and lab run load eBPF programs into the kernel, which takes the capabilities CAP_BPF and CAP_PERFMON. Root has them, and so has a file that was given them.",
        steps: &[
            "Run it as root: `sudo sigwhy live`",
            "Or give the rights to the file, once: `sudo setcap cap_bpf,cap_perfmon,cap_sys_ptrace+ep \"$(command -v sigwhy)\"`",
            "In a container, see `sigwhy explain in-container`.",
            "Without any right there are explain, report, replay, lab list and doctor, and ps, why and audit for your own processes.",
        ],
    },
    Entry {
        trouble: Trouble::LoadRefused,
        id: "load-refused",
        title: "Not even root may load its programs",
        said: &["the kernel does not let even root load eBPF programs here (...)"],
        why: "Root of a container or of a user namespace is not root of the machine: its capabilities do not count for eBPF. A seccomp filter, as Docker's default one, may refuse bpf(2) too, and so may a security module.",
        steps: &[
            "See which it is: `sigwhy doctor`",
            "Run it on the host, not in a rootless container and not under unshare --user.",
            "In a container that has to be: see `sigwhy explain in-container`.",
        ],
    },
    Entry {
        trouble: Trouble::NoBtf,
        id: "no-btf",
        title: "The kernel has no type information (BTF)",
        said: &[
            "no kernel types at ...: the kernel must be built with",
            "cannot take the kernel's types from ...",
        ],
        why: "sigwhy reads structures of the kernel, whose layout differs from build to build. It takes the layout from the kernel's own types, BTF, in /sys/kernel/btf/vmlinux.",
        steps: &[
            "Is it there? `ls -l /sys/kernel/btf/vmlinux`",
            "If /sys is not mounted, as in some containers, mount it: `mount -t sysfs sysfs /sys`",
            "Boot a kernel that has CONFIG_DEBUG_INFO_BTF=y: those of the current distributions have, and `zgrep BTF /proc/config.gz` or /boot/config-$(uname -r) tell of yours.",
            "Where the types of this very build are in another file (raw BTF, or the unpacked vmlinux), name it: `sudo sigwhy live --btf FILE`. That is enough for raw tracepoints; typed ones need the kernel's own.",
            "Judge another machine's kernel by its types, here and without root: `sigwhy doctor --btf FILE`",
        ],
    },
    Entry {
        trouble: Trouble::MissingFields,
        id: "missing-fields",
        title: "The kernel lacks a field that sigwhy reads",
        said: &[
            "this kernel's BTF lacks ..., which sigwhy needs; please report the kernel's version",
        ],
        why: "Fields of the kernel's structures come and go. A few are indispensable; without the others sigwhy works and shows something as unknown, of which doctor says what.",
        steps: &[
            "See what is missing: `sigwhy doctor`",
            "If it is this kernel's own BTF and not another one's (--btf), please report the kernel's version with that line.",
        ],
    },
    Entry {
        trouble: Trouble::HookRefused,
        id: "hook-refused",
        title: "A hook cannot be attached",
        said: &[
            "cannot attach ...; run `sigwhy doctor` for what is missing",
            "no way to attach it: ...",
            "better but refused: ...",
        ],
        why: "Every hook has several ways to be attached, the best first: typed tracepoints, then raw ones; for the end of a PID namespace fentry, then kprobes, then what can be inferred. sigwhy takes the first that the kernel lets it. This error comes when none is left, or when --attach or SIGWHY_ATTACH asked for one way only.",
        steps: &[
            "See each way, and why it was refused: `sudo sigwhy doctor`",
            "Leave --attach out, and SIGWHY_ATTACH unset.",
            "What the verifier said: `sudo sigwhy -v live`",
            "The end of a PID namespace (zap) needs nothing: where neither fentry nor kprobes may be used it is inferred, and the start of the trace says so.",
        ],
    },
    Entry {
        trouble: Trouble::OldKernel,
        id: "old-kernel",
        title: "The kernel is too old",
        said: &["run Linux ... or later: older ones have no BPF ring buffer"],
        why: "The ring buffer came with Linux 5.8, and the tests run on 5.10 and later. No option makes up for it.",
        steps: &[
            "Boot 5.10 or later.",
            "A trace of perf, ftrace or bpftrace from there can be read on another machine: `sigwhy report --from perf-script FILE` (docs/import.md says how to make one).",
            "explain and lab list work anywhere.",
        ],
    },
    Entry {
        trouble: Trouble::Lockdown,
        id: "lockdown",
        title: "Kernel lockdown forbids to read the kernel",
        said: &["confidentiality: the kernel refuses bpf_probe_read_kernel to everybody"],
        why: "In the mode confidentiality nobody may read the kernel's memory, and no tracer can tell why a signal was dropped. The mode integrity, which Secure Boot turns on in most distributions, leaves reading allowed.",
        steps: &[
            "Which mode is it? `cat /sys/kernel/security/lockdown`",
            "Boot with lockdown=integrity, or without lockdown=. It cannot be lowered while the machine runs.",
        ],
    },
    Entry {
        trouble: Trouble::InContainer,
        id: "in-container",
        title: "sigwhy runs in a container",
        said: &[
            "..., a container's: host pids in the output are the machine's, and most of them cannot be looked up in this /proc",
            "not the machine's own: capabilities in it do not count for BPF",
            "cannot list ...: mount a procfs there",
        ],
        why: "The programs see the whole machine wherever sigwhy runs, but names are looked up in /proc and in the runtimes' files, which a container has not. A user namespace (rootless Podman or Docker, unshare --user) takes the right to load programs away altogether.",
        steps: &[
            "Run it on the host. It is one file and needs nothing installed.",
            "Or give the container what it needs, the machine's files for the names among it; any image that has chroot will do: `docker run --rm -it --pid=host --cap-add SYS_ADMIN --cap-add SYS_PTRACE -v /:/host:ro IMAGE chroot /host /usr/local/bin/sigwhy live`",
            "A Docker that knows them takes BPF and PERFMON in the place of SYS_ADMIN.",
            "Without chroot, live calls containers by their ids, and ps, why and audit are told where the files are: `sigwhy ps --root /host`",
            "In Kubernetes that is hostPID: true, the same capabilities, and a hostPath volume of / on the node in question (which our tests do not run).",
        ],
    },
    Entry {
        trouble: Trouble::HiddenProcesses,
        id: "hidden-processes",
        title: "Some processes may not be looked at",
        said: &[
            "... processes may not be looked at, and what they run in is not listed: run with sudo",
            "not every process may be looked at, so not every container was checked: run with sudo",
        ],
        why: "ps, why and audit read /proc/PID/ns and the like, which the kernel shows to the owner of a process and to who has CAP_SYS_PTRACE. What may not be looked at is counted and not guessed at; a mount of /proc with hidepid hides it altogether.",
        steps: &[
            "Run it as root: `sudo sigwhy ps`",
            "Or name the one container that you may look at: `sigwhy audit -c web`",
        ],
    },
    Entry {
        trouble: Trouble::NoSuchContainer,
        id: "no-such-container",
        title: "No container is called so",
        said: &[
            "no container and no process is called ...; `sigwhy ps` lists what runs",
            "no such container runs, so nothing was checked",
            "none of these containers runs",
            "no container that runs now is one of ...: what starts later counts as well",
            "no container is or was one of ...: --fail-on had nothing to judge",
        ],
        why: "A container is called by its name, the beginning of its id, its image, its pod or namespace/pod, the name of its init, or the inode of its PID namespace. * and ? match as in a shell, and want quotes there. With several options (--container, --pod) all must hold.",
        steps: &[
            "See what runs, and by which names: `sudo sigwhy ps`",
            "A container that has ended is in no list: a recording has it (`sigwhy report FILE`).",
            "Is it called pidns-... there? See `sigwhy explain no-names`.",
        ],
    },
    Entry {
        trouble: Trouble::NothingShown,
        id: "nothing-shown",
        title: "live shows nothing",
        said: &[],
        why: "live shows signals from and to containers. Signals between processes of the host are left out, and so are SIGCHLD, SIGURG, the C library's own, and SIGWINCH but to the init of a container. A kill(2) that the kernel refuses makes no signal at all: of EPERM and EACCES the hook `permission` tells, where `sigwhy doctor` has it; of ESRCH nothing does. Filters are joined by and.",
        steps: &[
            "Does it see anything? `sudo sigwhy live --all` and, in another terminal, `sleep 9 & kill $!`",
            "Does the name match? `sudo sigwhy ps -c NAME`",
            "A container in the host's PID namespace (--pid=host, hostPID) is known by its cgroup: see `sigwhy explain no-names`.",
            "A signal that a program takes by sigwait or signalfd is told when it is queued, not when it is read.",
        ],
    },
    Entry {
        trouble: Trouble::NoNames,
        id: "no-names",
        title: "A container has no name",
        said: &["none: names of containers come from runtimes' files alone"],
        why: "pidns-4026532177 is a PID namespace of which sigwhy knows no runtime. Names come from the files that Docker, containerd, Podman, CRI-O, runc, crun, LXC and nspawn write, found by the container's cgroup and its bundle, and from the runtimes' sockets. Where the runtime's files are not in sight, or it is another runtime, the namespace is all there is.",
        steps: &[
            "Are the runtime's files in sight? In a container they are not: see `sigwhy explain in-container`.",
            "Which sockets were found? `sigwhy doctor` lists them under runtime sockets.",
            "Leave out --no-names and --no-runtime-api.",
            "A name that comes late (the first line of a container that has just started) is known a moment later.",
            "docs/containers.md says for each runtime where its names come from.",
        ],
    },
    Entry {
        trouble: Trouble::SilentRuntime,
        id: "silent-runtime",
        title: "A runtime does not answer, or must not be asked",
        said: &[],
        why: "Names that are in no file are asked for over the sockets of Docker, Podman, containerd and CRI-O. No event waits for an answer: a daemon that hangs costs its containers' names and nothing else, and ps, why and audit wait half a second in all.",
        steps: &[
            "Ask no runtime: `sudo sigwhy live --no-runtime-api`",
            "A daemon that hangs is often one that waits for a container's end: `sudo sigwhy why` names what holds it.",
        ],
    },
    Entry {
        trouble: Trouble::EventsLost,
        id: "events-lost",
        title: "Events were lost",
        said: &[
            "... events are lost so far: they came faster than they could be read",
            "... events were lost, so something may be missing",
        ],
        why: "The kernel's side puts events into a buffer, and does not wait where it is full. What did not fit is counted, never hidden: every loss is told, and an episode that it may concern is not called complete.",
        steps: &[
            "Give bursts more room: `sudo sigwhy record --buffer 64 -o FILE`",
            "Narrow it, which happens in the kernel: --signal, --container, --pid, --inits.",
            "Have the output read faster: a file rather than a terminal, record rather than --format json.",
            "docs/performance.md says which load was kept without loss.",
        ],
    },
    Entry {
        trouble: Trouble::Unexplained,
        id: "unexplained",
        title: "A line says UNEXPLAINED",
        said: &["UNEXPLAINED"],
        why: "The kernel did something with a signal that sigwhy's model of it does not explain (the reason model_disagrees). It shows what happened and does not guess why: this is a bug of sigwhy, or news about the kernel.",
        steps: &[
            "Please report the record, with the kernel's version: `sudo sigwhy live --format json --reason model_disagrees`",
            "With every test of the model's: `sudo sigwhy live -v`",
        ],
    },
    Entry {
        trouble: Trouble::LabFailed,
        id: "lab-failed",
        title: "A lesson of the lab could not be played",
        said: &["the lesson could not be played, which says nothing about its prediction: ..."],
        why: "The lab makes processes and PID namespaces and has them signal each other. If that cannot be done, or not in time, nothing was shown about the kernel, and it says so rather than call a prediction refuted.",
        steps: &[
            "Try it again: a machine that is very busy may be too slow for the lab's patience.",
            "It takes root, since it makes PID namespaces. Whether they may be made here: `sudo unshare --pid --fork true`",
        ],
    },
    Entry {
        trouble: Trouble::NoRecording,
        id: "no-recording",
        title: "A file is no recording",
        said: &[
            "none of the files holds a record of sigwhy's",
            "... has no signal event as ... prints them: ...",
        ],
        why: "report and replay read what sigwhy record wrote, and lines of JSON as live --format json prints them, compressed by zstd or not. What perf, ftrace or bpftrace printed is read too, by report alone, and only in the forms that docs/import.md shows.",
        steps: &[
            "Look at it: `zstd -dc FILE | head -1` should begin with {\"type\":\"start\"",
            "Of another tracer's text say whose it is: `sigwhy report --from perf-script FILE`",
            "perf.data is not text: `perf script --show-lost-events > perf.txt` makes it one.",
        ],
    },
    Entry {
        trouble: Trouble::FileExists,
        id: "file-exists",
        title: "A recording is never overwritten",
        said: &["... exists: give another name, or remove it"],
        why: "An earlier recording may be all that is left of what went wrong, so record writes new files only.",
        steps: &[
            "Name a new one: `sudo sigwhy record -o \"$(hostname)-$(date +%F-%H%M).zst\"`",
            "For one that is always there, bound its size: `sudo sigwhy record -o FILE --rotate 256M --files 8`",
        ],
    },
    Entry {
        trouble: Trouble::DiskFull,
        id: "disk-full",
        title: "A recording could not be written on",
        said: &["cannot write ...; what it has can be read, and --rotate bounds its size"],
        why: "The disk is full, or gone. What was written before can be read: a recording is only ever added to.",
        steps: &[
            "Read what there is: `sigwhy report FILE`",
            "Bound its size: `sudo sigwhy record -o FILE --rotate 64M --files 4`",
            "Or write only what is worth it: `sudo sigwhy record -o FILE --flight-recorder`",
        ],
    },
];
