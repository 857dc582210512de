//! A file that is there whole or not at all, and never in the place of something
//! else: `report --html rec.zst` must not cost a recording.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::output::escape::terminal;

/// A file in the making; what is dropped unfinished leaves nothing behind.
#[derive(Debug)]
pub struct Output {
    writer: BufWriter<Box<dyn Sink>>,
    path: PathBuf,
    /// What becomes `path` in the end; none where that is no ordinary file.
    draft: Option<PathBuf>,
}

trait Sink: Write + std::fmt::Debug + Send {}
impl<T: Write + std::fmt::Debug + Send> Sink for T {}

impl Output {
    /// Begins a file at `path`; `-` is standard output. A file that is there
    /// already must begin with one of `heads`, as what was written here before
    /// does.
    ///
    /// # Errors
    /// When it cannot be made, or is something else.
    pub fn create(path: &Path, heads: &[&[u8]]) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::direct(path, Box::new(io::stdout())));
        }
        let what = || format!("writing {}", name(path));
        let there = match fs::metadata(path) {
            Ok(there) => Some(there),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(what),
        };
        if let Some(there) = there {
            if !there.is_file() {
                // A pipe, a terminal, /dev/null.
                let file = OpenOptions::new().write(true).open(path);
                return Ok(Self::direct(path, Box::new(file.with_context(what)?)));
            }
            if there.len() > 0 && !begins(path, heads).with_context(what)? {
                anyhow::bail!(
                    "{} exists and is nothing that `sigwhy report` has written: remove it, or choose another name",
                    name(path)
                );
            }
        }
        // Through a link: the link stays.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut draft = path.clone().into_os_string();
        draft.push(format!(".{}.part", std::process::id()));
        let draft = PathBuf::from(draft);
        // Names are in it, as in a recording.
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .with_context(what)?;
        Ok(Self {
            writer: BufWriter::with_capacity(1 << 16, Box::new(file)),
            path,
            draft: Some(draft),
        })
    }

    fn direct(path: &Path, sink: Box<dyn Sink>) -> Self {
        Self {
            writer: BufWriter::with_capacity(1 << 16, sink),
            path: path.to_owned(),
            draft: None,
        }
    }

    /// Puts it where it belongs.
    ///
    /// # Errors
    /// When the last of it could not be written.
    pub fn finish(mut self) -> anyhow::Result<()> {
        let what = || format!("writing {}", name(&self.path));
        self.writer.flush().with_context(what)?;
        if let Some(draft) = &self.draft {
            fs::rename(draft, &self.path).with_context(what)?;
        }
        self.draft = None;
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some(draft) = &self.draft {
            let _ = fs::remove_file(draft);
        }
    }
}

fn begins(path: &Path, heads: &[&[u8]]) -> io::Result<bool> {
    let longest = heads.iter().map(|head| head.len()).max().unwrap_or(0);
    let mut begin = Vec::new();
    File::open(path)?
        .take(longest as u64)
        .read_to_end(&mut begin)?;
    Ok(heads.iter().any(|head| begin.starts_with(head)))
}

fn name(path: &Path) -> String {
    terminal(&path.to_string_lossy()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let dir =
                std::env::temp_dir().join(format!("sigwhy-file-{}-{name}", std::process::id()));
            fs::create_dir_all(&dir).expect("a directory");
            Self(dir)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).expect("a directory");
            let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
            entries
                .map(name)
                .map(|name| name.to_string_lossy().into_owned())
                .collect()
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn whole_or_not_at_all() {
        let dir = Dir::new("whole");
        let path = dir.0.join("page");
        for text in ["head, one", "head, two"] {
            let mut output = Output::create(&path, &[b"head"]).expect("a file");
            output.write_all(text.as_bytes()).expect("room");
            output.finish().expect("room");
            assert_eq!(fs::read_to_string(&path).expect("there"), text);
        }
        let mut output = Output::create(&path, &[b"head"]).expect("a file");
        output.write_all(b"head, three").expect("room");
        drop(output);
        assert_eq!(fs::read_to_string(&path).expect("there"), "head, two");
        assert_eq!(dir.names(), ["page"]);
    }

    #[test]
    fn something_else_is_left_alone() {
        let dir = Dir::new("other");
        let path = dir.0.join("rec.zst");
        fs::write(&path, "a recording").expect("room");
        let error = Output::create(&path, &[b"head"]).expect_err("not ours");
        assert!(error.to_string().contains("remove it"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("there"), "a recording");
        assert!(Output::create(&dir.0.join("no/such/dir"), &[]).is_err());
    }

    #[test]
    fn what_is_no_file_stays_what_it_is() {
        let mut output = Output::create(Path::new("/dev/null"), &[]).expect("there");
        output.write_all(b"x").expect("room");
        output.finish().expect("done");
        assert!(!fs::metadata("/dev/null").expect("there").is_file());
    }
}
