//! Runtimes' sockets: who answers gives names, and who does not costs no event
//! anything. The daemons here are made by hand; real ones are in
//! `tests/runtimes`.

use std::cell::Cell;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use libc::{SIGTERM, SIGUSR2};
use serde_json::Value;

use super::live::{Live, run, sigwhy};
use super::names::{Made, is_of};
use crate::harness::slow;

type Outcome = anyhow::Result<()>;

/// How long sigwhy waits for a socket.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A daemon's socket. Its threads end with the tests.
struct Daemon {
    path: PathBuf,
    connections: Arc<AtomicUsize>,
}

impl Daemon {
    fn start(serve: impl Fn(UnixStream) + Send + Sync + Clone + 'static) -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sigwhy-daemon-{}-{count}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listener = UnixListener::bind(&path)?;
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                let serve = serve.clone();
                thread::spawn(move || serve(stream));
            }
        });
        Ok(Self { path, connections })
    }

    /// Reads all that comes, and never answers.
    fn hung() -> anyhow::Result<Self> {
        Self::start(|mut stream| {
            let _ = stream.read_to_end(&mut Vec::new());
        })
    }

    /// Docker's API, that knows one container; it answers after `pause`.
    fn docker(id: &str, name: &str, pause: Duration) -> anyhow::Result<Self> {
        let body = format!(
            r#"{{"Id":"{id}","Name":"/{name}","Config":{{"Image":"shop/app:1","StopSignal":"SIGUSR1"}}}}"#
        );
        let wanted = format!("GET /containers/{id}/json ");
        Self::start(move |mut stream| {
            let mut request = [0; 4096];
            let Ok(length) = stream.read(&mut request) else {
                return;
            };
            thread::sleep(pause);
            let (status, body) = match request[..length].starts_with(wanted.as_bytes()) {
                true => ("200 OK", body.as_str()),
                false => ("404 Not Found", "{}"),
            };
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
        })
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// sigwhy, to which this is the machine's Docker and its CRI.
    fn sigwhy(&self) -> Command {
        let mut command = sigwhy();
        command.env("DOCKER_HOST", format!("unix://{}", self.path.display()));
        command.env("CONTAINER_RUNTIME_ENDPOINT", &self.path);
        command
    }

    fn live(&self, args: &[&str]) -> anyhow::Result<Live> {
        let mut command = self.sigwhy();
        Live::json_of(command.args(["live", "--format", "json"]).args(args))
    }

    /// Waits until somebody has connected.
    fn until_asked(&self) -> Outcome {
        let end = Instant::now() + slow(Duration::from_secs(10));
        while self.connections() == 0 {
            ensure!(Instant::now() < end, "nobody asks");
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// From signals to their records, while containers that only a socket could name
/// come and go.
fn latencies(daemon: &Daemon, args: &[&str]) -> anyhow::Result<Vec<Duration>> {
    let live = daemon.live(args)?;
    // It comes while sigwhy runs, and is asked about from here on.
    let made = Made::new("sock-lat")?;
    let target = made.inside.pid();
    let mut all = Vec::new();
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let begun = Instant::now();
        made.host.kill(target, SIGUSR2)?;
        let seen = Cell::new(0);
        live.record(|record| {
            // By whatever name it has by then.
            let is_one = record["type"] == "signal" && record["target"]["pid"] == target;
            seen.set(seen.get() + usize::from(is_one));
            seen.get() == all.len() + 1
        })?;
        all.push(begun.elapsed());
        thread::sleep(Duration::from_millis(5));
    }
    live.end()?;
    Ok(all)
}

fn median(all: &[Duration]) -> Duration {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    sorted.get(all.len() / 2).copied().unwrap_or_default()
}

#[test]
fn a_hung_socket_changes_no_events_latency() -> Outcome {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let hung = Daemon::hung()?;
        let only = ["--signal", "USR2"];
        without.extend(latencies(&hung, &["--signal", "USR2", "--no-runtime-api"])?);
        ensure!(hung.connections() == 0, "nobody was to be asked");
        with.extend(latencies(&hung, &only)?);
        ensure!(hung.connections() > 0, "nobody was asked");
    }
    let (hung, free) = (median(&with), median(&without));
    let worst = |all: &[Duration]| all.iter().max().copied().unwrap_or_default();
    let ratio = hung.as_secs_f64() / free.as_secs_f64();
    println!(
        "signal to record: median {hung:?}, worst {:?} of {} with a hung socket; \
         median {free:?}, worst {:?} of {} with --no-runtime-api; ratio of medians {ratio:.2}",
        worst(&with),
        with.len(),
        worst(&without),
        without.len(),
    );
    assert!(
        hung < 2 * free + slow(Duration::from_millis(2)),
        "ratio {ratio:.2}"
    );
    // One that waited for the socket would have waited this long; a machine without
    // a processor to spare delays single ones by half of it.
    assert!(worst(&with) < slow(PATIENCE), "{:?}", worst(&with));
    Ok(())
}

#[test]
fn a_hung_socket_does_not_delay_the_end() -> Outcome {
    let hung = Daemon::hung()?;
    let made = Made::new("sock-end")?;
    let live = hung.live(&[])?;
    hung.until_asked()?;
    let begun = Instant::now();
    let said = live.end()?;
    let took = begun.elapsed();
    println!("the end took {took:?}");
    assert!(said.status.code().is_some(), "{:?}", said.err);
    assert!(took < slow(PATIENCE * 2 / 3), "{took:?}");

    let list = |args: &[&str]| -> anyhow::Result<(Vec<Value>, Duration)> {
        let begun = Instant::now();
        let mut command = hung.sigwhy();
        let said = run(command.args(["ps", "--format", "json"]).args(args))?;
        Ok((said.records()?, begun.elapsed()))
    };
    let is_it = |row: &Value| row["id"] == *made.id && row["name"] == made.name();
    let (rows, with) = list(&[])?;
    assert!(rows.iter().any(is_it), "{rows:#?}");
    let (rows, without) = list(&["--no-runtime-api"])?;
    assert!(rows.iter().any(is_it), "{rows:#?}");
    println!("ps took {with:?}, without asking {without:?}");
    assert!(with < without + slow(Duration::from_secs(1)), "{with:?}");
    Ok(())
}

#[test]
fn a_socket_names_what_no_file_does() -> Outcome {
    let made = Made::new("sock-name")?;
    let docker = Daemon::docker(&made.id, "by-socket", Duration::ZERO)?;
    let live = docker.live(&["--container", "by-socket"])?;
    let term = || -> anyhow::Result<Value> {
        made.inside.kill(1, SIGTERM)?;
        live.record(|r| is_of(r, &made.id) && r["signal"]["number"] == SIGTERM)
    };
    docker.until_asked()?;
    let record = term()?;
    let container = &record["target"]["container"];
    assert_eq!(container["name"], "by-socket", "{container}");
    assert_eq!(container["image"], "shop/app:1");
    assert_eq!(container["runtime"], "docker");
    live.end()?;

    let list = |args: &[&str]| -> anyhow::Result<Vec<Value>> {
        let mut command = docker.sigwhy();
        let said = run(command.args(["ps", "--format", "json"]).args(args))?;
        said.records()
    };
    let rows = list(&["-c", "by-socket"])?;
    let row = rows.first().context("it runs")?;
    assert_eq!((&row["image"], rows.len()), (&"shop/app:1".into(), 1));
    // What a stop would be: the daemon says with which signal.
    assert_eq!(row["stop"]["signal"], "SIGUSR1", "{row}");
    let asked = docker.connections();
    assert_eq!(list(&["--no-runtime-api", "-c", "by-socket"])?.len(), 0);
    assert_eq!(docker.connections(), asked);
    Ok(())
}

/// Longer than a name is waited for (half a second): by then the kernel has been
/// told that nobody asked for this container, and nothing happens in it. And far
/// shorter than an answer is (1.5 s), which would put the socket to rest.
#[test]
fn a_name_that_comes_late_is_not_too_late() -> Outcome {
    let pause = Duration::from_millis(800);
    let made = Made::new("sock-late")?;
    let docker = Daemon::docker(&made.id, "at-last", pause)?;
    let live = docker.live(&["--container", "at-last"])?;
    docker.until_asked()?;
    let begun = Instant::now();
    while begun.elapsed() < pause * 3 / 4 {
        made.inside.kill(1, SIGTERM)?;
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(slow(pause));
    let inside = made.inside.clone();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let sender = thread::spawn(move || {
        let pause = Duration::from_millis(100);
        while stopped.recv_timeout(pause) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = inside.kill(1, SIGTERM);
        }
    });
    let record = live.record(|r| r["type"] == "signal" && is_of(r, &made.id));
    drop(stop);
    let _ = sender.join();
    let record = record?;
    assert_eq!(record["target"]["container"]["name"], "at-last");
    live.end()?;
    Ok(())
}
