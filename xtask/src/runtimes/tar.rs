//! A tar archive as POSIX has it (ustar): a header of 512 bytes, then the bytes,
//! filled up to 512. Everything is of 1970 and belongs to root, so that the same
//! files are the same archive.

use std::io::{self, Write};

use crate::vm::initramfs::{DIRECTORY, REGULAR, SYMLINK};

const BLOCK: usize = 512;

/// Longer names would have to be divided; nothing here has one.
const NAME: usize = 100;

/// An archive being written.
pub struct Tar<W>(W);

impl<W: Write> Tar<W> {
    /// An empty one.
    pub fn new(out: W) -> Self {
        Self(out)
    }

    /// Adds a directory, a regular file or a symbolic link, whose bytes are its
    /// target. `mode` is stat(2)'s: type and permissions.
    ///
    /// # Errors
    ///
    /// A name or a target of more than 100 bytes, another type of file, and those
    /// of the writer.
    pub fn member(&mut self, path: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
        let kind = mode & !0o7777;
        let mut name = path.to_owned();
        let (flag, link, data): (u8, &[u8], &[u8]) = match kind {
            DIRECTORY => {
                name.push('/');
                (b'5', b"", b"")
            }
            REGULAR => (b'0', b"", bytes),
            SYMLINK => (b'2', bytes, b""),
            _ => return Err(invalid(format!("{path}: no type for mode {mode:o}"))),
        };
        if name.len() > NAME || link.len() > NAME {
            return Err(invalid(format!("{path}: longer than {NAME} bytes")));
        }
        let mut header = [0; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, name.as_bytes());
        put(100, format!("{:07o}\0", mode & 0o7777).as_bytes());
        put(108, b"0000000\0");
        put(116, b"0000000\0");
        put(124, format!("{:011o}\0", data.len()).as_bytes());
        put(136, b"00000000000\0");
        put(148, b"        ");
        put(156, &[flag]);
        put(157, link);
        put(257, b"ustar\x0000root");
        put(297, b"root");
        let sum: u32 = header.iter().copied().map(u32::from).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.write_all(&header)?;
        self.0.write_all(data)?;
        self.0
            .write_all(&[0; BLOCK][..data.len().wrapping_neg() % BLOCK])
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.0.write_all(&[0; 2 * BLOCK])?;
        self.0.flush()?;
        Ok(self.0)
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn tar_reads_it() -> io::Result<()> {
        let mut tar = Tar::new(Vec::new());
        tar.member("bin", DIRECTORY | 0o755, b"")?;
        tar.member("bin/a", REGULAR | 0o4755, &[b'x'; 513])?;
        tar.member("bin/b", SYMLINK | 0o777, b"/bin/a")?;
        let bytes = tar.finish()?;
        assert_eq!(bytes.len(), (1 + 1 + 2 + 1 + 2) * BLOCK);
        let mut list = Command::new("tar")
            .args(["-tvf", "-", "--utc", "--full-time"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        list.stdin.take().map(|mut to| to.write_all(&bytes));
        let output = list.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert!(output.status.success());
        let of_1970 = ["1970-01-01", "00:00:00"];
        let expected = [
            vec!["drwxr-xr-x", "root/root", "0", "bin/"],
            vec!["-rwsr-xr-x", "root/root", "513", "bin/a"],
            vec!["lrwxrwxrwx", "root/root", "0", "bin/b", "->", "/bin/a"],
        ];
        for (line, expected) in lines.iter().zip(&expected) {
            assert_eq!(line[..3], expected[..3]);
            assert_eq!(line[3..5], of_1970);
            assert_eq!(line[5..], expected[3..]);
        }
        assert_eq!(lines.len(), expected.len());
        Ok(())
    }

    #[test]
    fn what_it_cannot_hold_is_refused() {
        let mut tar = Tar::new(Vec::new());
        assert!(tar.member(&"x".repeat(101), REGULAR, b"").is_err());
        assert!(tar.member("fifo", 0o010_644, b"").is_err());
    }
}
