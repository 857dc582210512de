//! THE list of diagnoses: the id of each, the test that recognises it, what that
//! test looks for, what to do, and who proves it. Causes come before consequences:
//! the order here is the order in an episode.
//!
//! `docs/diagnoses.md` is made from it, and a test holds the page to it.

use super::{Finding, crashed, early, killed, late, lost, present, shared, stuck};
use crate::episode::story::Story;

/// One diagnosis.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub id: Id,
    /// Finds it in a story, or not.
    pub test: fn(&Story) -> Option<Finding>,
    /// What it is.
    pub about: &'static str,
    /// The records that show it.
    pub evidence: &'static str,
    /// What to do about it.
    pub fix: &'static str,
    /// The tests that prove it: on made-up records in `diagnosis/tests/` and the
    /// like, and each for real, most on a kernel in `tests/episodes/`.
    pub proof: &'static [&'static str],
}

macro_rules! catalogue {
    ($($name:ident $id:literal by $family:ident::$test:ident
        $about:literal
        if $evidence:literal
        fix $fix:literal
        proof [$($proof:literal)+];)+) => {
        /// What was wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Id {
            $(#[doc = $about] $name),+
        }

        impl Id {
            /// The stable id, as records have it.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id),+ }
            }
        }

        /// Every diagnosis, causes first.
        pub static ALL: &[Entry] = &[$(Entry {
            id: Id::$name,
            test: $family::$test,
            about: $about,
            evidence: $evidence,
            fix: $fix,
            proof: &[$($proof),+],
        }),+];
    };
}

impl Id {
    /// As the command line has it: `pid1-no-handler`.
    pub fn cli(self) -> String {
        cli(self.id())
    }

    /// Whether records can show it: what only a look can tell, no episode has.
    fn is_in_records(self) -> bool {
        !matches!(
            self,
            Self::RuntimeGone | Self::OrphanDaemons | Self::ZombieAccumulation
        )
    }

    /// By the name of either kind, if recordings can tell it.
    ///
    /// # Errors
    /// The names of those they can, with commas.
    pub fn find_recorded(name: &str) -> Result<Self, String> {
        let found = Self::find(name).filter(|id| id.is_in_records());
        found.ok_or_else(|| {
            let all = ALL.iter().map(|entry| entry.id);
            let known: Vec<_> = all.filter(|id| id.is_in_records()).map(Self::cli).collect();
            known.join(", ")
        })
    }

    /// By the name of either kind.
    pub fn find(name: &str) -> Option<Self> {
        let wanted = cli(name);
        ALL.iter()
            .map(|entry| entry.id)
            .find(|id| id.cli() == wanted)
    }
}

/// What there is about a diagnosis.
pub fn entry(id: Id) -> &'static Entry {
    // The list is made with the ids, in their order.
    &ALL[id as usize]
}

/// The command line's name of an id.
pub fn cli(id: &str) -> String {
    id.to_ascii_lowercase().replace('_', "-")
}

catalogue! {
    OomInit "OOM_INIT" by killed::oom_init
        "The OOM killer chose PID 1."
        if "the SIGKILL that ended the init has the sender `oom`"
        fix "Give the container more memory, or find out what takes it: the limit is that of the container's cgroup or of one above it."
        proof ["oom_of_the_init" "an_oom_kill_of_pid1"];
    OomChild "OOM_CHILD" by killed::oom_child
        "The OOM killer chose a process that is not PID 1: the container lives on, or ends later for another reason."
        if "a SIGKILL with the sender `oom` to another process of the container"
        fix "Give the container more memory, and have PID 1 notice the death of its children; memory.oom.group=1 makes the kernel kill all of them together."
        proof ["oom_of_a_child" "an_oom_kill_of_a_member"];
    SeccompKill "SECCOMP_KILL" by crashed::seccomp
        "A system call that the seccomp profile forbids ended PID 1."
        if "a forced SIGSYS to the init, or its end by SIGSYS (5.10 sends none)"
        fix "Allow the system call in the container's seccomp profile; the audit log names it (type=SECCOMP)."
        proof ["seccomp" "a_forbidden_system_call"];
    Pid1AbortAsSegv "PID1_ABORT_AS_SEGV" by crashed::abort
        "PID 1 called abort(): the kernel dropped its SIGABRT, and libc then crashed it by force. The exit code (139, sometimes 133) hides an abort."
        if "a SIGABRT of the init to itself dropped by `unkillable_init`, then a fault of its own"
        fix "Read 139 as 134 (abort) here and look for the assertion that failed in the container's log; with an init such as tini before it (--init) the code is right."
        proof ["abort_as_pid1" "abort_of_pid1"];
    InitCrashed "INIT_CRASHED" by crashed::crash
        "A fault of PID 1 itself ended the container."
        if "a fatal signal with the sender `fault` to the init"
        fix "Debug the crash: have a core written (ulimits core, kernel.core_pattern), or run it under a debugger."
        proof ["crash" "a_fault_of_pid1"];
    CoreDumpSlow "CORE_DUMP_SLOW" by crashed::slow_core
        "PID 1 was writing a core dump, during which it hears nothing but SIGKILL."
        if "a signal to the init dropped by `core_dumping`, or more than 2 s from a fault to its exit with a core"
        fix "Limit cores (RLIMIT_CORE, coredump filters), or mend the handler in kernel.core_pattern that is slow to take them."
        proof ["slow_core" "a_slow_core_dump"];
    RlimitCpu "RLIMIT_CPU" by killed::cpu_limit
        "PID 1 used up its CPU time (RLIMIT_CPU)."
        if "a SIGXCPU from the kernel to the init, then a SIGKILL from the kernel"
        fix "Raise or remove the hard CPU limit (ulimit -t, --ulimit cpu): SIGXCPU at the soft limit is dropped for a PID 1 without a handler, so nothing warns it."
        proof ["cpu_limit" "the_cpu_limit"];
    RebootInNs "REBOOT_IN_NS" by killed::reboot
        "A process of the container called reboot(2), which ends its PID namespace."
        if "a SIGKILL from the kernel to the init's thread, of which the init is not traced"
        fix "Expected where reboot, poweroff or halt was called inside. Drop CAP_SYS_BOOT where it was not."
        proof ["reboot" "a_reboot_inside"];
    Pdeathsig "PDEATHSIG" by killed::parent_death
        "The parent of PID 1 ended, and PID 1 had asked for a signal then (PR_SET_PDEATHSIG). Its parent is a thread: in Go it ends with its goroutine's thread."
        if "the SIGKILL or stop signal has the sender `parent_death`"
        fix "Keep the thread that starts the container alive (runtime.LockOSThread in Go), or do not set PR_SET_PDEATHSIG."
        proof ["parent_death" "the_end_of_the_parent"];
    ForeignPgrpKill "FOREIGN_PGRP_KILL" by killed::foreign
        "A process of another container signalled PID 1: they share a process group, and kill(0) or kill(-pgrp) crosses PID namespaces."
        if "the SIGKILL or stop signal came from a process in an unrelated PID namespace"
        fix "Start each container in a session of its own (setsid in the launcher)."
        proof ["foreign_group" "a_kill_of_a_shared_process_group"];
    MtInitKilled "MT_INIT_KILLED" by killed::threads
        "A signal without a handler ended PID 1 all the same: one thread blocked it, another did not, and the kernel protects only by the main thread's mask."
        if "a signal to the init is fatal by `default_terminate`"
        fix "Handle the signal, or block it in every thread."
        proof ["threads_of_an_init" "a_thread_that_does_not_block"];
    CgroupKillInside "CGROUP_KILL_INSIDE" by killed::cgroup_kill
        "A process inside wrote to cgroup.kill: all died but PID 1, which is protected from SIGKILL from its own namespace."
        if "a thread-directed SIGKILL without siginfo from the same PID namespace, dropped by `unkillable_init`"
        fix "Write to cgroup.kill from the host."
        proof ["cgroup_kill_inside" "cgroup_kill_from_inside"];
    SigqueueNoIds "SIGQUEUE_NO_IDS" by killed::without_ids
        "A SIGKILL with a siginfo that names no sender (SI_TIMER, SI_SIGIO) does not count as one from outside: PID 1 is protected from it."
        if "a SIGKILL with code -2 or -5 to the init, dropped by `unkillable_init`"
        fix "Use kill(2), or sigqueue(3) with SI_QUEUE."
        proof ["sigqueue_without_ids" "a_sigkill_that_names_no_sender"];
    Kill9FromInside "KILL9_FROM_INSIDE" by killed::from_inside
        "SIGKILL for PID 1 from inside its own PID namespace: the kernel drops it."
        if "a SIGKILL to the init from the same PID namespace, dropped by `unkillable_init`"
        fix "Stop the container from the host (docker kill, kubectl delete pod), or send PID 1 a signal that it handles."
        proof ["kill9_from_inside" "sigkill_from_inside"];
    FrozenV1 "FROZEN_V1" by late::frozen_v1
        "PID 1 is frozen by the cgroup v1 freezer: SIGKILL is queued and not taken until it is thawed."
        if "SIGKILL to an init that is frozen, and no exit after it"
        fix "Thaw it first: docker unpause, or echo THAWED into freezer.state (runc 1.1 does so before it kills)."
        proof ["frozen_v1" "stuck_in_the_v1_freezer"];
    FrozenV2 "FROZEN_V2" by late::frozen_v2
        "PID 1 was frozen (paused): a stop signal waits until it is thawed, SIGKILL does not."
        if "the stop signal is queued as `frozen`"
        fix "Unpause the container before it is stopped."
        proof ["frozen_v2" "a_paused_init"];
    Stopped "STOPPED" by late::stopped
        "PID 1 was stopped (SIGSTOP, SIGTSTP): a stop signal waits until it is continued."
        if "the stop signal is queued as `stopped`, or not taken by an init that was stopped before"
        fix "Continue it (kill -CONT), and find out who stopped it."
        proof ["stopped" "a_stopped_init"];
    TracedInit "TRACED_INIT" by late::traced
        "A debugger on PID 1 got the stop signal and did not pass it on."
        if "the stop signal is queued as `ptrace`, and no delivery follows"
        fix "Detach the debugger (strace, gdb), or let it pass the signal on."
        proof ["traced" "a_traced_init"];
    SenderDenied "SENDER_DENIED" by lost::denied
        "Whoever was to stop the container may not signal it: the call failed, and there was no signal."
        if "a stop signal or SIGKILL for PID 1 that failed with `permission_denied` (where the kernel lets sigwhy watch `check_kill_permission`), and no end by another"
        fix "EACCES is a security module: let its profile allow the signal. EPERM is a matter of users: send it as root, or with CAP_KILL in the user namespace of the target."
        proof ["sender_denied" "a_stop_that_is_refused"];
    StartupRace "STARTUP_RACE" by lost::startup_race
        "The stop signal came before PID 1 had set its handler."
        if "a stop signal dropped by `unkillable_init` within 5 s of the start, and a handler for it later"
        fix "Set the handler first thing in main, before anything that takes time; or put an init such as tini before it (--init)."
        proof ["startup_race" "stopped_while_starting"];
    WrongStopsignal "WRONG_STOPSIGNAL" by lost::wrong_signal
        "The stop signal is not the one that PID 1 stops for."
        if "a stop signal other than SIGTERM dropped by `unkillable_init` while SIGTERM has a handler; a real-time signal dropped so; SIGTERM to systemd"
        fix "Set STOPSIGNAL in the image (docker run --stop-signal, stopSignal in a pod) to the signal that it handles: SIGTERM for most, SIGRTMIN+3 for systemd, SIGQUIT for nginx and php-fpm."
        proof ["wrong_stop_signal" "another_stop_signal_than_it_handles"];
    Pid1ShellWrapper "PID1_SHELL_WRAPPER" by lost::shell_wrapper
        "PID 1 is a shell without a trap, and the application is its child: the stop signal is dropped at the shell."
        if "a stop signal dropped by `unkillable_init`, PID 1 has the name of a shell or of a script (`*.sh`, `entrypoint`), and there were other processes in its namespace, or nobody knows yet: it lives on"
        fix "Start the application with exec in the script, or use the exec form of ENTRYPOINT, so that it is PID 1 itself."
        proof ["ten_second_stop" "a_shell_as_pid1"];
    CtrlCDropped "CTRL_C_DROPPED" by lost::ctrl_c
        "A key of the terminal (Ctrl-C) for a PID 1 without a handler."
        if "SIGINT or SIGQUIT with the sender `tty`, dropped by `unkillable_init`"
        fix "Run it with --init, or handle SIGINT; meanwhile detach (Ctrl-P Ctrl-Q) and docker stop."
        proof ["ctrl_c" "a_key_of_the_terminal"];
    Pid1RaiseCoreDropped "PID1_RAISE_CORE_DROPPED" by lost::core_signal
        "A signal that should end PID 1 with a core (SIGSEGV, SIGABRT, SIGQUIT) was sent by a process, and the kernel dropped it: only a real fault ends an init."
        if "a signal whose default action is a core dump, from a process, dropped by `unkillable_init`"
        fix "Have the core written by a debugger from the host (gcore), or run the program as a child of an init (--init)."
        proof ["core_signal" "a_core_signal_for_pid1"];
    ReraiseDropped "RERAISE_DROPPED" by lost::reraise
        "PID 1 handled the stop signal, reset its handler and sent the signal to itself again, as Node.js and many clean-up hooks do: that one is dropped, and it runs on."
        if "a stop signal taken by a handler, then the same signal of the init to itself dropped, by `unkillable_init` or by `unkillable_init_at_dequeue`"
        fix "Exit with 128 plus the signal's number at the end of the handler instead of raising the signal again; or put an init such as tini before it (--init)."
        proof ["reraise" "a_handler_that_raises_the_signal_again"];
    Pid1NoHandler "PID1_NO_HANDLER" by lost::no_handler
        "PID 1 has no handler for the stop signal: the kernel protects it and drops the signal."
        if "a stop signal dropped by `unkillable_init` (or by `unkillable_init_at_dequeue`, after it was blocked), and no end by it"
        fix "Handle SIGTERM in PID 1, or put an init such as tini before it (docker run --init, shareProcessNamespace in a pod)."
        proof ["no_handler" "a_stop_without_a_handler" "docker_stop_of_what_does_not_listen"];
    StopDropped "STOP_DROPPED" by lost::unexplained
        "(imported) The kernel dropped the stop signal, and what was imported does not say why."
        if "a stop signal dropped by `not_recorded`"
        fix "Look at SigIgn and SigCgt in /proc/PID/status of such a process: the bit of SIGTERM, 0x4000, is in neither where it has no handler, which is why a PID 1 loses it. sigwhy record says why the next time."
        proof ["dropped_by_an_import" "the_same_stop_in_every_format"];
    SigIgnInherited "SIG_IGN_INHERITED" by lost::ignored
        "Who was to end ignores the signal (SIG_IGN), often inherited: nohup and a shell's & set it, and it survives execve."
        if "a stop signal dropped by `ignored`, for PID 1 or for whom PID 1 passed it on to"
        fix "Set the signal to SIG_DFL or to a handler at the start, and look for nohup or & in what starts it."
        proof ["ignored" "ignored_as_inherited"];
    SigBlocked "SIG_BLOCKED" by lost::blocked
        "Who was to end blocks the signal, often by a mask inherited over fork and exec."
        if "a stop signal queued as `blocked` and never taken; a second one is `already_pending`"
        fix "Unblock the signal in whoever starts the program (sigprocmask before exec), or read it: sigwait, signalfd."
        proof ["blocked" "a_blocked_stop_signal"];
    PmSwallows "PM_SWALLOWS" by late::package_manager
        "A package manager or supervisor took the stop signal and did not pass it on."
        if "npm, yarn, pnpm, supervisord or the like took the signal, sent none to the others, and these were killed; or it sent a SIGKILL of its own"
        fix "Start the application itself (node server.js, not npm start); with supervisord set stopasgroup=true and a stopwaitsecs below the grace."
        proof ["package_manager" "a_package_manager_that_keeps_the_signal"];
    ShellTrapDeferred "SHELL_TRAP_DEFERRED" by late::trap
        "PID 1 is a shell with a trap, which it runs only when its foreground child has ended."
        if "a stop signal taken by a handler of a shell, no signal from it to others, no exit until the SIGKILL, and another process there"
        fix "Run the child in the background and wait for it (cmd & wait $!), so that the trap runs at once and can pass the signal on; or exec it."
        proof ["trap" "a_shell_with_a_trap"];
    ConsumedNotForwarded "CONSUMED_NOT_FORWARDED" by late::consumed
        "PID 1 took the stop signal (sigwait, signalfd) and passed nothing on."
        if "a stop signal queued as `sigwait`, no signal from the init to another process, and a SIGKILL in the end"
        fix "Have PID 1 pass the signal on to its children, or use an init that does (tini)."
        proof ["consumed" "a_sigwait_that_passes_nothing_on"];
    HandlerNoExit "HANDLER_NO_EXIT" by late::no_exit
        "The stop signal arrived and was handled, and the process did not end in time."
        if "a stop signal taken by a handler (of PID 1, or of whom PID 1 passed it on to), and no exit of it until the SIGKILL"
        fix "Find out what the shutdown waits for (open connections, a lock, a child), or give it a longer grace (docker stop -t, stop_grace_period, terminationGracePeriodSeconds)."
        proof ["no_exit" "a_handler_that_does_not_exit" "a_child_that_does_not_exit"];
    ForwardDirectChildOnly "FORWARD_DIRECT_CHILD_ONLY" by early::direct_child
        "PID 1 passed the stop signal on to its child only; the others were killed when PID 1 ended."
        if "a signal of the init to a child, the init's exit, and processes killed by the zap that had a SIGTERM handler and saw no SIGTERM"
        fix "Signal the whole process group (tini -g, dumb-init), or exec the application so that there is nothing in between."
        proof ["direct_child" "a_forwarder_to_its_first_child"];
    ShellExitsFirst "SHELL_EXITS_FIRST" by early::shell
        "The trap of a shell interrupted its wait, and the shell ended before its children had."
        if "a stop signal taken by a handler of a shell, its exit, and processes killed by the zap whose SIGTERM handler never ran"
        fix "Pass the signal on in the trap and wait again for the child after it: trap 'kill -TERM $pid; wait $pid' TERM."
        proof ["shell_exits_first" "a_shell_that_ends_before_its_child"];
    InitExitedFirst "INIT_EXITED_FIRST" by early::init
        "PID 1 ended while others still ran: the kernel killed them at once, and their SIGTERM handlers never ran."
        if "the init's exit by itself, and processes killed by the zap that had a SIGTERM handler and saw no SIGTERM"
        fix "Have PID 1 pass the stop signal on and wait for all its children before it exits."
        proof ["init_exits_first" "an_init_that_ends_before_its_child"];
    ZapWaitTraced "ZAP_WAIT_TRACED" by stuck::traced
        "The PID namespace cannot end: a process in it is traced from outside, and its death is only its tracer's to see."
        if "no end of the zap for 5 s, and a process that it killed was traced"
        fix "End or detach the tracer (TracerPid in the zombie's /proc/PID/status names it)."
        proof ["stuck_traced" "stuck_by_a_tracer"];
    ZapWaitFrozen "ZAP_WAIT_FROZEN" by stuck::frozen
        "The PID namespace cannot end: a process in it is frozen by the cgroup v1 freezer and does not take its SIGKILL."
        if "no end of the zap for 5 s, and a process that it killed was frozen and has not exited"
        fix "Thaw its cgroup: echo THAWED into freezer.state."
        proof ["stuck_frozen" "stuck_by_a_frozen_member"];
    ZapWaitDstate "ZAP_WAIT_DSTATE" by stuck::uninterruptible
        "The PID namespace cannot end: a process in it has not acted upon its SIGKILL, as one in uninterruptible sleep (state D) does."
        if "no end of the zap for 5 s, and a process that it killed, neither traced nor frozen, has not exited"
        fix "Look at its /proc/PID/stack: mend the storage (NFS, a block device), abort the FUSE connection (/sys/fs/fuse/connections/N/abort)."
        proof ["stuck_uninterruptible" "stuck_in_a_file_system_that_does_not_answer" "a_file_system_that_does_not_answer" "an_uninterruptible_sleep"];
    ZapWaitInjected "ZAP_WAIT_INJECTED" by stuck::injected
        "The PID namespace cannot end: a process put into it from outside (docker exec, nsenter) is dead and not reaped by its parent outside."
        if "no end of the zap for 5 s, though every process that it killed has exited, or one was a zombie already"
        fix "End or mend the parent outside that should reap it: PPid in the zombie's /proc/PID/status names it, often a shim or conmon."
        proof ["stuck_injected" "stuck_by_an_unreaped_exec"];
    ZapWaitPidref "ZAP_WAIT_PIDREF" by stuck::reference
        "The PID namespace cannot end although no process is left in it: a process outside still has a number of it as its process group or session."
        if "no end of the zap for 5 s, which had nobody to kill"
        fix "Find the process outside whose NSpgid or NSsid (/proc/PID/status) is a number that no process has, and end it."
        proof ["stuck_reference" "stuck_by_a_process_group"];
    ExitBeforeZapHang "EXIT_BEFORE_ZAP_HANG" by stuck::before_zap
        "PID 1 has begun to exit and hangs before its namespace ends, as when the close of a file on NFS or FUSE hangs."
        if "the init's exit, and no begin of the zap for 5 s"
        fix "Mend the file server, or abort the FUSE connection (/sys/fs/fuse/connections/N/abort); /proc/PID/stack says where it hangs."
        proof ["stuck_before_zap" "stuck_before_the_namespace_begins_to_end" "an_init_that_hangs_on_its_way_out"];
    HostPidns "HOST_PIDNS" by shared::host
        "The container runs in the host's PID namespace (hostPID, --pid=host): its end takes nobody along, and others of it had to be killed one by one."
        if "the exit of the container's main process, in the host's PID namespace, and a SIGKILL of the runtime to others of it later"
        fix "Have the main process end its children; what is left can be killed by cgroup.kill."
        proof ["host_namespace" "a_container_among_the_hosts_processes" "what_a_container_leaves_in_the_hosts_namespace"];
    SharedPidns "SHARED_PIDNS" by shared::pod
        "The container shares a PID namespace (a pod's): its main process is no init, its end takes nobody along, and others of it had to be killed one by one."
        if "the exit of the container's main process, which is no init, and a SIGKILL of the runtime to others of it later"
        fix "Have the main process end its children, which go to the pod's PID 1."
        proof ["shared_namespace" "a_container_in_another_ones_namespace" "what_a_guest_leaves_in_another_containers_namespace"];
    SigpipeSwallowed "SIGPIPE_SWALLOWED" by lost::sigpipe
        "PID 1 writes to a closed pipe over and over: SIGPIPE, which would end another process, is dropped for it."
        if "three SIGPIPEs or more to the init dropped by `unkillable_init`"
        fix "Treat EPIPE from write(2) as the end of the reader."
        proof ["sigpipe" "a_pipe_that_nobody_reads"];
    PrestopAteGrace "PRESTOP_ATE_GRACE" by killed::pre_stop
        "The grace of a pod was almost over when the stop signal came: a preStop hook may have used it up, after which 2 s are left."
        if "a pod's container, and about 2 s from the stop signal to the SIGKILL of the runtime"
        fix "Make terminationGracePeriodSeconds longer than the preStop hook and the shutdown together."
        proof ["pre_stop" "a_pre_stop_hook_eats_the_grace_period"];
    GraceExpiredKill "GRACE_EXPIRED_KILL" by killed::grace
        "The grace was over before the container had ended."
        if "a stop signal, and a SIGKILL from outside later"
        fix "Remove the cause, where one is named; else make the grace longer."
        proof ["ten_second_stop" "a_stop_without_a_handler" "docker_stop_of_what_does_not_listen"];
    KillWithoutStop "KILL_WITHOUT_STOP" by killed::at_once
        "The container was killed without being asked to stop."
        if "a SIGKILL from outside and no stop signal before it"
        fix "Use docker stop rather than docker kill or rm -f, and no grace of 0, where the container has something to finish."
        proof ["kill_without_stop" "a_kill_at_once" "docker_kill_asks_nobody"];
    ProbeOrEviction "PROBE_OR_EVICTION" by killed::kubelet
        "Why a pod's container was killed (a liveness probe, an eviction, a deletion) the kernel cannot tell."
        if "GRACE_EXPIRED_KILL or KILL_WITHOUT_STOP of a pod's container by its runtime"
        fix "Look at the events: kubectl describe pod, and the kubelet's log."
        proof ["pod_killed" "a_deleted_pod_is_asked_waited_for_and_killed" "a_failed_probe_stops_the_container_and_not_the_pod"];
    RuntimeGone "RUNTIME_GONE" by present::no_record
        "The process that started the container and has to reap it (containerd-shim, conmon) is gone, or does not do its work: nobody notes the end of PID 1, and its runtime goes on calling it running."
        if "a look (`sigwhy why`, `sigwhy audit`): PID 1 is dead and not reaped, or is the child of the machine's PID 1 although its runtime has a shim or a monitor for each container"
        fix "Restart the runtime (systemctl restart docker, containerd, crio), and remove the container with force where it still calls it running."
        proof ["the_runtime_is_gone" "a_dead_init_that_nobody_reaps"];
    OrphanDaemons "ORPHAN_DAEMONS" by present::no_record
        "A process forked twice, as daemons do, and was left to PID 1, which did not start it: what passes the stop signal on passes it by, and the end of PID 1 kills it."
        if "a look (`sigwhy audit`): a child of PID 1 with a SIGTERM handler whose session's leader is gone, under a PID 1 that does not stop every process"
        fix "Run it in the foreground (nginx -g 'daemon off;', --no-daemon), one to a container, or under a supervisor that stops it."
        proof ["a_daemon_that_was_left_to_pid1" "a_daemon_left_to_an_init"];
    ZombieAccumulation "ZOMBIE_ACCUMULATION" by present::no_record
        "PID 1 does not reap the dead that are left to it: each keeps its number, until there are none left for new processes."
        if "a look (`sigwhy audit`): children of PID 1 that have been dead for a second, and at a second look"
        fix "Put an init that reaps before it (docker run --init, tini), or have PID 1 wait for every child."
        proof ["the_dead_that_pid1_does_not_reap" "zombies_of_an_init"];
}
