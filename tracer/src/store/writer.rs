//! Lines to a recording: frames and their blocks, and when the next file's turn is.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use zstd::stream::write::Encoder;

use super::files::{create, put_aside, put_aside_before, sync_directory};
use super::{FRAME, HELD};
use crate::trouble::Trouble;

/// zstd's level. On a recording of signals, level 3 writes files a tenth
/// smaller in twice the time.
const LEVEL: i32 = 1;

/// When a file is full, and how many there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A file of at least so many bytes is put aside.
    pub bytes: u64,
    /// Files at most, the current one among them; the oldest goes.
    pub files: u32,
}

/// How to record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    pub rotation: Option<Rotation>,
    /// Have the disk take what is written, each time that it is, and the names of
    /// the files: it survives the machine then, and not the recorder only.
    pub sync: bool,
}

/// A recording that is being written. What is not [`Recording::finish`]ed can be
/// read all the same.
pub struct Recording {
    path: PathBuf,
    options: Options,
    /// `None` after an error: then nothing more is written.
    frame: Option<Encoder<'static, Counted>>,
    /// Bytes of lines in this frame.
    in_frame: usize,
    /// The first line, with which every file begins.
    first: Option<Vec<u8>>,
    /// The begin of a line whose end is still to come.
    rest: Vec<u8>,
    /// Since when something waits to be written out.
    since: Option<Instant>,
}

/// Where frames go, and how much that was.
struct Counted {
    file: File,
    bytes: u64,
}

impl Recording {
    /// Makes the file, which only its owner may read: there are names in it that
    /// are nobody else's business. An existing one is not touched.
    ///
    /// # Errors
    /// When it or one that was put aside exists, or it cannot be made.
    pub fn create(path: &Path, options: Options) -> anyhow::Result<Self> {
        if options.rotation.is_some()
            && let Some(old) = put_aside_before(path)
        {
            return Err(Trouble::FileExists.error(format!(
                "{} exists, of an earlier recording: give another name, or remove it",
                old.display()
            )));
        }
        let file = create(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Trouble::FileExists.error(format!(
                "{} exists: give another name, or remove it",
                path.display()
            )),
            _ => anyhow::Error::from(error)
                .context(format!("cannot make the recording {}", path.display())),
        })?;
        if options.sync {
            sync_directory(path)
                .with_context(|| format!("cannot sync the directory of {}", path.display()))?;
        }
        Ok(Self {
            path: path.to_owned(),
            options,
            frame: Some(frame(Counted { file, bytes: 0 }).context("preparing the compression")?),
            in_frame: 0,
            first: None,
            rest: Vec::new(),
            since: None,
        })
    }

    /// How long what waits may still wait; `None` where nothing does.
    pub fn due(&self) -> Option<Duration> {
        self.since.map(|since| HELD.saturating_sub(since.elapsed()))
    }

    /// Takes bytes of lines, cut anywhere.
    ///
    /// # Errors
    /// Those of writing, after which nothing more is taken.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(end) = bytes.iter().rposition(|b| *b == b'\n') else {
            self.rest.extend_from_slice(bytes);
            return Ok(());
        };
        let (lines, rest) = bytes.split_at(end + 1);
        let mut whole = std::mem::take(&mut self.rest);
        whole.extend_from_slice(lines);
        self.rest.extend_from_slice(rest);
        if self.first.is_none() {
            let end = whole
                .iter()
                .position(|b| *b == b'\n')
                .map_or(0, |at| at + 1);
            self.first = Some(whole[..end].to_vec());
            // Whose it is can be read from the beginning on.
            self.append(&whole)?;
            return self.flush();
        }
        // A frame ends only where the next one begins: that a recording has no end
        // shows in the frame that has none.
        let is_new = self.in_frame >= FRAME;
        if is_new {
            self.next_frame()?;
        }
        self.append(&whole)?;
        if is_new || self.due().is_some_and(|due| due.is_zero()) {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes out what waits.
    ///
    /// # Errors
    /// Those of writing.
    pub fn flush(&mut self) -> io::Result<()> {
        self.since = None;
        let frame = self.frame.as_mut().ok_or_else(broken)?;
        frame.flush()?;
        if self.options.sync {
            frame.get_ref().file.sync_data()?;
        }
        Ok(())
    }

    /// Ends the last frame.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(&mut self) -> io::Result<()> {
        self.since = None;
        let Counted { file, .. } = self.frame.take().ok_or_else(broken)?.finish()?;
        // The end is worth the wait; where there is no disk, there is nothing
        // to wait for.
        match file.sync_data() {
            Err(error) if error.raw_os_error() != Some(libc::EINVAL) => Err(error),
            _ => Ok(()),
        }
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.frame.as_mut().ok_or_else(broken)?.write_all(lines)?;
        self.in_frame += lines.len();
        self.since.get_or_insert_with(Instant::now);
        Ok(())
    }

    fn next_frame(&mut self) -> io::Result<()> {
        let ended = self.frame.take().ok_or_else(broken)?.finish()?;
        if self.options.sync {
            ended.file.sync_data()?;
        }
        self.since = None;
        self.in_frame = 0;
        let full = self.options.rotation.filter(|r| ended.bytes >= r.bytes);
        let Some(rotation) = full else {
            self.frame = Some(frame(ended)?);
            return Ok(());
        };
        put_aside(&self.path, rotation.files)?;
        let file = create(&self.path)?;
        if self.options.sync {
            sync_directory(&self.path)?;
        }
        self.frame = Some(frame(Counted { file, bytes: 0 })?);
        let first = self.first.take().unwrap_or_default();
        self.append(&first)?;
        self.first = Some(first);
        self.flush()
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn frame(to: Counted) -> io::Result<Encoder<'static, Counted>> {
    let mut encoder = Encoder::new(to, LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

fn broken() -> io::Error {
    io::Error::other("the recording has failed before")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{output::fixtures, record::Record, store::Reader};

    /// A directory of the test's own.
    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let dir =
                std::env::temp_dir().join(format!("sigwhy-store-{}-{name}", std::process::id()));
            fs::create_dir_all(&dir).expect("a directory");
            Self(dir)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn line(n: u64) -> Vec<u8> {
        let mut record = fixtures::dropped();
        record.when.mono_ns = n;
        let record = Record::Signal(Box::new(record));
        (serde_json::to_string(&record).expect("serialises") + "\n").into_bytes()
    }

    fn start() -> Vec<u8> {
        let record = Record::Start(Box::new(fixtures::start()));
        (serde_json::to_string(&record).expect("serialises") + "\n").into_bytes()
    }

    fn times(path: &Path) -> Vec<u64> {
        let mut reader = Reader::open(path, 2).expect("opens");
        let times = reader.by_ref().map(|record| record.mono_ns()).collect();
        let damage = reader.damage();
        assert_eq!((damage.skipped_bytes, damage.bad_lines), (0, 0));
        times
    }

    #[test]
    fn what_is_written_is_read_wherever_it_was_cut() {
        let dir = Dir::new("cut");
        let path = dir.file("a");
        let mut recording = Recording::create(&path, Options::default()).expect("made");
        let text: Vec<u8> = (0..10_000).flat_map(line).collect();
        for piece in text.chunks(777) {
            recording.write(piece).expect("written");
        }
        recording.finish().expect("finished");
        assert!(times(&path).into_iter().eq(0..10_000));
        assert!(fs::metadata(&path).expect("there").len() < text.len() as u64 / 10);
        // More than one frame.
        let bytes = fs::read(&path).expect("reads");
        let frames = bytes
            .windows(4)
            .filter(|b| *b == super::super::MAGIC)
            .count();
        assert!(frames >= text.len() / FRAME, "{frames}");
    }

    #[test]
    fn what_was_flushed_can_be_read_without_an_end() {
        let dir = Dir::new("flush");
        let path = dir.file("a");
        let mut recording = Recording::create(&path, Options::default()).expect("made");
        assert_eq!(recording.due(), None);
        // The first line does not wait.
        recording.write(&line(0)).expect("written");
        assert_eq!(recording.due(), None);
        recording.write(&line(1)).expect("written");
        assert!(recording.due().is_some_and(|due| due <= HELD));
        recording.flush().expect("written");
        assert_eq!(recording.due(), None);
        recording.write(&line(2)).expect("written");
        assert_eq!(times(&path), [0, 1]);
        std::mem::forget(recording);
    }

    #[test]
    fn without_an_end_it_is_unfinished_wherever_it_stops() {
        let dir = Dir::new("unfinished");
        let path = dir.file("a");
        let mut recording = Recording::create(&path, Options::default()).expect("made");
        let per_frame = FRAME / line(0).len();
        for n in 0..2 * per_frame {
            recording.write(&line(n as u64)).expect("written");
            // Near where one frame ends and the next one begins.
            if n.abs_diff(per_frame) < 5 {
                let mut reader = Reader::open(&path, 1).expect("opens");
                assert!(reader.by_ref().count() > 0);
                assert!(reader.damage().unfinished, "{n}");
            }
        }
        recording.finish().expect("finished");
        assert_eq!(times(&path).len(), 2 * per_frame);
    }

    #[test]
    fn files_take_turns_and_each_can_be_read_alone() {
        let dir = Dir::new("turns");
        let path = dir.file("a");
        let options = Options {
            rotation: Some(Rotation { bytes: 1, files: 3 }),
            sync: true,
        };
        let mut recording = Recording::create(&path, options).expect("made");
        recording.write(&start()).expect("written");
        let first = fixtures::start().when.mono_ns;
        let per_frame = (FRAME / line(0).len()) as u64;
        for n in 0..5 * per_frame {
            recording.write(&line(n)).expect("written");
        }
        recording.finish().expect("finished");
        let mut all = Vec::new();
        for name in ["a.2", "a.1", "a"] {
            let times = times(&dir.file(name));
            assert_eq!(times[0], first, "{name}");
            all.extend_from_slice(&times[1..]);
        }
        assert!(!dir.file("a.3").exists());
        let last = all[0];
        assert!(last > 0 && all.into_iter().eq(last..5 * per_frame));
    }

    #[test]
    fn an_existing_file_is_not_touched() {
        let dir = Dir::new("exists");
        let path = dir.file("a");
        fs::write(&path, "precious").expect("written");
        let error = Recording::create(&path, Options::default())
            .err()
            .expect("refused");
        assert!(error.to_string().contains("exists"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("there"), "precious");
        // Nor is one that would be put aside.
        let options = Options {
            rotation: Some(Rotation {
                bytes: 1,
                files: u32::MAX,
            }),
            sync: false,
        };
        fs::rename(&path, dir.file("b.7")).expect("renamed");
        fs::write(dir.file("b.old"), "").expect("written");
        let error = Recording::create(&dir.file("b"), options)
            .err()
            .expect("refused");
        assert!(error.to_string().contains("b.7 exists"), "{error}");
        assert!(Recording::create(&dir.file("c"), options).is_ok());
    }
}
