//! Z5, in a PID namespace that is the machine.

use super::*;

/// The machine of this test is a PID namespace with a /proc of its own: the real
/// one's PID 1 mostly reaps sooner than anybody can look.
#[test]
fn an_exec_that_the_machines_pid_1_has() -> Outcome {
    let arena = arena()?;
    let machine = arena.spawn_host("launcher")?.spawn_init("machine")?;
    let launcher = machine.spawn_child("launcher")?;
    let init = launcher.spawn_init("app")?;
    let outside = launcher.spawn_child("docker-exec")?;
    let injected = outside.inject(&init, "injected")?;
    let Some(proc) = Proc::mount_of(&machine)? else {
        return Ok(());
    };
    launcher.kill(init.pid_for_parent(), SIGKILL)?;
    injected.await_death(SOON)?;
    // As long as its parent is there, it is for that one to reap.
    let called = init.pid_for_parent().to_string();
    let root = ["--root", proc.root()];
    let verdict = verdict_by(&called, &root, "stuck")?;
    assert_eq!(verdict["wait_number"], "Z4", "{verdict:#}");
    outside.order(Order::Exit { code: 0 })?;
    outside.await_death(SOON)?;
    let end = Instant::now() + slow(SOON);
    while injected
        .stat()
        .is_none_or(|stat| stat.ppid != machine.pid())
    {
        ensure!(Instant::now() < end, "it has no new parent");
        std::thread::sleep(Duration::from_millis(1));
    }
    let verdict = verdict_by(&called, &root, "stuck")?;
    assert_eq!(verdict["wait"], "adopted", "{verdict:#}");
    assert_eq!(verdict["wait_number"], "Z5", "{verdict:#}");
    assert_eq!(verdict["diagnosis"]["id"], "ZAP_WAIT_INJECTED");
    let holder = &verdict["holders"][0];
    let number = injected.pid_for_parent();
    assert_eq!(holder["process"]["pid"], number, "{verdict:#}");
    assert_eq!(holder["parent"]["pid"], 1, "{verdict:#}");
    let frees = verdict["frees"].as_str().unwrap_or_default();
    assert!(frees.contains("the machine's PID 1"), "{verdict:#}");
    let reap = Order::Reap {
        pid: number,
        millis: 20_000,
    };
    assert!(matches!(machine.ask(reap)?, Answer::Status(status) if status.is_dead()));
    init.reap(SOON).map(drop)
}

/// The `/proc` of another PID namespace, below a directory of its own.
struct Proc(String);

impl Proc {
    /// `None`, and the test is skipped, where that cannot be.
    fn mount_of(init: &Specimen) -> anyhow::Result<Option<Self>> {
        let name = format!("sigwhy-proc-{}-{}", std::process::id(), init.pid());
        let root = std::env::temp_dir().join(name);
        std::fs::create_dir_all(root.join("proc"))?;
        let proc = Self(root.display().to_string());
        // Whoever mounts it must be in there.
        let mounted = std::process::Command::new("nsenter")
            .arg(format!("--pid=/proc/{}/ns/pid", init.pid()))
            .args(["mount", "-t", "proc", "proc"])
            .arg(root.join("proc"))
            .output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            skip("no nsenter(1) and mount(8) that mount another PID namespace's /proc");
            return Ok(None);
        }
        Ok(Some(proc))
    }

    fn root(&self) -> &str {
        &self.0
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        let at = format!("{}/proc", self.0);
        let _ = std::process::Command::new("umount")
            .args(["-l", &at])
            .status();
        let _ = std::fs::remove_dir(&at);
        let _ = std::fs::remove_dir(&self.0);
    }
}
