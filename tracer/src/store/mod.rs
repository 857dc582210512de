//! Recordings: the records of [`crate::record`] in a file, and back.
//!
//! A recording is zstd frames, one after the other, of the same lines that
//! `--format json` prints: `zstd -dc FILE | jq` reads it, and so does any
//! language with a zstd library, with the schema that is checked in. Its first
//! record is `start`, which names version, kernel, host and boot. Lines are
//! written to the end only; each frame has a checksum. What was recorded more
//! than [`HELD`] ago can be read even if the recorder is killed: a frame is cut
//! into blocks that are written out that often, and the reader takes what is
//! whole of a frame that has no end.
//!
//! Plain lines, as `--format json` writes them, are read in the same way.
//!
//! Not here: what to record ([`crate::cli`]), what it means
//! (the episodes).

use std::time::Duration;

mod cursor;
mod files;
mod line;
mod lines;
mod reader;
mod writer;

pub use lines::Damage;
pub use reader::{Reader, parsers};
pub use writer::{Options, Recording, Rotation};

/// How long a record may wait before it is written out.
pub const HELD: Duration = Duration::from_millis(500);

/// What a frame begins with, as zstd's format has it (RFC 8878, 3.1.1).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes of lines in one frame, at most: what a damaged place can cost.
const FRAME: usize = 4 << 20;

/// Longer lines are no records of ours.
const LINE: usize = 4 << 20;
