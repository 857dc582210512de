//! A file of zstd frames, or of plain lines, to blocks of whole lines.
//!
//! Damage costs what it hits: after a frame that cannot be read on, the next
//! one is looked for. Memory is bounded whatever the file holds.

use std::io::{self, BufRead, Read};

use zstd::stream::read::Decoder;

use super::{LINE, MAGIC};

/// Bytes asked of a decoder at a time: what it has done when it fails is lost.
const PIECE: usize = 2 * 1024;

/// Bytes of lines handed on in one go, unless one line is longer.
const BLOCK: usize = 512 * 1024;

/// Logarithm of the most memory that a frame may ask its reader to keep, in
/// bytes: 32 MiB. Ours ask for less than a fourth of it.
const WINDOW_LOG: u32 = 25;

/// What could not be read of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Damage {
    /// It ends within a frame: its recorder was killed, or it is still being
    /// written.
    pub unfinished: bool,
    /// Bytes of the file that are no frame, or what is left of a broken one.
    pub skipped_bytes: u64,
    /// Lines that are no records: cut, changed, or never ours.
    pub bad_lines: u64,
    /// Records of types that this version does not know.
    pub unknown_records: u64,
}

impl Damage {
    /// Whether anything is missing that once was there.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads blocks of lines.
pub struct Lines<R> {
    state: State<Ahead<R>>,
    /// The begin of a line whose end is still to come.
    rest: Vec<u8>,
    /// A line that is too long is being skipped.
    too_long: bool,
    /// Something is missing where the file is being read.
    is_gap: bool,
    /// Something is missing before the lines that are being gathered.
    after_gap: bool,
    /// The error that follows the lines handed on last.
    error: Option<io::Error>,
    pub damage: Damage,
}

enum State<R> {
    /// Lines as they are.
    Plain(R),
    /// Between frames.
    Between(R),
    /// In a frame.
    Within(Box<Decoder<'static, R>>),
    Done,
}

impl<R: Read> Lines<R> {
    /// Reads from there; whether it is compressed shows in its first bytes.
    ///
    /// # Errors
    /// Those of reading.
    pub fn new(from: R) -> io::Result<Self> {
        let mut from = Ahead::new(from);
        let is_frame = begins_frame(from.fill_buf()?);
        Ok(Self {
            state: if is_frame {
                State::Between(from)
            } else {
                State::Plain(from)
            },
            rest: Vec::new(),
            too_long: false,
            is_gap: false,
            after_gap: false,
            error: None,
            damage: Damage::default(),
        })
    }

    /// Whether something is missing before the lines that were handed on last, and
    /// after them. Asked once for each block: the answer is forgotten.
    pub fn take_gaps(&mut self) -> (bool, bool) {
        (
            std::mem::take(&mut self.after_gap),
            std::mem::take(&mut self.is_gap),
        )
    }

    /// Replaces `block` by the next whole lines, each with its line feed but
    /// maybe the last of the file; `false` at the end. A block ends where something
    /// is missing after it: see [`Self::take_gaps`].
    ///
    /// # Errors
    /// Those of reading, not those of what is read. What was read before comes
    /// first.
    pub fn next(&mut self, block: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            block.clear();
            if let Some(error) = self.error.take() {
                self.state = State::Done;
                return Err(error);
            }
            block.append(&mut self.rest);
            let is_end = match self.fill(block) {
                Ok(is_end) => is_end,
                Err(error) => {
                    self.error = Some(error);
                    false
                }
            };
            if self.too_long {
                // The rest of a line that was given up.
                match block.iter().position(|b| *b == b'\n') {
                    Some(end) => {
                        block.drain(..=end);
                        self.too_long = false;
                    }
                    None => block.clear(),
                }
            }
            if is_end {
                return Ok(!block.is_empty());
            }
            if let Some(end) = block.iter().rposition(|b| *b == b'\n') {
                self.rest.extend_from_slice(&block[end + 1..]);
                block.truncate(end + 1);
                return Ok(true);
            }
            if block.len() >= LINE {
                self.too_long = true;
                self.is_gap = true;
                self.damage.bad_lines += 1;
            } else {
                self.rest.append(block);
            }
        }
    }

    /// Appends up to a block, or up to where something is missing; `true` at the end
    /// of the file.
    fn fill(&mut self, block: &mut Vec<u8>) -> io::Result<bool> {
        let wanted = block.len() + BLOCK;
        let was_gap = self.is_gap;
        while block.len() < wanted && (was_gap || !self.is_gap) {
            self.state = match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(true),
                State::Plain(mut from) => match some(&mut from, block, wanted)? {
                    0 => State::Done,
                    _ => State::Plain(from),
                },
                State::Between(from) => self.enter(from)?,
                State::Within(mut decoder) => {
                    let begin = block.len();
                    match some(&mut decoder, block, wanted.min(begin + PIECE)) {
                        Ok(0) => State::Between(decoder.finish()),
                        Ok(_) => State::Within(decoder),
                        Err(error) => {
                            block.truncate(begin);
                            self.leave(decoder.finish(), &error, block)?
                        }
                    }
                }
            };
            if self.is_gap && !was_gap && block.is_empty() {
                (self.is_gap, self.after_gap) = (false, true);
            }
        }
        Ok(false)
    }

    /// Into the next frame, over whatever is none.
    fn enter(&mut self, mut from: Ahead<R>) -> io::Result<State<Ahead<R>>> {
        let skipped = skip_to_frame(&mut from)?;
        self.damage.skipped_bytes += skipped;
        self.is_gap |= skipped > 0;
        if from.fill_buf()?.is_empty() {
            return Ok(State::Done);
        }
        let mut decoder = Decoder::with_buffer(from)?.single_frame();
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(State::Within(Box::new(decoder)))
    }

    /// Out of a frame that cannot be read on.
    fn leave(
        &mut self,
        mut from: Ahead<R>,
        error: &io::Error,
        block: &mut Vec<u8>,
    ) -> io::Result<State<Ahead<R>>> {
        if error.kind() == io::ErrorKind::Interrupted || error.raw_os_error().is_some() {
            return Err(match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            });
        }
        // A line that is cut does not go on in the next frame.
        let whole = block
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |end| end + 1);
        let is_cut = block.len() > whole && !self.too_long;
        self.too_long = false;
        block.truncate(whole);
        if error.kind() == io::ErrorKind::UnexpectedEof {
            self.damage.unfinished = true;
            return Ok(State::Done);
        }
        self.damage.bad_lines += u64::from(is_cut);
        self.is_gap = true;
        // Not the same frame once more, should nothing of it have been taken.
        let again = begins_frame(from.fill_buf()?);
        if again {
            from.consume(1);
            self.damage.skipped_bytes += 1;
        }
        self.damage.skipped_bytes += skip_to_frame(&mut from)?;
        Ok(State::Between(from))
    }
}

fn begins_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// Reads once; how many bytes.
fn some(from: &mut impl Read, block: &mut Vec<u8>, wanted: usize) -> io::Result<usize> {
    let begin = block.len();
    block.resize(wanted, 0);
    let result = from.read(&mut block[begin..]);
    block.truncate(begin + *result.as_ref().unwrap_or(&0));
    result
}

/// Forward to the next four bytes that may begin a frame, or to the end; how
/// many bytes that were.
fn skip_to_frame<R: Read>(from: &mut Ahead<R>) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = from.fill_buf()?;
        let next = buffer
            .windows(MAGIC.len())
            .position(|bytes| bytes == MAGIC)
            // The last bytes may be the first of it, unless nothing follows.
            .unwrap_or(match buffer.len() {
                len @ 0..MAGIC_LEN => len,
                len => len - (MAGIC_LEN - 1),
            });
        if next == 0 {
            return Ok(skipped);
        }
        from.consume(next);
        skipped += next as u64;
    }
}

const MAGIC_LEN: usize = MAGIC.len();

/// Bytes read from a file in one go.
const READ: usize = 256 * 1024;

/// A buffered reader that, unlike std's, shows enough bytes at once to see what
/// begins there, unless the file ends.
struct Ahead<R> {
    from: R,
    buffer: Vec<u8>,
    at: usize,
    is_end: bool,
}

impl<R: Read> Ahead<R> {
    fn new(from: R) -> Self {
        Self {
            from,
            buffer: Vec::with_capacity(READ + MAGIC_LEN),
            at: 0,
            is_end: false,
        }
    }
}

impl<R: Read> BufRead for Ahead<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while !self.is_end && self.buffer.len() - self.at < MAGIC_LEN {
            self.buffer.drain(..self.at);
            self.at = 0;
            let wanted = self.buffer.len() + READ;
            self.is_end = some(&mut self.from, &mut self.buffer, wanted)? == 0;
        }
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at = (self.at + count).min(self.buffer.len());
    }
}

impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut buffered = self.fill_buf()?;
        let count = buffered.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads by so few bytes at a time.
    struct Slowly<'a>(&'a [u8], usize);

    impl Read for Slowly<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(out.len());
            self.0.read(&mut out[..count])
        }
    }

    fn frame(text: &str) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
        encoder.include_checksum(true).expect("a checksum");
        io::Write::write_all(&mut encoder, text.as_bytes()).expect("a Vec takes everything");
        encoder.finish().expect("a Vec takes everything")
    }

    fn read(bytes: &[u8], step: usize) -> (String, Damage) {
        let mut lines = Lines::new(Slowly(bytes, step)).expect("reads");
        let (mut all, mut block) = (Vec::new(), Vec::new());
        while lines.next(&mut block).expect("reads") {
            assert!(all.is_empty() || all.ends_with(b"\n"), "whole lines");
            all.extend_from_slice(&block);
        }
        (String::from_utf8(all).expect("text"), lines.damage)
    }

    fn numbered(range: std::ops::Range<usize>) -> String {
        range.map(|n| format!("line {n}\n")).collect()
    }

    #[test]
    fn frames_are_read_one_after_the_other_and_so_are_plain_lines() {
        let text = numbered(0..100_000);
        let mut bytes = frame(&text[..text.len() / 3]);
        bytes.extend(frame(""));
        bytes.extend(frame(&text[text.len() / 3..]));
        for step in [1, 3, 4096, usize::MAX] {
            assert_eq!(read(&bytes, step), (text.clone(), Damage::default()));
        }
        assert_eq!(read(text.as_bytes(), 999), (text, Damage::default()));
        assert_eq!(read(b"", 1), (String::new(), Damage::default()));
        assert_eq!(read(b"no end", 1).0, "no end");
    }

    #[test]
    fn rubbish_between_frames_is_skipped() {
        let (one, two) = (numbered(0..10), numbered(10..20));
        for rubbish in [
            &b"x"[..],
            b"\x28\xb5\x2f",
            b"\x28\xb5\x28\xb5",
            &[0; 70_000],
        ] {
            let mut bytes = frame(&one);
            bytes.extend_from_slice(rubbish);
            bytes.extend(frame(&two));
            bytes.extend_from_slice(rubbish);
            for step in [1, 7, usize::MAX] {
                let (text, damage) = read(&bytes, step);
                assert_eq!(text, numbered(0..20));
                assert_eq!(damage.skipped_bytes, 2 * rubbish.len() as u64);
                assert_eq!(damage.bad_lines, 0);
            }
        }
    }

    #[test]
    fn a_file_that_ends_early_is_read_up_to_there() {
        let whole = frame(&numbered(0..200_000));
        for cut in [5, whole.len() / 2, whole.len() - 1] {
            let (text, damage) = read(&whole[..cut], usize::MAX);
            assert!(numbered(0..200_000).starts_with(&text));
            assert!(damage.unfinished);
        }
        assert!(read(&whole[..whole.len() / 2], usize::MAX).0.len() > 500_000);
    }

    #[test]
    fn a_broken_frame_costs_no_other_frame() {
        let broken = numbered(1000..100_000);
        let mut middle = frame(&broken);
        for at in [4, 6, 20, middle.len() / 2, middle.len() - 2] {
            middle[at] ^= 0xff;
            let mut bytes = frame(&numbered(0..1000));
            bytes.extend_from_slice(&middle);
            bytes.extend(frame(&numbered(7..9)));
            let (text, damage) = read(&bytes, usize::MAX);
            assert!(text.starts_with(&numbered(0..1000)), "{at}");
            assert!(text.ends_with("line 7\nline 8\n"), "{at}");
            assert!(!damage.is_none(), "{at}");
            middle[at] ^= 0xff;
        }
    }

    #[test]
    fn damage_at_the_end_of_a_frame_costs_its_last_lines_only() {
        let mut bytes = frame(&numbered(0..5_000));
        let at = bytes.len() - 1;
        bytes[at] ^= 1;
        bytes.extend(frame("next\n"));
        let (text, damage) = read(&bytes, usize::MAX);
        assert!(!damage.is_none());
        assert!(text.starts_with(&numbered(0..4_700)), "{}", text.len());
        assert!(text.ends_with("next\n"));
    }

    #[test]
    fn a_line_without_end_takes_no_memory_and_costs_only_itself() {
        let mut text = numbered(0..3);
        text.push_str(&"x".repeat(3 * LINE));
        text.push('\n');
        text.push_str(&numbered(3..5));
        let mut lines = Lines::new(text.as_bytes()).expect("reads");
        let (mut all, mut block) = (Vec::new(), Vec::new());
        while lines.next(&mut block).expect("reads") {
            all.extend_from_slice(&block);
            assert!(lines.rest.len() + block.capacity() < 3 * LINE);
        }
        assert_eq!(String::from_utf8(all).expect("text"), numbered(0..5));
        assert_eq!(lines.damage.bad_lines, 1);
    }

    #[test]
    fn random_bytes_are_no_more_than_damage() {
        let mut dice = crate::output::fixtures::dice::Dice(99);
        for _ in 0..200 {
            let mut bytes = frame(&numbered(0..50));
            for _ in 0..dice.roll(8) {
                let at = dice.roll(bytes.len());
                bytes[at] = dice.roll(256) as u8;
            }
            bytes.truncate(dice.roll(bytes.len() + 1));
            let mut lines = Lines::new(&bytes[..]).expect("reads");
            let mut block = Vec::new();
            while lines.next(&mut block).expect("reads") {}
        }
    }
}
