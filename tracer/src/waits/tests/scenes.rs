//! Processes as `/proc` shows them in each wait.

use super::*;

pub const HOST: u32 = 4_026_531_836;
pub const NS: u32 = 4_026_532_181;
pub const INNER: u32 = 4_026_532_190;

/// PF_EXITING.
pub const EXITING: u64 = 4;

/// A process that sleeps. `numbers`: from the host's namespace to its own.
pub fn task(comm: &str, pid_ns: u32, numbers: &[u32], ppid: u32) -> Task {
    let pid = numbers[0];
    Task {
        pid,
        comm: comm.to_owned(),
        pid_ns: Some(pid_ns),
        pgrp: pid,
        session: pid,
        start_ticks: 1_000 + u64::from(pid),
        status: Sets {
            state: 'S',
            ppid,
            ns_pids: numbers.to_vec(),
            threads: 1,
            ..Sets::default()
        },
        alive: vec![Thread {
            tid: pid,
            state: 'S',
            wchan: Some("ep_poll".to_owned()),
            ..Thread::default()
        }],
        idle_ns: Some(1_500_000_000),
        ..Task::default()
    }
}

pub fn in_state(mut task: Task, state: char, wchan: &str) -> Task {
    task.status.state = state;
    for thread in &mut task.alive {
        thread.state = state;
        thread.wchan = Some(wchan.to_owned()).filter(|wchan| !wchan.is_empty());
    }
    task
}

pub fn dead(mut task: Task) -> Task {
    task.status.state = 'Z';
    task.alive.clear();
    task.idle_ns = Some(42_000_000_000);
    task
}

pub fn exiting(mut task: Task, wchan: &str) -> Task {
    task.flags |= EXITING;
    task = in_state(task, 'S', wchan);
    task.status.pending = mask(SIGKILL);
    for thread in &mut task.alive {
        thread.exiting = true;
        thread.killed = true;
    }
    task
}

pub fn killed(mut task: Task) -> Task {
    task.status.pending |= mask(SIGKILL);
    task
}

pub fn with_pending(mut task: Task, signal: u32) -> Task {
    task.status.pending |= mask(signal);
    task
}

pub fn frozen(mut task: Task, version: u8) -> Task {
    let file = match version {
        1 => "/sys/fs/cgroup/freezer/docker/x/freezer.state",
        _ => "/sys/fs/cgroup/docker/x/cgroup.freeze",
    };
    task.freezer = Some(Freezer {
        version,
        cgroup: "/docker/x".to_owned(),
        file: Some(file.to_owned()),
        thaw: if version == 1 { "THAWED" } else { "0" },
    });
    task
}

pub fn zapping() -> Task {
    exiting(init(), "zap_pid_ns_processes")
}

pub fn init() -> Task {
    task("app", NS, &[1544, 1], 1542)
}

pub fn server() -> Task {
    task("server", NS, &[1548, 2], 1546)
}

pub fn scene(tasks: Vec<Task>, others: Vec<Task>) -> Scene {
    Scene {
        ns: NS,
        tasks,
        others,
        // The youngest is the one of number 1548: 100 s.
        now_ticks: Some(1_000 + 1_548 + 10_000),
        ..Scene::default()
    }
}

pub fn nsenter() -> Task {
    in_state(task("nsenter", HOST, &[1546], 21917), 'T', "")
}

pub fn shim() -> Task {
    in_state(
        task("containerd-shim", HOST, &[1542], 1),
        'S',
        "futex_do_wait",
    )
}

pub fn named(runtime: Runtime) -> Named {
    Named {
        name: "web".to_owned(),
        runtime,
        id: Some("9db05c0cf888".to_owned()),
        image: Some("app:1".to_owned()),
        pod: None,
        pod_namespace: None,
        pid_ns: Some(NS),
    }
}

pub fn judged(scene: &Scene) -> Verdict {
    let named = named(Runtime::Docker);
    judge::namespace(scene, Some(&named), now()).expect("its PID 1 is there")
}

#[track_caller]
pub fn is(verdict: &Verdict, wait: Wait, number: Option<&str>, id: &str) {
    assert_eq!(verdict.status, Status::Stuck, "{verdict:#?}");
    assert_eq!(verdict.wait, Some(wait), "{verdict:#?}");
    assert_eq!(verdict.wait_number, number);
    let found = verdict.diagnosis.as_ref().map(|advice| advice.id);
    assert_eq!(found, Some(id));
    assert!(verdict.frees.is_some());
}

pub fn injected() -> Verdict {
    judged(&scene(
        vec![zapping(), dead(server())],
        vec![nsenter(), shim()],
    ))
}

pub fn adopted() -> Verdict {
    let mut orphan = dead(server());
    orphan.status.ppid = 1;
    let systemd = task("systemd", HOST, &[1], 0);
    judged(&scene(vec![zapping(), orphan], vec![systemd, shim()]))
}

pub fn traced() -> Verdict {
    let mut zombie = dead(task("server", NS, &[1548, 2], 1544));
    zombie.status.tracer = 99;
    let waits = exiting(init(), "do_wait");
    let strace = in_state(task("strace", HOST, &[99], 60), 'S', "do_wait");
    judged(&scene(vec![waits, zombie], vec![strace, shim()]))
}

pub fn frozen_member() -> Verdict {
    let member = frozen(killed(task("server", NS, &[1548, 2], 1544)), 1);
    let member = in_state(member, 'D', "__refrigerator");
    judged(&scene(
        vec![exiting(init(), "do_wait"), member],
        vec![shim()],
    ))
}

pub fn uninterruptible() -> Verdict {
    let mut member = in_state(
        killed(task("server", NS, &[1548, 2], 1544)),
        'D',
        "request_wait_answer",
    );
    member.alive[0].stack = ["request_wait_answer", "fuse_simple_request", "fuse_lookup"]
        .map(str::to_owned)
        .to_vec();
    judged(&scene(
        vec![exiting(init(), "do_wait"), member],
        vec![shim()],
    ))
}

pub fn reference(suspects: usize) -> Verdict {
    let mut others = vec![shim()];
    let mut scene = scene(vec![zapping()], Vec::new());
    for number in 0..suspects {
        let mut outsider = task("outsider", HOST, &[2000 + number as u32], 60);
        outsider.pgrp = 1548;
        outsider.session = 60;
        scene.suspects.push(outsider.pid);
        others.push(outsider);
    }
    scene.others = others;
    judged(&scene)
}

pub fn nested() -> Verdict {
    let inner = exiting(
        task("nested", INNER, &[1600, 5, 1], 1544),
        "zap_pid_ns_processes",
    );
    let leaf = dead(task("leaf", INNER, &[1601, 6, 2], 1546));
    let mut scene = scene(
        vec![exiting(init(), "do_wait"), inner, leaf],
        vec![nsenter()],
    );
    scene.outer.insert(INNER, NS);
    judged(&scene)
}

pub fn exit_hang() -> Verdict {
    let mut hangs = exiting(init(), "fuse_flush");
    hangs = in_state(hangs, 'D', "request_wait_answer");
    hangs.alive[0].stack = ["request_wait_answer", "fuse_flush", "filp_close", "do_exit"]
        .map(str::to_owned)
        .to_vec();
    judged(&scene(
        vec![hangs, task("server", NS, &[1548, 2], 1544)],
        vec![shim()],
    ))
}
