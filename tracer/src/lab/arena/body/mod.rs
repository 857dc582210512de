//! The specimen's side: connect, say hello, obey until the arena hangs up.
//!
//! The orders run on the main thread, so that the main thread is the one that
//! blocks signals, is signalled and dies.

mod obey;
mod spawned;
mod wait;

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, socket,
};

use super::launch::Home;
use super::procfs;
use super::raw;
use super::wire::{Answer, Disposition, Event, MESSAGE_MAX, Said, Told};

/// The command line of `sigwhy __specimen`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The abstract name of the arena's socket.
    #[arg(long)]
    socket: String,
    /// The socket, connected already, after an execve(2) of itself.
    #[arg(long)]
    fd: Option<i32>,
    /// What the arena calls this specimen.
    #[arg(long)]
    id: u64,
    /// The name to take.
    #[arg(long)]
    comm: String,
    /// Seconds to live at most.
    #[arg(long)]
    life: u64,
    /// The inode of the arena's own PID namespace.
    #[arg(long)]
    home_ns: u64,
}

/// Runs a specimen until it is told to exit or the arena is gone.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    shed_runtime_handlers(args.fd.is_some()).context("resetting the signal handlers")?;
    let comm = CString::new(args.comm).context("the name of a specimen holds a NUL")?;
    nix::sys::prctl::set_name(&comm).context("setting the name of a specimen")?;
    let socket = match args.fd {
        Some(fd) => raw::inherited_fd(fd).context("taking over the arena's socket")?,
        None => dial(&args.socket).context("connecting to the arena")?,
    };
    let pid_ns = procfs::pid_ns("self")?;
    let mut body = Body {
        socket,
        id: args.id,
        home: Home {
            socket: args.socket,
            life: args.life,
            pid_ns: args.home_ns,
        },
        may_harm_namespace: pid_ns != args.home_ns && pid_ns != procfs::INITIAL_PID_NS,
        deadline: Instant::now() + Duration::from_secs(args.life),
        workers: Vec::new(),
        tracers: HashMap::new(),
        pty: None,
        terminal: None,
        hoard: Vec::new(),
    };
    body.say(&Said::Hello {
        id: body.id,
        pid: nix::unistd::getpid().as_raw(),
    })?;
    match body.serve()? {
        Ending::Exit(code) => Ok(ExitCode::from(code)),
        Ending::LeaderExit { seq } => {
            thread::Builder::new()
                .name("successor".into())
                .spawn(move || succeed(body, seq))
                .context("starting the thread that succeeds the main one")?;
            raw::exit_thread()
        }
    }
}

/// Serves on after the main thread has ended.
fn succeed(mut body: Body, seq: u64) {
    while procfs::stat_of("self").is_some_and(|stat| stat.state != 'Z') {
        thread::sleep(Duration::from_micros(50));
    }
    let code = match body.answer(seq, Answer::Done).and_then(|()| body.serve()) {
        Ok(Ending::Exit(code)) => code,
        Ok(Ending::LeaderExit { .. }) | Err(_) => 1,
    };
    std::process::exit(code.into())
}

/// Undoes what Rust's runtime did before `main`: SIGPIPE ignored, SIGSEGV and
/// SIGBUS handled. A specimen starts with everything at its default; one that
/// went through execve(2) keeps what it had ignored otherwise.
fn shed_runtime_handlers(resumed: bool) -> io::Result<()> {
    if resumed {
        for signal in [libc::SIGPIPE, libc::SIGSEGV, libc::SIGBUS] {
            raw::dispose(signal, Disposition::Default)?;
        }
        return Ok(());
    }
    raw::default_all()?;
    raw::set_mask(0)
}

fn dial(name: &str) -> nix::Result<OwnedFd> {
    let fd = socket(
        AddressFamily::Unix,
        SockType::SeqPacket,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    connect(fd.as_raw_fd(), &UnixAddr::new_abstract(name.as_bytes())?)?;
    Ok(fd)
}

/// Why a specimen stopped serving.
enum Ending {
    Exit(u8),
    /// The main thread is to end and another to go on; answer `seq` then.
    LeaderExit {
        seq: u64,
    },
}

struct Body {
    socket: OwnedFd,
    id: u64,
    home: Home,
    /// Whether the PID namespace was made by an arena, so that kill(-1) and
    /// reboot(2) hit specimens only.
    may_harm_namespace: bool,
    deadline: Instant,
    workers: Vec<spawned::Worker>,
    tracers: HashMap<i32, spawned::Tracer>,
    /// The master side of a terminal.
    pty: Option<nix::pty::PtyMaster>,
    /// The slave side of one.
    terminal: Option<std::fs::File>,
    /// What [`Order::Allocate`](super::wire::Order::Allocate) took.
    hoard: Vec<Vec<u8>>,
}

impl Body {
    /// Obeys until the end.
    fn serve(&mut self) -> anyhow::Result<Ending> {
        let mut buffer = [0; MESSAGE_MAX];
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Ending::Exit(3));
            }
            // A signal that is handled ends the poll early; so does nothing else.
            match poll(
                &mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)],
                {
                    PollTimeout::try_from(left.min(Duration::from_secs(10)))
                        .unwrap_or(PollTimeout::MAX)
                },
            ) {
                Ok(0) | Err(Errno::EINTR) => continue,
                Ok(_) => {}
                Err(error) => return Err(error).context("polling the arena's socket"),
            }
            let length = match recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) | Err(Errno::ECONNRESET) => return Ok(Ending::Exit(0)),
                Ok(length) => length,
                Err(Errno::EINTR | Errno::EAGAIN) => continue,
                Err(error) => return Err(error).context("reading the arena's socket"),
            };
            let told: Told = serde_json::from_slice(&buffer[..length])
                .context("the arena said what no specimen understands")?;
            if let Some(ending) = self.obey(told)? {
                return Ok(ending);
            }
        }
    }

    fn answer(&self, seq: u64, answer: Answer) -> anyhow::Result<()> {
        self.say(&Said::Answer { seq, answer })
    }

    fn event(&self, event: Event) -> anyhow::Result<()> {
        self.say(&Said::Event(event))
    }

    fn say(&self, said: &Said) -> anyhow::Result<()> {
        let text = serde_json::to_vec(said).context("encoding an answer")?;
        loop {
            match send(self.socket.as_raw_fd(), &text, MsgFlags::MSG_NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error).context("answering the arena"),
            }
        }
    }
}
