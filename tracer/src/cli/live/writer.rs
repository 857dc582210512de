//! Writing on a thread of its own, so that a full pipe or a slow disk stops
//! neither the reading of the rings nor the hearing of signals.
//!
//! Not a bound by itself: [`Writer`] takes whatever it is given. Who fills it
//! waits with [`Queue::below`] before making more.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    thread,
};

use nix::errno::Errno;

use super::target::Target;

/// Bytes of one write(2). A reader that is slow but alive is told from one that
/// has stopped by the writes that end, so they must not be big; smaller ones
/// than this cost throughput.
const PIECE: usize = 16 * 1024;

/// Up to this size small pieces are put into one chunk while they wait.
const CHUNK: usize = 256 * 1024;

/// Chunks kept for reuse.
const SPARE: usize = 4;

/// The end that takes bytes. Never blocks; an error of the thread comes back at
/// the next write or flush. Dropping it ends the thread once all is written.
pub struct Writer(Arc<Shared>);

/// The view of what is not written yet. For one waiting task: a second one would
/// take the first one's wake-up.
#[derive(Clone)]
pub struct Queue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is a chunk, or there will be none any more.
    filled: Condvar,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    /// Bytes taken and not written, those in flight included.
    unwritten: usize,
    /// Bytes written so far.
    written: u64,
    failed: Option<Errno>,
    closed: bool,
    /// The thread has written all, and there will be no more.
    finished: bool,
    /// Who to wake when so few bytes are left (`None`: never), or on an error.
    waiting: Option<(Option<usize>, Waker)>,
}

impl Writer {
    /// Starts a thread that writes to `to`.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn spawn(mut to: impl Target) -> io::Result<(Self, Queue)> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name("sigwhy-writer".to_owned())
            .spawn(move || of_thread.write_to(&mut to))?;
        Ok((Self(Arc::clone(&shared)), Queue(shared)))
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut state = self.0.lock();
        state.result()?;
        state.take(bytes);
        drop(state);
        self.0.filled.notify_one();
        Ok(bytes.len())
    }

    /// Does not wait: see [`Queue::below`].
    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().result()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.filled.notify_one();
    }
}

impl Queue {
    /// Waits until at most `limit` bytes are not written. Safe to cancel.
    ///
    /// # Errors
    /// Those of the thread.
    pub async fn below(&self, limit: usize) -> io::Result<()> {
        poll_fn(|context| {
            let mut state = self.0.lock();
            if let Err(error) = state.result() {
                return Poll::Ready(Err(error));
            }
            if state.unwritten <= limit {
                return Poll::Ready(Ok(()));
            }
            state.waiting = Some((Some(limit), context.waker().clone()));
            Poll::Pending
        })
        .await
    }

    /// Waits for an error of the thread. Safe to cancel.
    pub async fn failure(&self) -> io::Error {
        poll_fn(|context| {
            let mut state = self.0.lock();
            if let Err(error) = state.result() {
                return Poll::Ready(error);
            }
            state.waiting = Some((None, context.waker().clone()));
            Poll::Pending
        })
        .await
    }

    /// Waits until the writer is gone and all is written. Safe to cancel.
    ///
    /// # Errors
    /// Those of the thread.
    pub async fn finished(&self) -> io::Result<()> {
        poll_fn(|context| {
            let mut state = self.0.lock();
            if let Err(error) = state.result() {
                return Poll::Ready(Err(error));
            }
            if state.finished {
                return Poll::Ready(Ok(()));
            }
            state.waiting = Some((None, context.waker().clone()));
            Poll::Pending
        })
        .await
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.0.lock().written
    }

    /// Bytes taken and not written; of a write that blocks, a part may be.
    pub fn unwritten(&self) -> usize {
        self.0.lock().unwritten
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: until the writer is gone and all is written, or an error.
    fn write_to(&self, to: &mut impl Target) {
        let mut state = self.lock();
        loop {
            let Some(chunk) = state.chunks.pop_front() else {
                let due = to.due();
                let is_end = state.closed;
                if is_end || due.is_some_and(|due| due.is_zero()) {
                    drop(state);
                    let result = if is_end { to.finish() } else { to.flush() };
                    state = self.lock();
                    match result {
                        Err(errno) => return state.fail(errno),
                        Ok(()) if is_end => return state.finish(),
                        Ok(()) => continue,
                    }
                }
                state = match due {
                    Some(due) => {
                        self.filled
                            .wait_timeout(state, due)
                            .unwrap_or_else(PoisonError::into_inner)
                            .0
                    }
                    None => self
                        .filled
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner),
                };
                continue;
            };
            let mut rest = chunk.as_slice();
            while !rest.is_empty() {
                drop(state);
                let result = to.write(&rest[..rest.len().min(PIECE)]);
                state = self.lock();
                match result {
                    Ok(count) => {
                        rest = &rest[count..];
                        state.wrote(count);
                    }
                    Err(errno) => return state.fail(errno),
                }
            }
            state.recycle(chunk);
        }
    }
}

impl State {
    fn result(&self) -> io::Result<()> {
        self.failed.map_or(Ok(()), |errno| Err(errno.into()))
    }

    fn take(&mut self, bytes: &[u8]) {
        self.unwritten += bytes.len();
        if let Some(last) = self.chunks.back_mut()
            && last.len() + bytes.len() <= CHUNK
        {
            last.extend_from_slice(bytes);
            return;
        }
        let mut chunk = self.spare.pop().unwrap_or_default();
        chunk.extend_from_slice(bytes);
        self.chunks.push_back(chunk);
    }

    fn wrote(&mut self, count: usize) {
        self.unwritten -= count;
        self.written += count as u64;
        if let Some((Some(limit), _)) = self.waiting
            && self.unwritten <= limit
        {
            self.wake();
        }
    }

    fn fail(&mut self, errno: Errno) {
        self.failed = Some(errno);
        self.chunks.clear();
        self.wake();
    }

    fn finish(&mut self) {
        self.finished = true;
        self.wake();
    }

    fn wake(&mut self) {
        if let Some((_, waker)) = self.waiting.take() {
            waker.wake();
        }
    }

    fn recycle(&mut self, mut chunk: Vec<u8>) {
        if self.spare.len() < SPARE {
            chunk.clear();
            self.spare.push(chunk);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, time::Duration};

    use super::{super::target::Fd, *};

    fn wait<F: Future>(future: F) -> Option<F::Output> {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime")
            .block_on(async { tokio::time::timeout(Duration::from_secs(5), future).await })
            .ok()
    }

    #[test]
    fn everything_comes_in_order_and_the_thread_ends() {
        let (mut reader, pipe) = io::pipe().expect("a pipe");
        let (mut writer, queue) = Writer::spawn(Fd(pipe)).expect("a thread");
        let piece: Vec<u8> = (0..=250).collect();
        for _ in 0..10_000 {
            writer.write_all(&piece).expect("taken");
        }
        // More than a pipe holds, and nobody has read.
        assert!(queue.unwritten() > 0);
        drop(writer);
        let mut got = Vec::new();
        reader.read_to_end(&mut got).expect("until the thread ends");
        assert_eq!(got.len(), 10_000 * piece.len());
        assert!(got.chunks(piece.len()).all(|chunk| chunk == piece));
        assert_eq!((queue.unwritten(), queue.written()), (0, got.len() as u64));
    }

    #[test]
    fn a_target_that_holds_back_is_flushed_in_time_and_finished() {
        #[derive(Clone, Default)]
        struct Lazy(Arc<Mutex<Seen>>);
        #[derive(Clone, Default)]
        struct Seen {
            held: Vec<u8>,
            out: Vec<u8>,
            is_end: bool,
        }
        impl Lazy {
            fn lock(&self) -> MutexGuard<'_, Seen> {
                self.0.lock().expect("no panic")
            }
        }
        impl Target for Lazy {
            fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
                self.lock().held.extend_from_slice(bytes);
                Ok(bytes.len())
            }

            fn due(&self) -> Option<Duration> {
                (!self.lock().held.is_empty()).then_some(Duration::ZERO)
            }

            fn flush(&mut self) -> Result<(), Errno> {
                let mut seen = self.lock();
                let held = std::mem::take(&mut seen.held);
                seen.out.extend(held);
                Ok(())
            }

            fn finish(&mut self) -> Result<(), Errno> {
                self.flush()?;
                self.lock().is_end = true;
                Ok(())
            }
        }
        let target = Lazy::default();
        let (mut writer, queue) = Writer::spawn(target.clone()).expect("a thread");
        writer.write_all(b"abc").expect("taken");
        while target.lock().out != b"abc" {
            thread::sleep(Duration::from_millis(1));
        }
        assert!(!target.lock().is_end);
        drop(writer);
        wait(queue.finished()).expect("in time").expect("written");
        assert!(target.lock().is_end);
    }

    #[test]
    fn room_comes_with_the_reader() {
        let (mut reader, pipe) = io::pipe().expect("a pipe");
        let (mut writer, queue) = Writer::spawn(Fd(pipe)).expect("a thread");
        writer.write_all(&[7; 1 << 20]).expect("taken");
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            let mut got = vec![0; 1 << 20];
            reader.read_exact(&mut got).map(|()| reader)
        });
        wait(queue.below(1 << 18)).expect("in time").expect("room");
        assert!(queue.unwritten() <= 1 << 18);
        wait(queue.below(0)).expect("in time").expect("written");
        assert_eq!(queue.unwritten(), 0);
        thread.join().expect("no panic").expect("all was there");
    }

    #[test]
    fn an_error_wakes_who_waits_and_stays() {
        let (reader, pipe) = io::pipe().expect("a pipe");
        let (mut writer, queue) = Writer::spawn(Fd(pipe)).expect("a thread");
        writer.write_all(&[7; 1 << 20]).expect("taken");
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            drop(reader);
        });
        let error = wait(queue.failure()).expect("in time");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        thread.join().expect("no panic");
        for result in [
            writer.flush(),
            writer.write_all(b"x"),
            wait(queue.below(usize::MAX)).expect("at once"),
        ] {
            let error = result.expect_err("it stays");
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        }
    }

    #[test]
    fn a_file_that_others_made_non_blocking() {
        let (mut reader, pipe) = io::pipe().expect("a pipe");
        nix::fcntl::fcntl(
            &pipe,
            nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK),
        )
        .expect("set");
        let (mut writer, _queue) = Writer::spawn(Fd(pipe)).expect("a thread");
        writer.write_all(&[7; 1 << 20]).expect("taken");
        drop(writer);
        let mut got = Vec::new();
        reader.read_to_end(&mut got).expect("all of it");
        assert_eq!(got.len(), 1 << 20);
    }
}
