//! What a guest prints, as it comes.

use std::io::{self, BufRead, BufReader, Read, Write as _};

/// Passes the guest's output on to our stdout, byte for byte and at once.
pub fn raw(mut from: impl Read) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let mut out = io::stdout().lock();
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                out.write_all(&buffer[..count])?;
                out.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Passes the output on line by line, each behind `[label]`, and shows each to
/// `see`. A last line without an end is one too.
pub fn lines(from: impl Read, label: &str, mut see: impl FnMut(&str)) -> io::Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        see(text);
        let mut out = io::stdout().lock();
        writeln!(out, "[{label}] {text}")?;
        out.flush()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_seen_and_the_last_needs_no_end() {
        let mut seen = Vec::new();
        let done = lines(&b"one\r\n\xfftwo\nthree"[..], "t", |line| {
            seen.push(line.to_owned());
        });
        assert!(done.is_ok());
        assert_eq!(seen, ["one", "\u{fffd}two", "three"]);
    }
}
