//! A file system that does not answer: FUSE, spoken by the test itself, so that
//! processes hang in it for as long as a test wants.
//!
//! Of the protocol (include/uapi/linux/fuse.h) only what it takes to look up one
//! file and to open it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::harness::skip::skip;
use crate::harness::slow;

/// Opcodes.
pub const LOOKUP: u32 = 1;
pub const OPEN: u32 = 14;
pub const FLUSH: u32 = 25;
const FORGET: u32 = 2;
const INIT: u32 = 26;
const INTERRUPT: u32 = 36;
const BATCH_FORGET: u32 = 42;

/// The smallest buffer that the kernel takes (FUSE_MIN_READ_BUFFER), and room.
const BUFFER: usize = 1 << 17;

/// How long the kernel may take to ask for what a test has made it ask for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A mounted one. Dropped, its requests fail, and it is gone.
pub struct Fuse {
    /// The connection; `None` once it has been given up.
    connection: Mutex<Option<File>>,
    dir: PathBuf,
}

/// What the kernel asks for.
pub struct Request {
    pub opcode: u32,
    unique: u64,
}

impl Fuse {
    /// Mounts one. `None`, and the test is skipped, where that cannot be.
    pub fn mount(name: &str) -> anyhow::Result<Option<Self>> {
        let device = File::options().read(true).write(true).open("/dev/fuse");
        let Ok(connection) = device else {
            skip("no /dev/fuse");
            return Ok(None);
        };
        let dir = std::env::temp_dir().join(format!("sigwhy-fuse-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir)?;
        let mounted = Command::new("mount")
            .args(["-i", "-t", "fuse", "-o"])
            .arg("fd=0,rootmode=40000,user_id=0,group_id=0")
            .arg("sigwhy-test")
            .arg(&dir)
            .stdin(Stdio::from(connection.try_clone()?))
            .output()
            .context("mount(8) does not run")?;
        let fuse = Self {
            connection: Mutex::new(Some(connection)),
            dir,
        };
        if !mounted.status.success() {
            skip("the kernel or mount(8) has no FUSE");
            return Ok(None);
        }
        let hello = fuse.next()?;
        ensure!(hello.opcode == INIT, "opcode {}", hello.opcode);
        let mut body = [0; 64];
        // Version 7.31, and writes of a page.
        body[..4].copy_from_slice(&7_u32.to_ne_bytes());
        body[4..8].copy_from_slice(&31_u32.to_ne_bytes());
        body[20..24].copy_from_slice(&4096_u32.to_ne_bytes());
        fuse.answer(&hello, 0, &body)?;
        Ok(Some(fuse))
    }

    /// A file on it.
    pub fn file(&self) -> String {
        self.dir.join("file").display().to_string()
    }

    /// What the kernel asks for next, in time: one that asks nothing would be waited
    /// for without an end, and who gives up as well.
    fn next(&self) -> anyhow::Result<Request> {
        let connection = self.connection.lock().expect("no thread panicked with it");
        let mut buffer = vec![0; BUFFER];
        let mut file = connection.as_ref().context("it was given up")?;
        let timeout = PollTimeout::try_from(slow(PATIENCE))?;
        let ready = poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLIN)], timeout)?;
        ensure!(ready == 1, "the kernel asked for nothing in {PATIENCE:?}");
        let length = file.read(&mut buffer).context("reading /dev/fuse")?;
        ensure!(length >= 40, "a request of {length} bytes");
        let word = |at: usize| -> [u8; 4] { buffer[at..at + 4].try_into().expect("four bytes") };
        let unique: [u8; 8] = buffer[8..16].try_into()?;
        Ok(Request {
            opcode: u32::from_ne_bytes(word(4)),
            unique: u64::from_ne_bytes(unique),
        })
    }

    fn answer(&self, request: &Request, error: i32, body: &[u8]) -> anyhow::Result<()> {
        let connection = self.connection.lock().expect("no thread panicked with it");
        let mut reply = Vec::with_capacity(16 + body.len());
        reply.extend(u32::try_from(16 + body.len())?.to_ne_bytes());
        reply.extend((-error).to_ne_bytes());
        reply.extend(request.unique.to_ne_bytes());
        reply.extend(body);
        let mut file = connection.as_ref().context("it was given up")?;
        file.write_all(&reply).context("answering /dev/fuse")
    }

    /// Answers until this is asked for, and leaves that unanswered.
    pub fn serve_until(&self, opcode: u32) -> anyhow::Result<()> {
        loop {
            let request = self.next()?;
            if request.opcode == opcode {
                return Ok(());
            }
            self.serve(&request)?;
        }
    }

    /// Answers until this has been asked for, and that as well.
    pub fn serve_one(&self, opcode: u32) -> anyhow::Result<()> {
        loop {
            let request = self.next()?;
            self.serve(&request)?;
            if request.opcode == opcode {
                return Ok(());
            }
        }
    }

    fn serve(&self, request: &Request) -> anyhow::Result<()> {
        match request.opcode {
            LOOKUP => self.answer(request, 0, &entry()),
            OPEN => self.answer(request, 0, &[0; 16]),
            FORGET | BATCH_FORGET | INTERRUPT => Ok(()),
            _ => self.answer(request, libc::ENOSYS, &[]),
        }
    }

    /// Gives up: whoever waits for an answer gets an error.
    pub fn abort(&self) {
        self.connection
            .lock()
            .expect("no thread panicked with it")
            .take();
    }
}

/// `struct fuse_entry_out`: a regular file, number 2.
fn entry() -> [u8; 128] {
    let mut entry = [0; 128];
    entry[..8].copy_from_slice(&2_u64.to_ne_bytes());
    entry[40..48].copy_from_slice(&2_u64.to_ne_bytes());
    let mode: u32 = libc::S_IFREG | 0o666;
    entry[100..104].copy_from_slice(&mode.to_ne_bytes());
    entry[104..108].copy_from_slice(&1_u32.to_ne_bytes());
    entry
}

impl Drop for Fuse {
    fn drop(&mut self) {
        self.abort();
        let is_mounted = |dir: &Path| {
            let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
            mounts.contains(&format!(" {} ", dir.display()))
        };
        if is_mounted(&self.dir) {
            let _ = Command::new("umount").arg("-l").arg(&self.dir).status();
        }
        let _ = fs::remove_dir(&self.dir);
    }
}
