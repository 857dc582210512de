//! The sentences. Names in them are the processes' own words: whoever prints
//! them escapes them.

use super::{Brief, Freezer, Holder, Wait};
use crate::container::role::{self, Case};
use crate::record::{duration, name as name_of};
use crate::snapshot::Task;

/// Functions that say nothing about what is waited for.
const DULL: [&str; 4] = ["ret_from_fork", "kthread", "do_syscall_64", "el0_svc"];

/// What means something in a sentence, around a name.
const MARKS: [char; 6] = ['(', ')', '[', ']', ';', ','];

/// `sleep 2[1548]` in a namespace of its own, `nsenter 1546` in the reader's.
pub fn process(brief: &Brief) -> String {
    let comm = name_of(&brief.comm, &MARKS);
    match brief.ns_pid {
        Some(nr) => format!("{comm} {nr}[{}]", brief.pid),
        None => format!("{comm} {}", brief.pid),
    }
}

/// The same, with what it is and does: `nsenter 1546 (stopped)`.
pub fn with_state(brief: &Brief) -> String {
    let mut about: Vec<String> = brief.who.iter().cloned().collect();
    about.push(doing(brief.state, brief.wchan.as_deref()));
    format!("{} ({})", process(brief), about.join("; "))
}

/// What a state means.
pub fn doing(state: char, wchan: Option<&str>) -> String {
    let within = wchan.map_or_else(String::new, |wchan| format!(" in {wchan}"));
    match state {
        'R' => "running".to_owned(),
        'S' | 'I' => format!("asleep{within}"),
        'D' => format!("in uninterruptible sleep{within}"),
        'T' => "stopped".to_owned(),
        't' => "held by its tracer".to_owned(),
        'Z' | 'X' => "dead".to_owned(),
        other => format!("in state {other}"),
    }
}

/// A process in brief. `is_here`: it is in the reader's PID namespace.
pub fn brief(task: &Task) -> Brief {
    let sleeper = task.sleeper();
    Brief {
        pid: task.pid,
        ns_pid: task.nr().filter(|_| task.level() > 0),
        pid_ns: task.pid_ns,
        comm: task.comm.clone(),
        state: sleeper.map_or(task.status.state, |thread| thread.state),
        wchan: sleeper.and_then(|thread| thread.wchan.clone()),
        who: None,
    }
}

/// The same of somebody outside, with what it is to containers.
pub fn outsider(task: &Task) -> Brief {
    let is_global_init = task.pid == 1 && task.level() == 0;
    let case = Case {
        comm: &task.comm,
        is_global_init,
        ..Case::default()
    };
    let role = role::role(&case);
    let is_known = matches!(role, role::Role::Runtime(_) | role::Role::ServiceManager);
    let who = is_known.then(|| match role {
        role::Role::ServiceManager => "the machine's PID 1".to_owned(),
        // Of "containerd (containerd's shim)" the name has said the first.
        role => match role.words(&case).split_once(" (") {
            Some((_, program)) => program.trim_end_matches(')').to_owned(),
            None => role.words(&case).into_owned(),
        },
    });
    Brief {
        // "conmon 77 (conmon; asleep)" says it twice.
        who: who.filter(|who| *who != task.comm),
        ..brief(task)
    }
}

fn freezer(freezer: &Freezer) -> String {
    format!("cgroup {} of v{}", freezer.cgroup, freezer.version)
}

fn name(brief: Option<&Brief>) -> String {
    brief.map_or_else(|| "a process".to_owned(), process)
}

fn known(brief: Option<&Brief>, what: &str) -> String {
    brief.map_or_else(
        || format!("{what}, which is not to be seen from here"),
        with_state,
    )
}

/// What a holder is, as a sentence without its full stop.
pub fn sentence(holder: &Holder, is_own: bool) -> String {
    let who = name(holder.process.as_ref());
    let wchan = || {
        let brief = holder.process.as_ref();
        brief
            .and_then(|brief| brief.wchan.as_deref())
            .or_else(|| {
                holder
                    .stack
                    .iter()
                    .map(String::as_str)
                    .find(|f| !DULL.contains(f))
            })
            .map_or_else(String::new, |function| format!(", in {function}"))
    };
    let text = match holder.wait {
        Wait::Injected => format!(
            "{who} is dead and not reaped: it was put in from outside (docker exec, nsenter), and \
             its parent there, {}, has not waited for it",
            known(holder.parent.as_ref(), "a process")
        ),
        Wait::Adopted => format!(
            "{who} is dead and not reaped: it was put in from outside (docker exec, nsenter), its \
             parent there has died, and now it is for {} to reap",
            known(holder.parent.as_ref(), "a process")
        ),
        Wait::Unreaped => format!(
            "{who} is dead, and its parent, {}, has not reaped it",
            known(holder.parent.as_ref(), "a process")
        ),
        Wait::Traced if holder.process.as_ref().is_some_and(|p| p.state == 'Z') => format!(
            "{who} is dead, and its tracer, {}, has not taken note of it",
            known(holder.tracer.as_ref(), "a process")
        ),
        Wait::Traced => format!(
            "{who} is held by its tracer, {}, and cannot go on with anything, not even its exit",
            known(holder.tracer.as_ref(), "a process")
        ),
        Wait::FrozenV1 | Wait::FrozenV2 => {
            let by = holder
                .freezer
                .as_ref()
                .map_or_else(String::new, |by| format!(" ({})", freezer(by)));
            let what = match holder.wait {
                Wait::FrozenV1 => "and does not even take SIGKILL",
                _ => "and takes nothing but SIGKILL",
            };
            format!("{who} is frozen{by} {what}")
        }
        Wait::Uninterruptible => format!(
            "{who} is in uninterruptible sleep (state D{}) and takes no SIGKILL before that is over",
            wchan()
        ),
        Wait::CoreDump => format!("{who} writes a core dump"),
        Wait::ExitHang => format!(
            "{who} has begun to exit and hangs{} before its PID namespace is told",
            wchan().replace(", in", " in")
        ),
        Wait::Stopped => {
            format!("{who} is stopped (SIGSTOP, SIGTSTP) and takes nothing but SIGKILL")
        }
        Wait::Blocked => format!("{who} blocks the stop signal that was sent to it"),
        Wait::Reference => reference(&holder.suspects),
    };
    let is_zombie = holder
        .process
        .as_ref()
        .is_some_and(|process| process.state == 'Z');
    let since = match holder.idle_ns {
        Some(ns) if is_zombie && !is_own => format!("; it died at least {} ago", duration(ns)),
        _ => String::new(),
    };
    let through = match holder.through.as_slice() {
        [] => String::new(),
        inits => {
            let inits: Vec<_> = inits.iter().map(process).collect();
            format!(
                "a nested PID namespace has to end first, that of {}, and there ",
                inits.join(", then that of ")
            )
        }
    };
    format!("{through}{text}{since}")
}

fn reference(suspects: &[Brief]) -> String {
    let what = "no process is left in it, but a process outside still has the number of one that is \
                gone as its process group";
    match suspects {
        [] => format!("{what}, and none that fits is to be seen from here"),
        [one] => format!("{what}: only {} fits", with_state(one)),
        many => {
            let names: Vec<_> = many.iter().map(process).collect();
            format!("{what}: one of {}", names.join(", "))
        }
    }
}

/// A word of a command line for a shell: names of cgroups and of containers are
/// others' to choose, and the commands are there to be pasted, by root.
pub fn quoted(word: &str) -> String {
    let quoter = shlex::Quoter::new().allow_nul(true);
    // Nothing but a NUL cannot be quoted.
    let quoted = quoter.quote(word).unwrap_or_default();
    quoted.into_owned()
}

/// What will free it, and the commands for that.
pub fn relief(holder: &Holder) -> (String, Vec<String>) {
    let pid = holder.process.as_ref().map_or(0, |process| process.pid);
    let look = || {
        vec![
            format!("cat /proc/{pid}/stack"),
            format!("grep . /proc/{pid}/task/*/wchan"),
        ]
    };
    match holder.wait {
        Wait::Injected | Wait::Adopted | Wait::Unreaped => reaping(holder),
        Wait::Traced => tracing(holder),
        Wait::FrozenV1 | Wait::FrozenV2 => {
            let by = holder.freezer.as_ref();
            let file =
                by.and_then(|by| Some(format!("echo {} > {}", by.thaw, quoted(by.file.as_ref()?))));
            let frees = match file {
                Some(_) => "thawing its cgroup",
                None => "thawing its cgroup, which is not mounted here",
            };
            (frees.to_owned(), file.into_iter().collect())
        }
        Wait::Uninterruptible | Wait::ExitHang => sleeping(holder, look()),
        Wait::CoreDump => (
            "the end of the dump, or of the program in kernel.core_pattern that takes it"
                .to_owned(),
            vec!["cat /proc/sys/kernel/core_pattern".to_owned()],
        ),
        Wait::Stopped => (
            "SIGCONT, or SIGKILL".to_owned(),
            vec![format!("kill -CONT {pid}")],
        ),
        Wait::Blocked => (
            "SIGKILL, where it does not unblock the signal by itself".to_owned(),
            vec![format!("grep Sig /proc/{pid}/status")],
        ),
        Wait::Reference => held(&holder.suspects),
    }
}

/// Of a number without a process. Only one that is alone in question is to be
/// ended: the others have done nothing.
fn held(suspects: &[Brief]) -> (String, Vec<String>) {
    match suspects {
        [] => (
            "the end of whoever has the number, or another process group for it".to_owned(),
            vec!["ps -eo pid,pgid,sid,stat,comm".to_owned()],
        ),
        [one] => (
            format!(
                "the end of {}, or another process group for it",
                process(one)
            ),
            vec![format!("kill {}", one.pid)],
        ),
        many => {
            let pids: Vec<_> = many.iter().map(|one| one.pid.to_string()).collect();
            (
                "the end of the right one of them, or another process group for it".to_owned(),
                vec![format!(
                    "ps -o pid,pgid,sid,stat,lstart,comm -p {}",
                    pids.join(",")
                )],
            )
        }
    }
}

fn reaping(holder: &Holder) -> (String, Vec<String>) {
    let Some(parent) = &holder.parent else {
        return (
            "its parent, in a PID namespace that is not to be seen from here, when it reaps it or ends"
                .to_owned(),
            Vec::new(),
        );
    };
    let who = process(parent);
    if parent.pid == 1 && parent.ns_pid.is_none() {
        return (
            format!("{who}, the machine's PID 1, when it reaps it: mostly within seconds"),
            vec!["ps -o pid,ppid,stat,comm --ppid 1".to_owned()],
        );
    }
    let frees = format!("{who}, when it reaps it or ends");
    let commands = match parent.state {
        'T' => vec![format!("kill -CONT {}", parent.pid)],
        't' | 'D' => vec![format!("cat /proc/{}/stack", parent.pid)],
        // Without its name: a newline in that would end the comment.
        _ if parent.who.is_some() => vec![format!(
            "kill {}    # what else it looks after goes with it",
            parent.pid
        )],
        _ => vec![format!("kill {}", parent.pid)],
    };
    (frees, commands)
}

fn tracing(holder: &Holder) -> (String, Vec<String>) {
    match &holder.tracer {
        Some(tracer) => (
            format!(
                "{}, when it detaches, waits for it, or ends",
                process(tracer)
            ),
            vec![format!("kill -9 {}", tracer.pid)],
        ),
        None => (
            "its tracer, in a PID namespace that is not to be seen from here, when it ends"
                .to_owned(),
            Vec::new(),
        ),
    }
}

fn sleeping(holder: &Holder, mut commands: Vec<String>) -> (String, Vec<String>) {
    let is_in = |names: &[&str]| {
        let wchan = holder
            .process
            .as_ref()
            .and_then(|process| process.wchan.as_ref());
        let mut functions = holder.stack.iter().chain(wchan);
        functions.any(|function| names.iter().any(|name| function.contains(name)))
    };
    let frees = if is_in(&["fuse_", "request_wait_answer"]) {
        commands.insert(
            0,
            "grep . /sys/fs/fuse/connections/*/waiting    # then: echo 1 > .../abort".to_owned(),
        );
        "the answer of the FUSE file system, or the abort of its connection"
    } else if is_in(&["nfs", "rpc_", "nlm"]) {
        "the answer of the NFS server (umount -f makes its requests fail)"
    } else {
        "the end of what it sleeps for; no signal does"
    };
    (frees.to_owned(), commands)
}

#[cfg(test)]
mod tests {
    use super::{Brief, process, quoted};

    #[test]
    fn a_name_does_not_pass_for_a_number_or_for_what_follows() {
        let called = |comm: &str| {
            process(&Brief {
                pid: 77,
                ns_pid: Some(3),
                pid_ns: None,
                comm: comm.to_owned(),
                state: 'S',
                wchan: None,
                who: None,
            })
        };
        assert_eq!(called("npm start"), "npm start 3[77]");
        assert_eq!(called("x 1[2]"), "\"x 1[2]\" 3[77]");
        assert_eq!(called("sh (dead)"), "\"sh (dead)\" 3[77]");
    }

    #[test]
    fn a_name_stays_one_word_of_a_command() {
        for plain in ["web-1", "/sys/fs/cgroup/freezer/docker/x/freezer.state"] {
            assert_eq!(quoted(plain), plain);
        }
        for odd in [
            "/machine.slice/machine-my\\x2dbox.scope/cgroup.freeze",
            "/a;reboot/cgroup.freeze",
            "$(reboot)",
            "it's",
            "a b\nc",
            "",
        ] {
            assert_eq!(shlex::split(&quoted(odd)), Some(vec![odd.to_owned()]));
        }
    }
}
